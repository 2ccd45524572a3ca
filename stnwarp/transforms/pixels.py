"""Between theta and matrices of pixel indices, for one matrix and for many.

Convention: pixel centres are at integers, pixel (0, 0) the top-left one; -1 and 1 are the outer edges of the
corner pixels (align_corners=False) or their centres (True). Sizes are (height, width), points (x, y).
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from stnwarp.transforms.frame import Axis, Frame, Size, axes_of
from stnwarp.transforms.matrices import Array, MatrixLike, as_matrices, as_matrix, product, snap, snap_all


def normalised_from_pixel(size: Size, align_corners: bool) -> Array:
    """Return the (3, 3) matrix from pixel index (x, y, 1) to normalised coordinates, for an image of `size`."""
    return Frame(size, align_corners).normalised_from_pixel


def pixel_from_normalised(size: Size, align_corners: bool) -> Array:
    """Return the (3, 3) matrix from normalised coordinates (x, y, 1) to pixel index, for an image of `size`."""
    return Frame(size, align_corners).pixel_from_normalised


def pixel_matrix(theta: MatrixLike, input_size: Size, output_size: Size, align_corners: bool) -> Array:
    """Return the (3, 3) matrix from output pixel index to input pixel index that `theta`, (2, 3) or (3, 3), means.

    A transform by a matrix may be given for theta.

    Whole numbers and halves come out exact: the identity, quarter turns, flips and whole-pixel shifts are the
    same matrices after a journey through theta as before it.
    """
    return np.array(pixel_entries(theta, input_size, output_size, align_corners)).reshape(3, 3)


def pixel_entries(theta: MatrixLike, input_size: Size, output_size: Size, align_corners: bool) -> list[float]:
    """Return the nine entries of `pixel_matrix`, row by row."""
    return list(_entries(tuple(_numbers(theta)), *input_size, *output_size, align_corners))


@lru_cache(maxsize=256)  # a folder has one theta and few sizes, and its small images would wait for this
def _entries(
    numbers: tuple[float, ...], height: int, width: int, output_height: int, output_width: int, align_corners: bool
) -> tuple[float, ...]:
    # In plain numbers, which for one matrix takes a tenth of the time of NumPy's products.
    source, output = axes_of((height, width), align_corners), axes_of((output_height, output_width), align_corners)
    return tuple(_to_pixels(numbers, source, output, snap))


def pixel_matrices(thetas: Array, input_size: Size, output_size: Size, align_corners: bool) -> Array:
    """Return `pixel_matrix` of each of `thetas`, (N, 2, 3) or (N, 3, 3), all at once: (N, 3, 3)."""
    numbers = list(np.moveaxis(as_matrices(thetas).reshape(-1, 9), 0, 1))
    source, output = Frame(input_size, align_corners), Frame(output_size, align_corners)
    with np.errstate(over="ignore", invalid="ignore"):
        entries = _to_pixels(numbers, source.axes, output.axes, snap_all)
    return np.stack(entries, axis=1).reshape(-1, 3, 3)


def _numbers(theta: MatrixLike) -> list[float]:
    """Return the nine numbers of `theta`; `as_matrix` checks it where anything could be wrong."""
    if isinstance(theta, np.ndarray) and theta.shape == (2, 3) and theta.dtype.kind == "f":
        numbers = [*map(float, theta.ravel().tolist()), 0.0, 0.0, 1.0]  # of long doubles too
        if math.isfinite(sum(numbers)):
            return numbers
    return as_matrix(theta).ravel().tolist()


def _to_pixels(
    theta: Sequence[Any], source: tuple[Axis, Axis], output: tuple[Axis, Axis], rounding: Callable[..., Any]
) -> list[Any]:
    """Multiply to_pixel @ theta @ to_normalised: nine numbers, or arrays of them, one for each theta."""
    a, b, c, d, e, f, g, h, i = theta
    (x_span, x_centre), (y_span, y_centre) = source
    x, y = output
    x_unit, y_unit = x.unit, y.unit
    x_shift, y_shift = x.centre * x_unit, y.centre * y_unit
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


def theta_from_pixel_matrix(matrix: Array, input_size: Size, output_size: Size, align_corners: bool) -> Array:
    """Return the (3, 3) theta that means `matrix`, (2, 3) or (3, 3), output pixel index to input pixel index."""
    source, output = Frame(input_size, align_corners), Frame(output_size, align_corners)
    return product(source.normalised_from_pixel, as_matrix(matrix, "the pixel matrix"), output.pixel_from_normalised)


def frame_matrix(theta: Array, frame: Frame) -> Array:
    """Return `pixel_matrix` for a picture and a canvas of one `frame`, with an inverse whenever theta has one.

    Only one-pixel axes under align_corners=True differ: here they keep the length of their pixel.
    """
    axes = frame.axes_with_length
    return np.array(_to_pixels(_numbers(theta), axes, axes, snap)).reshape(3, 3)
