"""Nearest-neighbour sampling: values are copied, never computed.

Pixels whose bytes lie side by side are copied whole: the caller hands over those of 1, 2, 4 and 8 bytes as one unsigned
integer each; those of three bytes have a way of their own. The fill comes in the type of the pixels.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import BLOCK, FIRST, INSIDE, LEFT_WEIGHT, OUTSIDE, Call, Memory
from stnwarp.kernels.collectors import QUAD, copy_threes
from stnwarp.kernels.coordinates import generate_places
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import as_step, load_points, load_source, store_output
from stnwarp.kernels.neighbours import locate_nearest, locate_nearest_inside
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds


@kernel
def nearest_rows(
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
    together: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`.

    It is compiled for each number of elements that are copied *together*: 1, or 3 for uint8 images (H, W, 3).
    """
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        edges = row_edges(call, matrices, image, row, pair_bounds(call, 0, SLACK), touch_bounds(call))
        column = int(np.int64(0))
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            inside = 0
            if region != OUTSIDE:
                inside = _locate(call, matrices, grid, image, row, column, count, region, places, offsets, weights)
                if together == 1:
                    _copy(source, output, call, offsets, image, row, column, count)
                else:
                    first = np.uintp(output_offset(call, image, row, column))
                    _copy_rgb(source, output, call, offsets, first, count)
            if inside < count:
                _fill(output, call, fill, weights, image, row, column, count, inside)
            column += count


@inlined
def _locate(
    call: Call,
    matrices: Memory,
    grid: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
    region: int,
    places: Memory,
    offsets: Memory,
    weights: Memory,
) -> Any:
    """Offsets, and how many places lie inside."""
    if region == INSIDE:
        locate_nearest_inside(call, matrices, image, row, column, count, offsets)
        return count
    generate_places(call, matrices, grid, image, row, column, count, places)
    fold_places(call, count, places, 0)
    return locate_nearest(call, image, count, places, offsets, weights)


@inlined
def _copy(
    source: Memory, output: Memory, call: Call, offsets: Memory, image: int, row: int, column: int, count: int
) -> None:
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = as_step(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            store_output(output, first + k * step, load_source(source, at))


@inlined
def _copy_rgb(source: Memory, output: Memory, call: Call, offsets: Memory, first: Any, count: int) -> None:
    """Several pixels at a time where a word of four bytes can be read at each; the last ones byte by byte."""
    furthest = np.int64(0)
    for k in range(np.uintp(count)):
        furthest = max(furthest, load_points(offsets, FIRST + k))
    quads = np.uintp(max(count - 2, 0) // QUAD if furthest <= call.last_word + 4 else 0)
    for quad in range(quads):
        copy_threes(source, offsets, np.uintp(QUAD) * quad, output, first + np.uintp(3 * QUAD) * quad)
    for k in range(np.uintp(QUAD) * quads, np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        for channel in range(np.uintp(3)):
            store_output(output, first + np.uintp(3) * k + channel, load_source(source, at + channel))


@inlined
def _fill(
    output: Memory,
    call: Call,
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
