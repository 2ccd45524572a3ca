"""The matrices of other libraries: OpenCV, Pillow and scikit-image, to and from transforms.

Each speaks in pixels, so every function takes the (height, width) of the input and of the output, and
align_corners, which says how the transform's normalised coordinates are meant; the others' matrices do not
depend on it.

| library | matrix takes | pixel centres at |
|---|---|---|
| OpenCV, default flags | input to output | integers |
| OpenCV, WARP_INVERSE_MAP | output to input | integers |
| Pillow, Image.transform | output to input | integers plus one half |
| scikit-image, warp(inverse_map=...) | output to input | integers |
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms import matrices
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.pixels import pixel_matrix, theta_from_pixel_matrix


def to_opencv(
    transform: MatrixTransform,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    inverse_map: bool = False,
) -> Array:
    """Return the matrix for cv2.warpAffine, (2, 3), or for cv2.warpPerspective, (3, 3), when it is projective.

    Args:
        transform: output to input, normalised.
        input_size: (height, width) of the image that is warped.
        output_size: (height, width) of the result; OpenCV's dsize is (width, height).
        align_corners: how the normalised coordinates are meant.
        inverse_map: True for the flag WARP_INVERSE_MAP, output to input; False for OpenCV's default, input to
            output.

    Raises:
        SingularTransformError: the default direction of a transform that has no inverse; an axis of one pixel
            leaves none with align_corners=True.
    """
    matrix = pixel_matrix(transform.theta, input_size, output_size, align_corners)
    if not inverse_map:
        matrix = matrices.invert(matrix, "the transform")
    return matrix[:2] if matrices.is_affine(matrix) else matrix


def from_opencv(
    matrix: ArrayLike,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    inverse_map: bool = False,
) -> MatrixTransform:
    """Make the transform of a matrix of cv2.warpAffine or cv2.warpPerspective; arguments as in `to_opencv`.

    Raises:
        ShapeError, ThetaError: another shape, or numbers that are not finite.
        SingularTransformError: a matrix of the default direction that has no inverse.
    """
    given = matrices.as_matrix(matrix, "OpenCV's matrix")
    if not inverse_map:
        given = matrices.invert(given, "OpenCV's matrix")
    return MatrixTransform(theta_from_pixel_matrix(given, input_size, output_size, align_corners))


def to_pillow(
    transform: MatrixTransform,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> tuple[float, ...]:
    """Return the data for Image.transform: six numbers for Transform.AFFINE, eight for PERSPECTIVE when projective.

    Args:
        transform: output to input, normalised.
        input_size: (height, width) of the image that is warped; Pillow's size is (width, height).
        output_size: (height, width) of the result.
        align_corners: how the normalised coordinates are meant.

    Raises:
        ParameterError: a homography whose last number in Pillow's coordinates is 0, which it has no room for.
    """
    matrix = pixel_matrix(transform.theta, input_size, output_size, align_corners)
    cornered = matrices.product(matrices.shift(0.5, 0.5), matrix, matrices.shift(-0.5, -0.5))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        cornered /= cornered[2, 2]
    if not np.isfinite(cornered).all():
        raise ParameterError("Pillow cannot hold this transform: with a last number of 1 its numbers are infinite")
    return tuple(float(number) for number in cornered.ravel()[: 6 if matrices.is_affine(matrix) else 8])


def from_pillow(
    data: Sequence[float],
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> MatrixTransform:
    """Make the transform of Image.transform's `data`, six numbers or eight; other arguments as in `to_pillow`.

    Raises:
        ShapeError: another count of numbers.  ThetaError: numbers that are not finite.
    """
    numbers = matrices.as_floats(data, "Pillow's data").ravel()
    if len(numbers) not in (6, 8):
        raise ShapeError(f"Pillow's data must be 6 numbers (AFFINE) or 8 (PERSPECTIVE), got {len(numbers)}")
    whole = [*numbers, *((0.0, 0.0, 1.0) if len(numbers) == 6 else (1.0,))]
    cornered = matrices.as_matrix([whole[:3], whole[3:6], whole[6:]], "Pillow's data")
    matrix = matrices.product(matrices.shift(-0.5, -0.5), cornered, matrices.shift(0.5, 0.5))
    return MatrixTransform(theta_from_pixel_matrix(matrix, input_size, output_size, align_corners))


def to_skimage(
    transform: MatrixTransform,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> Array:
    """Return the (3, 3) matrix for skimage.transform.warp(image, inverse_map=matrix, output_shape=output_size).

    Args:
        transform: output to input, normalised.
        input_size: (height, width) of the image that is warped.
        output_size: (height, width) of the result.
        align_corners: how the normalised coordinates are meant.
    """
    return pixel_matrix(transform.theta, input_size, output_size, align_corners)


def from_skimage(
    matrix: ArrayLike,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> MatrixTransform:
    """Make the transform of a matrix that skimage.transform.warp takes as inverse_map; others as in `to_skimage`.

    Raises:
        ShapeError, ThetaError: not (2, 3) or (3, 3), or numbers that are not finite.
    """
    given = matrices.as_matrix(matrix, "scikit-image's matrix")
    return MatrixTransform(theta_from_pixel_matrix(given, input_size, output_size, align_corners))
