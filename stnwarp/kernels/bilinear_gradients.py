"""The gradients of bilinear sampling, to the input and to the grid or the matrices, in one go through the points."""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import like, weighted
from stnwarp.kernels.blocks import BLOCK, Memory
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.gradient_neighbours import (
    ACROSS,
    ALONG,
    LOWER_PAIRS,
    MISSING,
    RAGGED,
    UPPER_PAIRS,
    fold_ragged,
    locate,
)
from stnwarp.kernels.gradient_sums import clear_sums, hand_on
from stnwarp.kernels.gradient_tiles import (
    COLUMNS,
    FIRST,
    RAGGED_POINTS,
    ROWS,
    SUM_X,
    SUM_Y,
    VALUES,
    GradientCall,
    Share,
    Tile,
    clear_non_finite,
    half_of,
    is_finite,
    load_values,
    place_tile,
    points_of,
    tile_at,
    tiles_across,
)
from stnwarp.kernels.jit import hot, inlined, kernel
from stnwarp.kernels.memory import as_step, load_pixels, load_points, load_source, store_pixels, store_points
from stnwarp.kernels.pairs import copy_pair
from stnwarp.kernels.prefetching import prefetch_channel


@kernel
def bilinear_gradients(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    to_grid: Memory,
    call: GradientCall,
    share: Share,
    matrices: Memory,
    grid: Memory,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Do a share of the work, see `gradient_tiles`; to_grid is described in `gradient_sums`.

    source and gradient (to the output) are read. to_source is added to, and so must start at zero.
    """
    for image in range(share.first_image, share.last_image):
        for band in range(share.first_band, share.last_band):
            for part in range(tiles_across(call)):
                tile = tile_at(call, image, band, part)
                count = points_of(tile)
                place_tile(call, tile, matrices, grid, places)
                fold_places(call, count, places, 1)
                if not locate(call, image, count, places, offsets, weights):
                    clear_sums(count, values)
                else:
                    _work(source, gradient, to_source, call, share, tile, places, offsets, weights, values)
                if share.wants_grid != 0:
                    hand_on(call, tile, image * call.bands + band, matrices, places, values, to_grid)


@inlined
def _work(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    call: GradientCall,
    share: Share,
    tile: Tile,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Both gradients of a tile, one channel after the other."""
    count, sums = points_of(tile), share.wants_grid != 0
    first, last = (0, call.channels) if sums else (share.first_channel, share.last_channel)
    prefetch_channel(source, to_source, call, share, first, count, offsets)
    for channel in range(first, last):
        prefetch_channel(source, to_source, call, share, channel + 1, count, offsets)
        non_finite = load_values(gradient, call, tile, channel, values)
        shift = as_step(channel * call.channel_stride)
        spreads = share.first_channel <= channel < share.last_channel
        if non_finite > 0:
            clear_non_finite(count, values)
        # Literals: the loop is compiled for each, without what it does not do.
        if spreads and sums:
            ragged = _visit(source, to_source, call, shift, True, True, count, offsets, weights, values)
        elif spreads:
            ragged = _visit(source, to_source, call, shift, True, False, count, offsets, weights, values)
        else:
            ragged = _visit(source, to_source, call, shift, False, True, count, offsets, weights, values)
        if channel == first:
            fold_ragged(call, tile.image, ragged, 2, places, offsets)
        if non_finite > 0:
            load_values(gradient, call, tile, channel, values)
            if spreads:
                _spread_non_finite(to_source, call, shift, count, offsets, weights, values)
        for number in range(ragged):
            k = np.uintp(load_points(offsets, RAGGED_POINTS + number))
            _visit_ragged(source, to_source, shift, spreads, sums, k, offsets, weights, values)
        if sums and non_finite > 0:
            _add_slopes(count, channel == first, True, weights, values)
        elif sums:
            _add_slopes(count, channel == first, False, weights, values)


@hot
def _visit(
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
    """Fetch and add to the neighbours of all points that have four side by side; put the ragged ones into their list.

    Returns:
        How many points are ragged.
    """
    half, ragged = half_of(count), np.uintp(0)
    for number in range(half):
        for part in range(2):
            k = np.uintp(number) + half * np.uintp(part)
            first = load_points(offsets, FIRST + k)
            if first >= 0:
                if sums:
                    _fetch(source, call, np.uintp(first) + shift, k, weights)
                if spreads:
                    _spread(to_source, call, np.uintp(first) + shift, k, weights, values)
            else:
                if sums:
                    _forget(k, weights)
                if first == RAGGED:
                    store_points(offsets, RAGGED_POINTS + ragged, np.int64(k))
                    ragged += np.uintp(1)
    return ragged


@hot
def _fetch(source: Memory, call: GradientCall, at: Any, k: Any, weights: Memory) -> None:
    """Copy the four neighbours of a point."""
    right, down = as_step(call.column_stride), as_step(call.row_stride)
    upper, lower = UPPER_PAIRS + k + k, LOWER_PAIRS + k + k
    if call.column_stride == 1:
        copy_pair(source, at, weights, upper)
        copy_pair(source, at + down, weights, lower)
    else:
        store_points(weights, upper, load_source(source, at))
        store_points(weights, upper + np.uintp(1), load_source(source, at + right))
        store_points(weights, lower, load_source(source, at + down))
        store_points(weights, lower + np.uintp(1), load_source(source, at + down + right))


@hot
def _forget(k: Any, weights: Memory) -> None:
    """Neighbours that a point has not count as 0."""
    for pair in (UPPER_PAIRS + k + k, LOWER_PAIRS + k + k):
        store_points(weights, pair, 0)
        store_points(weights, pair + np.uintp(1), 0)


@hot
def _spread(to_source: Memory, call: GradientCall, at: Any, k: Any, weights: Memory, values: Memory) -> None:
    """Add to the four neighbours of a point what the gradient gives each."""
    right, down = as_step(call.column_stride), as_step(call.row_stride)
    across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
    left, value = like(across, 1) - across, load_pixels(values, VALUES + k)
    above, below = value * (like(along, 1) - along), value * along
    to_source[at] += above * left
    to_source[at + right] += above * across
    to_source[at + down] += below * left
    to_source[at + down + right] += below * across


@inlined
def _spread_non_finite(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add what is NaN or infinite, which `_visit` passed over, to the neighbours that have a weight."""
    for k in range(count):
        first, value = load_points(offsets, FIRST + k), load_pixels(values, VALUES + k)
        if first >= 0 and not is_finite(value):
            across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
            for line in range(2):
                weight_y = along if line == 1 else like(along, 1) - along
                at = np.uintp(first + line * call.row_stride) + shift
                to_source[at] += weighted(value, weight_y * (like(across, 1) - across))
                to_source[at + as_step(call.column_stride)] += weighted(value, weight_y * across)


@inlined
def _visit_ragged(
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
    value, one = load_pixels(values, VALUES + k), like(across, 1)
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
                    to_source[at] += weighted(value, weight_y * (across if column == 1 else one - across))


@inlined
def _add_slopes(count: Any, first: bool, non_finite: bool, weights: Memory, values: Memory) -> None:
    """Add the slopes of a channel at the points, times its incoming gradient, to the sums; the first one sets them.

    What has weight 0 is not read, be it NaN or infinite, and a slope of 0 reads no gradient.
    """
    for k in range(count):
        upper, lower = UPPER_PAIRS + k + k, LOWER_PAIRS + k + k
        a, b = load_points(weights, upper), load_points(weights, upper + np.uintp(1))
        c, d = load_points(weights, lower), load_points(weights, lower + np.uintp(1))
        across, along = load_points(weights, ACROSS + k), load_points(weights, ALONG + k)
        left, above, value = like(across, 1) - across, like(along, 1) - along, load_pixels(values, VALUES + k)
        slope_x = weighted(b - a, above) + weighted(d - c, along)
        slope_y = weighted(c - a, left) + weighted(d - b, across)
        sum_x = like(value, 0) if first else load_pixels(values, SUM_X + k)
        sum_y = like(value, 0) if first else load_pixels(values, SUM_Y + k)
        if non_finite:
            store_pixels(values, SUM_X + k, sum_x + weighted(value, slope_x))
            store_pixels(values, SUM_Y + k, sum_y + weighted(value, slope_y))
        else:
            store_pixels(values, SUM_X + k, sum_x + slope_x * value)
            store_pixels(values, SUM_Y + k, sum_y + slope_y * value)
