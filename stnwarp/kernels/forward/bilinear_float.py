"""Bilinear sampling of float32 pictures with 3 or 4 interleaved channels: a vector a pixel, its elements the channels.

Pixels of three numbers are read as four: the fourth belongs to the next pixel, and the margin keeps it inside the row.
"""

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.bilinear import blend_partial
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_anywhere, locate_block
from stnwarp.kernels.geometry.prefetch import prefetch_block
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    output_offset,
)
from stnwarp.kernels.layout import BLOCK, FIRST, INSIDE, LOWER_WEIGHT, OUTSIDE, RIGHT_WEIGHT, Block, SampleTask
from stnwarp.kernels.simd.float_pixel import blend_3_channels, blend_4_channels
from stnwarp.kernels.simd.memory import load_points, unsigned_stride

_FLOAT = 4  # as an itemsize


@kernel
def bilinear_float_rows(task: SampleTask, start: int, stop: int, channels: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`; images of at least 2x2.

    It is compiled for each number of channels.
    """
    inside, touching = all_neighbours_bounds(task.call, _margin(channels), SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 1, 1, _FLOAT, _sample_block, channels)


@inline
def _margin(channels: int) -> int:
    return 1 if channels == 3 else 0


@inline
def _sample_block(task: SampleTask, block: Block, region: int, channels: int) -> None:
    region = locate_block(task, block, region, _margin(channels))
    if region == INSIDE:
        prefetch_block(task, block, _FLOAT)
        _blend_inside(task, block, channels)
    elif region == OUTSIDE:
        fill_pixels(task, block)
    else:
        locate_anywhere(task, block, region)
        blend_partial(task, block)


@inline
def _blend_inside(task: SampleTask, block: Block, channels: int) -> None:
    source, output, offsets, weights = task.source, task.output, task.offsets, task.weights
    where = np.uintp(output_offset(task.call, block))
    down = unsigned_stride(task.call.row_stride)
    for k in range(np.uintp(block.length)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        if channels == 3:
            blend_3_channels(source, at, down, across, along, output, where + np.uintp(3) * k)
        else:
            blend_4_channels(source, at, down, across, along, output, where + np.uintp(4) * k)
