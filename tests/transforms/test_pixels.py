"""Normalised coordinates and pixel indices: points, whole matrices, and what stays exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stnwarp.errors import ShapeError
from stnwarp.transforms import (
    Frame,
    MatrixTransform,
    between_edges,
    normalised_from_pixel,
    pixel_from_normalised,
    pixel_matrices,
    pixel_matrix,
    theta_from_pixel_matrix,
)
from stnwarp.transforms.matrices import map_points
from stnwarp.transforms.pixels import frame_matrix
from tests import oracle

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=150)
side = st.integers(1, 40) | st.integers(41, 60_000)
size = st.tuples(side, side)
long_size = st.tuples(st.integers(2, 60_000), st.integers(2, 60_000))
both = pytest.mark.parametrize("align_corners", [False, True])

# The eight ways to lay a grid onto itself: identity, quarter turns, flips.
_ROWS = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]
_ROWS += [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]
TURNS = [np.reshape(row, (2, 2)) for row in _ROWS]


def test_minus_one_and_one_are_the_outer_edges() -> None:
    corners = pixel_from_normalised((3, 5), False) @ np.array([[-1, 1], [-1, 1], [1, 1]])
    assert corners[:2].tolist() == [[-0.5, 4.5], [-0.5, 2.5]]


def test_minus_one_and_one_are_the_corner_centres_when_corners_are_aligned() -> None:
    corners = pixel_from_normalised((3, 5), True) @ np.array([[-1, 1], [-1, 1], [1, 1]])
    assert corners[:2].tolist() == [[0, 4], [0, 2]]


@both
@pytest.mark.parametrize("shape", [(3, 5), (480, 640), (7, 2)])
def test_both_directions_agree_with_the_formula(shape: tuple[int, int], align_corners: bool) -> None:
    coords = np.linspace(-1.5, 1.5, 7)
    matrix = pixel_from_normalised(shape, align_corners)
    x, y, _ = matrix @ np.stack([coords, coords[::-1], np.ones(7)])
    np.testing.assert_allclose(x, oracle.pixel_from_coord(coords, shape[1], align_corners), atol=1e-12)
    np.testing.assert_allclose(y, oracle.pixel_from_coord(coords[::-1], shape[0], align_corners), atol=1e-12)
    np.testing.assert_allclose(matrix @ normalised_from_pixel(shape, align_corners), np.eye(3), atol=1e-12)


def test_a_one_pixel_axis_with_aligned_corners_is_coordinate_0_and_pixel_0() -> None:
    assert (normalised_from_pixel((1, 1), True) @ [5, -7, 1]).tolist() == [0, 0, 1]
    assert (pixel_from_normalised((1, 1), True) @ [0.5, -1, 1]).tolist() == [0, 0, 1]
    assert (normalised_from_pixel((1, 3), True) @ [2, 9, 1]).tolist() == [1, 0, 1]


def test_a_one_pixel_axis_without_aligned_corners_spans_its_pixel() -> None:
    assert (pixel_from_normalised((1, 1), False) @ [1, -1, 1]).tolist() == [0.5, -0.5, 1]


@both
@pytest.mark.parametrize("bad", [(0, 5), (5, 0), (-1, 5)])
def test_a_size_without_pixels_is_refused(bad: tuple[int, int], align_corners: bool) -> None:
    with pytest.raises(ShapeError, match="at least one pixel"):
        pixel_from_normalised(bad, align_corners)


@EXAMPLES
@given(size, st.booleans())
def test_the_identity_is_exact_at_every_size(shape: tuple[int, int], align_corners: bool) -> None:
    matrix = pixel_matrix(np.eye(3), shape, shape, align_corners)
    lonely = [length == 1 and align_corners for length in (shape[1], shape[0])]
    assert np.array_equal(matrix, np.diag([0.0 if lonely[0] else 1.0, 0.0 if lonely[1] else 1.0, 1.0]))


@EXAMPLES
@given(
    st.sampled_from(TURNS),
    long_size,
    long_size,
    st.tuples(st.integers(-60_000, 60_000), st.integers(-60_000, 60_000)),
    st.booleans(),
)
def test_turns_flips_and_shifts_by_half_pixels_survive_theta_exactly(
    turn: np.ndarray,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    halves: tuple[int, int],
    align_corners: bool,
) -> None:
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = np.array(halves) / 2
    theta = theta_from_pixel_matrix(matrix, input_size, output_size, align_corners)
    assert np.array_equal(pixel_matrix(theta, input_size, output_size, align_corners), matrix)


@EXAMPLES
@given(st.lists(st.sampled_from(TURNS), min_size=2, max_size=6), st.integers(2, 9000), st.integers(2, 9000))
def test_turns_composed_as_thetas_are_still_exact(turns: list[np.ndarray], height: int, width: int) -> None:
    here, whole, exact = (height, width), MatrixTransform(np.eye(3)), np.eye(3)
    for turn in turns:
        there = here if turn[0, 0] else here[::-1]
        centre = np.array([here[1] - 1, here[0] - 1]) / 2
        matrix = np.eye(3)
        matrix[:2, :2] = turn
        matrix[:2, 2] = centre - turn @ (np.array([there[1] - 1, there[0] - 1]) / 2)
        whole = whole.compose(MatrixTransform(theta_from_pixel_matrix(matrix, here, there, False)))
        exact, here = exact @ matrix, there
    assert np.array_equal(pixel_matrix(whole.theta, (height, width), here, False), exact)


@EXAMPLES
@given(long_size, long_size, st.booleans(), st.integers(0, 2**32 - 1))
def test_any_matrix_survives_theta_to_a_millionth_of_a_millionth(
    input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + np.vstack([rng.normal(size=(2, 3)) * [1, 1, 1000], [1e-6, 1e-6, 0] * rng.normal(size=3)])
    theta = theta_from_pixel_matrix(matrix, input_size, output_size, align_corners)
    back = pixel_matrix(theta, input_size, output_size, align_corners)
    # sides up to 60,000 are added to a shift of about a thousand: four digits of the sixteen
    np.testing.assert_allclose(back, matrix, rtol=1e-12, atol=3e-10)


def test_numbers_that_are_only_near_a_whole_one_are_kept() -> None:
    matrix = np.array([[1 + 1e-9, 1e-9, 10 + 1e-7], [-1e-9, 1 - 1e-9, 0.5 + 1e-7], [0, 0, 1]])
    theta = theta_from_pixel_matrix(matrix, (48, 64), (48, 64), False)
    np.testing.assert_allclose(pixel_matrix(theta, (48, 64), (48, 64), False), matrix, rtol=0, atol=1e-13)


def test_the_same_frame_at_another_size_is_the_usual_resize() -> None:
    shrunk = pixel_matrix(np.eye(3), (100, 300), (50, 100), False)
    assert shrunk.tolist() == [[3, 0, 1], [0, 2, 0.5], [0, 0, 1]]
    aligned = pixel_matrix(np.eye(3), (100, 300), (34, 24), True)
    assert aligned.tolist() == [[13, 0, 0], [0, 3, 0], [0, 0, 1]]


@both
def test_a_theta_of_two_rows_means_the_same(align_corners: bool) -> None:
    theta = np.array([[0.5, 0.1, 0.2], [-0.3, 0.7, 0.1]])
    whole = np.vstack([theta, [0, 0, 1]])
    first = pixel_matrix(theta, (3, 4), (5, 6), align_corners)
    assert np.array_equal(first, pixel_matrix(whole, (3, 4), (5, 6), align_corners))


@pytest.mark.parametrize("entry", [1e30, 1e300, 1.7e308])
def test_an_enormous_theta_gives_a_matrix_without_a_warning(entry: float) -> None:
    matrix = pixel_matrix(np.full((2, 3), entry), (1000, 1000), (1000, 1000), False)
    assert matrix.shape == (3, 3)
    assert not (np.abs(matrix[:2, :2]) < 1e20).any()


@both
def test_a_frame_matrix_is_the_pixel_matrix_but_for_one_pixel_axes(align_corners: bool) -> None:
    theta = np.array([[0.5, 0.1, 0.2], [-0.3, 0.7, 0.1], [0, 0, 1]])
    plain = pixel_matrix(theta, (7, 4), (7, 4), align_corners)
    assert np.array_equal(frame_matrix(theta, Frame((7, 4), align_corners)), plain)
    assert np.array_equal(frame_matrix(np.eye(3), Frame((1, 4), align_corners)), np.eye(3))


@both
def test_many_thetas_have_the_matrices_of_each(align_corners: bool) -> None:
    thetas = np.random.default_rng(3).normal(size=(5, 3, 3))
    thetas[:3, 2] = (0, 0, 1)
    together = pixel_matrices(thetas, (7, 4), (5, 9), align_corners)
    for theta, matrix in zip(thetas, together, strict=True):
        np.testing.assert_array_equal(matrix, pixel_matrix(theta, (7, 4), (5, 9), align_corners))


@both
def test_a_frame_converts_points_as_its_matrices_do(align_corners: bool) -> None:
    frame = Frame((5, 9), align_corners)
    points = np.random.default_rng(4).normal(size=(3, 4, 2))
    pixels = frame.to_pixels(points)
    np.testing.assert_allclose(pixels, map_points(frame.pixel_from_normalised, points), rtol=1e-14)
    np.testing.assert_allclose(frame.to_normalised(pixels), points, atol=1e-14)


def test_a_frame_of_one_pixel_has_a_length_where_one_is_needed() -> None:
    frame = Frame((1, 5), True)
    assert (frame.axes[1].span, frame.axes[1].unit) == (0.0, 0.0)
    assert frame.spans.tolist() == [2.0, 0.5]
    assert frame.edge_shares == (0.8, 0.5)
    assert Frame((1, 5), False).edge_shares == (1.0, 1.0)
    assert frame.with_size((2, 2)) == Frame((2, 2), True)
    with pytest.raises(ShapeError, match="0x3"):
        Frame((3, 0), False)


def test_a_transform_between_edges_reads_the_same_pixels() -> None:
    source, output = Frame((6, 9), True), Frame((4, 7), True)
    theta = MatrixTransform(np.array([[0.7, 0.2, 0.1], [-0.3, 0.9, -0.2]]))
    converted = between_edges(theta, source, output)
    wanted = pixel_matrix(theta, source.size, output.size, True)
    np.testing.assert_allclose(pixel_matrix(converted, source.size, output.size, False), wanted, atol=1e-14)
    assert between_edges(theta, Frame((6, 9), False), Frame((4, 7), False)) is theta
