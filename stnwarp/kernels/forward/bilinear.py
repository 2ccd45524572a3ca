"""Bilinear sampling of any dtype, channel count and layout, one channel of a block at a time."""

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.neighbours import fill_pixels, locate_anywhere, locate_block, tabulate_steps
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
    block_at,
    output_offset,
    row_edges,
)
from stnwarp.kernels.layout import (
    AFFINE,
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
    Memory,
    SampleCall,
)
from stnwarp.kernels.simd.memory import load_points, load_source, round_and_store, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import cast_like, multiply_unless_zero


@kernel
def bilinear_rows(
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
) -> None:
    """Sample rows [start, stop) of the batch's outputs, counted through all images.

    source and output are flat; matrices and grid as in `coordinates`; fill has one number a channel in the weights'
    type; positions, offsets, weights and pixels are the calling thread's own work space.
    """
    known = -1
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            known = image
        edges = row_edges(call, matrices, image, row, all_neighbours_bounds(call, 0, SLACK), any_neighbour_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, 0, positions, offsets, weights
            )
            if region == INSIDE:
                _blend_inside(source, output, call, offsets, weights, image, row, column, count)
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
    image: int,
    row: int,
    column: int,
    count: int,
) -> None:
    right, down, step = (
        unsigned_stride(call.column_stride),
        unsigned_stride(call.row_stride),
        np.uintp(call.output_column_stride),
    )
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
            one = cast_like(across, 1)
            a, b = load_source(source, at), load_source(source, at + right)
            c, d = load_source(source, at + down), load_source(source, at + down + right)
            upper = multiply_unless_zero(a, one - across) + multiply_unless_zero(b, across)
            lower = multiply_unless_zero(c, one - across) + multiply_unless_zero(d, across)
            round_and_store(
                output, first + k * step, multiply_unless_zero(upper, one - along) + multiply_unless_zero(lower, along)
            )


@inline
def blend_partial(
    source: Memory,
    output: Memory,
    call: SampleCall,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
) -> None:
    """Sample a block wherever its positions lie, by what `locate_anywhere` left."""
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        outside = load_source(fill, np.uintp(channel))
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            right, down = np.uintp(load_points(offsets, RIGHT + k)), np.uintp(load_points(offsets, DOWN + k))
            left_weight, right_weight = (
                load_points(weights, LEFT_WEIGHT + k),
                load_points(weights, RIGHT_WEIGHT + k),
            )
            a, b = load_source(source, at), load_source(source, at + right)
            c, d = load_source(source, at + down), load_source(source, at + down + right)
            upper = multiply_unless_zero(a, left_weight) + multiply_unless_zero(b, right_weight)
            lower = multiply_unless_zero(c, left_weight) + multiply_unless_zero(d, right_weight)
            value = multiply_unless_zero(upper, load_points(weights, UPPER_WEIGHT + k))
            value += multiply_unless_zero(lower, load_points(weights, LOWER_WEIGHT + k))
            value += multiply_unless_zero(outside, load_points(weights, OUTSIDE_WEIGHT + k))
            round_and_store(output, first + k * step, value)
