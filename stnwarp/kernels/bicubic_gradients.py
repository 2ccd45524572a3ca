"""The gradients of bicubic sampling, to the input and to the grid or the matrices, both in one go through the points.

Sixteen taps are read around a point. Where all of them exist they lie side by side, and FIRST is the offset of the
upper left one; else it is one of the codes of `gradient_neighbours`, and each tap is folded into the image by itself.
What lies outside, under zeros, is neither read nor added to.

The weights of the four columns and the four lines, and the slopes of these weights, are parts of the work space
(COLUMN_WEIGHTS, ...), four each. A place that is not finite lies on a pixel, the one that `fold_tap` makes of it, and
has slope 0. Places are float64: the sampler's own floor and fraction decide which pixels are read.

What has weight 0, or the slope 0, is not read, be it NaN or infinite: a sum that is not finite is added up once more,
tap by tap, and a pixel that the padding mode puts under several taps then counts once, with the sum of their weights.

Source: Keys 1981, with a = -0.75.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like, weighted
from stnwarp.kernels.bicubic_ragged import (
    COLUMN_SLOPES,
    COLUMN_WEIGHTS,
    LINE_SLOPES,
    LINE_WEIGHTS,
    add_slopes,
    part_of,
    spread_ragged,
    sum_ragged,
    sum_taps,
)
from stnwarp.kernels.blocks import BLOCK, BORDER, SLOPES, WRAP, ZEROS, Memory, X, Y
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.gradient_neighbours import NOWHERE, RAGGED, fold_ragged, list_ragged
from stnwarp.kernels.gradient_sums import clear_sums, hand_on
from stnwarp.kernels.gradient_tiles import (
    COLUMNS,
    FIRST,
    NON_FINITE_POINTS,
    RAGGED_POINTS,
    ROWS,
    VALUES,
    GradientCall,
    Share,
    Tile,
    clear_non_finite,
    is_finite,
    load_values,
    place_tile,
    points_of,
    tile_at,
    tiles_across,
)
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import as_step, load_pixels, load_points, load_source, store_points

_A = -0.75


@kernel
def bicubic_gradients(
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
    """Do a share of the work; arguments as in `bilinear_gradients`."""
    for image in range(share.first_image, share.last_image):
        for band in range(share.first_band, share.last_band):
            for part in range(tiles_across(call)):
                tile = tile_at(call, image, band, part)
                count = points_of(tile)
                place_tile(call, tile, matrices, grid, places)
                if call.padding == WRAP:  # the other modes fold each tap by itself
                    fold_places(call, count, places, 1)
                _weigh(call, count, X, places, weights, COLUMN_WEIGHTS)
                _weigh(call, count, Y, places, weights, LINE_WEIGHTS)
                _locate(call, image, count, places, offsets)
                ragged = list_ragged(count, offsets)
                fold_ragged(call, image, ragged, 4, places, offsets)
                clear_sums(count, values)
                _work(source, gradient, to_source, call, share, tile, ragged, offsets, weights, values)
                if share.wants_grid != 0:
                    hand_on(call, tile, image * call.bands + band, matrices, places, values, to_grid)


@inlined
def _weigh(call: GradientCall, count: Any, axis: Any, places: Memory, weights: Memory, part: Any) -> None:
    """Weights and slopes of the four taps on one axis, and the slope of the places unless they are folded already."""
    slopes, size = part + np.uintp(8 * BLOCK), call.height if axis == Y else call.width
    for k in range(count):
        position = load_points(places, axis + k)
        distance = position - np.floor(position)
        finite = distance <= like(distance, 1)  # 1 is what a hair below a pixel is rounded to
        if call.padding != WRAP:
            # All taps of a place fall on one pixel far beyond a border, and on an axis of one pixel.
            same = (call.padding == BORDER) & (
                (position <= like(position, -2)) | (position >= like(position, size + 1))
            )
            moves = finite & ((call.padding == ZEROS) | (size > 1)) & (not same)
            store_points(places, SLOPES + axis + k, like(position, 1 if moves else 0))
        past = as_weight(weights, distance if finite else like(distance, 0))
        for tap in range(4):
            at = np.uintp(tap * BLOCK) + k
            weight, slope = _cubic(past, tap)
            store_points(weights, part + at, weight)
            store_points(weights, slopes + at, slope)


@inlined
def _cubic(past: Any, tap: int) -> tuple[Any, Any]:
    """The weight of tap -1, 0, 1 or 2, counted from 0, for a point *past* tap 0, and its slope."""
    away = abs(past - like(past, tap - 1))
    side = like(past, 1 if tap < 2 else -1)  # away grows with past, or shrinks
    if tap == 1 or tap == 2:
        a, b = like(past, _A + 2), like(past, _A + 3)
        weight = (a * away - b) * away * away + like(past, 1)
        return weight, side * (like(past, 3) * a * away - like(past, 2) * b) * away
    a = like(past, _A)
    weight = ((away - like(a, 5)) * away + like(a, 8)) * away - like(a, 4)
    return a * weight, side * a * ((like(a, 3) * away - like(a, 10)) * away + like(a, 8))


@inlined
def _locate(call: GradientCall, image: int, count: Any, places: Memory, offsets: Memory) -> None:
    base = call.origin + image * call.image_stride
    for k in range(count):
        x, y = np.floor(load_points(places, X + k)), np.floor(load_points(places, Y + k))
        one, zero = like(x, 1), like(x, 0)
        whole = (x >= one) & (x < like(x, call.width - 2)) & (y >= one) & (y < like(y, call.height - 2))
        touching = (x >= like(x, -2)) & (x <= like(x, call.width)) & (y >= like(y, -2)) & (y <= like(y, call.height))
        column, line = (x - one if whole else zero), (y - one if whole else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        code = np.int64(RAGGED) if touching or call.padding != ZEROS else np.int64(NOWHERE)
        store_points(offsets, FIRST + k, offset if whole else code)


@inlined
def _work(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    call: GradientCall,
    share: Share,
    tile: Tile,
    ragged: Any,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Both gradients of a tile, one channel after the other."""
    count, sums = points_of(tile), share.wants_grid != 0
    first, last = (0, call.channels) if sums else (share.first_channel, share.last_channel)
    for channel in range(first, last):
        non_finite = load_values(gradient, call, tile, channel, values)
        shift = as_step(channel * call.channel_stride)
        spreads = share.first_channel <= channel < share.last_channel
        if spreads and non_finite > 0:
            clear_non_finite(count, values)
            _spread(to_source, call, shift, count, offsets, weights, values)
            load_values(gradient, call, tile, channel, values)
            _spread_non_finite(to_source, call, shift, count, offsets, weights, values)
        elif spreads:
            _spread(to_source, call, shift, count, offsets, weights, values)
        left = np.uintp(0)
        if sums:
            left = _sum(source, call, shift, count, offsets, weights, values)
        for number in range(ragged):
            k = np.uintp(load_points(offsets, RAGGED_POINTS + number))
            if spreads:
                spread_ragged(to_source, shift, k, offsets, weights, values)
            if sums and sum_ragged(source, shift, k, offsets, weights, values):
                store_points(offsets, NON_FINITE_POINTS + left, np.int64(k))
                left += np.uintp(1)
        for number in range(left):
            sum_taps(
                source, shift, np.uintp(load_points(offsets, NON_FINITE_POINTS + number)), offsets, weights, values
            )


@inlined
def _spread(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add to the sixteen taps of each point that has all of them side by side."""
    right, down = as_step(call.column_stride), as_step(call.row_stride)
    parts = COLUMN_WEIGHTS, COLUMN_WEIGHTS + part_of(1), COLUMN_WEIGHTS + part_of(2), COLUMN_WEIGHTS + part_of(3)
    for k in range(count):
        first = load_points(offsets, FIRST + k)
        if first >= 0:
            at, value = np.uintp(first) + shift, load_pixels(values, VALUES + k)
            # Loaded once: after each store they might have changed, for all that the compiler knows.
            a, b = load_points(weights, parts[0] + k), load_points(weights, parts[1] + k)
            c, d = load_points(weights, parts[2] + k), load_points(weights, parts[3] + k)
            for line in range(4):
                share = value * load_points(weights, LINE_WEIGHTS + part_of(line) + k)
                to_source[at] += share * a
                to_source[at + right] += share * b
                to_source[at + right + right] += share * c
                to_source[at + right + right + right] += share * d
                at += down


@inlined
def _sum(
    source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> Any:
    """Add the slopes at each point that has all taps side by side, times its incoming gradient, to the sums.

    Returns:
        How many have slopes that are not finite; they are left out and put into NON_FINITE_POINTS.
    """
    right, down, left = as_step(call.column_stride), as_step(call.row_stride), np.uintp(0)
    for k in range(count):
        first = load_points(offsets, FIRST + k)
        if first >= 0:
            at, zero = np.uintp(first) + shift, like(load_pixels(values, VALUES + k), 0)
            slope_x, slope_y = zero, zero
            for line in range(4):
                across, along = zero, zero
                for column in range(4):
                    pixel = load_source(source, at + np.uintp(column) * right)
                    across += pixel * load_points(weights, COLUMN_SLOPES + part_of(column) + k)
                    along += pixel * load_points(weights, COLUMN_WEIGHTS + part_of(column) + k)
                slope_x += across * load_points(weights, LINE_WEIGHTS + part_of(line) + k)
                slope_y += along * load_points(weights, LINE_SLOPES + part_of(line) + k)
                at += down
            if is_finite(slope_x + slope_y):
                add_slopes(k, slope_x, slope_y, values)
            else:
                for tap in range(4):
                    store_points(offsets, COLUMNS + part_of(tap) + k, tap * call.column_stride)
                    store_points(offsets, ROWS + part_of(tap) + k, first + tap * call.row_stride)
                store_points(offsets, NON_FINITE_POINTS + left, np.int64(k))
                left += np.uintp(1)
    return left


@inlined
def _spread_non_finite(
    to_source: Memory, call: GradientCall, shift: Any, count: Any, offsets: Memory, weights: Memory, values: Memory
) -> None:
    """Add what is NaN or infinite, which `_spread` passed over, to the taps that have a weight."""
    for k in range(count):
        first, value = load_points(offsets, FIRST + k), load_pixels(values, VALUES + k)
        if first >= 0 and not is_finite(value):
            for line in range(4):
                weight_y = load_points(weights, LINE_WEIGHTS + part_of(line) + k)
                for column in range(4):
                    at = np.uintp(first + line * call.row_stride + column * call.column_stride) + shift
                    to_source[at] += weighted(
                        value, weight_y * load_points(weights, COLUMN_WEIGHTS + part_of(column) + k)
                    )
