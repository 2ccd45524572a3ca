"""Bilinear sampling of uint8 pictures whose pixels do not lie side by side: every other column, or columns backwards.

The channels of a pixel do. The words that `packed` reads at once are put together from a load for each neighbour; from
there on everything is the same, and so are the results.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import (
    AFFINE,
    BLOCK,
    FIRST,
    GROUP,
    INSIDE,
    LOWER_WEIGHT,
    LOWER_WORDS,
    OUTSIDE,
    RIGHT_WEIGHT,
    RIM,
    UPPER_WORDS,
    Call,
    Memory,
)
from stnwarp.kernels.byte_floats import rounded
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import as_step, load_points, load_source, store_pixels, store_points
from stnwarp.kernels.neighbours import locate_pairs, tabulate_steps
from stnwarp.kernels.packed import blend_group, corners, fill_block, unpack
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.words import fill_up_groups

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def packed_apart_rows(
    source: Memory,
    output: Memory,
    call: Call,
    matrices: Memory,
    grid: Memory,
    fill: Memory,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    start: int,
    stop: int,
    channels: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `packed.packed_rows`."""
    margin = 1 if channels == 3 else 0  # as there, so that the same places are inside
    known = -1
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            known = image
        edges = row_edges(call, matrices, image, row, pair_bounds(call, margin, SLACK), touch_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, margin, places, offsets, weights
            )
            if region == OUTSIDE:
                fill_block(fill, pixels, count, channels)
            elif region == INSIDE:
                _sample(source, call, fill, offsets, weights, pixels, count, INSIDE, channels)
            else:
                locate_pairs(call, image, count, places, offsets, weights)
                _sample(source, call, fill, offsets, weights, pixels, count, RIM, channels)
            unpack(output, np.uintp(output_offset(call, image, row, column)), pixels, np.uintp(0), count, channels)
            column += count


@inlined
def _sample(
    source: Memory,
    call: Call,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    count: int,
    region: int,
    channels: int,
) -> None:
    right, down = as_step(call.column_stride), as_step(call.row_stride)
    for group in range(fill_up_groups(offsets, count)):
        begin = group * np.uintp(GROUP)
        for place in range(np.uintp(GROUP)):
            k = begin + place
            at = np.uintp(load_points(offsets, FIRST + k))
            upper, lower = _pair(source, at, right, channels), _pair(source, at + down, right, channels)
            _store_pairs(pixels, k, upper, lower, channels)
        if region == INSIDE and channels > 2:
            _blend_inside(weights, pixels, begin, channels)
        else:
            blend_group(fill, weights, pixels, begin, region, channels)


@inlined
def _blend_inside(weights: Memory, pixels: Memory, begin: Any, channels: int) -> None:
    """As `groups` does, which adds up in another order than `byte_floats`."""
    for place in range(np.uintp(GROUP)):
        k, word = begin + place, np.uint32(0)
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        both = across * along
        below, one = along - both, np.float32(1)
        for channel in range(channels):
            a, b, c, d = corners(pixels, k, channel, channels)
            value = a * ((one - across) - below)
            value = b * (across - both) + value
            value = c * below + value
            value = d * both + value
            word |= rounded(value) << np.uint32(8 * channel)
        store_pixels(pixels, k, word)


@inlined
def _pair(source: Memory, at: Any, right: Any, channels: int) -> Any:
    """Two neighbours in one word: the left one in the low bytes."""
    word = np.uint64(0)
    for channel in range(channels):
        left, shift = load_source(source, at + np.uintp(channel)), np.uint64(8 * channel)
        word |= np.uint64(left) << shift
        word |= np.uint64(load_source(source, at + right + np.uintp(channel))) << (shift + np.uint64(8 * channels))
    return word


@inlined
def _store_pairs(pixels: Memory, k: Any, upper: Any, lower: Any, channels: int) -> None:
    """As `collectors` leaves them."""
    if channels == 1:
        store_points(pixels, UPPER_WORDS + k, np.uint32(upper | lower << np.uint64(16)))
    elif channels == 2:
        store_points(pixels, UPPER_WORDS + _TWO * k, np.uint32(upper))
        store_points(pixels, UPPER_WORDS + _TWO * k + _ONE, np.uint32(lower))
    else:
        _store_halves(pixels, UPPER_WORDS + _TWO * k, upper)
        _store_halves(pixels, LOWER_WORDS + _TWO * k, lower)


@inlined
def _store_halves(pixels: Memory, to: Any, word: Any) -> None:
    store_points(pixels, to, np.uint32(word & np.uint64(0xFFFFFFFF)))
    store_points(pixels, to + _ONE, np.uint32(word >> np.uint64(32)))
