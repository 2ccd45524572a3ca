"""Limits: told from the side of the picture, in its own pixels, and kept; no theta is too odd for them."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stnwarp.errors import ParameterError
from stnwarp.transforms import (
    Composition,
    Family,
    Frame,
    Limits,
    MatrixTransform,
    Move,
    MovesSpec,
    SamplingGrid,
    SizeRequest,
    ThinPlateSpline,
    Transform,
    compose,
    control_points,
    corner_displacement,
    pixel_matrix,
)

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)
SIZES = [(480, 640), (640, 480), (100, 100), (30, 1000)]
SINGULAR = "singular: the picture is squeezed onto a line or a point"
NO_MIDDLE = "singular: the middle of the output is read from nowhere"
IDENTITY = MatrixTransform(np.eye(3))
BEND = np.random.default_rng(1).normal(size=(4, 4, 2)) * 0.03


def moved(*moves: tuple[str, tuple[float, ...]], size: tuple[int, int] = SIZES[0], align: bool = False) -> Transform:
    """The theta of a picture of *size* that is moved as the named flags move it."""
    spec = MovesSpec(tuple(Move(name, values) for name, values in moves))  # type: ignore[arg-type]
    return spec.resolve(size, SizeRequest.parse("same"), align).transform


def pixels(transform: Transform, size: tuple[int, int], align: bool = False) -> np.ndarray:
    assert isinstance(transform, MatrixTransform)
    return pixel_matrix(transform.theta, size, size, align)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("asked", "kept", "words"),
    [
        ((("rotate", (60,)),), (("rotate", (45,)),), ("angle 60 is beyond -45..45",)),
        ((("rotate", (-170,)),), (("rotate", (-45,)),), ("angle -170 is beyond -45..45",)),
        ((("scale", (3,)),), (("scale", (2,)),), ("scale 3 is beyond 0.5..2",)),
        ((("scale", (0.1,)),), (("scale", (0.5,)),), ("scale 0.1 is beyond 0.5..2",)),
        (
            (("rotate", (90,)), ("scale", (4,))),
            (("rotate", (45,)), ("scale", (2,))),
            ("angle 90 is beyond -45..45", "scale 4 is beyond 0.5..2"),
        ),
        ((("flip", (1, 0)), ("rotate", (60,))), (("flip", (1, 0)), ("rotate", (45,))), ("angle 60 is beyond -45..45",)),
    ],
)
def test_a_picture_moves_as_far_as_it_may(
    asked: tuple, kept: tuple, words: tuple[str, ...], size: tuple[int, int], align: bool
) -> None:
    limited = Limits.parse("angle=45,scale=0.5..2").apply(moved(*asked, size=size, align=align), size, size, align)
    assert limited.beyond == words
    expected = pixels(moved(*kept, size=size, align=align), size, align)
    np.testing.assert_allclose(pixels(limited.transform, size, align), expected, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_the_ends_are_within(size: tuple[int, int]) -> None:
    limits = Limits.parse("angle=45,scale=0.5..2,shift=0.25,stretch=1.01")
    for move in (("rotate", (45,)), ("rotate", (-45,)), ("scale", (2,)), ("scale", (0.5,))):
        transform = moved(move, size=size)
        assert limits.apply(transform, size, size, False).transform is transform
    shifted = MatrixTransform([[1, 0, 0.25], [0, 1, -0.25]])
    assert limits.apply(shifted, size, size, False) == (shifted, ())


@pytest.mark.parametrize(
    ("text", "degrees", "expected"),
    [
        ("angle=-10..30", 40, 30),
        ("angle=-10..30", -11, -10),
        ("angle=-10..30", -160, -10),
        ("angle=-10..30", 175, 30),
        ("angle=10..30", 0, 10),
        ("angle=170..180", -179, 180),
        ("angle=0", 5, 0),
    ],
)
def test_an_angle_goes_to_the_nearer_end_on_the_circle(text: str, degrees: float, expected: float) -> None:
    limited = Limits.parse(text).apply(moved(("rotate", (degrees,))), SIZES[0], SIZES[0], False)
    assert limited.beyond
    np.testing.assert_allclose(limited.transform.theta, moved(("rotate", (expected,))).theta, atol=1e-12)


def test_an_angle_in_a_picture_that_is_not_square_is_one_of_its_pixels() -> None:
    sheared_when_wide = MatrixTransform.from_parameters(Family.SIMILARITY, (1, math.radians(30), 0, 0))
    limits = Limits.parse("angle=30.001")
    assert limits.apply(sheared_when_wide, (100, 100), (100, 100), False).beyond == ()
    [words] = limits.apply(sheared_when_wide, (100, 300), (100, 300), False).beyond
    # the nearest rotation to (1, -sin 30 * 3; sin 30 / 3, 1) in units of cos 30
    assert words.startswith(f"angle {math.degrees(math.atan2(0.5 * (3 + 1 / 3), 2 * math.cos(math.pi / 6))):.4g} ")


def test_a_shift_is_kept_along_each_axis_and_the_rest_stays() -> None:
    transform = MatrixTransform([[0.9, 0.2, 0.7], [-0.1, 1.1, -0.2]])
    limited = Limits.parse("shift=0.3").apply(transform, (50, 80), (50, 80), False)
    assert limited.transform.theta[:2].tolist() == [[0.9, 0.2, 0.3], [-0.1, 1.1, -0.2]]
    assert limited.beyond == ("shift 0.7 is beyond 0.3",)


@pytest.mark.parametrize("move", [("shear", (40.0,)), ("scale", (3.0, 1.0)), ("scale", (-1.0, 5.0))])
def test_a_stretch_is_taken_back_about_its_own_axes(move: tuple[str, tuple[float, ...]]) -> None:
    size = (60, 90)
    limited = Limits.parse("stretch=1.2").apply(moved(move, size=size), size, size, False)
    before, after = pixels(moved(move, size=size), size)[:2, :2], pixels(limited.transform, size)[:2, :2]
    longer, shorter = np.linalg.svd(after)[1]
    assert longer / shorter == pytest.approx(1.2)
    assert np.linalg.det(after) == pytest.approx(np.linalg.det(before))
    u, _, vt = np.linalg.svd(before)
    np.testing.assert_allclose(u.T @ after @ vt.T, np.diag([longer, shorter]), atol=1e-12)
    assert limited.beyond[0].endswith("is beyond 1.2")


def test_a_perspective_is_made_less_steep_and_the_middle_stays() -> None:
    transform = MatrixTransform([[1, 0.1, 0.2], [0, 0.9, 0.1], [0.4, -0.2, 1]])
    limits = Limits.parse("perspective=2")
    limited = limits.apply(transform, (50, 80), (50, 80), False)
    assert limited.beyond == ("perspective 4 is beyond 2",)
    depths = [limited.transform.theta[2] @ [x, y, 1] for x in (-1, 1) for y in (-1, 1)]
    assert max(depths) / min(depths) == pytest.approx(2)
    step = 1e-6 * np.array([[0, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(limited.transform.map_points(step), transform.map_points(step), atol=1e-11)
    assert limits.apply(limited.transform, (50, 80), (50, 80), False).beyond == ()


def test_a_homography_turns_back_about_the_middle_of_the_output() -> None:
    transform = compose(moved(("rotate", (80,))), MatrixTransform([[1, 0, 0], [0, 1, 0], [0.1, 0.2, 1]]))
    limited = Limits.parse("angle=20").apply(transform, SIZES[0], SIZES[0], False)
    expected = compose(moved(("rotate", (20,))), MatrixTransform([[1, 0, 0], [0, 1, 0], [0.1, 0.2, 1]]))
    np.testing.assert_allclose(limited.transform.theta, expected.theta, atol=1e-12)


def bent(whole: Transform) -> ThinPlateSpline:
    return ThinPlateSpline(whole.map_points(control_points(4, 4) + BEND - IDENTITY_PART))


IDENTITY_PART = ThinPlateSpline(control_points(4, 4) + BEND).affine_part().map_points(
    control_points(4, 4)
) - control_points(4, 4)


def test_a_spline_stays_one_and_bends_as_before() -> None:
    size = (60, 90)
    spline = bent(moved(("rotate", (60,)), ("scale", (3,)), size=size))
    limited = Limits.parse("angle=45,scale=2").apply(spline, size, size, False)
    assert limited.beyond == ("angle 60 is beyond -45..45", "scale 3 is beyond 0.5..2")
    expected = bent(moved(("rotate", (45,)), ("scale", (2,)), size=size))
    assert isinstance(limited.transform, ThinPlateSpline)
    np.testing.assert_allclose(limited.transform.points, expected.points, atol=1e-12)


def test_a_composition_and_an_undone_spline_are_kept_to_limits_too() -> None:
    size, places = (60, 90), np.random.default_rng(2).uniform(-0.5, 0.5, (20, 2))
    turned = moved(("rotate", (60,)), size=size)
    limits = Limits.parse("angle=45")
    for transform in (compose(turned, bent(IDENTITY), IDENTITY), bent(turned.inverse()).inverse()):
        limited = limits.apply(transform, size, size, False)
        assert isinstance(limited.transform, Composition)
        assert len(limited.beyond) == 1
        assert limits.apply(limited.transform, size, size, False).beyond == ()
        assert np.isfinite(limited.transform.map_points(places)).all()


def test_a_canvas_of_another_size_says_how_large_the_picture_gets() -> None:
    spec = MovesSpec((Move("rotate", (30,)),))  # type: ignore[arg-type]
    image_warp = spec.resolve((60, 90), SizeRequest.parse("fit"), False)
    limits = Limits.parse("angle=30,scale=1.0001,stretch=1.0001")
    assert limits.apply(image_warp.transform, (60, 90), image_warp.size, False).transform is image_warp.transform


entries = st.floats(-4, 4) | st.sampled_from([0.0, 1.0, 1e-12, 1e12, -1e300, 1e300, 5e-324])


@EXAMPLES
@given(
    st.lists(entries, min_size=8, max_size=8),
    st.floats(-2, 2),
    st.sampled_from([*SIZES, (1, 1), (1, 7)]),
    st.booleans(),
    st.sampled_from(["angle=45,scale=0.5..2,shift=0.3", "shift=0", "stretch=1.5", "perspective=1.2", "angle=10..20"]),
)
def test_no_theta_is_too_odd(row: list[float], last: float, size: tuple[int, int], align: bool, text: str) -> None:
    limits = Limits.parse(text)
    try:
        transform = MatrixTransform(np.reshape([*row, last], (3, 3)))
    except ParameterError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limited = limits.apply(transform, size, size, align)
        corner_displacement(transform, Frame(size, align))
    assert (limited.transform is transform) == (not limited.beyond)
    usual = np.abs(transform.theta).max() < 100 and abs(transform.theta[2, 2]) > 0.01
    if usual:
        assert np.isfinite(limited.transform.theta).all()


@EXAMPLES
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.sampled_from(SIZES))
@example([1.9127877106879543, 0.5, 0.0, 2.5e-07, 0.0, 0.0], (480, 640))  # stretched by 3e7
def test_what_was_kept_is_within(row: list[float], size: tuple[int, int]) -> None:
    limits = Limits.parse("angle=40,scale=0.5..2,stretch=3,shift=0.3")
    limited = limits.apply(MatrixTransform(np.reshape(row, (2, 3))), size, size, False)
    assert limits.apply(limited.transform, size, size, False) == (limited.transform, ())


@pytest.mark.parametrize(
    "theta", [np.zeros((2, 3)), [[1, 1, 9], [1, 1, 0]], [[0, 0, 0.5], [0, 1, 0]], [[1, 0, 0], [0, 1, 0], [1, 1, 0]]]
)
def test_a_theta_without_an_extent_becomes_the_smallest_move(theta: object) -> None:
    limited = Limits.parse("angle=10..45,scale=0.5..2,shift=0.3").apply(
        MatrixTransform(theta), SIZES[0], SIZES[0], False
    )
    assert limited.beyond
    np.testing.assert_allclose(limited.transform.theta[:2, :2], moved(("rotate", (10,))).theta[:2, :2], atol=1e-12)
    assert np.abs(limited.transform.theta[:2, 2]).max() <= 0.3


def test_a_spline_on_a_line_becomes_a_theta() -> None:
    spline = ThinPlateSpline(control_points(3, 3) * [1, 0])
    limited = Limits.parse("scale=2").apply(spline, SIZES[0], SIZES[0], False)
    assert isinstance(limited.transform, MatrixTransform)
    assert limited.beyond == (SINGULAR,)


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        (np.zeros((2, 3)), (SINGULAR,)),
        ([[1, 2, 0], [2, 4, 0]], (SINGULAR,)),
        ([[1, 2, 0.9], [2, 4, 0]], (SINGULAR, "shift 0.9 is beyond 0.3")),
        ([[1, 0, 0], [0, 1, 0], [1, 0, 0]], (NO_MIDDLE, "perspective inf is beyond 2")),
    ],
)
def test_a_singular_theta_is_called_that(theta: Any, words: tuple[str, ...]) -> None:
    limits = Limits.parse("angle=45,scale=0.5..2,stretch=3,shift=0.3,perspective=2")
    limited = limits.apply(MatrixTransform(np.array(theta, float)), SIZES[0], SIZES[0], False)
    assert limited.beyond == words
    assert np.isfinite(limited.transform.theta).all()  # type: ignore[attr-defined]


def test_a_grid_has_no_angle() -> None:
    with pytest.raises(ParameterError, match="only its own points"):
        Limits.parse("angle=1").apply(SamplingGrid(np.zeros((2, 2, 2))), (2, 2), (2, 2), False)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("angle=45,scale=0.5..2,shift=0.3", Limits((-45, 45), (0.5, 2), shift=0.3)),
        (" shift = 0.3 , angle = -10 .. 30 ", Limits((-10, 30), shift=0.3)),
        ("scale=4", Limits(scale=(0.25, 4))),
        ("scale=0.25", Limits(scale=(0.25, 4))),
        ("angle=0,stretch=1,perspective=1.5", Limits((0, 0), stretch=1, perspective=1.5)),
        ("scale=.5..1e1", Limits(scale=(0.5, 10))),
    ],
)
def test_limits_are_read(text: str, limits: Limits) -> None:
    assert Limits.parse(text) == limits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"limit '' is none of angle, scale"),
        ("angel=45", r"'angel' .* \(did you mean 'angle'\?\)"),
        ("angle", "the limit angle must be a number or LOW..HIGH, got ''"),
        ("angle=wide", "got 'wide'"),
        ("angle=1..2..3", "got '2..3'"),
        ("angle=45,angle=30", "given twice"),
        ("angle=200", "within -180..180"),
        ("angle=30..-10", "change them round"),
        ("angle=nan", "must be finite"),
        ("scale=0", "above 0"),
        ("scale=-1..2", "above 0"),
        ("scale=inf", "must be finite"),
        ("shift=-0.1", "at least 0"),
        ("shift=0.1..0.2", "the limit shift must be a number, got '0.1..0.2'"),
        ("stretch=0.5", "at least 1"),
        ("perspective=inf", "must be finite"),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as error:
        Limits.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("align", [False, True])
def test_corners_move_by_input_pixels(align: bool) -> None:
    size, inset = (30, 40), int(align)
    assert corner_displacement(IDENTITY, Frame(size, align)) == 0.0
    shifted = MatrixTransform([[1, 0, 0.5], [0, 1, 0]])
    assert corner_displacement(shifted, Frame(size, align)) == pytest.approx((40 - inset) / 4)
    assert corner_displacement(
        moved(("translate", (3, 4)), size=size, align=align), Frame(size, align)
    ) == pytest.approx(5)
    turned = corner_displacement(moved(("rotate", (180,)), size=size, align=align), Frame(size, align))
    assert turned == pytest.approx(math.hypot(30 - inset, 40 - inset))


def test_a_transform_that_leaves_the_corners_still_moves_the_picture() -> None:
    points = control_points(3, 3)
    points[1, 1] += [0.25, 0]
    assert corner_displacement(ThinPlateSpline(points), Frame((30, 40), False)) == pytest.approx(5)
    horizon = MatrixTransform([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert corner_displacement(horizon, Frame((30, 40), False)) == math.inf
    assert corner_displacement(ThinPlateSpline(control_points(3, 3)), Frame((30, 40), False)) == 0.0
