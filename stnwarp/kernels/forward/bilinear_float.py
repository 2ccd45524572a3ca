"""Bilinear sampling of float32 pictures with 3 or 4 interleaved channels: a vector a pixel, its lanes the channels.

Pixels of three numbers are read as four: the fourth belongs to the next pixel, and the margin keeps it inside the row.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.bilinear import blend_partial
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_anywhere, locate_block, tabulate_steps
from stnwarp.kernels.geometry.prefetch import prefetch_ahead, prefetch_step, prefetch_step_of_block
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    block_at,
    output_offset,
    row_edges,
)
from stnwarp.kernels.layout import AFFINE, BLOCK, FIRST, INSIDE, LOWER_WEIGHT, OUTSIDE, RIGHT_WEIGHT, Memory, SampleCall
from stnwarp.kernels.simd.float_pixel import blend_3_channels, blend_4_channels
from stnwarp.kernels.simd.memory import load_points, unsigned_stride

_FLOAT = 4  # as an itemsize


@kernel
def bilinear_float_rows(
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
            columns, ahead = prefetch_step(call, matrices, image, _FLOAT)
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
            if region == INSIDE:
                if call.mapping != AFFINE and call.output_width == call.joined_width:
                    columns, ahead = prefetch_step_of_block(
                        call, matrices, image, row, column, count, positions, _FLOAT
                    )
                prefetch_ahead(source, offsets, count, columns, ahead)
                where = np.uintp(output_offset(call, image, row, column))
                _blend_inside(source, output, call, offsets, weights, where, count, channels)
            elif region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                locate_anywhere(call, image, count, positions, offsets, weights)
                blend_partial(source, output, call, fill, offsets, weights, image, row, column, count)
            column += count


@inline
def _blend_inside(
    source: Memory,
    output: Memory,
    call: SampleCall,
    offsets: Memory,
    weights: Memory,
    where: Any,
    count: int,
    channels: int,
) -> None:
    down = unsigned_stride(call.row_stride)
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        if channels == 3:
            blend_3_channels(source, at, down, across, along, output, where + np.uintp(3) * k)
        else:
            blend_4_channels(source, at, down, across, along, output, where + np.uintp(4) * k)
