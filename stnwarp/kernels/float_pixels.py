"""Bilinear sampling of float32 pictures with 3 or 4 interleaved channels: a vector a pixel, its lanes the channels.

Pixels of three numbers are read as four: the fourth belongs to the next pixel, and the margin keeps it inside the row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.arithmetic import like, weighted
from stnwarp.kernels.bilinear import blend_rim
from stnwarp.kernels.blocks import AFFINE, BLOCK, FIRST, INSIDE, LOWER_WEIGHT, OUTSIDE, RIGHT_WEIGHT, Call, Memory
from stnwarp.kernels.jit import CHECKED, PLAIN, inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import load_points, load_source, store_output, tag
from stnwarp.kernels.neighbours import fill_pixels, locate_anywhere, tabulate_steps
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.slopes import ask_ahead, lines_ahead, lines_ahead_of_block

_FLOAT = 4  # as an itemsize
_LANES = 4
_VECTOR, _LANE = ir.VectorType(ir.FloatType(), _LANES), ir.IntType(32)
_FUSE = ("contract",)


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
    down = np.uintp(call.row_stride)
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + k))
        across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        if channels == 3:
            blend_three(source, at, down, across, along, output, where + np.uintp(3) * k)
        else:
            blend_four(source, at, down, across, along, output, where + np.uintp(4) * k)


def _blender(channels: int) -> Callable[..., Any]:
    def blend(typingctx: Any, source: Any, at: Any, down: Any, across: Any, along: Any, output: Any, where: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, at, down, across, along, output, where = args
            none, one = (ir.Constant(_VECTOR, [number] * _LANES) for number in (0.0, 1.0))
            right, lower = _spread(builder, across), _spread(builder, along)
            left, upper = builder.fsub(one, right), builder.fsub(one, lower)
            value, next_pixel = none, ir.IntType(64)(channels)
            for row, share_of_row in ((at, upper), (builder.add(at, down), lower)):
                for place, share_of_column in ((row, left), (builder.add(row, next_pixel), right)):
                    share = builder.fmul(share_of_row, share_of_column)
                    start = builder.bitcast(builder.gep(source, [place], inbounds=True), _VECTOR.as_pointer())
                    neighbour = builder.load(start, align=4)
                    tag(builder, neighbour, "source")
                    more = builder.fadd(builder.fmul(neighbour, share, flags=_FUSE), value, flags=_FUSE)
                    # What has weight 0 is not read, be it NaN or infinite.
                    value = builder.select(builder.fcmp_unordered("!=", share, none), more, value)
            kept = ir.Constant(ir.VectorType(_LANE, channels), list(range(channels)))
            pixel = builder.shuffle_vector(value, ir.Constant(_VECTOR, ir.Undefined), kept)
            to = builder.bitcast(builder.gep(output, [where], inbounds=True), pixel.type.as_pointer())
            tag(builder, builder.store(pixel, to, align=4), "output")
            return context.get_dummy_value()

        place, number = types.uintp, types.float32
        return types.void(source, place, place, number, number, output, place), codegen

    return intrinsic(blend)  # type: ignore[no-any-return]


def _spread(builder: Any, number: Any) -> Any:
    """*number* in every lane."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, _LANE(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_LANE, _LANES), [0] * _LANES))


def _plain_blender(channels: int) -> Callable[..., Any]:
    def blend(source: Memory, at: Any, down: Any, across: Any, along: Any, output: Memory, where: Any) -> None:
        left, upper, right = like(across, 1) - across, like(along, 1) - along, np.uintp(channels)
        for channel in range(np.uintp(channels)):
            here = at + channel
            value = weighted(load_source(source, here), upper * left)
            value += weighted(load_source(source, here + right), upper * across)
            value += weighted(load_source(source, here + down), along * left)
            value += weighted(load_source(source, here + down + right), along * across)
            store_output(output, where + channel, value)

    return inlined(blend)


# blend(source, at, down, across, along, output, where): the pixel between the one *at* that element and its neighbours
_make = _plain_blender if PLAIN or CHECKED else _blender
blend_three, blend_four = _make(3), _make(4)
