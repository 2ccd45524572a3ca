"""The gradients of bicubic sampling, to the input and to the grid or the matrices, both in one go through the points.

Sixteen taps are read around a point. Where all of them exist they lie side by side, and FIRST is the offset of the
upper left one; else it is one of the codes of `neighbours`, and each tap is moved into the image by itself.
What lies outside, under zeros, is neither read nor added to.

The weights of the four columns and the four lines, and the slopes of these weights, are parts of the work space
(COLUMN_WEIGHTS, ...), four each. A position that is not finite lies on a pixel, the one that `pad_tap` makes of it,
and has slope 0. Positions are float64: the sampler's own floor and fraction decide which pixels are read.

What has weight 0, or the slope 0, is not read, be it NaN or infinite: a sum that is not finite is added up once more,
tap by tap, and a pixel that the padding mode puts under several taps then counts once, with the sum of their weights.

Source: Keys 1981, with a = -0.75.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.bicubic_irregular import (
    COLUMN_SLOPES,
    COLUMN_WEIGHTS,
    LINE_SLOPES,
    LINE_WEIGHTS,
    add_slopes,
    scatter_irregular,
    sum_irregular,
    sum_taps,
    tap_part,
)
from stnwarp.kernels.backward.layout import (
    COLUMN_OFFSETS,
    FIRST,
    IRREGULAR_POINTS,
    NON_FINITE_POINTS,
    ROW_OFFSETS,
    VALUES,
    GradientCall,
    GradientTask,
    Tile,
)
from stnwarp.kernels.backward.neighbours import IRREGULAR, NOWHERE, list_irregular, pad_irregular
from stnwarp.kernels.backward.sums import clear_sums, propagate
from stnwarp.kernels.backward.tiles import clear_non_finite, differentiate_tiles, is_finite, load_values, point_count
from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.layout import BLOCK, BORDER, SLOPES, WRAP, ZEROS, Memory, X, Y
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_pixels, load_points, load_source, store_points, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, cast_to_weight

_A = -0.75


@kernel
def bicubic_gradients(task: GradientTask) -> None:
    """Do a slice of the work, see `tiles`."""
    differentiate_tiles(task, _differentiate)


@inline
def _differentiate(task: GradientTask, tile: Tile) -> None:
    call, count = task.call, point_count(tile)
    if call.padding == WRAP:  # the other modes move each tap by itself
        pad_positions(call, task.grid, count, task.positions, 1)
    _compute_weights(call, count, X, task.positions, task.weights, COLUMN_WEIGHTS)
    _compute_weights(call, count, Y, task.positions, task.weights, LINE_WEIGHTS)
    _locate(task, tile.image, count)
    irregular = list_irregular(count, task.offsets)
    pad_irregular(task, tile.image, irregular, 4)
    clear_sums(count, task.values)
    _add_channels(task, tile, irregular)
    if task.slice.wants_grid != 0:
        propagate(task, tile)


@inline
def _compute_weights(call: GradientCall, count: Any, axis: Any, positions: Memory, weights: Memory, part: Any) -> None:
    """Set weights and slopes of the four taps on one axis, and the positions' slopes where these are not padded yet."""
    slopes, size = part + np.uintp(8 * BLOCK), call.height if axis == Y else call.width
    for k in range(count):
        position = load_points(positions, axis + k)
        distance = position - np.floor(position)
        finite = distance <= cast_like(distance, 1)  # 1 is what a hair below a pixel is rounded to
        if call.padding != WRAP:
            # All taps of a position fall on one pixel far beyond a border, and on an axis of one pixel.
            same = (call.padding == BORDER) & (
                (position <= cast_like(position, -2)) | (position >= cast_like(position, size + 1))
            )
            moves = finite & ((call.padding == ZEROS) | (size > 1)) & (not same)
            store_points(positions, SLOPES + axis + k, cast_like(position, 1 if moves else 0))
        past = cast_to_weight(weights, distance if finite else cast_like(distance, 0))
        for tap in range(4):
            at = np.uintp(tap * BLOCK) + k
            weight, slope = _cubic(past, tap)
            store_points(weights, part + at, weight)
            store_points(weights, slopes + at, slope)


@inline
def _cubic(past: Any, tap: int) -> tuple[Any, Any]:
    """Return the weight of tap -1, 0, 1 or 2, counted from 0, for a point `past` tap 0, and its slope."""
    away = abs(past - cast_like(past, tap - 1))
    side = cast_like(past, 1 if tap < 2 else -1)  # away grows with past, or shrinks
    if tap == 1 or tap == 2:
        a, b = cast_like(past, _A + 2), cast_like(past, _A + 3)
        weight = fma(fma(a, away, -b) * away, away, cast_like(past, 1))
        return weight, side * fma(cast_like(past, 3) * a, away, cast_like(past, -2) * b) * away
    a = cast_like(past, _A)
    weight = fma(fma(away - cast_like(a, 5), away, cast_like(a, 8)), away, cast_like(a, -4))
    return a * weight, side * a * fma(fma(cast_like(a, 3), away, cast_like(a, -10)), away, cast_like(a, 8))


@inline
def _locate(task: GradientTask, image: int, count: Any) -> None:
    call, positions, offsets = task.call, task.positions, task.offsets
    base = call.origin + image * call.image_stride
    for k in range(count):
        x, y = np.floor(load_points(positions, X + k)), np.floor(load_points(positions, Y + k))
        one, zero = cast_like(x, 1), cast_like(x, 0)
        whole = (x >= one) & (x < cast_like(x, call.width - 2)) & (y >= one) & (y < cast_like(y, call.height - 2))
        touching = (
            (x >= cast_like(x, -2))
            & (x <= cast_like(x, call.width))
            & (y >= cast_like(y, -2))
            & (y <= cast_like(y, call.height))
        )
        column, line = (x - one if whole else zero), (y - one if whole else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        code = np.int64(IRREGULAR) if touching or call.padding != ZEROS else np.int64(NOWHERE)
        store_points(offsets, FIRST + k, offset if whole else code)


@inline
def _add_channels(task: GradientTask, tile: Tile, irregular: Any) -> None:
    """Add up both gradients of a tile, one channel after the other."""
    source, to_source, call, part = task.source, task.to_source, task.call, task.slice
    offsets, weights, values = task.offsets, task.weights, task.values
    count, sums = point_count(tile), part.wants_grid != 0
    first, last = (0, call.channels) if sums else (part.first_channel, part.last_channel)
    for channel in range(first, last):
        non_finite = load_values(task, tile, channel)
        shift = unsigned_stride(channel * call.channel_stride)
        scatters = part.first_channel <= channel < part.last_channel
        if scatters and non_finite > 0:
            clear_non_finite(count, values)
            _scatter(to_source, call, shift, count, offsets, weights, values)
            load_values(task, tile, channel)
            _scatter_non_finite(to_source, call, shift, count, offsets, weights, values)
        elif scatters:
            _scatter(to_source, call, shift, count, offsets, weights, values)
        left = np.uintp(0)
        if sums:
            left = _sum(source, call, shift, count, offsets, weights, values)
        for number in range(irregular):
            k = np.uintp(load_points(offsets, IRREGULAR_POINTS + number))
            if scatters:
                scatter_irregular(to_source, shift, k, offsets, weights, values)
            if sums and sum_irregular(source, shift, k, offsets, weights, values):
                store_points(offsets, NON_FINITE_POINTS + left, np.int64(k))
                left += np.uintp(1)
        for number in range(left):
            sum_taps(
                source, shift, np.uintp(load_points(offsets, NON_FINITE_POINTS + number)), offsets, weights, values
            )


@inline
def _scatter(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add to the sixteen taps of each point that has all of them side by side."""
    right, down = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride)
    parts = COLUMN_WEIGHTS, COLUMN_WEIGHTS + tap_part(1), COLUMN_WEIGHTS + tap_part(2), COLUMN_WEIGHTS + tap_part(3)
    for k in range(count):
        first = load_points(offsets, FIRST + k)
        if first >= 0:
            at, value = np.uintp(first) + shift, load_pixels(values, VALUES + k)
            # Loaded once: after each store they might have changed, for all that the compiler knows.
            a, b = load_points(weights, parts[0] + k), load_points(weights, parts[1] + k)
            c, d = load_points(weights, parts[2] + k), load_points(weights, parts[3] + k)
            for line in range(4):
                share = value * load_points(weights, LINE_WEIGHTS + tap_part(line) + k)
                second, third = at + right, at + right + right
                to_source[at] = fma(share, a, to_source[at])
                to_source[second] = fma(share, b, to_source[second])
                to_source[third] = fma(share, c, to_source[third])
                to_source[third + right] = fma(share, d, to_source[third + right])
                at += down


@inline
def _sum(
    source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> Any:
    """Add the slopes at each point that has all taps side by side, times its incoming gradient, to the sums.

    Returns:
        How many have slopes that are not finite; they are left out and put into NON_FINITE_POINTS.
    """
    right, down, left = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride), np.uintp(0)
    for k in range(count):
        first = load_points(offsets, FIRST + k)
        if first >= 0:
            at, zero = np.uintp(first) + shift, cast_like(load_pixels(values, VALUES + k), 0)
            slope_x, slope_y = zero, zero
            for line in range(4):
                across, along = zero, zero
                for column in range(4):
                    pixel = load_source(source, at + np.uintp(column) * right)
                    across = fma(pixel, load_points(weights, COLUMN_SLOPES + tap_part(column) + k), across)
                    along = fma(pixel, load_points(weights, COLUMN_WEIGHTS + tap_part(column) + k), along)
                slope_x = fma(across, load_points(weights, LINE_WEIGHTS + tap_part(line) + k), slope_x)
                slope_y = fma(along, load_points(weights, LINE_SLOPES + tap_part(line) + k), slope_y)
                at += down
            if is_finite(slope_x + slope_y):
                add_slopes(k, slope_x, slope_y, values)
            else:
                for tap in range(4):
                    store_points(offsets, COLUMN_OFFSETS + tap_part(tap) + k, tap * call.column_stride)
                    store_points(offsets, ROW_OFFSETS + tap_part(tap) + k, first + tap * call.row_stride)
                store_points(offsets, NON_FINITE_POINTS + left, np.int64(k))
                left += np.uintp(1)
    return left


@inline
def _scatter_non_finite(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add what is NaN or infinite, which `_scatter` passed over, to the taps that have a weight."""
    for k in range(count):
        first, value = load_points(offsets, FIRST + k), load_pixels(values, VALUES + k)
        if first >= 0 and not is_finite(value):
            for line in range(4):
                weight_y = load_points(weights, LINE_WEIGHTS + tap_part(line) + k)
                for column in range(4):
                    at = np.uintp(first + line * call.row_stride + column * call.column_stride) + shift
                    weight = weight_y * load_points(weights, COLUMN_WEIGHTS + tap_part(column) + k)
                    to_source[at] = add_unless_zero(to_source[at], value, weight)
