"""Nearest-neighbour sampling: values are copied, never computed.

Pixels whose bytes lie side by side are copied whole: the caller hands over those of 1, 2, 4 and 8 bytes as one unsigned
integer each; those of three bytes have a way of their own. The fill comes in the type of the pixels.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.coordinates import generate_positions
from stnwarp.kernels.geometry.neighbours import locate_nearest, locate_nearest_inside
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    block_at,
    output_offset,
    row_edges,
)
from stnwarp.kernels.layout import BLOCK, FIRST, INSIDE, LEFT_WEIGHT, OUTSIDE, Memory, SampleCall
from stnwarp.kernels.simd.gather import PIXELS_PER_COPY, copy_rgb_pixels
from stnwarp.kernels.simd.memory import load_points, load_source, store_output, unsigned_stride


@kernel
def nearest_rows(
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
    together: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`.

    It is compiled for each number of elements that are copied *together*: 1, or 3 for uint8 images (H, W, 3).
    """
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        edges = row_edges(call, matrices, image, row, all_neighbours_bounds(call, 0, SLACK), any_neighbour_bounds(call))
        column = int(np.int64(0))
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            inside = 0
            if region != OUTSIDE:
                inside = _locate(call, matrices, grid, image, row, column, count, region, positions, offsets, weights)
                if together == 1:
                    _copy(source, output, call, offsets, image, row, column, count)
                else:
                    first = np.uintp(output_offset(call, image, row, column))
                    _copy_rgb(source, output, call, offsets, first, count)
            if inside < count:
                _fill(output, call, fill, weights, image, row, column, count, inside)
            column += count


@inline
def _locate(
    call: SampleCall,
    matrices: Memory,
    grid: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
    region: int,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
) -> Any:
    """Offsets, and how many positions lie inside."""
    if region == INSIDE:
        locate_nearest_inside(call, matrices, image, row, column, count, offsets)
        return count
    generate_positions(call, matrices, grid, image, row, column, count, positions)
    pad_positions(call, count, positions, 0)
    return locate_nearest(call, image, count, positions, offsets, weights)


@inline
def _copy(
    source: Memory, output: Memory, call: SampleCall, offsets: Memory, image: int, row: int, column: int, count: int
) -> None:
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            store_output(output, first + k * step, load_source(source, at))


@inline
def _copy_rgb(source: Memory, output: Memory, call: SampleCall, offsets: Memory, first: Any, count: int) -> None:
    """Several pixels at a time where a word of four bytes can be read at each; the last ones byte by byte."""
    furthest = np.int64(0)
    for k in range(np.uintp(count)):
        furthest = max(furthest, load_points(offsets, FIRST + k))
    quads = np.uintp(max(count - 2, 0) // PIXELS_PER_COPY if furthest <= call.last_word + 4 else 0)
    for quad in range(quads):
        copy_rgb_pixels(
            source, offsets, np.uintp(PIXELS_PER_COPY) * quad, output, first + np.uintp(3 * PIXELS_PER_COPY) * quad
        )
    for k in range(np.uintp(PIXELS_PER_COPY) * quads, np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        for channel in range(np.uintp(3)):
            store_output(output, first + np.uintp(3) * k + channel, load_source(source, at + channel))


@inline
def _fill(
    output: Memory,
    call: SampleCall,
    fill: Memory,
    weights: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
    inside: int,
) -> None:
    """Write the fill where LEFT_WEIGHT is 0; everywhere if nothing lies *inside*."""
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        outside = load_source(fill, np.uintp(channel))
        for k in range(np.uintp(count)):
            if inside == 0 or load_points(weights, LEFT_WEIGHT + k) == 0:
                store_output(output, first + k * step, outside)
