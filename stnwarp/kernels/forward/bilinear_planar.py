"""Bilinear sampling of float32 images and feature maps whose columns lie side by side, one channel at a time."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_block, locate_pairs, tabulate_steps
from stnwarp.kernels.geometry.prefetch import CACHED_BYTES, prefetch_neighbours
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
    INSIDE,
    LEFT_WEIGHT,
    LOWER_NEIGHBOURS,
    LOWER_WEIGHT,
    OUTSIDE,
    OUTSIDE_WEIGHT,
    PARTIAL,
    RIGHT_WEIGHT,
    UPPER_NEIGHBOURS,
    UPPER_WEIGHT,
    Memory,
    SampleCall,
)
from stnwarp.kernels.simd.gather import complete_chunks, gather_float_pairs
from stnwarp.kernels.simd.memory import (
    bits_to_float,
    float_to_bits,
    load_pixels,
    load_points,
    load_source,
    store_output,
    store_pixels,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import cast_like, multiply_unless_zero

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def bilinear_planar_rows(
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
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`, images of at least 2x2."""
    known = -1
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            known = image
        edges = row_edges(call, matrices, image, row, all_neighbours_bounds(call, 0, SLACK), any_neighbour_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, 0, positions, offsets, weights
            )
            # INSIDE and PARTIAL are literals for what is compiled into each branch.
            if region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                first = output_offset(call, image, row, column)
                if region == INSIDE:
                    _sample(source, output, call, fill, offsets, weights, pixels, first, count, INSIDE)
                else:
                    locate_pairs(call, image, count, positions, offsets, weights)
                    _sample(source, output, call, fill, offsets, weights, pixels, first, count, PARTIAL)
            column += count


@inline
def _sample(
    source: Memory,
    output: Memory,
    call: SampleCall,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    first: int,
    count: int,
    region: int,
) -> None:
    chunks, length, down = complete_chunks(offsets, count), np.uintp(CHUNK), unsigned_stride(call.row_stride)
    asks = call.last_word > CACHED_BYTES
    if asks:
        prefetch_neighbours(source, np.uintp(0), down, offsets, count)
    for channel in range(call.channels):
        shift, outside = unsigned_stride(channel * call.channel_stride), load_source(fill, np.uintp(channel))
        if asks and channel + 1 < call.channels:  # while this one is worked on, the lines of the next are on their way
            prefetch_neighbours(source, shift + unsigned_stride(call.channel_stride), down, offsets, count)
        for chunk in range(chunks + _ONE):
            if chunk < chunks:
                gather_float_pairs(source, shift, down, offsets, pixels, chunk * length)
            if chunk > np.uintp(0):
                _blend(outside, weights, pixels, (chunk - _ONE) * length, region)
        at = np.uintp(first + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            store_output(output, at + k, bits_to_float(load_pixels(pixels, k)))


@force_inline
def _blend(outside: Any, weights: Memory, pixels: Memory, begin: Any, region: int) -> None:
    for position in range(np.uintp(CHUNK)):
        k = begin + position
        first = _TWO * k
        a, b = _number(pixels, UPPER_NEIGHBOURS + first), _number(pixels, UPPER_NEIGHBOURS + first + _ONE)
        c, d = _number(pixels, LOWER_NEIGHBOURS + first), _number(pixels, LOWER_NEIGHBOURS + first + _ONE)
        right, lower = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        one = cast_like(right, 1)
        if region == INSIDE:
            left, upper = one - right, one - lower
        else:
            left, upper = load_points(weights, LEFT_WEIGHT + k), load_points(weights, UPPER_WEIGHT + k)
        value = multiply_unless_zero(multiply_unless_zero(a, left) + multiply_unless_zero(b, right), upper)
        value += multiply_unless_zero(multiply_unless_zero(c, left) + multiply_unless_zero(d, right), lower)
        if region != INSIDE:
            value += multiply_unless_zero(outside, load_points(weights, OUTSIDE_WEIGHT + k))
        store_pixels(pixels, k, float_to_bits(value))


@inline
def _number(pixels: Memory, at: Any) -> Any:
    return bits_to_float(load_points(pixels, at))
