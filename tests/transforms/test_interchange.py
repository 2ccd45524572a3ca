"""Golden tests: the matrices of OpenCV, Pillow and scikit-image, and torch's meaning of theta.

Each library warps a smooth picture with the matrix made for it, and the result is compared with the oracle
reading the same picture at torch's affine_grid (or, for homographies, at the mapped grid), so that a mistake
of direction, of the half pixel, of the axes' order or of the sizes shows in pixels.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import skimage.transform
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stnwarp.errors import ParameterError, ShapeError, SingularTransformError, ThetaError
from stnwarp.transforms import (
    MatrixTransform,
    from_opencv,
    from_pillow,
    from_skimage,
    pixel_from_normalised,
    theta_from_numbers,
    to_opencv,
    to_pillow,
    to_skimage,
)
from stnwarp.transforms.matrices import map_points
from tests import oracle

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
both = pytest.mark.parametrize("align_corners", [False, True])
SIZES = [((48, 64), (48, 64)), ((48, 64), (37, 91)), ((90, 31), (40, 40))]
sizes = pytest.mark.parametrize(("input_size", "output_size"), SIZES)

# OpenCV rounds positions to 1/32 pixel, so it is off by 1/64 at most, along both axes, times the picture's
# slopes.
OPENCV_TOLERANCE = (0.03 + 0.04) / 64

AFFINE = {
    "identity": [1, 0, 0, 0, 1, 0],
    "shift": [1, 0, 0.21, 0, 1, -0.13],
    "turn": [0.8, 0.35, 0.05, -0.4, 0.9, -0.1],
    "shear and shrink": [1.3, 0.5, -0.1, 0.1, 0.6, 0.2],
    "mirror": [-0.9, 0.1, 0.1, 0.2, 1.1, 0],
}
PROJECTIVE = {
    "tilt": [1, 0.1, 0, -0.1, 0.9, 0.05, 0.15, -0.2, 1],
    "turn and tilt": [0.7, 0.5, 0.1, -0.5, 0.8, 0, -0.1, 0.25, 1.1],
}
names = pytest.mark.parametrize("name", [*AFFINE, *PROJECTIVE])
inverse_maps = pytest.mark.parametrize("inverse_map", [False, True])


def picture(size: tuple[int, int]) -> np.ndarray:
    """Smooth, without symmetry; its slope is at most 0.03 along y and 0.04 along x."""
    y, x = np.indices(size) / 10
    return 0.5 + 0.2 * np.sin(1.3 * x + 0.4 * y) + 0.2 * np.cos(0.7 * x - 1.1 * y + 0.3)


def grid_of(transform: MatrixTransform, output_size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """(H', W', 2), normalised: theta by torch's affine_grid, homographies by hand from torch's base grid."""
    if transform.is_affine:
        return torch_grid(transform.theta[:2], output_size, align_corners)
    base = torch_grid(np.eye(3)[:2], output_size, align_corners)
    points = np.concatenate([base, np.ones((*output_size, 1))], axis=-1) @ transform.theta.T
    return points[..., :2] / points[..., 2:]


def torch_grid(theta: np.ndarray, output_size: tuple[int, int], align_corners: bool) -> np.ndarray:
    batch = torch.from_numpy(np.array(theta, dtype=np.float64))[None]
    return torch.nn.functional.affine_grid(batch, [1, 1, *output_size], align_corners=align_corners)[0].numpy()


def expected(
    image: np.ndarray, transform: MatrixTransform, output_size: tuple[int, int], align_corners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """What every library must give, and where: libraries differ beyond the outermost pixel centres."""
    grid = grid_of(transform, output_size, align_corners)
    x = oracle.pixel_from_coord(grid[..., 0], image.shape[1], align_corners)
    y = oracle.pixel_from_coord(grid[..., 1], image.shape[0], align_corners)
    inside = (x >= 0) & (x <= image.shape[1] - 1) & (y >= 0) & (y <= image.shape[0] - 1)
    assert inside.mean() > 0.3  # or nothing would be compared
    return oracle.sample_bilinear(image, x, y), inside


def warp_by_opencv(
    image: np.ndarray, matrix: np.ndarray, output_size: tuple[int, int], inverse_map: bool
) -> np.ndarray:
    warp = cv2.warpAffine if matrix.shape == (2, 3) else cv2.warpPerspective
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if inverse_map else 0)
    return warp(image, matrix, output_size[::-1], flags=flags)


def transform_of(name: str) -> MatrixTransform:
    return theta_from_numbers({**AFFINE, **PROJECTIVE}[name])


@both
@sizes
@pytest.mark.parametrize("name", AFFINE)
def test_theta_means_what_it_means_to_torch(
    name: str, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    transform = transform_of(name)
    base = torch_grid(np.eye(3)[:2], output_size, align_corners)
    np.testing.assert_allclose(
        transform.map_points(base), torch_grid(transform.theta[:2], output_size, align_corners), atol=1e-14
    )
    rows, columns = np.indices(output_size, dtype=float)
    pixels = map_points(
        to_skimage(transform, input_size, output_size, align_corners), np.stack([columns, rows], axis=-1)
    )
    grid = grid_of(transform, output_size, align_corners)
    np.testing.assert_allclose(pixels, map_points(pixel_from_normalised(input_size, align_corners), grid), atol=1e-11)


@both
@sizes
@names
@inverse_maps
def test_opencv_warps_with_the_matrix_made_for_it(
    name: str,
    inverse_map: bool,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool,
) -> None:
    image, transform = picture(input_size), transform_of(name)
    matrix = to_opencv(transform, input_size, output_size, align_corners, inverse_map)
    assert matrix.shape == ((2, 3) if transform.is_affine else (3, 3))
    wanted, inside = expected(image, transform, output_size, align_corners)
    result = warp_by_opencv(image, matrix, output_size, inverse_map)
    np.testing.assert_allclose(result[inside], wanted[inside], atol=OPENCV_TOLERANCE)


@both
@sizes
@names
def test_pillow_warps_with_the_numbers_made_for_it(
    name: str, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    image, transform = picture(input_size), transform_of(name)
    data = to_pillow(transform, input_size, output_size, align_corners)
    method = Image.Transform.AFFINE if transform.is_affine else Image.Transform.PERSPECTIVE
    assert len(data) == (6 if transform.is_affine else 8)
    source = Image.fromarray(image.astype(np.float32))
    result = source.transform(output_size[::-1], method, data, Image.Resampling.BILINEAR)
    wanted, inside = expected(image, transform, output_size, align_corners)
    np.testing.assert_allclose(np.asarray(result)[inside], wanted[inside], atol=1e-6)  # float32 pixels


@both
@sizes
@names
def test_scikit_image_warps_with_the_matrix_made_for_it(
    name: str, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    image, transform = picture(input_size), transform_of(name)
    matrix = to_skimage(transform, input_size, output_size, align_corners)
    result = skimage.transform.warp(image, matrix, output_shape=output_size, order=1)
    wanted, inside = expected(image, transform, output_size, align_corners)
    np.testing.assert_allclose(result[inside], wanted[inside], atol=1e-10)


# OpenCV's own matrices, turned into a transform: its rotation matrix and its four-point solution.


@both
@sizes
@inverse_maps
def test_a_rotation_matrix_of_opencv_is_understood(
    inverse_map: bool, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    image = picture(input_size)
    matrix = cv2.getRotationMatrix2D((20.0, 25.5), 25.0, 0.9)
    result = warp_by_opencv(image, matrix, output_size, inverse_map)
    transform = from_opencv(matrix, input_size, output_size, align_corners, inverse_map)
    wanted, inside = expected(image, transform, output_size, align_corners)
    np.testing.assert_allclose(result[inside], wanted[inside], atol=OPENCV_TOLERANCE)


@both
def test_a_four_point_homography_of_opencv_is_understood(align_corners: bool) -> None:
    image = picture((90, 80))
    quad = np.array([[12, 8], [70, 15], [66, 80], [5, 72]], np.float32)
    ends = np.array([[0, 0], [49, 0], [49, 59], [0, 59]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, ends)
    result = warp_by_opencv(image, matrix, (60, 50), inverse_map=False)
    transform = from_opencv(matrix, (90, 80), (60, 50), align_corners)
    wanted, inside = expected(image, transform, (60, 50), align_corners)
    assert inside.all()
    np.testing.assert_allclose(result, wanted, atol=OPENCV_TOLERANCE)


@both
@pytest.mark.parametrize("data", [(1.1, 0.2, 3, -0.1, 0.9, 4), (1.1, 0.2, 3, -0.1, 0.9, 4, 1e-3, -2e-3)])
def test_the_numbers_of_pillow_are_understood(data: tuple[float, ...], align_corners: bool) -> None:
    image = picture((60, 70))
    method = Image.Transform.AFFINE if len(data) == 6 else Image.Transform.PERSPECTIVE
    result = Image.fromarray(image.astype(np.float32)).transform((45, 50), method, data, Image.Resampling.BILINEAR)
    transform = from_pillow(data, (60, 70), (50, 45), align_corners)
    wanted, inside = expected(image, transform, (50, 45), align_corners)
    np.testing.assert_allclose(np.asarray(result)[inside], wanted[inside], atol=1e-6)


@both
def test_a_transform_of_scikit_image_is_understood(align_corners: bool) -> None:
    image = picture((60, 70))
    theirs = skimage.transform.SimilarityTransform(scale=0.8, rotation=0.3, translation=(9, 2))
    result = skimage.transform.warp(image, theirs, output_shape=(50, 45), order=1)
    transform = from_skimage(theirs.params, (60, 70), (50, 45), align_corners)
    wanted, inside = expected(image, transform, (50, 45), align_corners)
    np.testing.assert_allclose(result[inside], wanted[inside], atol=1e-10)


Pair = tuple[
    Callable[[MatrixTransform, tuple[int, int], tuple[int, int], bool], object],
    Callable[..., MatrixTransform],
]
PAIRS: dict[str, Pair] = {
    "opencv": (to_opencv, from_opencv),
    "opencv inverse map": (
        lambda t, i, o, a: to_opencv(t, i, o, a, inverse_map=True),
        lambda m, i, o, a: from_opencv(m, i, o, a, inverse_map=True),
    ),
    "pillow": (to_pillow, from_pillow),
    "skimage": (to_skimage, from_skimage),
}
length = st.integers(2, 2000)


@EXAMPLES
@given(
    st.sampled_from(sorted(PAIRS)),
    st.sampled_from([*AFFINE, *PROJECTIVE]),
    st.tuples(length, length),
    st.tuples(length, length),
    st.booleans(),
)
def test_a_transform_comes_back_from_every_library(
    pair: str, name: str, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    to, back = PAIRS[pair]
    transform = transform_of(name)
    theirs = to(transform, input_size, output_size, align_corners)
    again = back(theirs, input_size, output_size, align_corners).theta
    # two changes of coordinates with sides up to 2000 and one or two inverses between
    np.testing.assert_allclose(again / again[2, 2], transform.theta / transform.theta[2, 2], atol=1e-9)


def test_the_identity_is_the_identity_to_every_library() -> None:
    identity = theta_from_numbers([0, 0])
    assert to_opencv(identity, (3, 5), (3, 5)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert to_pillow(identity, (3, 5), (3, 5)) == (1, 0, 0, 0, 1, 0)
    assert to_skimage(identity, (3, 5), (3, 5)).tolist() == np.eye(3).tolist()


def test_a_transform_without_inverse_is_refused_only_where_one_is_needed() -> None:
    flat = MatrixTransform([[1, 1, 0], [1, 1, 0]])
    with pytest.raises(SingularTransformError, match="cannot be inverted"):
        to_opencv(flat, (5, 6), (5, 6))
    assert to_opencv(flat, (5, 6), (5, 6), inverse_map=True).shape == (2, 3)
    with pytest.raises(SingularTransformError, match="OpenCV's matrix cannot be inverted"):
        from_opencv(np.zeros((2, 3)), (5, 6), (5, 6))


def test_a_transform_beyond_float64_is_refused_in_words() -> None:
    huge = theta_from_numbers([1.7e308, 0, 1.7e308, 0, 1.7e308, 0])
    with pytest.raises(SingularTransformError, match="beyond float64"):
        to_opencv(huge, (500, 600), (5, 6))


def test_wrong_matrices_are_refused_with_the_library_named() -> None:
    with pytest.raises(ShapeError, match=r"OpenCV's matrix must have shape .* got \(2, 2\)"):
        from_opencv(np.eye(2), (5, 6), (5, 6))
    with pytest.raises(ShapeError, match=r"Pillow's data must be 6 numbers .* got 7"):
        from_pillow([1.0] * 7, (5, 6), (5, 6))
    with pytest.raises(ThetaError, match="scikit-image's matrix holds nan"):
        from_skimage(np.full((3, 3), np.nan), (5, 6), (5, 6))


def test_a_homography_that_eight_numbers_cannot_hold_is_refused_for_pillow() -> None:
    # in Pillow's coordinates the last number is the depth at the output's top-left corner
    horizon = from_skimage([[1, 0, 0], [0, 1, 0], [1, 0, 0.5]], (8, 8), (8, 8))
    with pytest.raises(ParameterError, match="Pillow cannot hold this transform"):
        to_pillow(horizon, (8, 8), (8, 8))
