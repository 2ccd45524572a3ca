"""Every kernel on small work against the oracle; these tests need nothing but the package and pytest.

`numba_versions.py` runs them with other versions of Numba in both ways of compiling, `test_again.py` in the slower one.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import stnwarp
from tests import oracle, smoke
from tests.cli_tools import run


def assert_close(ours: NDArray[Any], exact: NDArray[Any], roundings: float) -> None:
    """Integers next to *exact* in one of 1000 values at most, floats within *roundings* units of full scale."""
    if ours.dtype.kind == "u":
        gap = np.abs(ours.astype(np.int64) - np.clip(np.rint(exact), 0, np.iinfo(ours.dtype).max))
        assert gap.max() <= 1
        assert (gap > 0).mean() <= 1e-3
    else:
        np.testing.assert_allclose(ours, exact, rtol=0, atol=roundings * np.finfo(ours.dtype).eps)


@pytest.mark.parametrize("kind", smoke.MAPS)
@pytest.mark.parametrize("padding_mode", smoke.PADDING)
@pytest.mark.parametrize(("channels", "dtype", "interpolation"), smoke.PICTURES)
def test_pictures_are_those_of_the_oracle(
    channels: int, dtype: type, interpolation: str, padding_mode: str, kind: str
) -> None:
    scene = smoke.scene(channels, dtype, interpolation, padding_mode, kind)
    near = np.isfinite(scene.grid).all(-1) & (np.abs(scene.grid) < 100).all(-1)
    grid = np.where(near[..., None], scene.grid, np.nan if padding_mode == "zeros" else 0.0)
    exact = oracle.grid_sample(scene.image, grid, interpolation, padding_mode)
    # float64: a coordinate's own rounding, times the difference of two pixels
    roundings = 8 if dtype != np.float64 else 8 * max(smoke.SIZE)
    ours = scene.warped()
    assert_close(ours[near], exact[near], roundings)
    if padding_mode == "zeros":
        assert not ours[~near].any()


@pytest.mark.parametrize("padding_mode", smoke.PADDING)
@pytest.mark.parametrize(
    ("dtype", "interpolation", "antialias"),
    [  # these kernels serve the pictures above as well
        (np.uint8, "nearest", False),
        (np.float64, "nearest", False),
        (np.uint8, "bilinear", False),
        (np.float64, "bilinear", True),
        (np.uint8, "bicubic", False),
        (np.float64, "lanczos", False),
    ],
)
def test_far_places_read_no_other_memory(dtype: type, interpolation: str, antialias: bool, padding_mode: str) -> None:
    """A picture of one value has no other, wherever it is read and whatever lies behind it in memory."""
    around = np.full((3 * 40, 50, 3), 90, dtype)
    around[40:80] = 7
    grid = np.zeros((4, 300, 2))
    far = [1e3, 2.0**31, 2.0**40, 1e18, 2.0**63, 1e30, 1e300, np.finfo(np.float64).max]
    grid[:, : 2 * len(far)] = np.stack([[*far, *(-place for place in far)]] * 2, -1)
    grid[1, :, 1], grid[2, :, 0] = 0.3, -0.2
    grid[3, ::3] = np.inf
    modes: dict[str, Any] = {"interpolation": interpolation, "padding_mode": padding_mode, "antialias": antialias}
    ours = stnwarp.warp(around[40:80], grid, fill=7, **modes)
    np.testing.assert_allclose(ours, 7, rtol=1e-12)


@pytest.mark.parametrize("padding_mode", smoke.PADDING)
@pytest.mark.parametrize("mode", smoke.VOLUMES)
def test_volumes_are_those_of_the_oracle(mode: str, padding_mode: str) -> None:
    volumes, grid, ours = smoke.volume_work(mode, padding_mode)
    inner = np.isfinite(grid).all(-1)[0]
    exact = oracle.sample_volume(volumes[0], np.nan_to_num(grid[0], posinf=0, neginf=0), mode, padding_mode)
    assert_close(ours[0][:, inner], exact[:, inner], 64)


@pytest.mark.parametrize("padding_mode", smoke.PADDING)
@pytest.mark.parametrize("mode", smoke.GRADIENTS)
def test_gradients_are_the_change_of_the_output(mode: str, padding_mode: str) -> None:
    """Along a random direction of the input, and of the grid where the output has a slope."""
    rng = np.random.default_rng(5)
    input, gradient = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((2, 3, 5, 30))
    grid = rng.uniform(-1.1, 1.1, (2, 5, 30, 2))
    to_input, to_grid = stnwarp.grid_sample_backward(gradient, input, grid, mode, padding_mode)

    def total(input: NDArray[Any], grid: NDArray[Any]) -> float:
        return float((gradient * stnwarp.grid_sample(input, grid, mode, padding_mode)).sum())

    way, step = rng.standard_normal(input.shape), 1e-6
    change = (total(input + step * way, grid) - total(input - step * way, grid)) / (2 * step)
    np.testing.assert_allclose((to_input * way).sum(), change, rtol=1e-6)
    turn = rng.standard_normal(grid.shape)
    change = (total(input, grid + step * turn) - total(input, grid - step * turn)) / (2 * step)
    np.testing.assert_allclose((to_grid * turn).sum(), change, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", smoke.VOLUMES)
def test_gradients_of_volumes_are_the_change_of_the_output(mode: str) -> None:
    volumes, grid, output = smoke.volume_work(mode, "border")
    to_input, to_grid = smoke.volume_gradients(mode, "border")
    way = np.random.default_rng(6).standard_normal(volumes.shape)
    change = (np.cos(output) * stnwarp.grid_sample(way, grid, mode, "border")).sum()  # it is linear in the volumes
    np.testing.assert_allclose((to_input * way).sum(), change, rtol=1e-9)
    assert to_grid.any() == (mode == "bilinear")


def test_an_image_is_warped_on_the_command_line(tmp_path: Path) -> None:
    image = np.random.default_rng(7).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "in.png")
    ran = run("apply", tmp_path / "in.png", "-o", tmp_path / "out.png", "--translate", "4,0")
    assert ran.code == 0, ran.stderr
    moved = np.asarray(Image.open(tmp_path / "out.png"))
    np.testing.assert_array_equal(moved[:, 4:], image[:, :-4])
    assert not moved[:, :4].any()
