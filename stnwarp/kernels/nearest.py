"""Nearest-neighbour sampling of any dtype, channel count and layout: values are copied, never computed."""

import numpy as np

from stnwarp.kernels.blocks import FIRST, LEFT_WEIGHT, OUTSIDE, Call, Memory
from stnwarp.kernels.coordinates import fold_places, generate_places
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import load_points, load_source, store_output, store_rounded
from stnwarp.kernels.neighbours import fill_pixels, locate_nearest
from stnwarp.kernels.regions import block_at, output_offset, row_edges


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
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`."""
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        edges = row_edges(call, matrices, image, row, 0)
        column = 0
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width)
            if region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                generate_places(call, matrices, grid, image, row, column, count, places)
                fold_places(call, count, places)
                locate_nearest(call, image, count, places, offsets, weights)
                _copy(source, output, call, fill, offsets, weights, image, row, column, count)
            column += count


@inlined
def _copy(
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
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = np.uintp(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            store_output(output, first + k * step, load_source(source, at))
        outside = load_source(fill, np.uintp(channel))
        for k in range(np.uintp(count)):
            if load_points(weights, LEFT_WEIGHT + k) == 0:
                store_rounded(output, first + k * step, outside)
