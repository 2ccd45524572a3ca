"""The gradients of bilinear sampling, to the input and to the grid or the matrices, in one go through the points."""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.neighbours import (
    ACROSS,
    ALONG,
    IRREGULAR,
    LOWER_PAIRS,
    MISSING,
    UPPER_PAIRS,
    locate,
    pad_irregular,
)
from stnwarp.kernels.backward.sums import clear_sums, propagate
from stnwarp.kernels.backward.tiles import (
    COLUMNS,
    FIRST,
    IRREGULAR_POINTS,
    ROWS,
    SUM_X,
    SUM_Y,
    VALUES,
    GradientCall,
    Tile,
    WorkSlice,
    clear_non_finite,
    generate_tile,
    half_count,
    is_finite,
    load_values,
    point_count,
    prefetch_channel,
    tile_at,
    tiles_across,
)
from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.layout import BLOCK, Memory
from stnwarp.kernels.simd.memory import (
    copy_pair,
    load_pixels,
    load_points,
    load_source,
    store_pixels,
    store_points,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import cast_like, multiply_unless_zero


@kernel
def bilinear_gradients(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    to_grid: Memory,
    call: GradientCall,
    share: WorkSlice,
    matrices: Memory,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Do a share of the work, see `tiles`; to_grid is described in `sums`.

    source and gradient (to the output) are read. to_source is added to, and so must start at zero.
    """
    for image in range(share.first_image, share.last_image):
        for band in range(share.first_band, share.last_band):
            for part in range(tiles_across(call)):
                tile = tile_at(call, image, band, part)
                count = point_count(tile)
                generate_tile(call, tile, matrices, grid, positions)
                pad_positions(call, count, positions, 1)
                if not locate(call, image, count, positions, offsets, weights):
                    clear_sums(count, values)
                else:
                    _work(source, gradient, to_source, call, share, tile, positions, offsets, weights, values)
                if share.wants_grid != 0:
                    propagate(call, tile, image * call.bands + band, matrices, positions, values, to_grid)


@inline
def _work(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    call: GradientCall,
    share: WorkSlice,
    tile: Tile,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Both gradients of a tile, one channel after the other."""
    count, sums = point_count(tile), share.wants_grid != 0
    first, last = (0, call.channels) if sums else (share.first_channel, share.last_channel)
    prefetch_channel(source, to_source, call, share, first, count, offsets)
    for channel in range(first, last):
        prefetch_channel(source, to_source, call, share, channel + 1, count, offsets)
        non_finite = load_values(gradient, call, tile, channel, values)
        shift = unsigned_stride(channel * call.channel_stride)
        spreads = share.first_channel <= channel < share.last_channel
        if non_finite > 0:
            clear_non_finite(count, values)
        # Literals: the loop is compiled for each, without what it does not do.
        if spreads and sums:
            irregular = _gather_and_scatter(source, to_source, call, shift, True, True, count, offsets, weights, values)
        elif spreads:
            irregular = _gather_and_scatter(
                source, to_source, call, shift, True, False, count, offsets, weights, values
            )
        else:
            irregular = _gather_and_scatter(
                source, to_source, call, shift, False, True, count, offsets, weights, values
            )
        if channel == first:
            pad_irregular(call, tile.image, irregular, 2, positions, offsets)
        if non_finite > 0:
            load_values(gradient, call, tile, channel, values)
            if spreads:
                _scatter_non_finite(to_source, call, shift, count, offsets, weights, values)
        for number in range(irregular):
            k = np.uintp(load_points(offsets, IRREGULAR_POINTS + number))
            _visit_irregular(source, to_source, shift, spreads, sums, k, offsets, weights, values)
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
    spreads: bool,
    sums: bool,
    count: Any,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> Any:
    """Fetch and add to the neighbours of all points that have four side by side; put the irregular ones into their
    list.

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
                if spreads:
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
    """Neighbours that a point has not count as 0."""
    for pair in (UPPER_PAIRS + k + k, LOWER_PAIRS + k + k):
        store_points(weights, pair, 0)
        store_points(weights, pair + np.uintp(1), 0)


@force_inline
def _scatter(to_source: Memory, call: GradientCall, at: Any, k: Any, weights: Memory, values: Memory) -> None:
    """Add to the four neighbours of a point what the gradient gives each."""
    right, down = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride)
    across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
    left, value = cast_like(across, 1) - across, load_pixels(values, VALUES + k)
    above, below = value * (cast_like(along, 1) - along), value * along
    to_source[at] += above * left
    to_source[at + right] += above * across
    to_source[at + down] += below * left
    to_source[at + down + right] += below * across


@inline
def _scatter_non_finite(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add what is NaN or infinite, which `_gather_and_scatter` passed over, to the neighbours that have a weight."""
    for k in range(count):
        first, value = load_points(offsets, FIRST + k), load_pixels(values, VALUES + k)
        if first >= 0 and not is_finite(value):
            across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
            for line in range(2):
                weight_y = along if line == 1 else cast_like(along, 1) - along
                at = np.uintp(first + line * call.row_stride) + shift
                to_source[at] += multiply_unless_zero(value, weight_y * (cast_like(across, 1) - across))
                to_source[at + unsigned_stride(call.column_stride)] += multiply_unless_zero(value, weight_y * across)


@inline
def _visit_irregular(
    source: Memory,
    to_source: Memory,
    shift: Any,
    spreads: bool,
    sums: bool,
    k: Any,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """One point some of whose neighbours are missing, or lie apart."""
    across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
    value, one = load_pixels(values, VALUES + k), cast_like(across, 1)
    for line in range(2):
        row = load_points(offsets, ROWS + np.uintp(line * BLOCK) + k)
        weight_y, pair = (along, LOWER_PAIRS) if line == 1 else (one - along, UPPER_PAIRS)
        for column in range(2):
            start = load_points(offsets, COLUMNS + np.uintp(column * BLOCK) + k)
            if row > MISSING and start > MISSING:
                at = np.uintp(row + start) + shift
                if sums:
                    store_points(weights, pair + k + k + np.uintp(column), load_source(source, at))
                if spreads:
                    to_source[at] += multiply_unless_zero(value, weight_y * (across if column == 1 else one - across))


@inline
def _add_slopes(count: Any, first: bool, non_finite: bool, weights: Memory, values: Memory) -> None:
    """Add the slopes of a channel at the points, times its incoming gradient, to the sums; the first one sets them.

    What has weight 0 is not read, be it NaN or infinite, and a slope of 0 reads no gradient.
    """
    for k in range(count):
        upper, lower = UPPER_PAIRS + k + k, LOWER_PAIRS + k + k
        a, b = load_points(weights, upper), load_points(weights, upper + np.uintp(1))
        c, d = load_points(weights, lower), load_points(weights, lower + np.uintp(1))
        across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
        left, above, value = cast_like(across, 1) - across, cast_like(along, 1) - along, load_pixels(values, VALUES + k)
        slope_x = multiply_unless_zero(b - a, above) + multiply_unless_zero(d - c, along)
        slope_y = multiply_unless_zero(c - a, left) + multiply_unless_zero(d - b, across)
        sum_x = cast_like(value, 0) if first else load_pixels(values, SUM_X + k)
        sum_y = cast_like(value, 0) if first else load_pixels(values, SUM_Y + k)
        if non_finite:
            store_pixels(values, SUM_X + k, sum_x + multiply_unless_zero(value, slope_x))
            store_pixels(values, SUM_Y + k, sum_y + multiply_unless_zero(value, slope_y))
        else:
            store_pixels(values, SUM_X + k, sum_x + slope_x * value)
            store_pixels(values, SUM_Y + k, sum_y + slope_y * value)
