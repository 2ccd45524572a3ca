"""Moves of the picture: direction, centre, order, exactness, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms import Move, MoveKind, forward_matrix, quad_matrix
from stnwarp.transforms.matrices import map_points

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)
SIZE = (101, 201)
CENTRE = np.array([100.0, 50.0])


def moved(point: tuple[float, float], *moves: Move, size: tuple[int, int] = SIZE) -> list[float]:
    """Where a point, relative to the image centre, goes, again relative to it."""
    centre = np.array([size[1] - 1, size[0] - 1]) / 2
    result: list[float] = (map_points(forward_matrix(moves, size), centre + point) - centre).tolist()
    return result


def rotate(degrees: float) -> Move:
    return Move(MoveKind.ROTATE, (degrees,))


def test_a_positive_turn_takes_the_right_end_up() -> None:
    assert moved((10, 0), rotate(90)) == [0, -10]
    assert moved((10, 0), rotate(-90)) == [0, 10]
    x, y = moved((10, 0), rotate(17))
    assert (x, y) == pytest.approx((10 * math.cos(math.radians(17)), -10 * math.sin(math.radians(17))), abs=1e-12)


@pytest.mark.parametrize("quarters", range(-9, 10))
@pytest.mark.parametrize("size", [(3, 5), (4, 6), (1, 1), (427, 641)])
def test_quarter_turns_have_no_rounding_in_them(quarters: int, size: tuple[int, int]) -> None:
    matrix = forward_matrix([rotate(90.0 * quarters)], size)
    turn = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), quarters % 4)
    centre = np.array([size[1] - 1, size[0] - 1]) / 2
    assert np.array_equal(matrix[:2, :2], turn)
    assert np.array_equal(matrix[:2, 2], centre - turn @ centre)
    assert not np.signbit(matrix[matrix == 0]).any()


@EXAMPLES
@given(st.floats(-1e6, 1e6))
def test_a_turn_is_a_rotation_by_its_angle(degrees: float) -> None:
    cosine, sine = forward_matrix([rotate(degrees)], (1, 1))[0, :2]
    # fmod is exact; math.radians of a large angle loses digits in the reference, not in the function
    angle = math.radians(math.fmod(degrees, 360.0))
    assert (cosine, sine) == pytest.approx((math.cos(angle), math.sin(angle)), abs=4e-15)


def test_eighth_turns_are_symmetric() -> None:
    matrix = forward_matrix([rotate(45)], (1, 1))
    assert matrix[0, 0] == matrix[0, 1] == -matrix[1, 0] == matrix[1, 1]


@EXAMPLES
@given(st.floats(-720, 720), st.floats(-720, 720))
def test_turns_add_up(first: float, second: float) -> None:
    apart = forward_matrix([rotate(first), rotate(second)], SIZE)
    at_once = forward_matrix([rotate(first + second)], SIZE)
    np.testing.assert_allclose(apart, at_once, atol=1e-11)  # a side of 200 pixels times a few roundings


def test_scaling_is_about_the_centre() -> None:
    assert moved((10, 4), Move(MoveKind.SCALE, (2,))) == [20, 8]
    assert moved((10, 4), Move(MoveKind.SCALE, (2, 0.5))) == [20, 2]
    assert moved((10, 4), Move(MoveKind.SCALE, (-1, 1))) == [-10, 4]


def test_translating_goes_right_and_down() -> None:
    assert moved((0, 0), Move(MoveKind.TRANSLATE, (3, 4.5))) == [3, 4.5]


def test_flipping_mirrors_the_named_axes() -> None:
    assert moved((10, 4), Move(MoveKind.FLIP, (1, 0))) == [-10, 4]
    assert moved((10, 4), Move(MoveKind.FLIP, (0, 1))) == [10, -4]
    assert moved((10, 4), Move(MoveKind.FLIP, (1, 1))) == [-10, -4]


def test_a_positive_shear_leans_like_a_counter_clockwise_turn() -> None:
    assert moved((0, -10), Move(MoveKind.SHEAR, (45,))) == [-10, -10]  # the top goes left
    assert moved((10, 0), Move(MoveKind.SHEAR, (45,))) == [10, 0]
    assert moved((10, 0), Move(MoveKind.SHEAR, (0, 45))) == [10, -10]  # the right goes up
    assert moved((0, -10), Move(MoveKind.SHEAR, (0, 45))) == [0, -10]


@EXAMPLES
@given(st.floats(-89, 89), st.floats(-89, 89))
def test_a_shear_keeps_areas(along_x: float, along_y: float) -> None:
    matrix = forward_matrix([Move(MoveKind.SHEAR, (along_x, along_y))], (1, 1))
    largest = float(np.abs(matrix).max()) ** 2
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-13 * max(1.0, largest))


def test_moves_apply_in_the_order_given() -> None:
    shift, turn = Move(MoveKind.TRANSLATE, (10, 0)), rotate(90)
    assert moved((0, 0), shift, turn) == [0, -10]
    assert moved((0, 0), turn, shift) == [10, 0]


def test_no_move_is_the_identity() -> None:
    assert np.array_equal(forward_matrix([], (4, 7)), np.eye(3))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (MoveKind.ROTATE, (), "rotate takes 1 number, got 0"),
        (MoveKind.ROTATE, (1, 2), "rotate takes 1 number, got 2"),
        (MoveKind.SCALE, (1, 2, 3), "scale takes 1 or 2 numbers, got 3"),
        (MoveKind.TRANSLATE, (1,), "translate takes 2 numbers, got 1"),
        (MoveKind.SCALE, (0,), "scale must not be 0"),
        (MoveKind.SCALE, (1, 0), "scale must not be 0"),
        (MoveKind.SHEAR, (90,), "shear must lie between -90 and 90 degrees, got 90"),
        (MoveKind.SHEAR, (0, -120.5), "got 0, -120.5"),
        (MoveKind.FLIP, (0, 0), "flip must be"),
        (MoveKind.FLIP, (2, 0), "flip must be"),
        (MoveKind.ROTATE, (math.nan,), "rotate got nan"),
        (MoveKind.TRANSLATE, (1, math.inf), "translate got inf"),
        ("rotat", (1,), "did you mean .*rotate"),
    ],
)
def test_a_move_out_of_range_is_refused(kind: MoveKind, values: tuple[float, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Move(kind, values)


def test_moves_beyond_float64_are_refused() -> None:
    with pytest.raises(ParameterError, match="beyond what a number can hold"):
        forward_matrix([Move(MoveKind.SCALE, (1e200,)), Move(MoveKind.SCALE, (1e200,))], SIZE)


def ends(size: tuple[int, int]) -> np.ndarray:
    right, bottom = size[1] - 1.0, size[0] - 1.0
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])


QUADS = [
    [(30, 20), (180, 35), (170, 90), (10, 80)],
    [(0, 0), (200, 0), (150, 100), (50, 100)],
    [(50, 0), (100, 50), (50, 100), (0, 50)],
    [(0, 0), (0, 100), (200, 100), (200, 0)],  # anticlockwise: a mirrored picture
]


@pytest.mark.parametrize("quad", QUADS)
@pytest.mark.parametrize("size", [(2, 2), (50, 80), (301, 7)])
def test_the_corners_of_the_output_read_the_corners_of_the_quad(quad: list, size: tuple[int, int]) -> None:
    np.testing.assert_allclose(map_points(quad_matrix(quad, size), ends(size)), quad, atol=1e-10)


def test_the_quad_of_a_whole_image_is_exactly_the_identity() -> None:
    assert np.array_equal(quad_matrix(ends((427, 640)), (427, 640)), np.eye(3))


def test_a_parallelogram_gives_an_affine_matrix() -> None:
    matrix = quad_matrix([(10, 5), (40, 15), (45, 55), (15, 45)], (11, 11))
    assert matrix.tolist() == [[3, 0.5, 10], [1, 4, 5], [0, 0, 1]]


def test_straight_lines_stay_straight_under_a_quad() -> None:
    size = (50, 80)
    matrix = quad_matrix(QUADS[0], size)
    diagonal = np.linspace(ends(size)[0], ends(size)[2], 9)
    x, y = (map_points(matrix, diagonal) - QUADS[0][0]).T
    np.testing.assert_allclose(x * y[-1], y * x[-1], rtol=1e-9, atol=1e-9)


def test_an_output_axis_of_one_pixel_reads_along_the_middle() -> None:
    rectangle = [(10, 20), (30, 20), (30, 40), (10, 40)]
    assert map_points(quad_matrix(rectangle, (1, 3)), [[0, 0], [2, 0]]).tolist() == [[10, 30], [30, 30]]
    assert map_points(quad_matrix(rectangle, (1, 1)), [0, 0]).tolist() == [20, 30]


@pytest.mark.parametrize(
    ("quad", "message"),
    [
        ([(0, 0), (1, 0), (2, 0), (0, 1)], "three of the corners lie on a line"),
        ([(0, 0), (0, 0), (1, 1), (0, 1)], "three of the corners lie on a line"),
        ([(5, 5)] * 4, "three of the corners lie on a line"),
        ([(0, 0), (1, 0), (0, 1), (1, 1)], "cross or turn inwards"),
        ([(0, 0), (4, 0), (1, 1), (0, 4)], "cross or turn inwards"),
        ([(0, 0), (1e9, 0), (1e9, 1e-9), (0, 1)], "three of the corners lie on a line"),
        ([(0, 0), (1e-9, 0), (1e-9, 1e-9), (0, 1e-9)], "three of the corners lie on a line"),
        ([(0, 0), (1e200, 0), (1e200, 1e200), (0, 1e200)], "corners must be finite, within"),
        ([(0, 0), (1, math.nan), (1, 1), (0, 1)], "corners must be finite"),
    ],
)
def test_a_quad_that_cannot_be_flattened_is_refused_in_words(quad: list, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        quad_matrix(quad, (10, 10))


def test_corners_of_another_count_are_refused() -> None:
    with pytest.raises(ShapeError, match="four points"):
        quad_matrix([(0, 0), (1, 0), (1, 1)], (10, 10))
