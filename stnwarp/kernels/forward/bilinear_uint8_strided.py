"""Bilinear sampling of uint8 pictures whose pixels do not lie side by side: every other column, or columns backwards.

The channels of a pixel do. The words that `forward.bilinear_uint8` reads at once are put together from a load for
each neighbour; from there on everything is the same.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.bilinear_uint8 import blend_chunk, fill_packed, unpack
from stnwarp.kernels.geometry.neighbours import locate_block, locate_pairs, tabulate_steps
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    block_at,
    output_offset,
    row_edges,
)
from stnwarp.kernels.layout import (
    AFFINE,
    BLOCK,
    CHUNK,
    FIRST,
    INSIDE,
    LOWER_NEIGHBOURS,
    OUTSIDE,
    PARTIAL,
    UPPER_NEIGHBOURS,
    Memory,
    SampleCall,
)
from stnwarp.kernels.simd.gather import complete_chunks, load_within
from stnwarp.kernels.simd.memory import load_points, store_points, unsigned_stride

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def bilinear_uint8_strided_rows(
    source: Memory,
    output: Memory,
    call: SampleCall,
    matrices: Memory,
    grid: Memory,
    fill: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    start: int,
    stop: int,
    channels: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_uint8_rows`.

    The input has at least eight bytes.
    """
    margin = 1 if channels == 3 else 0  # as there, so that the same positions are inside
    known = -1
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            known = image
        edges = row_edges(
            call, matrices, image, row, all_neighbours_bounds(call, margin, SLACK), any_neighbour_bounds(call)
        )
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, margin, positions, offsets, weights
            )
            if region == OUTSIDE:
                fill_packed(fill, pixels, count, channels)
            elif region == INSIDE:
                _sample(source, call, fill, offsets, weights, pixels, count, INSIDE, channels)
            else:
                locate_pairs(call, image, count, positions, offsets, weights)
                _sample(source, call, fill, offsets, weights, pixels, count, PARTIAL, channels)
            unpack(output, np.uintp(output_offset(call, image, row, column)), pixels, np.uintp(0), count, channels)
            column += count


@inline
def _sample(
    source: Memory,
    call: SampleCall,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    count: int,
    region: int,
    channels: int,
) -> None:
    right, down, last = unsigned_stride(call.column_stride), unsigned_stride(call.row_stride), np.uintp(call.last_word)
    for chunk in range(complete_chunks(offsets, count)):
        begin = chunk * np.uintp(CHUNK)
        for position in range(np.uintp(CHUNK)):
            k = begin + position
            at = np.uintp(load_points(offsets, FIRST + k))
            upper = _pair(source, at, right, last, channels)
            _store_pairs(pixels, k, upper, _pair(source, at + down, right, last, channels), channels)
        blend_chunk(fill, weights, pixels, begin, region, channels)


@inline
def _pair(source: Memory, at: Any, right: Any, last: Any, channels: int) -> Any:
    """Two neighbours in one word: the left one in the low bytes."""
    bits = np.uint64(8 * channels)
    pixel = (np.uint64(1) << bits) - np.uint64(1)
    return load_within(source, at, last) & pixel | (load_within(source, at + right, last) & pixel) << bits


@inline
def _store_pairs(pixels: Memory, k: Any, upper: Any, lower: Any, channels: int) -> None:
    """As `simd.gather` leaves them."""
    if channels == 1:
        store_points(pixels, UPPER_NEIGHBOURS + k, np.uint32(upper | lower << np.uint64(16)))
    elif channels == 2:
        store_points(pixels, UPPER_NEIGHBOURS + _TWO * k, np.uint32(upper))
        store_points(pixels, UPPER_NEIGHBOURS + _TWO * k + _ONE, np.uint32(lower))
    else:
        _store_halves(pixels, UPPER_NEIGHBOURS + _TWO * k, upper)
        _store_halves(pixels, LOWER_NEIGHBOURS + _TWO * k, lower)


@inline
def _store_halves(pixels: Memory, to: Any, word: Any) -> None:
    store_points(pixels, to, np.uint32(word & np.uint64(0xFFFFFFFF)))
    store_points(pixels, to + _ONE, np.uint32(word >> np.uint64(32)))
