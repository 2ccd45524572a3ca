"""Bilinear sampling of float32 images and feature maps whose columns lie side by side, one channel at a time."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_block, locate_pairs
from stnwarp.kernels.geometry.prefetch import CACHED_BYTES, prefetch_neighbours
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    output_offset,
)
from stnwarp.kernels.layout import (
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
    Block,
    Memory,
    SampleTask,
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
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, multiply_unless_zero

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def bilinear_planar_rows(task: SampleTask, start: int, stop: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`; images of at least 2x2."""
    inside, touching = all_neighbours_bounds(task.call, 0, SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 1, 1, 0, _sample_block, 0)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, variant: int) -> None:
    region = locate_block(task, block, region, 0)
    # INSIDE and PARTIAL are literals for what is compiled into each branch.
    if region == OUTSIDE:
        fill_pixels(task, block)
    elif region == INSIDE:
        _sample(task, block, INSIDE)
    else:
        locate_pairs(task, block, region)
        _sample(task, block, PARTIAL)


@inline
def _sample(task: SampleTask, block: Block, region: int) -> None:
    call, count = task.call, block.length
    source, offsets, weights, pixels = task.source, task.offsets, task.weights, task.pixels
    first = output_offset(call, block)
    chunks, length, down = complete_chunks(offsets, count), np.uintp(CHUNK), unsigned_stride(call.row_stride)
    asks = call.last_uint64 > CACHED_BYTES
    if asks:
        prefetch_neighbours(source, np.uintp(0), down, offsets, count)
    for channel in range(call.channels):
        shift, outside = unsigned_stride(channel * call.channel_stride), load_source(task.fill, np.uintp(channel))
        if asks and channel + 1 < call.channels:  # while this one is worked on, the lines of the next are on their way
            prefetch_neighbours(source, shift + unsigned_stride(call.channel_stride), down, offsets, count)
        for chunk in range(chunks + _ONE):
            if chunk < chunks:
                gather_float_pairs(source, shift, down, offsets, pixels, chunk * length)
            if chunk > np.uintp(0):
                _blend(outside, weights, pixels, (chunk - _ONE) * length, region)
        at = np.uintp(first + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            store_output(task.output, at + k, bits_to_float(load_pixels(pixels, k)))


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
        value = multiply_unless_zero(add_unless_zero(multiply_unless_zero(a, left), b, right), upper)
        value = add_unless_zero(value, add_unless_zero(multiply_unless_zero(c, left), d, right), lower)
        if region != INSIDE:
            value = add_unless_zero(value, outside, load_points(weights, OUTSIDE_WEIGHT + k))
        store_pixels(pixels, k, float_to_bits(value))


@inline
def _number(pixels: Memory, at: Any) -> Any:
    return bits_to_float(load_points(pixels, at))
