"""Between normalised coordinates and pixel indices, for points and for whole matrices.

Convention: pixel centres are at integers, pixel (0, 0) the top-left one; -1 and 1 are the outer edges of the
corner pixels (align_corners=False) or their centres (True). Sizes are (height, width), points (x, y).

With align_corners=True an axis of one pixel has no length: every pixel index on it is coordinate 0, and every
coordinate on it is pixel 0, as in torch and ONNX.
"""

from typing import NamedTuple

import numpy as np

from stnwarp.errors import ShapeError
from stnwarp.transforms.matrices import Array, as_matrix, product


def normalised_from_pixel(size: tuple[int, int], align_corners: bool) -> Array:
    """The (3, 3) matrix from pixel index (x, y, 1) to normalised coordinates, for an image of *size*."""
    return _to_normalised(_axes(size, align_corners))


def pixel_from_normalised(size: tuple[int, int], align_corners: bool) -> Array:
    """The (3, 3) matrix from normalised coordinates (x, y, 1) to pixel index, for an image of *size*."""
    return _to_pixel(_axes(size, align_corners))


def pixel_matrix(theta: Array, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool) -> Array:
    """The (3, 3) matrix from output pixel index to input pixel index that *theta*, (2, 3) or (3, 3), means.

    Whole numbers and halves come out exact: the identity, quarter turns, flips and whole-pixel shifts are the
    same matrices after a journey through theta as before it.
    """
    return product(
        pixel_from_normalised(input_size, align_corners),
        as_matrix(theta),
        normalised_from_pixel(output_size, align_corners),
    )


def theta_from_pixel_matrix(
    matrix: Array, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> Array:
    """The (3, 3) theta that means *matrix*, (2, 3) or (3, 3), output pixel index to input pixel index."""
    return product(
        normalised_from_pixel(input_size, align_corners),
        as_matrix(matrix, "the pixel matrix"),
        pixel_from_normalised(output_size, align_corners),
    )


def frame_matrix(theta: Array, size: tuple[int, int], align_corners: bool) -> Array:
    """pixel_matrix for a picture and a canvas of one *size*, with an inverse whenever theta has one.

    Only one-pixel axes under align_corners=True differ: here they keep the length of their pixel, so that a
    picture one pixel wide can be asked how it moves.
    """
    x, y = _axes(size, align_corners)
    axes = _Axis(x.span or 0.5, x.centre), _Axis(y.span or 0.5, y.centre)
    return product(_to_pixel(axes), as_matrix(theta), _to_normalised(axes))


class _Axis(NamedTuple):
    span: float  # pixels that one normalised unit is long
    centre: float  # pixel index of coordinate 0


def _axes(size: tuple[int, int], align_corners: bool) -> tuple[_Axis, _Axis]:
    """The axes x and y, in this order."""
    height, width = size
    if height < 1 or width < 1:
        raise ShapeError(f"a size must be at least one pixel each way, got {width}x{height} (width x height)")
    inset = 1 if align_corners else 0
    return (
        _Axis((width - inset) / 2, (width - 1) / 2),
        _Axis((height - inset) / 2, (height - 1) / 2),
    )


def _to_pixel(axes: tuple[_Axis, _Axis]) -> Array:
    x, y = axes
    return np.array([[x.span, 0.0, x.centre], [0.0, y.span, y.centre], [0.0, 0.0, 1.0]])


def _to_normalised(axes: tuple[_Axis, _Axis]) -> Array:
    x, y = axes
    x_unit, y_unit = _reciprocal(x.span), _reciprocal(y.span)
    return np.array([[x_unit, 0.0, -x.centre * x_unit], [0.0, y_unit, -y.centre * y_unit], [0.0, 0.0, 1.0]])


def _reciprocal(span: float) -> float:
    return 1.0 / span if span else 0.0
