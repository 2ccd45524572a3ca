"""The tables of docs/conventions.md are true: each system, given its matrix, reads the same pixels.

The image is a plane, 3 x + 5 y, which bilinear interpolation reproduces exactly: what comes out at an output
pixel tells the place that was read, so another matrix or another convention shows at full size.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.sampling.grid_generator import affine_grid
from stnwarp.transforms import (
    MatrixTransform,
    Move,
    MovesSpec,
    SizeRequest,
    forward_matrix,
    pixel_matrix,
    to_opencv,
    to_pillow,
    to_skimage,
)
from tests.positions import warp

NUMBERED = np.array([0.8, 0.3, -0.2, 0.9, 0.15, -0.05])  # theta 1 to 6: the linear part, then the shift
THETA = NUMBERED[[0, 1, 4, 2, 3, 5]].reshape(2, 3)
INPUT, OUTPUT = (48, 64), (24, 32)  # height, width
ROWS, COLS = np.mgrid[0 : INPUT[0], 0 : INPUT[1]]
PLANE = (3 * COLS + 5 * ROWS).astype(np.float32)

both_align_corners = pytest.mark.parametrize("align_corners", [False, True])


def expected(align_corners: bool) -> NDArray[np.float32]:
    return warp(PLANE, THETA, OUTPUT, align_corners=align_corners)


def inside(align_corners: bool) -> NDArray[np.bool_]:
    """Output pixels read well within the image, where no padding takes part."""
    matrix = pixel_matrix(THETA, INPUT, OUTPUT, align_corners)
    y, x = np.mgrid[0 : OUTPUT[0], 0 : OUTPUT[1]]
    u, v, _ = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
    mask: NDArray[np.bool_] = (u > 1) & (u < INPUT[1] - 2) & (v > 1) & (v < INPUT[0] - 2)
    assert mask.mean() > 0.3
    return mask


def agree(theirs: NDArray[np.floating], align_corners: bool, tolerance: float) -> None:
    difference = np.abs(theirs - expected(align_corners))[inside(align_corners)]
    assert difference.max() <= tolerance


@both_align_corners
def test_the_table_of_the_pixel_matrix_is_the_library_s(align_corners: bool) -> None:
    (a, b, tx), (c, d, ty) = THETA
    (h, w), (oh, ow) = INPUT, OUTPUT
    if align_corners:
        first = [a * (w - 1) / (ow - 1), b * (w - 1) / (oh - 1), (w - 1) / 2 * (1 + tx - a - b)]
        second = [c * (h - 1) / (ow - 1), d * (h - 1) / (oh - 1), (h - 1) / 2 * (1 + ty - c - d)]
    else:
        first = [a * w / ow, b * w / oh, w / 2 * (1 + tx - a * (1 - 1 / ow) - b * (1 - 1 / oh)) - 1 / 2]
        second = [c * h / ow, d * h / oh, h / 2 * (1 + ty - c * (1 - 1 / ow) - d * (1 - 1 / oh)) - 1 / 2]
    np.testing.assert_allclose(pixel_matrix(THETA, INPUT, OUTPUT, align_corners)[:2], [first, second], atol=1e-12)


@both_align_corners
def test_the_plane_tells_the_place_that_the_pixel_matrix_says(align_corners: bool) -> None:
    y, x = np.mgrid[0 : OUTPUT[0], 0 : OUTPUT[1]]
    u, v, _ = np.einsum(
        "ij,jhw->ihw", pixel_matrix(THETA, INPUT, OUTPUT, align_corners), np.stack([x, y, np.ones_like(x)])
    )
    agree(3 * u + 5 * v, align_corners, 1e-4)  # float32 of values up to 430


@both_align_corners
def test_torch_takes_theta_as_it_is(align_corners: bool) -> None:
    torch = pytest.importorskip("torch")
    theta, plane = torch.tensor(THETA)[None], torch.tensor(PLANE, dtype=torch.float64)[None, None]
    grid = torch.nn.functional.affine_grid(theta, [1, 1, *OUTPUT], align_corners=align_corners)
    np.testing.assert_allclose(grid[0].numpy(), affine_grid(THETA, OUTPUT, align_corners), atol=1e-12)
    agree(
        torch.nn.functional.grid_sample(plane, grid, align_corners=align_corners)[0, 0].numpy(),
        align_corners,
        1e-4,
    )


@both_align_corners
def test_opencv_takes_the_matrices_of_the_table(align_corners: bool) -> None:
    cv2 = pytest.importorskip("cv2")
    dsize = OUTPUT[::-1]
    transform = MatrixTransform(THETA)
    reverse = to_opencv(transform, INPUT, OUTPUT, align_corners, inverse_map=True)
    # its interpolation table has steps of 1/32 pixel: (3 + 5) / 64 at most
    agree(
        cv2.warpAffine(PLANE, reverse, dsize, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP),
        align_corners,
        0.126,
    )
    forward = to_opencv(transform, INPUT, OUTPUT, align_corners)
    agree(cv2.warpAffine(PLANE, forward, dsize, flags=cv2.INTER_LINEAR), align_corners, 0.126)


@both_align_corners
def test_pillow_takes_the_data_of_the_table(align_corners: bool) -> None:
    data = to_pillow(MatrixTransform(THETA), INPUT, OUTPUT, align_corners)
    (p11, p12, p13), (p21, p22, p23) = pixel_matrix(THETA, INPUT, OUTPUT, align_corners)[:2]
    table = [p11, p12, p13 + (1 - p11 - p12) / 2, p21, p22, p23 + (1 - p21 - p22) / 2]
    np.testing.assert_allclose(data, table, atol=1e-12)
    theirs = Image.fromarray(PLANE).transform(OUTPUT[::-1], Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    agree(np.asarray(theirs), align_corners, 1e-3)


@both_align_corners
def test_scikit_image_takes_the_pixel_matrix(align_corners: bool) -> None:
    transform = pytest.importorskip("skimage.transform")
    matrix = to_skimage(MatrixTransform(THETA), INPUT, OUTPUT, align_corners)
    theirs = transform.warp(PLANE, inverse_map=matrix, output_shape=OUTPUT, order=1, preserve_range=True)
    agree(theirs, align_corners, 1e-3)


@both_align_corners
def test_scipy_takes_the_pixel_matrix_with_rows_first(align_corners: bool) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    matrix = pixel_matrix(THETA, INPUT, OUTPUT, align_corners)
    linear, offset = matrix[[1, 0]][:, [1, 0]], matrix[[1, 0], 2]
    theirs = ndimage.affine_transform(PLANE, linear, offset, output_shape=OUTPUT, order=1)
    agree(theirs, align_corners, 1e-3)


def test_a_turn_of_a_picture_that_is_not_square_has_the_documented_theta() -> None:
    placed = MovesSpec((Move("rotate", (30,)),)).resolve((480, 640), SizeRequest.parse("same"), False)
    assert isinstance(placed.transform, MatrixTransform)
    cosine, sine = math.cos(math.radians(30)), math.sin(math.radians(30))
    documented = [[cosine, -sine * 480 / 640, 0], [sine * 640 / 480, cosine, 0]]
    np.testing.assert_allclose(placed.transform.theta[:2], documented, atol=1e-12)


@pytest.mark.parametrize(
    ("move", "point", "moved"),
    [
        (Move("rotate", (90,)), (20, 10), (10, 0)),  # right of the centre goes above it
        (Move("scale", (2, 0.5)), (14, 14), (18, 12)),
        (Move("shear", (45,)), (10, 5), (5, 5)),  # the top leans to the left
        (Move("shear", (0, 45)), (15, 10), (15, 5)),  # the right end is lifted
        (Move("translate", (20, -5)), (10, 10), (30, 5)),
        (Move("flip", (1, 0)), (12, 9), (8, 9)),
        (Move("flip", (0, 1)), (12, 9), (12, 11)),
    ],
)
def test_named_flags_move_the_picture_as_the_table_says(
    move: Move, point: tuple[float, float], moved: tuple[float, float]
) -> None:
    matrix = forward_matrix([move], (21, 21))  # its centre is pixel (10, 10)
    np.testing.assert_allclose(matrix @ [*point, 1], [*moved, 1], atol=1e-12)


def test_a_quarter_turn_that_fits_is_rot90_to_the_bit() -> None:
    image = np.random.default_rng(5).integers(0, 256, (7, 12, 3), dtype=np.uint8)
    placed = MovesSpec((Move("rotate", (90,)),)).resolve((7, 12), SizeRequest.parse("fit"), False)
    np.testing.assert_array_equal(warp(image, placed.transform, placed.size), np.rot90(image))


@pytest.mark.parametrize("padding_mode", ["border", "reflection"])
def test_nan_reads_pixel_0_where_nothing_is_outside(padding_mode: str) -> None:
    grid = np.array([[[np.nan, 0.0]]])
    assert warp(np.array([[10, 20, 30]], np.uint8), grid, padding_mode=padding_mode).tolist() == [[10]]
