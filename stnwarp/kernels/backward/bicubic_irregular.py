"""The bicubic gradients of points some of whose taps are missing, lie apart, or hold what is not finite: tap by tap.

The weights of the four columns and the four lines around a point, and the slopes of these weights, are parts of the
work space, four each.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import COLUMN_OFFSETS, ROW_OFFSETS, SUM_X, SUM_Y, VALUES
from stnwarp.kernels.backward.neighbours import MISSING
from stnwarp.kernels.backward.tiles import is_finite
from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import BLOCK, Memory
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_pixels, load_points, load_source, store_pixels
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, cast_to_weight

COLUMN_WEIGHTS, LINE_WEIGHTS = np.uintp(0), np.uintp(4 * BLOCK)
COLUMN_SLOPES, LINE_SLOPES = np.uintp(8 * BLOCK), np.uintp(12 * BLOCK)


@inline
def tap_part(number: int) -> Any:
    """Return where tap `number` begins in a part of the work space."""
    return np.uintp(number * BLOCK)


@inline
def scatter_irregular(to_source: Memory, shift: Any, k: Any, offsets: Memory, weights: Memory, values: Memory) -> None:
    """Add to the taps of a point."""
    value = load_pixels(values, VALUES + k)
    for line in range(4):
        row = load_points(offsets, ROW_OFFSETS + tap_part(line) + k)
        for column in range(4):
            start = load_points(offsets, COLUMN_OFFSETS + tap_part(column) + k)
            if row > MISSING and start > MISSING:
                at = np.uintp(row + start) + shift
                if is_finite(value):
                    share = value * load_points(weights, LINE_WEIGHTS + tap_part(line) + k)
                    weight_x = load_points(weights, COLUMN_WEIGHTS + tap_part(column) + k)
                    to_source[at] = fma(share, weight_x, to_source[at])
                else:
                    weight_y = _merge_weights(offsets, ROW_OFFSETS, weights, LINE_WEIGHTS, line, k)
                    weight_x = _merge_weights(offsets, COLUMN_OFFSETS, weights, COLUMN_WEIGHTS, column, k)
                    to_source[at] = add_unless_zero(to_source[at], value, weight_y * weight_x)


@inline
def sum_irregular(source: Memory, shift: Any, k: Any, offsets: Memory, weights: Memory, values: Memory) -> bool:
    """Add the slopes at a point, times its incoming gradient, to the sums; return True if not finite and left out."""
    zero = cast_like(load_pixels(values, VALUES + k), 0)
    slope_x, slope_y = zero, zero
    for line in range(4):
        row = load_points(offsets, ROW_OFFSETS + tap_part(line) + k)
        across, along = zero, zero
        for column in range(4):
            start, part = load_points(offsets, COLUMN_OFFSETS + tap_part(column) + k), tap_part(column) + k
            if row > MISSING and start > MISSING:
                pixel = load_source(source, np.uintp(row + start) + shift)
                across = fma(pixel, load_points(weights, COLUMN_SLOPES + part), across)
                along = fma(pixel, load_points(weights, COLUMN_WEIGHTS + part), along)
        slope_x = fma(across, load_points(weights, LINE_WEIGHTS + tap_part(line) + k), slope_x)
        slope_y = fma(along, load_points(weights, LINE_SLOPES + tap_part(line) + k), slope_y)
    if is_finite(slope_x + slope_y):
        add_slopes(k, slope_x, slope_y, values)
        return False
    return True


@inline
def sum_taps(source: Memory, shift: Any, k: Any, offsets: Memory, weights: Memory, values: Memory) -> None:
    """Do the same for any slopes, reading only what has a weight."""
    zero = cast_like(load_pixels(values, VALUES + k), 0)
    slope_x, slope_y = zero, zero
    for line in range(4):
        row = load_points(offsets, ROW_OFFSETS + tap_part(line) + k)
        across, along = zero, zero
        for column in range(4):
            start = load_points(offsets, COLUMN_OFFSETS + tap_part(column) + k)
            if row > MISSING and start > MISSING:
                pixel = load_source(source, np.uintp(row + start) + shift)
                slope = _merge_weights(offsets, COLUMN_OFFSETS, weights, COLUMN_SLOPES, column, k)
                weight = _merge_weights(offsets, COLUMN_OFFSETS, weights, COLUMN_WEIGHTS, column, k)
                across, along = add_unless_zero(across, pixel, slope), add_unless_zero(along, pixel, weight)
        weight = _merge_weights(offsets, ROW_OFFSETS, weights, LINE_WEIGHTS, line, k)
        slope = _merge_weights(offsets, ROW_OFFSETS, weights, LINE_SLOPES, line, k)
        slope_x, slope_y = add_unless_zero(slope_x, across, weight), add_unless_zero(slope_y, along, slope)
    add_slopes(k, slope_x, slope_y, values)


@inline
def _merge_weights(offsets: Memory, indices: Any, weights: Memory, part: Any, tap: int, k: Any) -> Any:
    """Return the weights of all taps that fall on the pixel of `tap`, on one axis; 0 if an earlier tap has them."""
    index, total = load_points(offsets, indices + tap_part(tap) + k), cast_to_weight(weights, 0)
    for other in range(4):
        if load_points(offsets, indices + tap_part(other) + k) == index:
            if other < tap:
                return cast_to_weight(weights, 0)
            total += load_points(weights, part + tap_part(other) + k)
    return total


@inline
def add_slopes(k: Any, slope_x: Any, slope_y: Any, values: Memory) -> None:
    """Add slopes times the incoming gradient; a slope of 0 reads none, be it NaN or infinite."""
    value = load_pixels(values, VALUES + k)
    store_pixels(values, SUM_X + k, add_unless_zero(load_pixels(values, SUM_X + k), value, slope_x))
    store_pixels(values, SUM_Y + k, add_unless_zero(load_pixels(values, SUM_Y + k), value, slope_y))
