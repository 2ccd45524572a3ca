"""Bilinear sampling of any dtype, channel count and layout, one channel of a block at a time."""

import numpy as np

from stnwarp.kernels.arithmetic import like, weighted
from stnwarp.kernels.blocks import (
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
    Call,
    Memory,
)
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import as_step, load_points, load_source, store_rounded
from stnwarp.kernels.neighbours import fill_pixels, locate_anywhere, tabulate_steps
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds


@kernel
def bilinear_rows(
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
    """Sample rows [start, stop) of the batch's outputs, counted through all images.

    source and output are flat; matrices and grid as in `coordinates`; fill has one number a channel in the weights'
    type; places, offsets, weights and pixels are the calling thread's own work space.
    """
    known = -1
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            known = image
        edges = row_edges(call, matrices, image, row, pair_bounds(call, 0, SLACK), touch_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(call, matrices, grid, image, row, column, count, region, 0, places, offsets, weights)
            if region == INSIDE:
                _blend_inside(source, output, call, offsets, weights, image, row, column, count)
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
    image: int,
    row: int,
    column: int,
    count: int,
) -> None:
    right, down, step = (
        as_step(call.column_stride),
        as_step(call.row_stride),
        np.uintp(call.output_column_stride),
    )
    for channel in range(call.channels):
        shift = as_step(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
            one = like(across, 1)
            a, b = load_source(source, at), load_source(source, at + right)
            c, d = load_source(source, at + down), load_source(source, at + down + right)
            upper = weighted(a, one - across) + weighted(b, across)
            lower = weighted(c, one - across) + weighted(d, across)
            store_rounded(output, first + k * step, weighted(upper, one - along) + weighted(lower, along))


@inlined
def blend_rim(
    source: Memory,
    output: Memory,
    call: Call,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
) -> None:
    """Sample a block wherever its places lie, by what `locate_anywhere` left."""
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = as_step(channel * call.channel_stride)
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
            upper = weighted(a, left_weight) + weighted(b, right_weight)
            lower = weighted(c, left_weight) + weighted(d, right_weight)
            value = weighted(upper, load_points(weights, UPPER_WEIGHT + k))
            value += weighted(lower, load_points(weights, LOWER_WEIGHT + k))
            value += weighted(outside, load_points(weights, OUTSIDE_WEIGHT + k))
            store_rounded(output, first + k * step, value)
