"""Nearest-neighbour sampling: values are copied, never computed.

Pixels whose bytes lie side by side are copied whole: the caller hands over those of 1, 2, 4 and 8 bytes as one unsigned
integer each; those of three bytes have a way of their own. The fill comes in the type of the pixels.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.coordinates import generate_positions
from stnwarp.kernels.geometry.coverage import axes_that_fade, hide_beyond_horizon
from stnwarp.kernels.geometry.neighbours import locate_nearest, locate_nearest_inside
from stnwarp.kernels.geometry.padding import modes_of, pad_by_modes
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    output_offset,
)
from stnwarp.kernels.layout import BLOCK, FIRST, INSIDE, LEFT_WEIGHT, OUTSIDE, Block, SampleTask
from stnwarp.kernels.simd.gather import PIXELS_PER_COPY, copy_rgb_pixels
from stnwarp.kernels.simd.memory import load_points, load_source, store_output, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import greatest


@kernel
def nearest_rows(task: SampleTask, start: int, stop: int, together: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`.

    It is compiled for each number of elements that are copied `together`: 1, or 3 for uint8 images (H, W, 3).
    """
    inside, touching = all_neighbours_bounds(task.call, 0, SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 0, 0, 0, _sample_block, together)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, together: int) -> None:
    inside = 0
    if region != OUTSIDE:
        inside = _locate(task, block, region)
        if together == 1:
            _copy(task, block)
        else:
            _copy_rgb(task, block)
    if inside < block.length:
        _fill(task, block, inside)


@inline
def _locate(task: SampleTask, block: Block, region: int) -> Any:
    """Set offsets; return how many positions lie inside."""
    if region == INSIDE:
        locate_nearest_inside(task, block)
        return block.length
    generate_positions(task, block)
    if axes_that_fade(task.call) != 0:
        hide_beyond_horizon(task, block)
    pad_by_modes(task.call, task.grid, block.length, task.positions, modes_of(task.call, False), 0)
    return locate_nearest(task, block)


@inline
def _copy(task: SampleTask, block: Block) -> None:
    source, output, call, offsets = task.source, task.output, task.call, task.offsets
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        for k in range(np.uintp(block.length)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            store_output(output, first + k * step, load_source(source, at))


@inline
def _copy_rgb(task: SampleTask, block: Block) -> None:
    """Copy several pixels at a time where four bytes can be read at each; the last ones byte by byte."""
    source, output, call, offsets, count = task.source, task.output, task.call, task.offsets, block.length
    first = np.uintp(output_offset(call, block))
    furthest = np.int64(0)
    for k in range(np.uintp(count)):
        furthest = greatest(furthest, load_points(offsets, FIRST + k))
    quads = np.uintp(greatest(count - 2, 0) // PIXELS_PER_COPY if furthest <= call.last_uint64 + 4 else 0)
    for quad in range(quads):
        copy_rgb_pixels(
            source, offsets, np.uintp(PIXELS_PER_COPY) * quad, output, first + np.uintp(3 * PIXELS_PER_COPY) * quad
        )
    for k in range(np.uintp(PIXELS_PER_COPY) * quads, np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        for channel in range(np.uintp(3)):
            store_output(output, first + np.uintp(3) * k + channel, load_source(source, at + channel))


@inline
def _fill(task: SampleTask, block: Block, inside: int) -> None:
    """Write the fill where LEFT_WEIGHT is 0; everywhere if nothing lies `inside`."""
    output, call, fill, weights = task.output, task.call, task.fill, task.weights
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        outside = load_source(fill, np.uintp(channel))
        for k in range(np.uintp(block.length)):
            if inside == 0 or load_points(weights, LEFT_WEIGHT + k) == 0:
                store_output(output, first + k * step, outside)
