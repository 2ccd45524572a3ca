"""Between normalised coordinates and pixel indices, for points and for whole matrices.

Convention: pixel centres are at integers, pixel (0, 0) the top-left one; -1 and 1 are the outer edges of the
corner pixels (align_corners=False) or their centres (True). Sizes are (height, width), points (x, y).

With align_corners=True an axis of one pixel has no length: every pixel index on it is coordinate 0, and every
coordinate on it is pixel 0, as in torch and ONNX.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from stnwarp.errors import ShapeError
from stnwarp.transforms.matrices import Array, MatrixLike, as_matrices, as_matrix, product, snap, snap_all


def normalised_from_pixel(size: tuple[int, int], align_corners: bool) -> Array:
    """The (3, 3) matrix from pixel index (x, y, 1) to normalised coordinates, for an image of *size*."""
    return _to_normalised(_axes(size, align_corners))


def pixel_from_normalised(size: tuple[int, int], align_corners: bool) -> Array:
    """The (3, 3) matrix from normalised coordinates (x, y, 1) to pixel index, for an image of *size*."""
    return _to_pixel(_axes(size, align_corners))


def pixel_matrix(
    theta: MatrixLike, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> Array:
    """The (3, 3) matrix from output pixel index to input pixel index that *theta*, (2, 3) or (3, 3), means.

    A transform by a matrix may be given for theta.

    Whole numbers and halves come out exact: the identity, quarter turns, flips and whole-pixel shifts are the
    same matrices after a journey through theta as before it.
    """
    return np.array(pixel_entries(theta, input_size, output_size, align_corners)).reshape(3, 3)


def pixel_entries(
    theta: MatrixLike, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> list[float]:
    """The nine entries of `pixel_matrix`, row by row."""
    return list(_entries(tuple(_numbers(theta)), *input_size, *output_size, align_corners))


@lru_cache(maxsize=256)  # a folder has one theta and few sizes, and its small images would wait for this
def _entries(
    numbers: tuple[float, ...], height: int, width: int, output_height: int, output_width: int, align_corners: bool
) -> tuple[float, ...]:
    # In plain numbers, which for one matrix takes a tenth of the time of NumPy's products.
    frames = _axes((height, width), align_corners), _axes((output_height, output_width), align_corners)
    return tuple(_to_pixels(numbers, *frames, snap))


def pixel_matrices(
    thetas: Array, input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> Array:
    """`pixel_matrix` of each of *thetas*, (N, 2, 3) or (N, 3, 3), all at once: (N, 3, 3)."""
    numbers = list(np.moveaxis(as_matrices(thetas).reshape(-1, 9), 0, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        entries = _to_pixels(numbers, _axes(input_size, align_corners), _axes(output_size, align_corners), snap_all)
    return np.stack(entries, axis=1).reshape(-1, 3, 3)


def _numbers(theta: MatrixLike) -> list[float]:
    """The nine numbers of *theta*; `as_matrix` is asked where anything could be wrong with it."""
    if isinstance(theta, np.ndarray) and theta.shape == (2, 3) and theta.dtype.kind == "f":
        numbers = [*map(float, theta.ravel().tolist()), 0.0, 0.0, 1.0]  # of long doubles too
        if math.isfinite(sum(numbers)):
            return numbers
    return as_matrix(theta).ravel().tolist()


def _to_pixels(
    theta: Sequence[Any], source: tuple["_Axis", "_Axis"], output: tuple["_Axis", "_Axis"], rounding: Callable[..., Any]
) -> list[Any]:
    """The nine entries of to_pixel @ theta @ to_normalised; numbers, or arrays of them, one for each theta."""
    a, b, c, d, e, f, g, h, i = theta
    (x_span, x_centre), (y_span, y_centre) = source
    x_unit, y_unit = _reciprocal(output[0].span), _reciprocal(output[1].span)
    x_shift, y_shift = output[0].centre * x_unit, output[1].centre * y_unit
    entries = []
    rows = [(x_span, x_centre, a, b, c), (y_span, y_centre, d, e, f)]
    affine = rounding is snap and g == 0.0 and h == 0.0 and i == 1.0
    for span, centre, p, q, r in rows if affine else [*rows, (0.0, 1.0, 0.0, 0.0, 0.0)]:
        across, along, rest = span * p + centre * g, span * q + centre * h, span * r + centre * i
        # What was added up to each, signs left out: how much rounding errors can have gathered.
        across_terms = span * abs(p) + centre * abs(g)
        along_terms = span * abs(q) + centre * abs(h)
        rest_terms = span * abs(r) + centre * abs(i)
        entries.append(rounding(across * x_unit, across_terms * x_unit))
        entries.append(rounding(along * y_unit, along_terms * y_unit))
        terms = across_terms * x_shift + along_terms * y_shift + rest_terms
        entries.append(rounding(rest - across * x_shift - along * y_shift, terms))
    return [*entries, 0.0, 0.0, 1.0] if affine else entries


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
    return np.array(_to_pixels(_numbers(theta), axes, axes, snap)).reshape(3, 3)


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
