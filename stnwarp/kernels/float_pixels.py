"""Bilinear sampling of float32 pictures with 3 or 4 interleaved channels: a vector a pixel, its lanes the channels.

Pixels of three numbers are read as four: the fourth belongs to the next pixel, and the margin keeps it inside the row.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.bilinear import blend_rim
from stnwarp.kernels.blocks import AFFINE, BLOCK, FIRST, INSIDE, LOWER_WEIGHT, OUTSIDE, RIGHT_WEIGHT, Call, Memory
from stnwarp.kernels.float_blends import blend_four, blend_three
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import as_step, load_points
from stnwarp.kernels.neighbours import fill_pixels, locate_anywhere, tabulate_steps
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.slopes import ask_ahead, lines_ahead, lines_ahead_of_block

_FLOAT = 4  # as an itemsize


@kernel
def float_pixel_rows(
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
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`, images of at least 2x2.

    It is compiled for each number of channels.
    """
    margin = 1 if channels == 3 else 0
    known = -1
    columns, ahead = np.int64(0), np.int64(0)
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            columns, ahead = lines_ahead(call, matrices, image, _FLOAT)
            known = image
        edges = row_edges(call, matrices, image, row, pair_bounds(call, margin, SLACK), touch_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, margin, places, offsets, weights
            )
            if region == INSIDE:
                if call.mapping != AFFINE and call.output_width == call.joined_width:
                    columns, ahead = lines_ahead_of_block(call, matrices, image, row, column, count, places, _FLOAT)
                ask_ahead(source, offsets, count, columns, ahead)
                where = np.uintp(output_offset(call, image, row, column))
                _blend_inside(source, output, call, offsets, weights, where, count, channels)
            elif region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                locate_anywhere(call, image, count, places, offsets, weights)
                blend_rim(source, output, call, fill, offsets, weights, image, row, column, count)
            column += count


@inlined
def _blend_inside(
    source: Memory,
    output: Memory,
    call: Call,
    offsets: Memory,
    weights: Memory,
    where: Any,
    count: int,
    channels: int,
) -> None:
    down = as_step(call.row_stride)
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        if channels == 3:
            blend_three(source, at, down, across, along, output, where + np.uintp(3) * k)
        else:
            blend_four(source, at, down, across, along, output, where + np.uintp(4) * k)
