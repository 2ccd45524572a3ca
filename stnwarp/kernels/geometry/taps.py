"""Taps: the pixels that a position is blended from beyond its four neighbours, and their weights.

A position has taps x taps pixels, 4 x 4 or 6 x 6, the middle ones around it; half of that is how far they reach. The
work space is parted otherwise than `layout` says, for blocks of at most TAP_BLOCK positions:

- offsets: FIRST_TAP, the offset of the first of taps that lie side by side; TAP_COLUMNS and TAP_ROWS, the indices of
  the taps, tap by tap; WINDOW_X and WINDOW_Y, the first tap's indices; IS_IRREGULAR, whether a position has to be
  blended tap by tap;
- weights: of the taps on either axis (WEIGHTS_X, WEIGHTS_Y), tap by tap; those of taps in the order in which they lie
  in memory (WINDOW_WEIGHTS_X, WINDOW_WEIGHTS_Y), position by position, `weights_stride` for each; the fill's share on
  either axis (MISSING_X, MISSING_Y); the blended values (BLENDED), as many for each position as channels are blended
  together.

Windows and the fill's share are stored as the kind of memory that packed pixels are, and the rest as points. They do
not overlap, which LLVM does not see where one is ordered by taps and the other by positions.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.padding import pad_tap
from stnwarp.kernels.geometry.regions import any_tap_bounds
from stnwarp.kernels.geometry.tap_weights import Weigh, weights_stride
from stnwarp.kernels.layout import BORDER, TAP_BLOCK, Block, Memory, SampleCall, SampleTask, X, Y
from stnwarp.kernels.simd.memory import load_points, store_pixels, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight, greatest, least

FIRST_TAP, TAP_COLUMNS, TAP_ROWS, IS_IRREGULAR, WINDOW_X, WINDOW_Y = (
    np.uintp(part * TAP_BLOCK) for part in (0, 1, 7, 13, 14, 15)
)
WEIGHTS_X, WEIGHTS_Y, WINDOW_WEIGHTS_X, WINDOW_WEIGHTS_Y = (np.uintp(part * TAP_BLOCK) for part in (0, 8, 16, 24))
MISSING_X, MISSING_Y, BLENDED = (np.uintp(part * TAP_BLOCK) for part in (32, 33, 34))

_FAR_OUTSIDE = -16.0


@inline
def locate_inside_taps(task: SampleTask, block: Block, taps: int, weigh: Weigh) -> None:
    """Set FIRST_TAP, WINDOW_WEIGHTS_X and WINDOW_WEIGHTS_Y of positions all of whose taps exist."""
    image, count = block.image, block.length
    call, positions, offsets, weights = task.call, task.positions, task.offsets, task.weights
    base = call.origin + image * call.image_stride - (taps // 2 - 1) * (call.row_stride + call.column_stride)
    for k in range(np.uintp(count)):
        column, line = np.floor(load_points(positions, X + k)), np.floor(load_points(positions, Y + k))
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        store_points(offsets, FIRST_TAP + k, offset)
    weigh(positions, X, count, weights, WINDOW_WEIGHTS_X, 0)
    weigh(positions, Y, count, weights, WINDOW_WEIGHTS_Y, 0)


@inline
def locate_taps(task: SampleTask, block: Block, taps: int, weigh: Weigh, modes: tuple[int, int]) -> None:
    """Set TAP_COLUMNS, TAP_ROWS, WEIGHTS_X and WEIGHTS_Y of any positions, NaN and infinity included.

    `modes` are those of columns and rows. Under zeros, and for what is not of the rim under fill, the index of a tap
    outside is outside.
    """
    call, count = task.call, block.length
    positions, offsets, weights = task.positions, task.offsets, task.weights
    if greatest(modes[0], modes[1]) < BORDER:
        _settle_outside(call, count, positions, taps)
    weigh(positions, X, count, weights, WEIGHTS_X, 1)
    weigh(positions, Y, count, weights, WEIGHTS_Y, 1)
    # The axis is a literal, here and below: LLVM then knows which parts of the work space are different ones.
    _pad_axis(call, 0, count, positions, offsets, taps, modes[0])
    _pad_axis(call, 1, count, positions, offsets, taps, modes[1])


@inline
def _settle_outside(call: SampleCall, count: int, positions: Memory, taps: int) -> None:
    """Move positions none of whose taps exist to where the fill has the share 1, with no rounding."""
    low, x_stop, y_stop = any_tap_bounds(call, taps)
    for k in range(np.uintp(count)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        touching = (x >= low) & (x < x_stop) & (y >= low) & (y < y_stop)
        store_points(positions, X + k, x if touching else _FAR_OUTSIDE)
        store_points(positions, Y + k, y if touching else _FAR_OUTSIDE)


@inline
def _pad_axis(
    call: SampleCall, axis: int, count: int, positions: Memory, offsets: Memory, taps: int, padding: int
) -> None:
    """Move each tap of each position into the image, by itself as torch does, on one axis."""
    size = call.height if axis == 1 else call.width
    position, indices = (Y, TAP_ROWS) if axis == 1 else (X, TAP_COLUMNS)
    for tap in range(taps):
        from_left, to = np.float64(tap - (taps // 2 - 1)), indices + np.uintp(tap * TAP_BLOCK)
        for k in range(np.uintp(count)):
            pixel = np.floor(load_points(positions, position + k)) + from_left
            if padding < BORDER:
                store_points(offsets, to + k, _next_outside(pixel, size))
            else:
                store_points(offsets, to + k, pad_tap(pixel, size, call.align_corners, padding))


@inline
def _next_outside(pixel: float, size: int) -> Any:
    """Return the index of `pixel`, or -1 or `size` if it lies outside, on the side where it does; -1 for NaN."""
    last = np.float64(size)
    pixel = pixel if pixel > -1.0 else -1.0
    return np.int64(pixel if pixel < last else last)


@inline
def fit_windows(task: SampleTask, block: Block, taps: int) -> Any:
    """Set FIRST_TAP, WINDOW_WEIGHTS and MISSING, on both axes, of positions whose taps lie side by side.

    The others are IS_IRREGULAR; return how many.

    Padding leaves most taps side by side: clamped ones are fewer, mirrored ones the other way round. Each weight goes
    to where its pixel lies, those of the same pixel are summed. There must be taps columns and taps rows.
    """
    call, image, count = task.call, block.image, block.length
    offsets, weights = task.offsets, task.weights
    for k in range(np.uintp(count)):
        store_points(offsets, IS_IRREGULAR + k, np.int64(0))
    _find_windows(call, 0, count, offsets, taps)
    _find_windows(call, 1, count, offsets, taps)
    _order_weights(0, count, offsets, weights, taps)
    _order_weights(1, count, offsets, weights, taps)
    _sum_missing(call, 0, count, offsets, weights, taps)
    _sum_missing(call, 1, count, offsets, weights, taps)
    irregular: Any = np.int64(0)
    for k in range(np.uintp(count)):
        offset = load_points(offsets, WINDOW_X + k) * call.column_stride
        offset += load_points(offsets, WINDOW_Y + k) * call.row_stride
        store_points(offsets, FIRST_TAP + k, call.origin + image * call.image_stride + offset)
        irregular += load_points(offsets, IS_IRREGULAR + k)
    return irregular


@inline
def _find_windows(call: SampleCall, axis: int, count: int, offsets: Memory, taps: int) -> None:
    """Set WINDOW_X or WINDOW_Y: the least index of each position's taps, moved to where a window fits."""
    size = call.height if axis == 1 else call.width
    window, indices = (WINDOW_Y, TAP_ROWS) if axis == 1 else (WINDOW_X, TAP_COLUMNS)
    for k in range(np.uintp(count)):
        low = high = load_points(offsets, indices + k)
        for tap in range(np.uintp(1), np.uintp(taps)):
            index = load_points(offsets, indices + np.uintp(TAP_BLOCK) * tap + k)
            low, high = least(low, index), greatest(high, index)
        low, high = greatest(least(low, size - taps), 0), least(high, size - 1)
        store_points(offsets, window + k, low)
        irregular = load_points(offsets, IS_IRREGULAR + k)
        store_points(offsets, IS_IRREGULAR + k, np.int64(1) if high - low >= taps else irregular)


@inline
def _order_weights(axis: int, count: int, offsets: Memory, weights: Memory, taps: int) -> None:
    """Set WINDOW_WEIGHTS_X or WINDOW_WEIGHTS_Y."""
    window, indices = (WINDOW_Y, TAP_ROWS) if axis == 1 else (WINDOW_X, TAP_COLUMNS)
    part, ordered = (WEIGHTS_Y, WINDOW_WEIGHTS_Y) if axis == 1 else (WEIGHTS_X, WINDOW_WEIGHTS_X)
    for k in range(np.uintp(count)):
        low, nothing = load_points(offsets, window + k), cast_to_weight(weights, 0)
        for column in range(weights_stride(taps)):
            total = nothing
            for tap in range(np.uintp(taps)):
                index = load_points(offsets, indices + np.uintp(TAP_BLOCK) * tap + k)
                # Loaded whatever the condition, which then need not become a gather.
                weight = load_points(weights, part + np.uintp(TAP_BLOCK) * tap + k)
                total = total + weight if index == low + np.int64(column) else total
            store_pixels(weights, ordered + weights_stride(taps) * k + column, total)


@inline
def _sum_missing(call: SampleCall, axis: int, count: int, offsets: Memory, weights: Memory, taps: int) -> None:
    """Set MISSING_X or MISSING_Y, not as one minus other weights, whose rounding would let the fill into the image."""
    size = call.height if axis == 1 else call.width
    indices, part, missing = (TAP_ROWS, WEIGHTS_Y, MISSING_Y) if axis == 1 else (TAP_COLUMNS, WEIGHTS_X, MISSING_X)
    for k in range(np.uintp(count)):
        total = cast_to_weight(weights, 0)
        for tap in range(np.uintp(taps)):
            index = load_points(offsets, indices + np.uintp(TAP_BLOCK) * tap + k)
            weight = load_points(weights, part + np.uintp(TAP_BLOCK) * tap + k)
            total = total + weight if (index < 0) | (index >= size) else total
        store_pixels(weights, missing + k, total)
