"""Bilinear sampling of any dtype, channel count and layout, one channel of a block at a time."""

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_anywhere, locate_block
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    output_offset,
)
from stnwarp.kernels.layout import (
    BLOCK,
    DOWN,
    FIRST,
    INSIDE,
    LEFT_WEIGHT,
    LOWER_WEIGHT,
    OUTSIDE,
    OUTSIDE_WEIGHT,
    RIGHT,
    RIGHT_WEIGHT,
    UPPER_WEIGHT,
    Block,
    SampleTask,
)
from stnwarp.kernels.simd.memory import load_points, load_source, round_and_store, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, multiply_unless_zero


@kernel
def bilinear_rows(task: SampleTask, start: int, stop: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`."""
    inside, touching = all_neighbours_bounds(task.call, 0, SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 1, 1, 0, _sample_block, 0)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, variant: int) -> None:
    region = locate_block(task, block, region, 0)
    if region == INSIDE:
        _blend_inside(task, block)
    elif region == OUTSIDE:
        fill_pixels(task, block)
    else:
        locate_anywhere(task, block, region)
        blend_partial(task, block)


@inline
def _blend_inside(task: SampleTask, block: Block) -> None:
    call, count = task.call, block.length
    source, output, offsets, weights = task.source, task.output, task.offsets, task.weights
    right, down, step = (
        unsigned_stride(call.column_stride),
        unsigned_stride(call.row_stride),
        np.uintp(call.output_column_stride),
    )
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
            one = cast_like(across, 1)
            a, b = load_source(source, at), load_source(source, at + right)
            c, d = load_source(source, at + down), load_source(source, at + down + right)
            upper = add_unless_zero(multiply_unless_zero(a, one - across), b, across)
            lower = add_unless_zero(multiply_unless_zero(c, one - across), d, across)
            value = add_unless_zero(multiply_unless_zero(upper, one - along), lower, along)
            round_and_store(output, first + k * step, value)


@inline
def blend_partial(task: SampleTask, block: Block) -> None:
    """Sample a block wherever its positions lie, by what `locate_anywhere` left."""
    call, count = task.call, block.length
    source, output, offsets, weights = task.source, task.output, task.offsets, task.weights
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        outside = load_source(task.fill, np.uintp(channel))
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            right, down = np.uintp(load_points(offsets, RIGHT + k)), np.uintp(load_points(offsets, DOWN + k))
            left_weight, right_weight = (
                load_points(weights, LEFT_WEIGHT + k),
                load_points(weights, RIGHT_WEIGHT + k),
            )
            a, b = load_source(source, at), load_source(source, at + right)
            c, d = load_source(source, at + down), load_source(source, at + down + right)
            upper = add_unless_zero(multiply_unless_zero(a, left_weight), b, right_weight)
            lower = add_unless_zero(multiply_unless_zero(c, left_weight), d, right_weight)
            value = multiply_unless_zero(upper, load_points(weights, UPPER_WEIGHT + k))
            value = add_unless_zero(value, lower, load_points(weights, LOWER_WEIGHT + k))
            value = add_unless_zero(value, outside, load_points(weights, OUTSIDE_WEIGHT + k))
            round_and_store(output, first + k * step, value)
