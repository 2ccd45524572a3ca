"""The aspect ratio of a page in a photograph: exact for a simulated camera, and what is done where nothing is known."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp.errors import ParameterError
from stnwarp.transforms import CornersSpec, MatrixTransform, SizeRequest, estimate_aspect, with_focal_length

FIT = SizeRequest.parse("fit")
DIAGONAL = 43.266615  # mm, of a frame of 24 by 36
PHOTOGRAPHS = 500


@dataclass(frozen=True)
class Photograph:
    """A page of width / height *ratio*, its *quad* as a pinhole camera sees it; *focal_length* in pixels."""

    size: tuple[int, int]
    focal_length: float
    ratio: float
    quad: NDArray[np.float64]

    @property
    def focal_length_35mm(self) -> float:
        return self.focal_length / math.hypot(*self.size) * DIAGONAL


def turn(axis: int, angle: float) -> NDArray[np.float64]:
    """A rotation about an axis of the camera: x, y, or z, which it looks along."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = math.cos(angle)
    matrix[first, second], matrix[second, first] = -math.sin(angle), math.sin(angle)
    return matrix


def photograph(
    size: tuple[int, int], focal_length: float, ratio: float, pose: NDArray[np.float64], place: NDArray[np.float64]
) -> Photograph:
    """The page of area 1, turned by *pose* about its middle, which is at *place* before the camera."""
    half = np.array([math.sqrt(ratio), 1 / math.sqrt(ratio)]) / 2
    page = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]) * [*half, 0]
    points = page @ pose.T + place
    height, width = size
    quad = focal_length * points[:, :2] / points[:, 2:] + [(width - 1) / 2, (height - 1) / 2]
    return Photograph(size, focal_length, ratio, quad)


def photographs(seed: int) -> Iterator[Photograph]:
    """Many of them, from above to 60 degrees off, turned anyhow, near and far, in the middle and not."""
    generator = np.random.default_rng(seed)
    for _ in range(PHOTOGRAPHS):
        height, width = (int(side) for side in generator.integers(1500, 6000, 2))
        focal_length = generator.uniform(0.6, 2.5) * max(height, width)
        spin, tilt, about = generator.uniform((-np.pi, 0.0, -np.pi), (np.pi, np.pi / 3, np.pi))
        pose = turn(2, about) @ turn(0, tilt) @ turn(2, spin)
        place = generator.uniform((-0.4, -0.4, 1.5), (0.4, 0.4, 4.0))
        yield photograph((height, width), focal_length, math.exp(generator.uniform(-1.0, 1.0)), pose, place)


@pytest.mark.parametrize("is_known", [True, False], ids=["EXIF", "no EXIF"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_pages_before_a_simulated_camera_get_their_own_proportions(is_known: bool, align_corners: bool) -> None:
    for shot in photographs(1):
        focal_length = shot.focal_length_35mm if is_known else None
        estimate = estimate_aspect(shot.quad, shot.size, focal_length)
        assert estimate.ratio == pytest.approx(shot.ratio, rel=1e-6)  # float64, less what the vanishing points lose
        assert estimate.focal_length == pytest.approx(shot.focal_length, rel=1e-4)
        spec = CornersSpec(shot.quad, focal_length_35mm=focal_length)
        height, width = spec.resolve(shot.size, FIT, align_corners).size
        assert width / height == pytest.approx(shot.ratio, rel=0.01)


def test_the_whole_millimetres_of_exif_are_good_enough() -> None:
    errors = []
    for shot in photographs(2):
        estimate = estimate_aspect(shot.quad, shot.size, round(shot.focal_length_35mm))
        errors.append(abs(estimate.ratio / shot.ratio - 1))
    assert np.median(errors) < 0.001
    assert np.quantile(errors, 0.95) < 0.01


def test_corners_of_whole_pixels_are_good_enough() -> None:
    errors = [abs(estimate_aspect(shot.quad.round(), shot.size).ratio / shot.ratio - 1) for shot in photographs(3)]
    assert np.median(errors) < 0.001
    assert np.quantile(errors, 0.95) < 0.01


@pytest.mark.parametrize("tilt", [10, 30, 50])
@pytest.mark.parametrize("focal_length", [2000.0, 4000.0, 6000.0])
def test_with_one_vanishing_point_the_focal_length_is_that_of_exif_or_as_long_as_the_longer_side(
    tilt: float, focal_length: float
) -> None:
    # Tilted backwards and no more, its top and its bottom stay parallel.
    shot = photograph((3000, 4000), focal_length, 0.7, turn(0, math.radians(tilt)), np.array([0.2, 0.1, 2.0]))
    told = estimate_aspect(shot.quad, shot.size, shot.focal_length_35mm)
    assert told.ratio == pytest.approx(0.7, rel=1e-6)
    assert "EXIF" in told.describe()
    assumed = estimate_aspect(shot.quad, shot.size)
    assert assumed.focal_length == 4000.0
    assert assumed.describe().endswith("by an assumed focal length of 4000 pixels")
    assert (assumed.ratio == pytest.approx(0.7, rel=1e-6)) == (focal_length == 4000.0)


@pytest.mark.parametrize(("share", "is_taken"), [(0.45, False), (0.55, True), (2.9, True), (3.1, False)])
def test_vanishing_points_count_where_a_lens_can_have_such_a_focal_length(share: float, is_taken: bool) -> None:
    pose = turn(2, 0.5) @ turn(0, 0.6) @ turn(2, 0.7)
    shot = photograph((3000, 4000), share * 4000, 1.4, pose, np.array([0.1, -0.1, 2.0]))
    estimate = estimate_aspect(shot.quad, shot.size)
    assert estimate.focal_length == pytest.approx(share * 4000 if is_taken else 4000, rel=1e-6)
    assert ("vanishing points" in estimate.describe()) == is_taken


@pytest.mark.parametrize("focal_length", [None, 24.0, 200.0])
def test_a_parallelogram_keeps_the_ratio_of_its_sides(focal_length: float | None) -> None:
    quad = np.array([[10.1, 20.2], [310.1, 60.2], [286.1, 240.2], [-13.9, 200.2]])
    estimate = estimate_aspect(quad, (500, 700), focal_length)
    assert estimate.ratio == pytest.approx(math.hypot(300, 40) / math.hypot(24, 180), rel=1e-9)
    assert "parallelogram" in estimate.describe()
    size = CornersSpec(quad, focal_length_35mm=focal_length).resolve((500, 700), FIT, False).size
    assert size == (round(math.hypot(24, 180)) + 1, round(math.hypot(300, 40)) + 1)


def test_no_side_of_the_quad_is_longer_than_its_side_of_the_output() -> None:
    for shot in photographs(4):
        height, width = CornersSpec(shot.quad).resolve(shot.size, FIT, False).size
        top, right, bottom, left = np.linalg.norm(np.roll(shot.quad, -1, axis=0) - shot.quad, axis=1)
        excess = np.array([width - 1 - max(top, bottom), height - 1 - max(left, right)])
        assert excess.min() == pytest.approx(0, abs=0.5)  # and no larger than that takes


@pytest.mark.parametrize(
    ("aspect", "size"), [(2.0, (62, 124)), (0.5, (202, 101)), (210 / 297, (143, 101)), (297 / 210, (71, 101))]
)
def test_a_ratio_that_is_given_is_that_of_the_output(aspect: float, size: tuple[int, int]) -> None:
    quad = np.array([[0, 0], [100, 0], [90, 60], [0, 50]])  # at the most 101 pixels wide and 61.8 high
    image_warp = CornersSpec(quad, aspect=aspect, focal_length_35mm=28.0).resolve((500, 500), FIT, False)
    assert image_warp.size == size
    assert image_warp.notes == (f"aspect ratio {aspect:.4g}, as it was given",)


def test_any_corner_may_be_the_first() -> None:
    shot = next(photographs(5))
    for number in range(4):
        estimate = estimate_aspect(np.roll(shot.quad, number, axis=0), shot.size)
        expected = shot.ratio if number % 2 == 0 else 1 / shot.ratio
        assert estimate.ratio == pytest.approx(expected, rel=1e-6)
        mirrored = estimate_aspect(np.roll(shot.quad[::-1], number, axis=0), shot.size)
        assert mirrored.ratio == pytest.approx(expected, rel=1e-6)


def test_the_size_alone_depends_on_the_ratio() -> None:
    shot = next(photographs(6))
    for spec in (CornersSpec(shot.quad), CornersSpec(shot.quad, aspect=0.3)):
        for request in (SizeRequest.parse("80x90"), SizeRequest()):
            image_warp = spec.resolve(shot.size, request, False)
            assert isinstance(image_warp.transform, MatrixTransform)
            expected = CornersSpec(shot.quad).resolve(shot.size, request, False)
            assert isinstance(expected.transform, MatrixTransform)
            np.testing.assert_array_equal(image_warp.transform.theta, expected.transform.theta)
            assert (image_warp.size, image_warp.notes) == (expected.size, ())


def test_photographs_of_one_focal_length_share_a_spec() -> None:
    spec = CornersSpec(next(photographs(7)).quad, aspect=0.5)
    shared = with_focal_length(spec, 28.0)
    assert with_focal_length(spec, 28.0) is shared
    assert isinstance(shared, CornersSpec)
    assert (shared.focal_length_35mm, shared.aspect) == (28.0, 0.5)
    assert with_focal_length(spec, None) is spec


@pytest.mark.parametrize("aspect", [0.0, -1.0, 1e-4, 1e4, math.inf, math.nan])
def test_what_no_page_can_have_is_no_aspect_ratio(aspect: float) -> None:
    with pytest.raises(ParameterError, match="aspect ratio must lie between"):
        CornersSpec(next(photographs(8)).quad, aspect=aspect)


@pytest.mark.parametrize("focal_length", [0.0, -28.0, math.inf, math.nan])
def test_what_no_lens_can_have_is_no_focal_length(focal_length: float) -> None:
    with pytest.raises(ParameterError, match="focal length must be finite and more than 0"):
        CornersSpec(next(photographs(9)).quad, focal_length_35mm=focal_length)
