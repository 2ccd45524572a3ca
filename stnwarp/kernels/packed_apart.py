"""Bilinear sampling of uint8 pictures whose pixels do not lie side by side: every other column, or columns backwards.

The channels of a pixel do. The words that `packed` reads at once are put together from a load for each neighbour; from
there on everything is the same.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import (
    AFFINE,
    BLOCK,
    FIRST,
    GROUP,
    INSIDE,
    LOWER_WORDS,
    OUTSIDE,
    RIM,
    UPPER_WORDS,
    Call,
    Memory,
)
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import as_step, load_points, store_points
from stnwarp.kernels.neighbours import locate_pairs, tabulate_steps
from stnwarp.kernels.packed import blend_group, fill_block, unpack
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.words import fill_up_groups, word_within

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
    """Sample rows [start, stop) of the batch's outputs; arguments as in `packed.packed_rows`.

    The input has at least eight bytes.
    """
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
    right, down, last = as_step(call.column_stride), as_step(call.row_stride), np.uintp(call.last_word)
    for group in range(fill_up_groups(offsets, count)):
        begin = group * np.uintp(GROUP)
        for place in range(np.uintp(GROUP)):
            k = begin + place
            at = np.uintp(load_points(offsets, FIRST + k))
            upper = _pair(source, at, right, last, channels)
            _store_pairs(pixels, k, upper, _pair(source, at + down, right, last, channels), channels)
        blend_group(fill, weights, pixels, begin, region, channels)


@inlined
def _pair(source: Memory, at: Any, right: Any, last: Any, channels: int) -> Any:
    """Two neighbours in one word: the left one in the low bytes."""
    bits = np.uint64(8 * channels)
    pixel = (np.uint64(1) << bits) - np.uint64(1)
    return word_within(source, at, last) & pixel | (word_within(source, at + right, last) & pixel) << bits


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
