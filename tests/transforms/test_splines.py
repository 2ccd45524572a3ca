"""Thin plate splines and compositions: what they read, against other libraries and by definition; the inverse."""

import json
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from skimage.transform import ThinPlateSplineTransform

from stnwarp import Composition, ThinPlateSpline, compose, sampling_grid
from stnwarp.errors import ParameterError, ShapeError, SingularTransformError, ThetaError
from stnwarp.transforms import (
    MAX_CONTROL_POINTS,
    Family,
    MatrixTransform,
    SamplingGrid,
    SizeRequest,
    TransformSpec,
    as_fields,
    control_points,
)
from tests.positions import warp

Array = NDArray[np.float64]
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
PLACES = np.random.default_rng(0).uniform(-1.4, 1.4, (200, 2))
TURN = MatrixTransform.from_parameters(Family.SIMILARITY, (0.8, 0.4, 0.1, -0.2))

shapes = st.tuples(st.integers(2, 6), st.integers(2, 6))
seeds = st.integers(0, 2**32 - 1)


def bent(shape: tuple[int, int], seed: int, by: float = 0.1, whole: MatrixTransform = TURN) -> ThinPlateSpline:
    """A spline whose points lie by a share of their spacing beside those of *whole*."""
    moved = np.random.default_rng(seed).normal(size=(*shape, 2)) * by * 2 / max(shape)
    return ThinPlateSpline(whole.map_points(control_points(*shape) + moved))


def test_control_points_lie_evenly_over_the_frame_row_by_row() -> None:
    points = control_points(2, 3)
    assert points.tolist() == [[[-1, -1], [0, -1], [1, -1]], [[-1, 1], [0, 1], [1, 1]]]


@EXAMPLES
@given(shapes, seeds)
def test_each_control_point_is_read_where_it_was_said(shape: tuple[int, int], seed: int) -> None:
    spline = bent(shape, seed, by=0.5)
    np.testing.assert_allclose(spline.map_points(spline.control_points()), spline.points, atol=1e-13)


@EXAMPLES
@given(shapes, seeds)
def test_the_rest_is_read_as_by_scipy(shape: tuple[int, int], seed: int) -> None:
    spline = bent(shape, seed, by=0.5)
    centres, values = spline.control_points().reshape(-1, 2), spline.points.reshape(-1, 2)
    expected = RBFInterpolator(centres, values, kernel="thin_plate_spline", degree=1)(PLACES)
    np.testing.assert_allclose(spline.map_points(PLACES), expected, atol=1e-11)


def test_the_rest_is_read_as_by_scikit_image() -> None:
    spline = bent((4, 5), 1)
    theirs = ThinPlateSplineTransform.from_estimate(
        spline.control_points().reshape(-1, 2), spline.points.reshape(-1, 2)
    )
    # which adds 1e-8 to each distance, so that the logarithm of 0 is finite
    np.testing.assert_allclose(spline.map_points(PLACES), theirs(PLACES), atol=1e-6)


def test_the_kernel_is_r_squared_log_r_squared() -> None:
    """By the definition: Bookstein's formula, with the weights that solve his system of equations."""
    spline = bent((3, 3), 2)
    centres = spline.control_points().reshape(-1, 2)

    def bending(x: float, y: float) -> list[float]:
        squares = [(x - cx) ** 2 + (y - cy) ** 2 for cx, cy in centres]
        return [r * math.log(r) if r else 0.0 for r in squares]

    affine = np.column_stack([centres, np.ones(9)])
    system = np.block([[np.array([bending(x, y) for x, y in centres]), affine], [affine.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([spline.points.reshape(-1, 2), np.zeros((3, 2))]))
    for x, y in PLACES[:5]:
        np.testing.assert_allclose(spline.map_points([x, y]), [*bending(x, y), x, y, 1] @ weights, atol=1e-13)


@EXAMPLES
@given(shapes, st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_an_affine_set_of_points_is_that_affine_map(shape: tuple[int, int], numbers: list[float]) -> None:
    affine = MatrixTransform(np.reshape(numbers, (2, 3)))
    spline = ThinPlateSpline(affine.map_points(control_points(*shape)))
    np.testing.assert_allclose(spline.map_points(PLACES), affine.map_points(PLACES), atol=1e-14)
    np.testing.assert_allclose(spline.affine_part().theta, affine.theta, atol=1e-14)
    assert spline.bend() <= 1e-14


@pytest.mark.parametrize("shape", [(2, 2), (4, 4), (3, 7), (16, 16), (32, 64)])
def test_the_control_points_themselves_are_the_identity_to_the_bit(shape: tuple[int, int]) -> None:
    assert np.array_equal(ThinPlateSpline(control_points(*shape)).map_points(PLACES), PLACES)


def test_many_points_are_read_as_a_few_are() -> None:
    spline, points = bent((4, 4), 3), np.random.default_rng(4).uniform(-1, 1, (40_000, 2))
    whole = spline.map_points(points)
    np.testing.assert_allclose(whole[39_990:], spline.map_points(points[39_990:]), atol=1e-14)
    assert spline.map_points(points.reshape(200, 200, 2)).shape == (200, 200, 2)
    assert spline.map_points(np.empty((0, 2))).shape == (0, 2)


def test_places_that_are_not_finite_or_enormous_are_no_error() -> None:
    places = np.array([[math.nan, 0], [0, math.nan], [math.inf, 1], [1e200, 0], [0.5, 0.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = bent((3, 3), 5).map_points(places)
        undone = bent((3, 3), 5).inverse().map_points(places)
    for found in (mapped, undone):
        assert np.isfinite(found).all(axis=1).tolist() == [False, False, False, False, True]
    assert np.isfinite(compose(TURN, bent((3, 3), 5)).map_points(places)[-1]).all()


@EXAMPLES
@given(shapes, seeds, st.sampled_from([-1.0, 1.0]))
def test_the_inverse_leads_back(shape: tuple[int, int], seed: int, mirror: float) -> None:
    spline = bent(shape, seed, by=0.15, whole=compose(TURN, MatrixTransform(np.diag([mirror, 1.0, 1.0]))))
    assume(not spline.folds())
    places = np.clip(PLACES, -1, 1)
    undone = spline.inverse()
    np.testing.assert_allclose(undone.map_points(spline.map_points(places)), places, atol=1e-8)
    targets = spline.map_points(places) + 0.01
    found = undone.map_points(targets)
    reached = np.isfinite(found).all(axis=1)
    assert reached.mean() > 0.9
    np.testing.assert_allclose(spline.map_points(found[reached]), targets[reached], atol=1e-11)
    assert undone.inverse() is spline


def test_a_fold_is_told_and_its_inverse_is_one_place_of_the_upright_side_or_none() -> None:
    points = control_points(4, 4)
    points[1, 1], points[1, 2] = points[1, 2].copy(), points[1, 1].copy()
    spline = ThinPlateSpline(points)
    assert spline.folds()
    assert not ThinPlateSpline(control_points(4, 4)).folds()
    assert not ThinPlateSpline(control_points(4, 4) * [1, -1]).folds()
    targets = spline.map_points(PLACES)
    found = spline.inverse().map_points(targets)
    reached = np.isfinite(found).all(axis=1)
    assert reached.any()
    np.testing.assert_allclose(spline.map_points(found[reached]), targets[reached], atol=1e-11)
    _, slopes = spline.slopes(found[reached])
    assert (np.linalg.det(slopes) > 0).all()


def test_slopes_are_those_of_finite_differences() -> None:
    spline, step = bent((4, 3), 6), 1e-6
    values, slopes = spline.slopes(PLACES)
    np.testing.assert_allclose(values, spline.map_points(PLACES), atol=1e-14)
    for axis, towards in enumerate(np.eye(2) * step):
        along = (spline.map_points(PLACES + towards) - spline.map_points(PLACES - towards)) / (2 * step)
        np.testing.assert_allclose(slopes[:, :, axis], along, atol=1e-7)


def test_points_on_a_line_are_a_spline_without_an_inverse() -> None:
    spline = ThinPlateSpline(control_points(3, 3) * [1, 0])
    assert np.array_equal(spline.map_points([[0.5, 0.7]]), [[0.5, 0]])
    assert spline.folds()
    with pytest.raises(SingularTransformError, match="affine part of the spline cannot be inverted"):
        spline.inverse()


@pytest.mark.parametrize("shape", [(2, 2), (5, 2), (4, 4)])
def test_parameters_come_back(shape: tuple[int, int]) -> None:
    spline = bent(shape, 7)
    again = ThinPlateSpline.from_parameters(spline.parameters(), shape)
    assert np.array_equal(again.points, spline.points)
    assert again.shape == shape
    assert np.array_equal(pickle.loads(pickle.dumps(spline)).map_points(PLACES), spline.map_points(PLACES))


def test_parameters_of_a_square_need_no_shape() -> None:
    assert ThinPlateSpline.from_parameters(np.arange(18.0)).points[2, 1].tolist() == [14, 15]


@pytest.mark.parametrize(("count", "shape"), [(0, None), (2, None), (6, None), (10, None), (17, None), (8, (3, 2))])
def test_a_count_of_numbers_that_does_not_fit_is_refused(count: int, shape: tuple[int, int] | None) -> None:
    with pytest.raises(ParameterError, match=rf"got {count}$|at least 2 rows"):
        ThinPlateSpline.from_parameters(np.zeros(count), shape)


@pytest.mark.parametrize(
    "points", [np.zeros((4, 2)), np.zeros((1, 4, 2)), np.zeros((3, 3, 3)), np.zeros((0, 2, 2)), np.zeros((64, 64, 2))]
)
def test_points_of_another_shape_are_refused(points: Array) -> None:
    with pytest.raises(ShapeError, match=rf"\(rows, cols, 2\)|at most {MAX_CONTROL_POINTS} points"):
        ThinPlateSpline(points)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200])
def test_a_point_that_cannot_be_used_is_named_with_its_place(value: float) -> None:
    points = control_points(3, 3)
    points[1, 2, 1] = value
    with pytest.raises(ThetaError, match=r"in row 2, column 3: y = "):
        ThinPlateSpline(points)


def test_points_are_kept_as_a_read_only_copy() -> None:
    points = control_points(2, 2)
    spline = ThinPlateSpline(points)
    points[0, 0] = 7
    assert spline.points[0, 0].tolist() == [-1, -1]
    with pytest.raises(ValueError, match="read-only"):
        spline.points[0, 0, 0] = 2.0


@EXAMPLES
@given(st.lists(st.integers(0, 3), max_size=6), seeds)
def test_a_composition_asks_its_steps_from_the_last_to_the_first(kinds: list[int], seed: int) -> None:
    undone = bent((3, 3), seed, by=0.05).inverse()
    choices = [TURN, MatrixTransform(np.array([[1.1, 0, 0], [0, 0.9, 0.1]])), bent((3, 4), seed), undone]
    steps = [choices[kind] for kind in kinds]
    expected = PLACES
    for step in reversed(steps):
        expected = step.map_points(expected)
    np.testing.assert_allclose(compose(*steps).map_points(PLACES), expected, rtol=1e-9, atol=1e-9)


def test_matrices_next_to_each_other_are_multiplied() -> None:
    spline = bent((3, 3), 8)
    assert isinstance(compose(TURN, TURN), MatrixTransform)
    assert np.array_equal(compose().theta, np.eye(3))
    assert compose(spline) is spline
    chain = compose(TURN, compose(TURN, spline), TURN)
    assert isinstance(chain, Composition)
    assert [type(step) for step in chain.transforms] == [MatrixTransform, ThinPlateSpline, MatrixTransform]
    assert as_fields(chain.transforms[0]) == as_fields(TURN.compose(TURN))


def test_a_composition_is_undone_from_the_last_to_the_first() -> None:
    spline = bent((3, 3), 9)
    chain = compose(TURN, spline, TURN)
    places = np.clip(PLACES, -0.8, 0.8)
    np.testing.assert_allclose(chain.inverse().map_points(chain.map_points(places)), places, atol=1e-9)


def test_a_grid_cannot_be_composed_and_nothing_is_no_composition() -> None:
    with pytest.raises(ParameterError, match="cannot be composed"):
        compose(TURN, SamplingGrid(np.zeros((2, 2, 2))))
    with pytest.raises(ParameterError, match="at least one"):
        Composition(())


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_warp_by_a_spline_is_the_warp_by_its_grid(align_corners: bool) -> None:
    spline, image = bent((4, 4), 10), np.random.default_rng(11).integers(0, 256, (23, 31, 3), np.uint8)
    grid = sampling_grid(spline, (17, 40), align_corners)
    expected = warp(image, grid, align_corners=align_corners)
    assert np.array_equal(warp(image, spline, (17, 40), align_corners=align_corners), expected)


def test_a_spline_that_does_nothing_leaves_the_image_as_it_is() -> None:
    image = np.random.default_rng(12).integers(0, 256, (40, 30), np.uint8)
    assert np.array_equal(warp(image, ThinPlateSpline(control_points(4, 4))), image)


@pytest.mark.slow
def test_a_large_grid_is_made_in_bands() -> None:
    spline, size = bent((2, 2), 13), (700, 800)
    grid = sampling_grid(spline, size)
    x, y = np.meshgrid((2 * np.arange(800) + 1) / 800 - 1, (2 * np.arange(700) + 1) / 700 - 1)
    np.testing.assert_allclose(grid, spline.map_points(np.stack((x, y), axis=-1)), atol=1e-14)


def test_a_recipe_places_any_transform() -> None:
    spline, same, fit = bent((3, 3), 14), SizeRequest.parse("same"), SizeRequest.parse("fit")
    image_warp = TransformSpec(spline).resolve((30, 40), same, False)
    assert (image_warp.transform, image_warp.size, image_warp.warnings) == (spline, (30, 40), ())
    assert TransformSpec(spline).resolve((30, 40), SizeRequest.parse("7x5"), False).size == (5, 7)
    assert TransformSpec(spline.inverse(), inverse=True).resolve((30, 40), same, False).transform is spline
    with pytest.raises(ParameterError, match="size fit is for matrices"):
        TransformSpec(spline).resolve((30, 40), fit, False)
    [warning] = TransformSpec(spline, reference_size=(40, 30)).resolve((30, 40), same, False).warnings
    assert warning.startswith("made for 30x40, this image is 40x30")


def test_a_spec_resolves_matrices_and_grids_as_their_own_specs_do() -> None:
    image_warp = TransformSpec(TURN).resolve((30, 40), SizeRequest.parse("fit"), False)
    assert image_warp.size != (30, 40)
    grid = SamplingGrid(np.zeros((3, 4, 2)))
    assert TransformSpec(grid).resolve((30, 40), SizeRequest.parse("same"), False).size == (3, 4)


def test_the_fields_of_a_spline_are_a_transform_file() -> None:
    assert set(json.loads(json.dumps(as_fields(bent((2, 3), 15))))) == {"points"}
