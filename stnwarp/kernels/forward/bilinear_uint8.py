"""Bilinear sampling of uint8 pictures with 1, 2, 3 or 4 interleaved channels, a whole pixel at a time.

Neighbours come as integers (see `simd.gather`), are blended in float32, packed into one integer a pixel, and narrowed
to bytes in a loop of their own. Three and four channels inside the image go from the input to the output in registers
(see `simd.rgb_bytes`). A load of eight bytes reaches past two pixels of three bytes; the margin keeps it inside the
row.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.neighbours import locate_block, locate_pairs
from stnwarp.kernels.geometry.prefetch import prefetch_block
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
from stnwarp.kernels.simd.byte_floats import BYTE, blend_bytes, byte_as_float, to_byte
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.gather import (
    complete_chunks,
    gather_1_channel,
    gather_2_channels,
    gather_4_channels,
    gather_within,
)
from stnwarp.kernels.simd.memory import (
    load_pixels,
    load_points,
    load_source,
    store_output,
    store_pixels,
    store_uint32,
    unsigned_stride,
)
from stnwarp.kernels.simd.rgb_bytes import sample_rgb, sample_rgba

_BYTE = 1  # as an itemsize
# The bits at which the bytes of a uint32 begin; literals would have `byte_as_float` compiled for each.
_FIRST, _SECOND, _THIRD, _FOURTH = np.int64(0), np.int64(8), np.int64(16), np.int64(24)


@kernel
def bilinear_uint8_rows(task: SampleTask, start: int, stop: int, channels: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`; images uint8 and at least 2x2.

    It is compiled for each number of channels: what belongs to others is left out.
    """
    inside, touching = all_neighbours_bounds(task.call, margin(channels), SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 1, 1, _BYTE, _sample_block, channels)


@inline
def margin(channels: int) -> int:
    """Return how many columns on the right are left to the general path: eight bytes are read at once."""
    return 1 if channels == 3 else 0


@inline
def _sample_block(task: SampleTask, block: Block, region: int, channels: int) -> None:
    region = locate_block(task, block, region, margin(channels))
    done = np.uintp(0)
    # INSIDE and PARTIAL are literals for what is compiled into each branch.
    if region == OUTSIDE:
        fill_packed(task, block, channels)
    elif region == INSIDE:
        prefetch_block(task, block, _BYTE)
        if channels < 3:
            _sample(task, block, INSIDE, channels)
        else:
            done = _sample_chunks(task, block, channels)
    else:
        locate_pairs(task, block, region)
        _sample(task, block, PARTIAL, channels)
    unpack(task, block, done, channels)


@inline
def _sample(task: SampleTask, block: Block, region: int, channels: int) -> None:
    chunks, length = complete_chunks(task.offsets, block.length), np.uintp(CHUNK)
    # Without a condition inside the loop its constants stay in registers.
    _gather(task, np.uintp(0), channels)
    for chunk in range(np.uintp(1), chunks):
        _gather(task, chunk * length, channels)
        blend_chunk(task, (chunk - np.uintp(1)) * length, region, channels)
    blend_chunk(task, (chunks - np.uintp(1)) * length, region, channels)


@inline
def _sample_chunks(task: SampleTask, block: Block, channels: int) -> Any:
    """Sample a block inside the image, three or four channels; what did not go to the output is left in `pixels`.

    Return how many pixels are in the output.
    """
    source, output, offsets, weights, pixels = task.source, task.output, task.offsets, task.weights, task.pixels
    where = np.uintp(output_offset(task.call, block))
    down = unsigned_stride(task.call.row_stride)
    # The last chunk may reach past the block.
    last = (complete_chunks(offsets, block.length) - np.uintp(1)) * np.uintp(CHUNK)
    if channels == 3:
        sample_rgb(source, down, offsets, weights, pixels, output, where, last)
    else:
        sample_rgba(source, down, offsets, weights, pixels, output, where, last)
    return last


@force_inline
def _gather(task: SampleTask, begin: Any, channels: int) -> None:
    source, call, offsets, pixels = task.source, task.call, task.offsets, task.pixels
    none, down = np.uintp(0), unsigned_stride(call.row_stride)
    if channels == 1:
        gather_1_channel(source, none, down, offsets, pixels, begin)
    elif channels == 2:
        gather_2_channels(source, none, down, offsets, pixels, begin)
    elif channels == 4:
        gather_4_channels(source, none, down, offsets, pixels, begin)
    else:
        gather_within(source, down, offsets, pixels, begin, np.uintp(call.last_uint64))


@inline
def fill_packed(task: SampleTask, block: Block, channels: int) -> None:
    """Set the packed pixels of a block to the fill."""
    packed = np.uint32(0)
    for channel in range(channels):
        packed |= np.uint32(np.int32(np.rint(task.fill[channel]))) << np.uint32(8 * channel)
    for k in range(np.uintp(block.length)):
        store_pixels(task.pixels, k, packed)


@force_inline
def blend_chunk(task: SampleTask, begin: Any, region: int, channels: int) -> None:
    """Blend the neighbours of the chunk that begins at `begin` to packed pixels."""
    weights, pixels = task.weights, task.pixels
    for position in range(np.uintp(CHUNK)):
        k, packed = begin + position, np.uint32(0)
        for channel in range(channels):
            a, b, c, d = corners(pixels, k, channel, channels)
            if region == INSIDE:
                across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
                value = blend_bytes(a, b, c, d, across, along)
            else:
                value = _blend_partial(a, b, c, d, weights, k, load_source(task.fill, np.uintp(channel)))
            packed |= value << np.uint32(8 * channel)
        store_pixels(pixels, k, packed)


@inline
def corners(pixels: Memory, k: Any, channel: int, channels: int) -> tuple[Any, Any, Any, Any]:
    """Return the four neighbours in one channel, biased."""
    if channels == 1:
        all_four = load_points(pixels, UPPER_NEIGHBOURS + k)
        return (
            byte_as_float(all_four, _FIRST),
            byte_as_float(all_four, _SECOND),
            byte_as_float(all_four, _THIRD),
            byte_as_float(all_four, _FOURTH),
        )
    first = np.uintp(2) * k
    left, right = (
        load_points(pixels, UPPER_NEIGHBOURS + first),
        load_points(pixels, UPPER_NEIGHBOURS + first + np.uintp(1)),
    )
    shift = 8 * channel
    if channels == 2:
        return (
            byte_as_float(left, shift),
            byte_as_float(left, shift + 16),
            byte_as_float(right, shift),
            byte_as_float(right, shift + 16),
        )
    lower = load_points(pixels, LOWER_NEIGHBOURS + first)
    lower_right = load_points(pixels, LOWER_NEIGHBOURS + first + np.uintp(1))
    if channels == 4:
        return (
            byte_as_float(left, shift),
            byte_as_float(right, shift),
            byte_as_float(lower, shift),
            byte_as_float(lower_right, shift),
        )
    if channel == 0:
        return (
            byte_as_float(left, _FIRST),
            byte_as_float(left, _FOURTH),
            byte_as_float(lower, _FIRST),
            byte_as_float(lower, _FOURTH),
        )
    # The second pixel's second channel is the first byte of the second integer.
    behind = shift - 8
    return (
        byte_as_float(left, shift),
        byte_as_float(right, behind),
        byte_as_float(lower, shift),
        byte_as_float(lower_right, behind),
    )


@inline
def _blend_partial(a: Any, b: Any, c: Any, d: Any, weights: Memory, k: Any, fill: Any) -> Any:
    """Blend by the weights of `locate_pairs`, with the fill's share."""
    bias = np.float32(256)
    left, right = load_points(weights, LEFT_WEIGHT + k), load_points(weights, RIGHT_WEIGHT + k)
    upper, lower = fma(right, b - bias, left * (a - bias)), fma(right, d - bias, left * (c - bias))
    value = fma(load_points(weights, LOWER_WEIGHT + k), lower, load_points(weights, UPPER_WEIGHT + k) * upper)
    return to_byte(fma(load_points(weights, OUTSIDE_WEIGHT + k), fill, value))


@inline
def unpack(task: SampleTask, block: Block, begin: Any, channels: int) -> None:
    """Narrow packed pixels from `begin` on; spelt out, a loop over channels compiles to something ten times longer."""
    output, pixels, count = task.output, task.pixels, block.length
    where = np.uintp(output_offset(task.call, block))
    if channels == 4:
        for k in range(begin, np.uintp(count)):
            store_uint32(output, where + k * np.uintp(4), load_pixels(pixels, k))
        return
    for k in range(begin, np.uintp(count)):
        pixel = load_pixels(pixels, k)
        at = where + k * np.uintp(channels)
        store_output(output, at, _low_byte(pixel))
        if channels > 1:
            store_output(output, at + np.uintp(1), _low_byte(pixel >> np.uint32(8)))
        if channels > 2:
            store_output(output, at + np.uintp(2), _low_byte(pixel >> np.uint32(16)))


@inline
def _low_byte(packed: Any) -> Any:
    return np.uint8(packed & BYTE)
