"""Which ranges a family cannot undo: judged by the bounds of its parameters, by where these end, and by frames."""

import pytest
import torch

from stnwarp.conventions import Family
from stnwarp.training import reach
from stnwarp.training.choices import Settings, TrainingRecipe
from stnwarp.training.geometry import sampling_grid
from stnwarp.training.networks.bounds import BoundedParameters
from stnwarp.training.ranges import Ranges
from stnwarp.training.reach import out_of_reach, remedy, terms_without_parameters
from stnwarp.training.samples import Samples
from stnwarp.transforms import ParameterKind
from tests.training_data import quick


def _settings(family: str, text: str, **changes: object) -> Settings:
    points = (4, 4) if family == "tps" else None
    return quick(**{"family": Family(family), "control_points": points, "ranges": Ranges.parse(text)} | changes)


def _samples(*sizes: tuple[int, int]) -> Samples:
    return Samples(torch.zeros(len(sizes), 1, 1, 1), torch.tensor(sizes), ("",) * len(sizes))


SQUARE = _samples((50, 50), (60, 60))


@pytest.mark.parametrize(
    ("family", "within", "beyond", "terms"),
    [
        ("translation", "shift=1", "shift=1.1", {"shift"}),
        ("attention", "scale=4.4", "scale=5", {"scale"}),
        ("similarity", "angle=180,scale=4.4,shift=1", "angle=180,scale=5", {"scale"}),
        ("similarity", "shift=2,margin=0.5", "scale=0.4..0.5,shift=2,margin=0.5", {"shift"}),
        ("affine", "angle=119", "angle=125", {"angle"}),
        ("affine", "scale=2.5", "angle=10,scale=2.6", {"scale"}),
        ("affine", "angle=90,scale=1.4", "angle=90,scale=1.7,shift=0.1,shear=5", {"angle", "scale"}),
        ("affine", "angle=180,scale=0.3..0.45", "angle=180,scale=0.6..0.8", {"angle"}),
        ("projective", "angle=60,scale=0.7..1.3,perspective=1.5", "angle=180,shift=2", {"angle", "shift"}),
        ("tps", "angle=45,perspective=2,bend=0.5", "angle=180,bend=0.5", {"angle"}),
        ("tps", "angle=89", "angle=95", {"angle"}),
        ("tps", "scale=2.99", "scale=3.1", {"scale"}),
    ],
)
def test_what_lies_beyond_the_bounds_is_named(family: str, within: str, beyond: str, terms: set[str]) -> None:
    assert out_of_reach(_settings(family, within), SQUARE) == ()
    assert set(out_of_reach(_settings(family, beyond), SQUARE)) == terms


@pytest.mark.parametrize("family", [family for family in Family if family != "tps"])
def test_a_shift_ends_where_the_farthest_network_throws_the_middle(family: Family) -> None:
    bounded = BoundedParameters(family)
    raw = 1e3 * torch.randn(4096, len(bounded.bounds), generator=torch.Generator().manual_seed(0))
    grids = sampling_grid(bounded(raw), family, (3, 3), align_corners=True)
    farthest = float(grids[:, 1, 1].abs().amax())
    assert out_of_reach(_settings(family, f"shift={0.99 * farthest}"), SQUARE) == ()
    assert out_of_reach(_settings(family, f"shift={1.1 * farthest}"), SQUARE) == ("shift",)


@pytest.mark.parametrize("family", ["similarity", "affine"])
def test_a_turn_in_a_frame_that_is_not_square_is_none_of_theta(family: str) -> None:
    turned = _settings(family, "angle=60")
    for settings, samples in (
        (_settings(family, "angle=60", input_size=(32, 64)), SQUARE),
        (_settings(family, "angle=60", fit="stretch"), _samples((20, 40))),
    ):
        assert out_of_reach(settings, samples) == ("angle",)
        assert remedy(settings, samples) == "a square --input-size with --fit pad"
    assert out_of_reach(turned, _samples((20, 40), (40, 20))) == ()  # padded


@pytest.mark.parametrize(
    ("family", "text", "wanted"),
    [
        ("affine", "angle=180", "a smaller range, or --family similarity"),
        ("tps", "scale=4", "a smaller range, or --family similarity"),
        ("affine", "angle=180,bend=0.1", "a smaller range"),
        ("affine", "scale=5", "a smaller range"),
        ("similarity", "scale=5", "a smaller range"),
    ],
)
def test_what_helps_is_said_where_it_does(family: str, text: str, wanted: str) -> None:
    assert remedy(_settings(family, text), SQUARE) == wanted


def test_terms_that_a_family_has_no_numbers_for_are_not_told_twice() -> None:
    settings = _settings("attention", "angle=180,bend=0.5")
    assert out_of_reach(settings, SQUARE) == ()
    assert terms_without_parameters(settings) == ("angle", "bend")


def test_a_classifier_undoes_what_helps_it() -> None:
    far = Ranges.parse("scale=20")
    assert out_of_reach(quick(TrainingRecipe.CLASSIFY, ranges=far), SQUARE) == ()
    assert out_of_reach(quick(TrainingRecipe.CLASSIFY, ranges=None), SQUARE) == ()
    assert out_of_reach(quick(TrainingRecipe.THETA, ranges=far), SQUARE) == ("scale",)


def test_every_kind_of_parameter_has_terms_that_it_undoes() -> None:
    assert set(reach._TERMS) == set(ParameterKind)
