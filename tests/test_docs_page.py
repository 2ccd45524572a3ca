"""docs/checkpoints/: what the network of `page` sees of lines before anything is learnt; how pages are scanned."""

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

HOME = Path(__file__).parents[1] / "docs" / "checkpoints"


@pytest.fixture(scope="module")
def network() -> Iterator[ModuleType]:
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(HOME))
    yield importlib.import_module("pages.network")
    patch.undo()


@pytest.fixture(scope="module")
def lines(network: ModuleType) -> torch.Tensor:
    """(1, 1, S, S): black lines on white, tilted by 17.3 degrees counter-clockwise."""
    y, x = torch.meshgrid(*(torch.arange(network.SIZE, dtype=torch.float32),) * 2, indexing="ij")
    tilt = math.radians(17.3)
    below = (x - 320) * math.sin(tilt) + (y - 320) * math.cos(tilt)
    written = ((x - 320) ** 2 + (y - 320) ** 2 < 250**2) & (torch.cos(below * 2 * math.pi / 14) > 0.3)
    return 1 - 0.8 * written.float()[None, None]


def brightest(polar: torch.Tensor) -> float:
    """The tilt in degrees within 45 either way where a polar spectrum is brightest."""
    return int(polar.reshape(64, 360).mean(dim=0)[90:271].argmax()) / 2 - 45


def test_the_polar_spectrum_is_brightest_at_the_tilt(network: ModuleType, lines: torch.Tensor) -> None:
    polar = network.PolarSpectrum()(network.Evened()(lines))
    assert polar.shape == (1, 1, 64, 360)
    assert brightest(polar) == pytest.approx(17.3, abs=0.5)


@pytest.mark.parametrize("undone", [16.5, 17.3, 18.2])
def test_profiles_are_sharpest_at_what_is_left_of_the_tilt(
    network: ModuleType, lines: torch.Tensor, undone: float
) -> None:
    profiles = network.Profiles()
    seen = profiles(network.Evened()(lines), torch.tensor([undone]))
    assert seen.shape == (1, 64, 81)
    best = int(seen[0, -16:].mean(dim=0).argmax())  # lines that meet over the whole width
    assert float(profiles.tilts(lines)[best]) == pytest.approx(17.3 - undone, abs=0.1)


def test_the_mean_tilt_near_the_best_is_told(network: ModuleType) -> None:
    scores = torch.full((1, 81), -50.0)
    scores[0, 50] = scores[0, 51] = 9.0
    scores[0, 3] = 8.0
    assert float(network.peak(scores, 0.05, 6)) == pytest.approx(0.525, abs=1e-4)


def test_a_blank_page_gives_the_identity(network: ModuleType) -> None:
    torch.manual_seed(0)
    parameters = network.PageNetwork().eval()(torch.full((2, 1, network.SIZE, network.SIZE), 0.7))
    np.testing.assert_array_equal(parameters.detach().numpy(), [[1, 0, 0, 0]] * 2)


@pytest.mark.parametrize("tilt", [-40.0, -2.0, 0.0, 12.5])
def test_a_scan_is_tilted_as_it_says(network: ModuleType, tilt: float) -> None:
    scans, examples = importlib.import_module("pages.scans"), importlib.import_module("pages.examples")
    rows = np.where(np.arange(900) % 20 < 8, 0, 255).astype(np.uint8)
    page = np.full((900, 700), 255, np.uint8)
    page[80:-80, 60:-60] = rows[80:-80, None]
    scan = scans.scan(np.random.default_rng(5), Image.fromarray(page), tilt)
    seen = torch.from_numpy(examples.network_input(scan, examples.METADATA))[None]
    assert brightest(network.PolarSpectrum()(network.Evened()(seen))) == pytest.approx(tilt, abs=1)
