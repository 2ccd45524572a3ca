"""Which ranges a family cannot undo: judged by the bounds of its parameters, and by where these end."""

import pytest
import torch

from stnwarp.conventions import ParameterFamily
from stnwarp.training.choices import TrainingRecipe
from stnwarp.training.geometry import sampling_grid
from stnwarp.training.networks.bounds import BoundedParameters
from stnwarp.training.ranges import Ranges
from stnwarp.training.reach import out_of_reach
from tests.training_data import quick


@pytest.mark.parametrize(
    ("family", "within", "beyond", "terms"),
    [
        ("translation", "shift=1", "shift=1.1", {"shift"}),
        ("attention", "scale=4.4", "scale=5", {"scale"}),
        ("similarity", "angle=180,scale=4.4,shift=1", "angle=180,scale=5", {"scale"}),
        ("similarity", "shift=2,margin=0.5", "scale=0.4..1,shift=2,margin=0.5", {"shift"}),
        ("affine", "angle=119", "angle=125", {"angle"}),
        ("affine", "scale=2.5", "angle=10,scale=2.6", {"scale"}),
        ("affine", "angle=90,scale=1.4", "angle=90,scale=1.7", {"angle", "scale"}),
        ("projective", "angle=60,scale=0.7..1.3,perspective=1.5", "angle=180,shift=2", {"angle", "shift"}),
        ("tps", "angle=89", "angle=95", {"angle"}),
        ("tps", "scale=2.99", "scale=3.1", {"scale"}),
    ],
)
def test_what_lies_beyond_the_bounds_is_named(family: str, within: str, beyond: str, terms: set[str]) -> None:
    points = (4, 4) if family == "tps" else None
    for text, wanted in ((within, set()), (beyond, terms)):
        settings = quick(family=ParameterFamily(family), control_points=points, ranges=Ranges.parse(text))
        assert set(out_of_reach(settings)) == wanted


@pytest.mark.parametrize("family", [family for family in ParameterFamily if family != "tps"])
def test_a_shift_ends_where_the_farthest_network_throws_the_middle(family: ParameterFamily) -> None:
    bounded = BoundedParameters(family)
    raw = 1e3 * torch.randn(4096, len(bounded.bounds), generator=torch.Generator().manual_seed(0))
    grids = sampling_grid(bounded(raw), family, (3, 3), align_corners=True)
    farthest = float(grids[:, 1, 1].abs().amax())
    for share, terms in ((0.99, ()), (1.01, ("shift",))):
        settings = quick(family=family, ranges=Ranges.parse(f"shift={share * farthest}"))
        assert out_of_reach(settings) == terms


def test_terms_that_a_family_has_no_numbers_for_are_not_told_twice() -> None:
    settings = quick(family=ParameterFamily.ATTENTION, ranges=Ranges.parse("angle=180,bend=0.5"))
    assert out_of_reach(settings) == ()
    assert settings.not_undone() == ("angle", "bend")


def test_a_classifier_undoes_what_helps_it() -> None:
    far = Ranges.parse("scale=20")
    assert out_of_reach(quick(TrainingRecipe.CLASSIFY, ranges=far)) == ()
    assert out_of_reach(quick(TrainingRecipe.CLASSIFY, ranges=None)) == ()
    assert out_of_reach(quick(TrainingRecipe.THETA, ranges=far)) == ("scale",)
