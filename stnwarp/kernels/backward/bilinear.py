"""The gradients of bilinear sampling, to the input and to the grid or the matrices, in one go through the points."""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import (
    COLUMN_OFFSETS,
    FIRST,
    IRREGULAR_POINTS,
    ROW_OFFSETS,
    SUM_X,
    SUM_Y,
    VALUES,
    GradientCall,
    GradientTask,
    Tile,
)
from stnwarp.kernels.backward.neighbours import (
    FRACTION_X,
    FRACTION_Y,
    IRREGULAR,
    LOWER_PAIRS,
    MISSING,
    UPPER_PAIRS,
    locate,
    pad_irregular,
)
from stnwarp.kernels.backward.sums import clear_sums, propagate
from stnwarp.kernels.backward.tiles import (
    clear_non_finite,
    differentiate_tiles,
    half_count,
    is_finite,
    load_values,
    point_count,
    prefetch_channel,
)
from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.layout import BLOCK, Memory
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import (
    copy_pair,
    load_pixels,
    load_points,
    load_source,
    store_pixels,
    store_points,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, multiply_unless_zero


@kernel
def bilinear_gradients(task: GradientTask) -> None:
    """Do a slice of the work, see `tiles`."""
    differentiate_tiles(task, _differentiate)


@inline
def _differentiate(task: GradientTask, tile: Tile) -> None:
    count = point_count(tile)
    pad_positions(task.call, task.grid, count, task.positions, 1)
    if not locate(task, tile):
        clear_sums(count, task.values)
    else:
        _add_channels(task, tile)
    if task.slice.wants_grid != 0:
        propagate(task, tile)


@inline
def _add_channels(task: GradientTask, tile: Tile) -> None:
    """Add up both gradients of a tile, one channel after the other."""
    source, to_source, call, part = task.source, task.to_source, task.call, task.slice
    offsets, weights, values = task.offsets, task.weights, task.values
    count, sums = point_count(tile), part.wants_grid != 0
    first, last = (0, call.channels) if sums else (part.first_channel, part.last_channel)
    prefetch_channel(task, first, count)
    for channel in range(first, last):
        prefetch_channel(task, channel + 1, count)
        non_finite = load_values(task, tile, channel)
        shift = unsigned_stride(channel * call.channel_stride)
        scatters = part.first_channel <= channel < part.last_channel
        if non_finite > 0:
            clear_non_finite(count, values)
        # Literals: the loop is compiled for each, without what it does not do.
        if scatters and sums:
            irregular = _gather_and_scatter(source, to_source, call, shift, True, True, count, offsets, weights, values)
        elif scatters:
            irregular = _gather_and_scatter(
                source, to_source, call, shift, True, False, count, offsets, weights, values
            )
        else:
            irregular = _gather_and_scatter(
                source, to_source, call, shift, False, True, count, offsets, weights, values
            )
        if channel == first:
            pad_irregular(task, tile.image, irregular, 2)
        if non_finite > 0:
            load_values(task, tile, channel)
            if scatters:
                _scatter_non_finite(to_source, call, shift, count, offsets, weights, values)
        for number in range(irregular):
            k = np.uintp(load_points(offsets, IRREGULAR_POINTS + number))
            _visit_irregular(source, to_source, shift, scatters, sums, k, offsets, weights, values)
        if sums and non_finite > 0:
            _add_slopes(count, channel == first, True, weights, values)
        elif sums:
            _add_slopes(count, channel == first, False, weights, values)


@force_inline
def _gather_and_scatter(
    source: Memory,
    to_source: Memory,
    call: GradientCall,
    shift: Any,
    scatters: bool,
    sums: bool,
    count: Any,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> Any:
    """Fetch and add to the neighbours of all points that have four side by side; list the irregular ones.

    Returns:
        How many points are irregular.
    """
    half, irregular = half_count(count), np.uintp(0)
    for number in range(half):
        for part in range(2):
            k = np.uintp(number) + half * np.uintp(part)
            first = load_points(offsets, FIRST + k)
            if first >= 0:
                if sums:
                    _fetch(source, call, np.uintp(first) + shift, k, weights)
                if scatters:
                    _scatter(to_source, call, np.uintp(first) + shift, k, weights, values)
            else:
                if sums:
                    _clear_missing(k, weights)
                if first == IRREGULAR:
                    store_points(offsets, IRREGULAR_POINTS + irregular, np.int64(k))
                    irregular += np.uintp(1)
    return irregular


@force_inline
def _fetch(source: Memory, call: GradientCall, at: Any, k: Any, weights: Memory) -> None:
    """Copy the four neighbours of a point."""
    right, down = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride)
    upper, lower = UPPER_PAIRS + k + k, LOWER_PAIRS + k + k
    if call.column_stride == 1:
        copy_pair(source, at, weights, upper)
        copy_pair(source, at + down, weights, lower)
    else:
        store_points(weights, upper, load_source(source, at))
        store_points(weights, upper + np.uintp(1), load_source(source, at + right))
        store_points(weights, lower, load_source(source, at + down))
        store_points(weights, lower + np.uintp(1), load_source(source, at + down + right))


@force_inline
def _clear_missing(k: Any, weights: Memory) -> None:
    """Set missing neighbours to 0."""
    for pair in (UPPER_PAIRS + k + k, LOWER_PAIRS + k + k):
        store_points(weights, pair, 0)
        store_points(weights, pair + np.uintp(1), 0)


@force_inline
def _scatter(to_source: Memory, call: GradientCall, at: Any, k: Any, weights: Memory, values: Memory) -> None:
    """Add to the four neighbours of a point what the gradient gives each."""
    right, down = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride)
    across, along = load_points(weights, FRACTION_X + k), load_points(weights, FRACTION_Y + k)
    left, value = cast_like(across, 1) - across, load_pixels(values, VALUES + k)
    above, below = value * (cast_like(along, 1) - along), value * along
    to_source[at] = fma(above, left, to_source[at])
    to_source[at + right] = fma(above, across, to_source[at + right])
    to_source[at + down] = fma(below, left, to_source[at + down])
    to_source[at + down + right] = fma(below, across, to_source[at + down + right])


@inline
def _scatter_non_finite(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add what is NaN or infinite, which `_gather_and_scatter` passed over, to the neighbours that have a weight."""
    for k in range(count):
        first, value = load_points(offsets, FIRST + k), load_pixels(values, VALUES + k)
        if first >= 0 and not is_finite(value):
            across, along = load_points(weights, FRACTION_X + k), load_points(weights, FRACTION_Y + k)
            for line in range(2):
                weight_y = along if line == 1 else cast_like(along, 1) - along
                at = np.uintp(first + line * call.row_stride) + shift
                _add_output(to_source, at, value, weight_y * (cast_like(across, 1) - across))
                _add_output(to_source, at + unsigned_stride(call.column_stride), value, weight_y * across)


@inline
def _add_output(to_source: Memory, at: Any, value: Any, weight: Any) -> None:
    to_source[at] = add_unless_zero(to_source[at], value, weight)


@inline
def _visit_irregular(
    source: Memory,
    to_source: Memory,
    shift: Any,
    scatters: bool,
    sums: bool,
    k: Any,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Fetch and add to the neighbours of one point, some of which are missing, or lie apart."""
    across, along = load_points(weights, FRACTION_X + k), load_points(weights, FRACTION_Y + k)
    value, one = load_pixels(values, VALUES + k), cast_like(across, 1)
    for line in range(2):
        row = load_points(offsets, ROW_OFFSETS + np.uintp(line * BLOCK) + k)
        weight_y, pair = (along, LOWER_PAIRS) if line == 1 else (one - along, UPPER_PAIRS)
        for column in range(2):
            start = load_points(offsets, COLUMN_OFFSETS + np.uintp(column * BLOCK) + k)
            if row > MISSING and start > MISSING:
                at = np.uintp(row + start) + shift
                if sums:
                    store_points(weights, pair + k + k + np.uintp(column), load_source(source, at))
                if scatters:
                    _add_output(to_source, at, value, weight_y * (across if column == 1 else one - across))


@inline
def _add_slopes(count: Any, first: bool, non_finite: bool, weights: Memory, values: Memory) -> None:
    """Add the slopes of a channel at the points, times its incoming gradient, to the sums; the first one sets them.

    What has weight 0 is not read, be it NaN or infinite, and a slope of 0 reads no gradient.
    """
    for k in range(count):
        upper, lower = UPPER_PAIRS + k + k, LOWER_PAIRS + k + k
        a, b = load_points(weights, upper), load_points(weights, upper + np.uintp(1))
        c, d = load_points(weights, lower), load_points(weights, lower + np.uintp(1))
        across, along = load_points(weights, FRACTION_X + k), load_points(weights, FRACTION_Y + k)
        left, above, value = cast_like(across, 1) - across, cast_like(along, 1) - along, load_pixels(values, VALUES + k)
        slope_x = add_unless_zero(multiply_unless_zero(b - a, above), d - c, along)
        slope_y = add_unless_zero(multiply_unless_zero(c - a, left), d - b, across)
        sum_x = cast_like(value, 0) if first else load_pixels(values, SUM_X + k)
        sum_y = cast_like(value, 0) if first else load_pixels(values, SUM_Y + k)
        if non_finite:
            store_pixels(values, SUM_X + k, add_unless_zero(sum_x, value, slope_x))
            store_pixels(values, SUM_Y + k, add_unless_zero(sum_y, value, slope_y))
        else:
            store_pixels(values, SUM_X + k, fma(slope_x, value, sum_x))
            store_pixels(values, SUM_Y + k, fma(slope_y, value, sum_y))
