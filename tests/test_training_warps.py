"""Random warps: what their ranges mean, both ways, and what a network sees of them."""

import numpy as np
import pytest
import torch

from stnwarp.errors import ParameterError
from stnwarp.training.lattice import lattice
from stnwarp.training.ranges import Ranges
from stnwarp.training.variation import varied
from stnwarp.training.warps import Warps, draw
from stnwarp.transforms import Limits, MatrixTransform
from tests.training_data import letter

ALL = "angle=40,scale=0.7..1.3,stretch=1.2,shear=10,shift=0.2,margin=0.15,perspective=1.4,bend=0.1"


def _drawn(text: str, count: int = 50, aspect: float = 1.0) -> Warps:
    return draw(
        Ranges.parse(text), torch.full((count,), aspect), torch.ones(count, 2), torch.Generator().manual_seed(3)
    )


@pytest.mark.parametrize("text", ["angle=40", "scale=2", "scale=0.5..0.9,shift=-0.1..0.3", ALL])
def test_ranges_are_written_as_they_are_read(text: str) -> None:
    ranges = Ranges.parse(text)
    assert Ranges.parse(ranges.to_text()) == ranges


def test_one_number_means_either_way() -> None:
    ranges = Ranges.parse("angle=30, scale=2, stretch=1.5")
    assert (ranges.angle, ranges.scale, ranges.stretch) == ((-30.0, 30.0), (0.5, 2.0), 1.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("angel=40", "did you mean 'angle'"),
        ("angle=40,angle=30", "given twice"),
        ("angle=many", "must be a number or LOW..HIGH, got 'many'"),
        ("angle", "must be a number"),
        ("angle=200", "must lie in -180..180"),
        ("scale=0", "must be above 0"),
        ("scale=2..1", "change them round"),
        ("shift=nan", "must lie in"),
        ("bend=0.9", "must lie in -0.5..0.5"),
    ],
)
def test_wrong_ranges_are_named(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Ranges.parse(text)


def test_a_margin_keeps_shifts_inside() -> None:
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).expand(50, -1, -1)
    inside = _drawn("scale=0.4..0.9,shift=1,margin=0.1").to_scene(corners).abs().amax()
    assert 1.05 < inside <= 1.1 + 1e-6
    assert _drawn("scale=0.4..0.9,shift=1").to_scene(corners).abs().amax() > 1.5


def test_shifts_are_those_of_the_picture_in_its_frame() -> None:
    shares = torch.tensor([[0.5, 1.0]]).expand(50, -1)
    ranges, generator = Ranges.parse("scale=0.4..0.9,shift=1,margin=0.1"), torch.Generator().manual_seed(3)
    warps = draw(ranges, torch.ones(50), shares, generator)
    corners = (torch.tensor([[-1.0, -1.0], [1.0, 1.0]]) * shares[0]).expand(50, -1, -1)
    across, down = (warps.to_scene(corners).abs() / shares[0]).amax((0, 1))
    assert 1.05 < across <= 1.1 + 1e-6
    assert 1.05 < down <= 1.1 + 1e-6


def test_a_warp_and_its_way_back_are_the_identity() -> None:
    warps = _drawn(ALL)
    points = lattice().expand(50, -1, -1)
    assert torch.allclose(warps.to_canonical(warps.to_scene(points)), points, atol=1e-4)


@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_warps_are_within_the_limits_of_the_same_words(aspect: float) -> None:
    size = 100, round(100 * aspect)
    limits = Limits.parse("angle=40,scale=0.7..1.43,shift=0.2,perspective=1.4")
    for theta in _drawn("angle=40,scale=0.7..1.42,shift=0.2,perspective=1.4", aspect=aspect).matrices.double().numpy():
        undoes = MatrixTransform(theta)  # it turns the picture back, by an angle of the same range
        affine = MatrixTransform(theta * np.array([[1, 1, 1], [1, 1, 1], [0, 0, 1]]))
        assert limits.apply(affine, size, size, False).beyond == ()
        assert Limits.parse("perspective=1.401").apply(undoes, size, size, False).beyond == ()


def test_a_positive_angle_turns_the_picture_counter_clockwise() -> None:
    matrix = draw(Ranges.parse("angle=90..90"), torch.ones(1), torch.ones(1, 2), torch.Generator().manual_seed(0))
    to_the_right = torch.tensor([[[1.0, 0.0]]])
    assert torch.allclose(matrix.to_scene(to_the_right), torch.tensor([[[0.0, -1.0]]]), atol=1e-6)


def test_a_rotation_in_a_wide_frame_keeps_lengths_in_pixels() -> None:
    warps = _drawn("angle=60", aspect=2.0)
    pixels = torch.tensor([2.0, 1.0])
    ends = torch.tensor([[[0.0, 0.0], [0.5, 0.0]]]).expand(50, -1, -1)
    moved = warps.to_scene(ends) * pixels
    lengths = (moved[:, 1] - moved[:, 0]).norm(dim=-1)
    assert torch.allclose(lengths, torch.ones(50), atol=1e-5)


def test_what_lies_behind_the_horizon_is_outside() -> None:
    depth = torch.eye(3)[None].clone()
    depth[0, 2, 0] = 2.0
    warps = Warps(depth, torch.zeros(1, 2))
    assert warps.to_scene(torch.tensor([[[-0.9, 0.0]]])).abs().min() > 1


def test_pictures_vary_by_the_amount() -> None:
    pictures = torch.from_numpy(np.stack([letter("F", seed) for seed in range(8)]))[:, None].float() / 255
    generator = torch.Generator().manual_seed(0)
    assert varied(pictures, 0.0, generator) is pictures
    little, much = (varied(pictures, amount, generator) for amount in (0.2, 1.0))
    assert 0 < float((little - pictures).abs().mean()) < float((much - pictures).abs().mean()) < 0.2
    assert float(much.min()) >= 0
    assert float(much.max()) <= 1
    assert torch.equal(*(varied(pictures, 1.0, torch.Generator().manual_seed(5)) for _ in range(2)))
