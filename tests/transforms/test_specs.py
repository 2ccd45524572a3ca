"""Specs: what was asked for, answered for one image; sizes, exactness, directions, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stnwarp.errors import ParameterError, SingularTransformError
from stnwarp.transforms import (
    CornersSpec,
    GridSpec,
    ImageWarp,
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    PixelMatrixSpec,
    SamplingGrid,
    SizeMode,
    SizeRequest,
    ThetaSpec,
    WarpSpec,
    pixel_from_normalised,
    pixel_matrix,
    theta_from_numbers,
)
from stnwarp.transforms.matrices import map_points
from tests import oracle
from tests.positions import warp

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
SAME, FIT = SizeRequest(), SizeRequest(SizeMode.FIT)
SIZES = [(5, 7), (6, 4), (1, 6), (5, 1), (1, 1), (8, 8)]
both = pytest.mark.parametrize("align_corners", [False, True])
side = st.integers(1, 5000)


def exact(width: int, height: int) -> SizeRequest:
    return SizeRequest(SizeMode.EXACT, (height, width))


def rotate(degrees: float) -> Move:
    return Move(MoveKind.ROTATE, (degrees,))


def matrix_of(image_warp: ImageWarp, input_size: tuple[int, int], align_corners: bool = False) -> np.ndarray:
    assert isinstance(image_warp.transform, MatrixTransform)
    return pixel_matrix(image_warp.transform.theta, input_size, image_warp.size, align_corners)


def warped(image: np.ndarray, spec: WarpSpec, request: SizeRequest, align_corners: bool = False) -> np.ndarray:
    image_warp = spec.resolve(image.shape[:2], request, align_corners)
    rows, columns = np.indices(image_warp.size, dtype=float)
    matrix = matrix_of(image_warp, image.shape[:2], align_corners)
    x, y = np.moveaxis(map_points(matrix, np.stack([columns, rows], axis=-1)), -1, 0)
    return oracle.sample_bilinear(image, x, y)


def noise(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(5).uniform(1, 2, size)


@both
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3, 4, 5])
def test_a_quarter_turn_that_fits_is_rot90_to_the_last_bit(
    quarters: int, size: tuple[int, int], align_corners: bool
) -> None:
    image = noise(size)
    result = warped(image, MovesSpec((rotate(90.0 * quarters),)), FIT, align_corners)
    assert np.array_equal(result, np.rot90(image, quarters))


@both
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_warp_of_a_quarter_turn_that_fits_is_rot90_and_four_are_the_picture(
    quarters: int, dtype: type, align_corners: bool
) -> None:
    image = picture = (noise((17, 40, 3)) * 120).astype(dtype)
    for _ in range(4):
        image_warp = MovesSpec((rotate(90.0 * quarters),)).resolve(picture.shape[:2], FIT, align_corners)
        turned = warp(picture, image_warp.transform, image_warp.size, align_corners=align_corners)
        assert np.array_equal(turned, np.rot90(picture, quarters))
        picture = turned
    assert np.array_equal(picture, image)


@EXAMPLES
@given(side, side, st.integers(0, 3), st.booleans())
def test_a_quarter_turn_that_fits_has_a_matrix_of_whole_numbers_at_any_size(
    height: int, width: int, quarters: int, align_corners: bool
) -> None:
    size = (height, width)
    image_warp = MovesSpec((rotate(90.0 * quarters),)).resolve(size, FIT, align_corners)
    assert image_warp.size == (size if quarters % 2 == 0 else size[::-1])
    matrix = matrix_of(image_warp, size, align_corners)
    expected = np.array(
        [
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[0, -1, width - 1], [1, 0, 0], [0, 0, 1]],
            [[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]],
            [[0, 1, 0], [-1, 0, height - 1], [0, 0, 1]],
        ][quarters],
        dtype=float,
    )
    for axis, length in ((0, width), (1, height)):
        if align_corners and length == 1:
            expected[axis] = 0.0  # one pixel has no length between centres: all coordinates are that pixel
    assert np.array_equal(matrix, expected)


@both
@pytest.mark.parametrize("turns", [(45, 45), (30, 60), (17, 73), (-90, 180), (90, 90, 90, 90), (22.5,) * 4])
def test_turns_that_add_up_to_quarters_are_exact_too(turns: tuple[float, ...], align_corners: bool) -> None:
    image = noise((6, 9))
    spec = MovesSpec(tuple(rotate(turn) for turn in turns))
    assert np.array_equal(warped(image, spec, FIT, align_corners), np.rot90(image, round(sum(turns) / 90)))


@both
@pytest.mark.parametrize("size", [(5, 7), (6, 4), (427, 640), (480, 641)])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_written_as_theta_fits_exactly(
    quarters: int, size: tuple[int, int], align_corners: bool
) -> None:
    image_warp = MovesSpec((rotate(90.0 * quarters),)).resolve(size, SAME, align_corners)
    assert isinstance(image_warp.transform, MatrixTransform)
    again = ThetaSpec(image_warp.transform).resolve(size, FIT, align_corners)
    direct = MovesSpec((rotate(90.0 * quarters),)).resolve(size, FIT, align_corners)
    assert again.size == direct.size
    assert np.array_equal(matrix_of(again, size, align_corners), matrix_of(direct, size, align_corners))


@both
@pytest.mark.parametrize(("flip", "axis"), [((1, 0), (1,)), ((0, 1), (0,)), ((1, 1), (0, 1))])
@pytest.mark.parametrize("request_", [SAME, FIT])
@pytest.mark.parametrize("size", [(5, 7), (6, 4), (1, 6)])
def test_a_flip_is_exact(
    flip: tuple[float, float],
    axis: tuple[int, ...],
    request_: SizeRequest,
    size: tuple[int, int],
    align_corners: bool,
) -> None:
    image = noise(size)
    result = warped(image, MovesSpec((Move(MoveKind.FLIP, flip),)), request_, align_corners)
    assert np.array_equal(result, np.flip(image, axis))


@both
def test_a_whole_pixel_shift_is_a_slice(align_corners: bool) -> None:
    image = noise((6, 9))
    result = warped(image, MovesSpec((Move(MoveKind.TRANSLATE, (2, -1)),)), SAME, align_corners)
    expected = np.zeros_like(image)
    expected[:-1, 2:] = image[1:, :-2]
    assert np.array_equal(result, expected)


def test_a_turn_of_a_wide_picture_is_a_turn_and_no_shear() -> None:
    matrix = matrix_of(MovesSpec((rotate(17),)).resolve((300, 400), SAME, False), (300, 400))
    np.testing.assert_allclose(matrix[:2, :2] @ matrix[:2, :2].T, np.eye(2), atol=1e-13)
    assert matrix[0, 0] == pytest.approx(math.cos(math.radians(17)), abs=1e-14)


@EXAMPLES
@given(st.floats(-180, 180), st.floats(0.2, 3), st.integers(2, 900), st.integers(2, 900))
def test_a_canvas_that_fits_holds_the_whole_frame_and_no_more(
    degrees: float, scale: float, height: int, width: int
) -> None:
    spec = MovesSpec((rotate(degrees), Move(MoveKind.SCALE, (scale,))))
    image_warp = spec.resolve((height, width), FIT, False)
    forward = np.linalg.inv(matrix_of(image_warp, (height, width)))
    frame = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    moved = map_points(forward, frame)
    before, after = moved.min(axis=0) + 0.5, np.array(image_warp.size[::-1]) - 0.5 - moved.max(axis=0)
    slack = 1e-6  # pixels by which rounding may stick out, as documented
    assert (before > -slack).all()
    assert (after > -slack).all()
    assert (before + after < 1 + slack).all()
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_picture_made_tiny_still_fits_on_one_pixel() -> None:
    image_warp = MovesSpec((Move(MoveKind.SCALE, (1e-3,)),)).resolve((20, 30), FIT, False)
    assert image_warp.size == (1, 1)


def test_a_shift_alone_fits_where_it_was() -> None:
    image_warp = MovesSpec((Move(MoveKind.TRANSLATE, (10.25, -3)),)).resolve((20, 30), FIT, False)
    assert image_warp.size == (20, 30)
    assert np.array_equal(matrix_of(image_warp, (20, 30)), np.eye(3))


@both
@pytest.mark.parametrize("request_", [SAME, exact(11, 3)])
def test_a_theta_stays_what_it_is_at_every_density(request_: SizeRequest, align_corners: bool) -> None:
    transform = theta_from_numbers([0.5, 0.1, 0.2, -0.1, 0.7, 0.3])
    image_warp = ThetaSpec(transform).resolve((4, 5), request_, align_corners)
    assert np.array_equal(image_warp.transform.theta, transform.theta)  # type: ignore[attr-defined]
    assert image_warp.size == ((4, 5) if request_ is SAME else (3, 11))


@both
def test_an_exact_size_of_moves_samples_the_same_frame(align_corners: bool) -> None:
    spec = MovesSpec((rotate(30), Move(MoveKind.TRANSLATE, (5, 0))))
    same, larger = (spec.resolve((40, 60), request, align_corners) for request in (SAME, exact(600, 400)))
    assert np.array_equal(same.transform.theta, larger.transform.theta)  # type: ignore[attr-defined]
    assert larger.size == (400, 600)


@both
def test_an_exact_size_of_a_pixel_matrix_is_a_canvas_without_stretching(align_corners: bool) -> None:
    matrix = np.array([[0.8, 0.3, 12.0], [-0.2, 1.1, -5.0], [0, 0, 1]])
    for request, size in ((SAME, (40, 60)), (exact(31, 17), (17, 31))):
        image_warp = PixelMatrixSpec(matrix).resolve((40, 60), request, align_corners)
        assert image_warp.size == size
        np.testing.assert_allclose(matrix_of(image_warp, (40, 60), align_corners), matrix, atol=1e-12)


@both
@pytest.mark.parametrize("inverse", [False, True])
def test_a_quarter_turn_in_pixels_fits_exactly(inverse: bool, align_corners: bool) -> None:
    image = noise((5, 8))
    spec = PixelMatrixSpec(np.array([[0.0, -1.0, 3.0], [1.0, 0.0, 20.0]]), inverse)
    assert np.array_equal(warped(image, spec, FIT, align_corners), np.rot90(image, -1 if inverse else 1))


def test_a_homography_in_pixels_fits_the_bounding_box() -> None:
    matrix = np.array([[1, 0.1, 3], [0.05, 1, -2], [1e-3, 5e-4, 1]])
    image_warp = PixelMatrixSpec(matrix).resolve((100, 150), FIT, False)
    forward = np.linalg.inv(matrix_of(image_warp, (100, 150)))
    moved = map_points(forward, [[-0.5, -0.5], [149.5, -0.5], [149.5, 99.5], [-0.5, 99.5]])
    low, high = moved.min(axis=0), moved.max(axis=0)
    assert (low >= -0.5 - 1e-6).all()
    assert (high <= np.array(image_warp.size[::-1]) - 0.5 + 1e-6).all()
    assert image_warp.size == tuple(np.ceil((high - low)[::-1] - 1e-6))


SPECS = {
    "theta": lambda inverse: ThetaSpec(theta_from_numbers([0.9, 0.2, 0.1, -0.1, 1.1, 0.05]), inverse),
    "homography": lambda inverse: ThetaSpec(theta_from_numbers([0.9, 0.2, 0.1, -0.1, 1.1, 0, 0.1, -0.1, 1]), inverse),
    "pixel": lambda inverse: PixelMatrixSpec(np.array([[0.9, 0.2, 3.0], [-0.1, 1.1, -2.0]]), inverse),
    "moves": lambda inverse: MovesSpec(
        (rotate(20), Move(MoveKind.SHEAR, (10, 5)), Move(MoveKind.TRANSLATE, (3, 4))), inverse
    ),
    "corners": lambda inverse: CornersSpec(np.array([[5, 3], [50, 6], [55, 38], [2, 30.0]]), inverse),
}


@both
@pytest.mark.parametrize("name", SPECS)
def test_inverse_undoes_the_spec_on_a_canvas_of_the_same_size(name: str, align_corners: bool) -> None:
    size = (41, 61)
    there, back = (
        matrix_of(SPECS[name](inverse).resolve(size, SAME, align_corners), size, align_corners)
        for inverse in (False, True)
    )
    whole = there @ back
    # pixel indices up to 60 and a homography's division between, in float64
    np.testing.assert_allclose(whole / whole[2, 2], np.eye(3), atol=1e-10)


@both
@pytest.mark.parametrize("request_", [SAME, FIT, exact(9, 4)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SPECS)
def test_every_spec_resolves_images_down_to_one_pixel(
    name: str, size: tuple[int, int], request_: SizeRequest, align_corners: bool
) -> None:
    image_warp = SPECS[name](False).resolve(size, request_, align_corners)
    assert min(image_warp.size) >= 1
    assert np.isfinite(matrix_of(image_warp, size, align_corners)).all()


@both
@pytest.mark.parametrize("size", SIZES)
def test_the_identity_fits_itself_even_on_one_pixel_axes(size: tuple[int, int], align_corners: bool) -> None:
    image = noise(size)
    spec = ThetaSpec(theta_from_numbers([0, 0]))
    assert np.array_equal(warped(image, spec, FIT, align_corners), image)


def test_the_size_of_a_quad_is_its_own_only_when_it_fits() -> None:
    quad = np.array([[10, 10], [30, 10], [40, 40], [20, 40]])  # 20 wide and 31.6 high
    assert CornersSpec(quad).resolve((100, 100), FIT, False).size == (33, 21)
    assert CornersSpec(quad).resolve((100, 100), SAME, False).size == (100, 100)
    assert CornersSpec(quad).resolve((100, 100), exact(7, 9), False).size == (9, 7)


@both
def test_the_quad_of_the_whole_picture_changes_nothing(align_corners: bool) -> None:
    image = noise((5, 8))
    spec = CornersSpec(np.array([[0, 0], [7, 0], [7, 4], [0, 4]]))
    for request in (SAME, FIT):
        assert np.array_equal(warped(image, spec, request, align_corners), image)


@both
def test_the_corners_of_the_quad_land_on_the_corner_pixels(align_corners: bool) -> None:
    quad = np.array([[5, 3], [50, 6], [55, 38], [2, 30]])
    image_warp = CornersSpec(quad).resolve((41, 61), exact(30, 20), align_corners)
    ends = [[0, 0], [29, 0], [29, 19], [0, 19]]
    np.testing.assert_allclose(map_points(matrix_of(image_warp, (41, 61), align_corners), ends), quad, atol=1e-10)


def test_the_inverse_of_corners_puts_the_picture_into_the_quad() -> None:
    quad = np.array([[5, 3], [50, 6], [55, 38], [2, 30]])
    image_warp = CornersSpec(quad, inverse=True).resolve((21, 31), exact(61, 41), False)
    assert image_warp.size == (41, 61)
    inside = map_points(matrix_of(image_warp, (21, 31)), quad)
    np.testing.assert_allclose(inside, [[0, 0], [30, 0], [30, 20], [0, 20]], atol=1e-10)


@both
def test_a_grid_brings_its_own_size(align_corners: bool) -> None:
    grid = SamplingGrid(np.zeros((3, 4, 2)), align_corners)
    for request in (SAME, exact(4, 3)):
        image_warp = GridSpec(grid).resolve((50, 60), request, align_corners)
        assert image_warp == ImageWarp(grid, (3, 4))


@pytest.mark.parametrize("request_", [FIT, exact(3, 4)])
def test_a_grid_gives_no_other_size(request_: SizeRequest) -> None:
    with pytest.raises(ParameterError, match="the size it was made for, 4x3"):
        GridSpec(SamplingGrid(np.zeros((3, 4, 2)))).resolve((50, 60), request_, False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@both
def test_a_grid_of_the_other_convention_reads_the_same_pixels(align_corners: bool, dtype: type) -> None:
    points = np.random.default_rng(3).uniform(-1.2, 1.2, (4, 5, 2)).astype(dtype)
    image_warp = GridSpec(SamplingGrid(points, not align_corners)).resolve((50, 60), SAME, align_corners)
    assert isinstance(image_warp.transform, SamplingGrid)
    assert image_warp.transform.align_corners == align_corners
    assert image_warp.transform.grid.dtype == dtype
    np.testing.assert_allclose(
        map_points(pixel_from_normalised((50, 60), align_corners), image_warp.transform.grid),
        map_points(pixel_from_normalised((50, 60), not align_corners), points),
        atol=1e-5 if dtype is np.float32 else 1e-12,  # half a unit of the last place of 1 times 30 pixels
    )


def test_nan_in_a_grid_survives_the_change_of_convention() -> None:
    points = np.array([[[np.nan, 0.0], [np.inf, 0.5]]])
    image_warp = GridSpec(SamplingGrid(points)).resolve((5, 6), SAME, True)
    assert not np.isfinite(image_warp.transform.grid[..., 0]).any()  # type: ignore[attr-defined]


SINGULAR = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])


def test_what_has_no_inverse_is_refused_when_the_spec_is_made() -> None:
    with pytest.raises(SingularTransformError, match="theta cannot be inverted"):
        ThetaSpec(MatrixTransform(SINGULAR), inverse=True)
    with pytest.raises(SingularTransformError, match="pixel matrix cannot be inverted"):
        PixelMatrixSpec(SINGULAR, inverse=True)
    with pytest.raises(SingularTransformError, match="grid cannot be inverted"):
        GridSpec(SamplingGrid(np.zeros((3, 4, 2))), inverse=True)


def test_fitting_what_has_no_inverse_is_refused() -> None:
    with pytest.raises(SingularTransformError, match="theta cannot be inverted"):
        ThetaSpec(MatrixTransform(SINGULAR)).resolve((5, 6), FIT, False)
    with pytest.raises(SingularTransformError, match="pixel matrix cannot be inverted"):
        PixelMatrixSpec(SINGULAR).resolve((5, 6), FIT, False)


def test_a_singular_theta_is_fine_where_no_inverse_is_needed() -> None:
    assert ThetaSpec(MatrixTransform(SINGULAR)).resolve((5, 6), SAME, False).size == (5, 6)


def test_a_horizon_across_the_picture_has_no_bounding_box() -> None:
    spec = ThetaSpec(theta_from_numbers([1, 0, 0, 0, 1, 0, 0.8, 0, 1]).inverse(), inverse=False)
    assert spec.resolve((50, 60), FIT, False).size[0] > 50
    crossing = ThetaSpec(theta_from_numbers([1, 0, 0, 0, 1, 0, 1.5, 0, 1]).inverse())
    with pytest.raises(ParameterError, match="horizon of this homography crosses the picture"):
        crossing.resolve((50, 60), FIT, False)


def test_a_canvas_beyond_float64_is_refused_in_words() -> None:
    for scale, message in ((1e-308, "beyond float64"), (2.5e-305, "size fit: the moved picture is larger")):
        tiny = ThetaSpec(theta_from_numbers([scale, 0, 0, 0, scale, 0]))
        with pytest.raises(ParameterError, match=message):
            tiny.resolve((5000, 6000), FIT, False)


def test_a_canvas_of_terabytes_is_an_answer_like_any_other() -> None:
    image_warp = ThetaSpec(theta_from_numbers([1e-12, 0, 0, 0, 1e-12, 0])).resolve((50, 60), FIT, False)
    assert image_warp.size == (pytest.approx(5e13), pytest.approx(6e13))


number = st.floats(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)


@settings(EXAMPLES, max_examples=300)
@given(
    st.lists(number, min_size=8, max_size=9),
    st.sampled_from(["theta", "affine", "pixel", "corners", "moves"]),
    st.sampled_from([SAME, FIT, exact(9, 4)]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([*SIZES, (60_000, 3)]),
)
def test_any_finite_numbers_give_an_answer_or_an_error_in_one_line(
    numbers: list[float],
    kind: str,
    request_: SizeRequest,
    inverse: bool,
    align_corners: bool,
    size: tuple[int, int],
) -> None:
    try:
        spec: WarpSpec = {
            "theta": lambda: ThetaSpec(theta_from_numbers(numbers), inverse),
            "affine": lambda: ThetaSpec(theta_from_numbers(numbers[:6]), inverse),
            "pixel": lambda: PixelMatrixSpec(np.reshape(numbers[:6], (2, 3)), inverse),
            "corners": lambda: CornersSpec(np.reshape(numbers[:8], (4, 2)), inverse),
            "moves": lambda: MovesSpec((rotate(numbers[0]), Move(MoveKind.SCALE, numbers[1:3])), inverse),  # type: ignore[arg-type]
        }[kind]()
        image_warp = spec.resolve(size, request_, align_corners)
    except ParameterError as error:
        message = str(error)
    else:
        message = ""
        assert [type(length) for length in image_warp.size] == [int, int]
        assert min(image_warp.size) >= 1
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("same", SAME),
        ("fit", FIT),
        (" FIT ", FIT),
        ("640x480", exact(640, 480)),
        ("640X480", exact(640, 480)),
        ("1×1", exact(1, 1)),
        ("1000000x1000000", exact(1_000_000, 1_000_000)),
    ],
)
def test_a_size_is_read_width_first(text: str, expected: SizeRequest) -> None:
    assert SizeRequest.parse(text) == expected


@pytest.mark.parametrize("text", ["", "exact", "640", "640x480x3", "-4x5", "6.5x4", "٣x٤", "0x5", "5x0", "same!"])
def test_another_text_is_no_size(text: str) -> None:
    with pytest.raises(ParameterError, match=r"is not a size|has no pixels"):
        SizeRequest.parse(text)


def test_a_size_belongs_to_the_mode_exact() -> None:
    with pytest.raises(ParameterError, match="a size belongs to the mode exact"):
        SizeRequest(SizeMode.EXACT)
    with pytest.raises(ParameterError, match="a size belongs to the mode exact"):
        SizeRequest(SizeMode.FIT, (3, 4))


def test_a_grid_under_another_convention_keeps_what_is_not_finite_to_its_axis() -> None:
    points = np.array([[[np.inf, 0.25], [0.5, np.nan], [-np.inf, -1.0]]])
    image_warp = GridSpec(SamplingGrid(points, True)).resolve((5, 9), SizeRequest(), False)
    assert isinstance(image_warp.transform, SamplingGrid)
    inset = [8 / 9, 4 / 5]  # centres of the corner pixels are that much nearer to the middle than their edges
    np.testing.assert_allclose(image_warp.transform.grid, points * inset, atol=1e-15)
