"""Bilinear sampling of uint8 pictures with 1, 2, 3 or 4 interleaved channels, a whole pixel at a time.

One load at an unaligned byte offset takes two neighbouring pixels (of 3 or 4 channels: 64 bits, of 1 or 2: 32 bits);
they are unpacked with shifts, blended in float32 lanes, packed into one word a pixel, and narrowed to bytes in a
second loop. A load may reach past the two pixels; the margins keep the last one of a row inside the row.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.bilinear import blend_rim
from stnwarp.kernels.blocks import (
    FIRST,
    INSIDE,
    LOWER_WEIGHT,
    OUTSIDE,
    RIGHT_WEIGHT,
    RIM,
    UNKNOWN,
    Call,
    Memory,
)
from stnwarp.kernels.coordinates import generate_places
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import (
    load_pixels,
    load_points,
    load_word32,
    load_word64,
    store_output,
    store_pixels,
)
from stnwarp.kernels.neighbours import locate_inside
from stnwarp.kernels.regions import block_at, output_offset, region_of, row_edges


@kernel
def packed_gray_rows(
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
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`, images uint8 (H, W, 1)."""
    _rows(source, output, call, matrices, grid, fill, places, offsets, weights, pixels, start, stop, 1)


@kernel
def packed_two_rows(
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
) -> None:
    """The same for (H, W, 2)."""
    _rows(source, output, call, matrices, grid, fill, places, offsets, weights, pixels, start, stop, 2)


@kernel
def packed_rgb_rows(
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
) -> None:
    """The same for (H, W, 3)."""
    _rows(source, output, call, matrices, grid, fill, places, offsets, weights, pixels, start, stop, 3)


@kernel
def packed_four_rows(
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
) -> None:
    """The same for (H, W, 4)."""
    _rows(source, output, call, matrices, grid, fill, places, offsets, weights, pixels, start, stop, 4)


@inlined
def _rows(
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
    # channels is a literal wherever this is inlined: what belongs to other numbers of channels is left out.
    margin = 2 if channels == 1 else (1 if channels == 3 else 0)
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        edges = row_edges(call, matrices, image, row, margin)
        column = 0
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width)
            if region != OUTSIDE:
                generate_places(call, matrices, grid, image, row, column, count, places)
            if region == UNKNOWN:
                region = region_of(call, count, places, margin)
            if region == RIM:
                blend_rim(source, output, call, fill, places, offsets, weights, image, row, column, count)
            else:
                if region == INSIDE:
                    locate_inside(call, image, count, places, offsets, weights)
                    _blend(source, np.uintp(call.row_stride), offsets, weights, pixels, count, channels)
                else:
                    _fill(fill, pixels, count, channels)
                _unpack(output, np.uintp(output_offset(call, image, row, column)), pixels, count, channels)
            column += count


@inlined
def _fill(fill: Memory, pixels: Memory, count: int, channels: int) -> None:
    word = np.uint32(0)
    for channel in range(channels):
        word |= np.uint32(np.int32(np.rint(fill[channel]))) << np.uint32(8 * channel)
    for k in range(np.uintp(count)):
        store_pixels(pixels, k, word)


@inlined
def _blend(
    source: Memory, down: Any, offsets: Memory, weights: Memory, pixels: Memory, count: int, channels: int
) -> None:
    if channels == 1:
        _blend_gray(source, down, offsets, weights, pixels, count)
    elif channels == 2:
        _blend_two(source, down, offsets, weights, pixels, count)
    elif channels == 3:
        _blend_rgb(source, down, offsets, weights, pixels, count)
    else:
        _blend_four(source, down, offsets, weights, pixels, count)


@inlined
def _byte(word: Any, shift: int) -> Any:
    # By way of int32, whose conversion to float32 is one instruction in every vector extension.
    return np.float32(np.int32((word >> np.uint32(shift)) & np.uint32(255)))


@inlined
def _mix(a: Any, b: Any, c: Any, d: Any, across: Any, along: Any) -> Any:
    upper = a + across * (b - a)
    lower = c + across * (d - c)
    return np.uint32(np.int32(np.rint(upper + along * (lower - upper))))


@inlined
def _channel(left: Any, right: Any, lower_left: Any, lower_right: Any, shift: int, across: Any, along: Any) -> Any:
    value = _mix(
        _byte(left, shift),
        _byte(right, shift),
        _byte(lower_left, shift),
        _byte(lower_right, shift),
        across,
        along,
    )
    return value << np.uint32(shift)


@inlined
def _blend_gray(source: Memory, down: Any, offsets: Memory, weights: Memory, pixels: Memory, count: int) -> None:
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        upper, lower = load_word32(source, at), load_word32(source, at + down)
        eight = np.uint32(8)
        store_pixels(pixels, k, _channel(upper, upper >> eight, lower, lower >> eight, 0, across, along))


@inlined
def _blend_two(source: Memory, down: Any, offsets: Memory, weights: Memory, pixels: Memory, count: int) -> None:
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        a, c = load_word32(source, at), load_word32(source, at + down)
        b, d = a >> np.uint32(16), c >> np.uint32(16)
        pixel = _channel(a, b, c, d, 0, across, along) | _channel(a, b, c, d, 8, across, along)
        store_pixels(pixels, k, pixel)


@inlined
def _blend_rgb(source: Memory, down: Any, offsets: Memory, weights: Memory, pixels: Memory, count: int) -> None:
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        upper, lower = load_word64(source, at), load_word64(source, at + down)
        a, b = (
            np.uint32(upper & np.uint64(0xFFFFFF)),
            np.uint32((upper >> np.uint64(24)) & np.uint64(0xFFFFFF)),
        )
        c, d = (
            np.uint32(lower & np.uint64(0xFFFFFF)),
            np.uint32((lower >> np.uint64(24)) & np.uint64(0xFFFFFF)),
        )
        pixel = _channel(a, b, c, d, 0, across, along) | _channel(a, b, c, d, 8, across, along)
        store_pixels(pixels, k, pixel | _channel(a, b, c, d, 16, across, along))


@inlined
def _blend_four(source: Memory, down: Any, offsets: Memory, weights: Memory, pixels: Memory, count: int) -> None:
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        upper, lower = load_word64(source, at), load_word64(source, at + down)
        low = np.uint64(0xFFFFFFFF)
        a, b = np.uint32(upper & low), np.uint32(upper >> np.uint64(32))
        c, d = np.uint32(lower & low), np.uint32(lower >> np.uint64(32))
        pixel = _channel(a, b, c, d, 0, across, along) | _channel(a, b, c, d, 8, across, along)
        pixel |= _channel(a, b, c, d, 16, across, along) | _channel(a, b, c, d, 24, across, along)
        store_pixels(pixels, k, pixel)


@inlined
def _unpack(output: Memory, where: Any, pixels: Memory, count: int, channels: int) -> None:
    """Narrow packed pixels to bytes; spelt out, as a loop over channels compiles to something ten times longer."""
    for k in range(np.uintp(count)):
        pixel = load_pixels(pixels, k)
        at = where + k * np.uintp(channels)
        store_output(output, at, _low_byte(pixel))
        if channels > 1:
            store_output(output, at + np.uintp(1), _low_byte(pixel >> np.uint32(8)))
        if channels > 2:
            store_output(output, at + np.uintp(2), _low_byte(pixel >> np.uint32(16)))
        if channels > 3:
            store_output(output, at + np.uintp(3), _low_byte(pixel >> np.uint32(24)))


@inlined
def _low_byte(word: Any) -> Any:
    return np.uint8(word & np.uint32(255))
