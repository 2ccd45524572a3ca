"""The families: parameter vectors, composition, inverse, points, and what is refused."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stnwarp.errors import ParameterError, ShapeError, SingularTransformError, ThetaError
from stnwarp.transforms import (
    MATRIX_FAMILIES,
    Family,
    MatrixTransform,
    ParameterKind,
    SamplingGrid,
    compose,
    parameters_of,
    theta_from_numbers,
)

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)

shifts = st.floats(-3, 3)
scales = st.floats(0.1, 5) | st.floats(-5, -0.1)
positive = st.floats(0.1, 5)
angles = st.floats(-math.pi + 1e-6, math.pi - 1e-6)
slopes = st.floats(-0.2, 0.2)
VECTORS = {
    Family.TRANSLATION: st.tuples(shifts, shifts),
    Family.ATTENTION: st.tuples(scales, shifts, shifts),
    Family.SIMILARITY: st.tuples(positive, angles, shifts, shifts),
    Family.AFFINE: st.tuples(scales, shifts, shifts, shifts, scales, shifts),
    Family.PROJECTIVE: st.tuples(scales, shifts, shifts, shifts, scales, shifts, slopes, slopes),
}
any_vector = st.sampled_from(list(VECTORS)).flatmap(lambda family: st.tuples(st.just(family), VECTORS[family]))
POINTS = np.array([[-1.0, -1.0], [1.0, -1.0], [0.3, 0.7], [0.0, 0.0], [-0.5, 1.0]])


@st.composite
def transforms(draw: st.DrawFn) -> MatrixTransform:
    transform = MatrixTransform.from_parameters(*draw(any_vector))
    linear = transform.theta[:2, :2]
    assume(abs(np.linalg.det(linear)) > 0.05)
    assume(abs(np.linalg.det(transform.theta)) > 0.05)
    return transform


@EXAMPLES
@given(any_vector)
def test_parameters_come_back_from_the_matrix_they_made(case: tuple[Family, tuple[float, ...]]) -> None:
    family, vector = case
    back = MatrixTransform.from_parameters(family, vector).parameters(family)
    # sine and cosine round once each, and the angle is read from both
    np.testing.assert_allclose(back, vector, rtol=1e-12, atol=1e-12)


@EXAMPLES
@given(any_vector)
def test_every_family_lies_within_the_wider_ones(case: tuple[Family, tuple[float, ...]]) -> None:
    family, vector = case
    theta = MatrixTransform.from_parameters(family, vector)
    wider_ones = list(MATRIX_FAMILIES)
    for wider in wider_ones[wider_ones.index(family) :]:
        again = MatrixTransform.from_parameters(wider, theta.parameters(wider))
        np.testing.assert_allclose(again.theta, theta.theta, rtol=1e-12, atol=1e-12)


@EXAMPLES
@given(transforms())
def test_inverse_undoes_the_mapping_of_points(transform: MatrixTransform) -> None:
    depth = POINTS @ transform.theta[2, :2] + transform.theta[2, 2]
    points = POINTS[np.abs(depth) > 0.1]
    back = transform.inverse().map_points(transform.map_points(points))
    # determinants above 0.05 and entries below 5 leave a condition number of a few thousand at most
    np.testing.assert_allclose(back, points, atol=1e-10)


@EXAMPLES
@given(transforms())
def test_a_transform_and_its_inverse_compose_to_the_identity(transform: MatrixTransform) -> None:
    np.testing.assert_allclose(transform.compose(transform.inverse()).theta, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(transform.inverse().compose(transform).theta, np.eye(3), atol=1e-10)


@EXAMPLES
@given(transforms(), transforms())
def test_composition_asks_the_later_warp_first(first: MatrixTransform, second: MatrixTransform) -> None:
    between = second.map_points(POINTS)
    depth = np.abs(between @ first.theta[2, :2] + first.theta[2, 2])
    asked_directly = first.compose(second).map_points(POINTS)
    asked_in_turn = first.map_points(between)
    near = np.isfinite(between).all(axis=1) & (depth > 0.01) & (np.abs(between) < 1e3).all(axis=1)
    np.testing.assert_allclose(asked_directly[near], asked_in_turn[near], rtol=1e-9, atol=1e-9)


def test_compose_of_several_goes_from_the_first_warp_to_the_last() -> None:
    a = MatrixTransform.from_parameters(Family.ATTENTION, (0.5, 0.1, 0.2))
    b = MatrixTransform.from_parameters(Family.TRANSLATION, (0.3, -0.4))
    c = MatrixTransform.from_parameters(Family.SIMILARITY, (2.0, 0.4, 0.0, 0.1))
    np.testing.assert_allclose(compose(a, b, c).theta, a.theta @ b.theta @ c.theta, atol=1e-15)
    assert np.array_equal(compose().theta, np.eye(3))
    assert np.array_equal(compose(a).theta, a.theta)


def test_a_translation_by_half_the_width_reads_half_the_width_to_the_right() -> None:
    assert theta_from_numbers([1.0, 0.0]).map_points([[0.0, 0.25]]).tolist() == [[1.0, 0.25]]


def test_a_positive_angle_reads_clockwise_so_that_the_picture_turns_counter_clockwise() -> None:
    quarter = MatrixTransform.from_parameters(Family.SIMILARITY, (1.0, math.pi / 2, 0.0, 0.0))
    # y points down: the right-hand middle of the output shows what was at the bottom of the input
    np.testing.assert_allclose(quarter.map_points([[1.0, 0.0]]), [[0.0, 1.0]], atol=1e-15)


def test_map_points_takes_any_leading_shape() -> None:
    transform = theta_from_numbers([1, 2, 3, 4, 5, 6])
    points = np.arange(24.0).reshape(2, 3, 2, 2)
    mapped = transform.map_points(points)
    assert mapped.shape == points.shape
    assert mapped.dtype == np.float64
    assert mapped[1, 2, 1].tolist() == [1 * 22 + 2 * 23 + 3, 4 * 22 + 5 * 23 + 6]


def test_points_on_the_horizon_come_out_not_finite_without_a_warning() -> None:
    transform = theta_from_numbers([1, 0, 0, 0, 1, 0, 1, 0, 0])  # depth is x
    mapped = transform.map_points([[0.0, 0.5], [0.0, 0.0], [2.0, 1.0]])
    assert not np.isfinite(mapped[:2]).any(axis=1).all()
    assert np.isnan(mapped[1]).all()
    assert mapped[2].tolist() == [1.0, 0.5]


@pytest.mark.parametrize("size", [1e7, 1e30, 1e300])
def test_an_enormous_theta_maps_points_without_a_warning(size: float) -> None:
    mapped = theta_from_numbers([size, size, size, size, -size, size]).map_points([[1e9, 1.0]])
    assert mapped.shape == (1, 2)
    assert abs(mapped[0, 0]) > 1e6


def test_theta_is_kept_as_a_read_only_float64_copy() -> None:
    given_theta = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    transform = MatrixTransform(given_theta)
    given_theta[0, 0] = 7
    assert transform.theta.shape == (3, 3)
    assert transform.theta.dtype == np.float64
    assert transform.theta[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        transform.theta[0, 0] = 2.0


def test_the_scale_of_an_affine_matrix_is_taken_out() -> None:
    transform = MatrixTransform([[2, 0, 4], [0, -2, 6], [0, 0, -2]])
    assert transform.theta.tolist() == [[-1, 0, -2], [0, 1, -3], [0, 0, 1]]
    assert transform.is_affine


def test_only_a_last_row_of_0_0_1_is_affine() -> None:
    assert theta_from_numbers([1, 2, 3, 4, 5, 6]).is_affine
    assert not theta_from_numbers([1, 2, 3, 4, 5, 6, 1e-12, 0, 1]).is_affine


def test_transforms_survive_pickling() -> None:
    transform = theta_from_numbers([1, 2, 3, 4, 5, 6])
    assert np.array_equal(pickle.loads(pickle.dumps(transform)).theta, transform.theta)


@pytest.mark.parametrize(
    ("numbers", "family"),
    [
        ((0.25, -0.5), Family.TRANSLATION),
        ((1, 2, 3, 4, 5, 6), Family.AFFINE),
        ((1, 2, 3, 4, 5, 6, 0.7, 0.8), Family.PROJECTIVE),
        ((1, 2, 3, 4, 5, 6, 0.7, 0.8, 1), Family.PROJECTIVE),
    ],
)
def test_a_count_of_numbers_decides_the_family(numbers: tuple[float, ...], family: Family) -> None:
    vector = theta_from_numbers(numbers).parameters(family)
    assert vector.tolist() == [float(number) for number in numbers[: len(vector)]]


def test_nine_numbers_keep_a_last_one_that_is_not_1() -> None:
    assert theta_from_numbers([2, 0, 0, 0, 2, 0, 1, 0, 4]).parameters(Family.PROJECTIVE).tolist() == [
        *(0.5, 0, 0, 0, 0.5, 0),
        *(0.25, 0),
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 7, 10])
def test_another_count_of_numbers_is_refused_by_its_count(count: int) -> None:
    with pytest.raises(ThetaError, match=rf"got {count}$"):
        theta_from_numbers([1.0] * count)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_with_its_place(value: float) -> None:
    with pytest.raises(ThetaError, match=rf"number 3 of theta is {value}"):
        theta_from_numbers([1, 0, value, 0, 1, 0])
    with pytest.raises(ThetaError, match=rf"theta holds {value} in row 1, column 3"):
        MatrixTransform([[1, 0, value], [0, 1, 0]])


def test_an_integer_beyond_float64_counts_as_infinite() -> None:
    with pytest.raises(ThetaError, match="number 1 of theta is inf"):
        theta_from_numbers([10**400, 0])


@pytest.mark.parametrize(
    "theta",
    [np.eye(2), np.eye(4), np.zeros((3, 2)), [1, 2, 3], 5, [[1, 2, 3], [4, 5]], np.zeros((2, 2, 3))],
)
def test_a_theta_of_another_shape_is_refused(theta: object) -> None:
    with pytest.raises(ShapeError, match="theta must"):
        MatrixTransform(theta)


@pytest.mark.parametrize("entry", ["1", 1j, None])
def test_a_theta_that_is_not_of_real_numbers_is_refused(entry: object) -> None:
    with pytest.raises(ShapeError, match="real numbers"):
        MatrixTransform([[entry, 0, 0], [0, 1, 0]])


def test_a_last_row_of_zeros_is_refused() -> None:
    with pytest.raises(ThetaError, match="last row of theta is all zeros"):
        MatrixTransform([[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_a_last_number_too_small_for_the_others_is_refused() -> None:
    with pytest.raises(ThetaError, match="too large for its last number"):
        MatrixTransform([[1e300, 0, 0], [0, 1, 0], [0, 0, 1e-300]])


@pytest.mark.parametrize("family", list(MATRIX_FAMILIES))
def test_a_wrong_count_of_parameters_is_refused_with_their_names(family: Family) -> None:
    with pytest.raises(ThetaError, match=rf"^{family} takes .* numbers \(.+\), got 5$"):
        MatrixTransform.from_parameters(family, [1.0] * 5)


def test_a_table_of_parameters_is_refused() -> None:
    with pytest.raises(ShapeError, match="one row of numbers"):
        MatrixTransform.from_parameters(Family.AFFINE, np.zeros((2, 3)))


def test_a_thin_plate_spline_is_no_matrix() -> None:
    with pytest.raises(ParameterError, match="the family tps is no matrix; use ThinPlateSpline"):
        MatrixTransform.from_parameters(Family.THIN_PLATE_SPLINE, np.zeros(8))
    with pytest.raises(ParameterError, match="no matrix"):
        MatrixTransform(np.eye(3)).parameters(Family.THIN_PLATE_SPLINE)


@pytest.mark.parametrize("family", list(MATRIX_FAMILIES))
def test_a_row_of_the_table_agrees_with_itself(family: Family) -> None:
    row = MATRIX_FAMILIES[family]
    kinds = list(row.parameters.values())
    assert row.counts[0] == len(kinds) == len(MatrixTransform(np.eye(3)).parameters(family))
    assert ParameterKind.SCALE not in kinds[1:]  # a network bounds the first by its logarithm
    assert set(row.theta_counts) <= set(row.counts)


def test_a_spline_has_two_parameters_for_each_control_point() -> None:
    assert list(parameters_of(Family.THIN_PLATE_SPLINE, (2, 2))) == ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"]
    with pytest.raises(ParameterError, match="needs control_points"):
        parameters_of(Family.THIN_PLATE_SPLINE)
    with pytest.raises(ParameterError, match="affine has no control points"):
        parameters_of(Family.AFFINE, (2, 2))


@pytest.mark.parametrize(
    ("family", "numbers"),
    [("translation", 2), ("attention", 3), ("similarity", 4), ("affine", 6), ("projective", 9)],
)
def test_a_matrix_is_described_by_the_narrowest_family(family: Family, numbers: int) -> None:
    vector = np.linspace(0.5, 1.3, numbers)
    found, parameters = MatrixTransform.from_parameters(family, vector).narrowest_family()
    assert found is Family(family)
    np.testing.assert_allclose(parameters, vector[: len(parameters)] / (vector[8] if numbers == 9 else 1.0))


def test_a_homography_without_a_last_number_is_described_by_all_nine() -> None:
    theta = MatrixTransform([[1, 0, 0], [0, 1, 0], [0.1, 0, 0]])
    found, parameters = theta.narrowest_family()
    assert (found, parameters.tolist()) == (Family.PROJECTIVE, theta.theta.ravel().tolist())


def test_an_unknown_family_is_refused_with_the_choices() -> None:
    with pytest.raises(ParameterError, match=r"did you mean .*affine"):
        MatrixTransform.from_parameters("afine", [1, 2, 3, 4, 5, 6])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "family"),
    [
        ((2, 0, 0, 0, 2, 0), Family.TRANSLATION),
        ((2, 0, 0, 0, 3, 0), Family.ATTENTION),
        ((2, 0.1, 0, 0.1, 2, 0), Family.SIMILARITY),
        ((1, 0, 0, 0, -1, 0), Family.SIMILARITY),
        ((1, 0, 0, 0, 1, 0, 0.1, 0, 1), Family.AFFINE),
        ((1, 0, 0, 0, 1, 0, 0.1, 0, 0), Family.PROJECTIVE),
    ],
)
def test_parameters_of_a_family_that_the_matrix_is_not_of_are_refused(
    numbers: tuple[float, ...], family: Family
) -> None:
    with pytest.raises(ThetaError, match="this theta is not"):
        theta_from_numbers(numbers).parameters(family)


def test_a_similarity_that_went_through_float32_is_still_one() -> None:
    theta = MatrixTransform.from_parameters(Family.SIMILARITY, (1.3, 0.7, 0.1, 0.2)).theta
    back = MatrixTransform(theta.astype(np.float32)).parameters(Family.SIMILARITY)
    np.testing.assert_allclose(back, (1.3, 0.7, 0.1, 0.2), rtol=1e-6)


@pytest.mark.parametrize(
    "theta",
    [
        [[0, 0, 0], [0, 0, 0]],
        [[1, 0, 0], [0, 0, 0]],
        [[1, 2, 5], [2, 4, 7]],
        [[1, 1, 0], [1, 1 + 1e-12, 0]],
        [[1, 0, 0], [0, 1, 0], [1, 0, 0]],
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[5e-324, 0, 0], [0, 1, 0]],
    ],
)
def test_a_matrix_that_squeezes_the_picture_has_no_inverse(theta: list[list[float]]) -> None:
    with pytest.raises(SingularTransformError, match="theta cannot be inverted"):
        MatrixTransform(theta).inverse()


def test_the_condition_number_is_said() -> None:
    with pytest.raises(SingularTransformError, match=r"condition number is 4e\+12 \(limit 1e\+10\)"):
        MatrixTransform([[1, 1, 0], [1, 1 + 1e-12, 0]]).inverse()


@pytest.mark.parametrize(
    "theta",
    [
        [[1, 0, 1e15], [0, 1, -1e15]],
        [[1e-9, 0, 0], [0, 1e-9, 0]],
        [[1e-9, 0, 0], [0, 1e9, 0]],
        [[0, 1e-7, 3], [1e7, 0, 2]],
        [[1e200, 0, 0], [0, 1e-200, 0]],
    ],
)
def test_a_far_shift_or_an_unusual_scale_is_not_taken_for_singular(theta: list[list[float]]) -> None:
    transform = MatrixTransform(theta)
    np.testing.assert_allclose((transform.compose(transform.inverse())).theta, np.eye(3), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("quarter", [[[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]], [[-1, 0], [0, 1]]])
def test_the_inverse_of_a_quarter_turn_is_exact(quarter: list[list[float]]) -> None:
    theta = np.column_stack([quarter, [639.0, 213.5]])
    inverse = MatrixTransform(theta).inverse().theta
    assert np.array_equal(inverse[:2, :2], np.transpose(quarter))
    assert np.array_equal(inverse[:2, 2], -np.transpose(quarter) @ [639.0, 213.5])
    assert not np.signbit(inverse[inverse == 0]).any()


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((4, 3)), 5.0])
def test_points_that_are_not_pairs_are_refused(points: object) -> None:
    with pytest.raises(ShapeError, match=r"points must have shape \(\.\.\., 2\)"):
        theta_from_numbers([0, 0]).map_points(points)


def test_a_composition_beyond_float64_is_refused() -> None:
    huge = theta_from_numbers([1e200, 0, 0, 0, 1e200, 0])
    with pytest.raises(ThetaError, match="theta holds inf"):
        huge.compose(huge)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sampling_grid_keeps_its_floats_and_is_not_copied(dtype: type) -> None:
    points = np.zeros((3, 4, 2), dtype)
    grid = SamplingGrid(points)
    assert grid.size == (3, 4)
    assert grid.grid.dtype == dtype
    assert np.shares_memory(grid.grid, points)
    assert not grid.align_corners


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", np.float16, np.int32])
def test_a_sampling_grid_of_any_byte_order_or_number_just_works(dtype: str) -> None:
    points = np.asfortranarray(np.arange(24).reshape(3, 4, 2).astype(dtype))
    grid = SamplingGrid(points)
    assert grid.grid.dtype.isnative
    assert grid.grid.dtype in (np.float32, np.float64)
    assert grid.grid.flags.c_contiguous
    assert np.array_equal(grid.grid, points)


def test_a_sampling_grid_may_hold_nan_and_lists() -> None:
    assert np.isnan(SamplingGrid(np.full((1, 1, 2), np.nan)).grid).all()
    assert SamplingGrid([[[0.0, 1.0]]]).size == (1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "grid", [np.zeros((3, 4)), np.zeros((3, 4, 3)), np.zeros((0, 4, 2)), np.zeros((1, 3, 4, 2)), [["a"]]]
)
def test_a_sampling_grid_of_another_shape_is_refused(grid: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="a sampling grid must"):
        SamplingGrid(grid)


def test_a_sampling_grid_knows_no_inverse_and_no_other_points() -> None:
    grid = SamplingGrid(np.zeros((2, 2, 2)))
    with pytest.raises(SingularTransformError, match="cannot be inverted"):
        grid.inverse()
    with pytest.raises(ParameterError, match="only its own points"):
        grid.map_points([[0.0, 0.0]])
