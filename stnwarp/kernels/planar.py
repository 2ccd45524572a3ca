"""Bilinear sampling of float32 images and feature maps whose columns lie side by side, one channel at a time."""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import like, weighted
from stnwarp.kernels.blocks import (
    AFFINE,
    BLOCK,
    GROUP,
    INSIDE,
    LEFT_WEIGHT,
    LOWER_WEIGHT,
    LOWER_WORDS,
    OUTSIDE,
    OUTSIDE_WEIGHT,
    RIGHT_WEIGHT,
    RIM,
    UPPER_WEIGHT,
    UPPER_WORDS,
    Call,
    Memory,
)
from stnwarp.kernels.collectors import collect_pairs
from stnwarp.kernels.jit import hot, inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import (
    as_float,
    as_step,
    as_word,
    load_pixels,
    load_points,
    load_source,
    store_output,
    store_pixels,
)
from stnwarp.kernels.neighbours import fill_pixels, locate_pairs, tabulate_steps
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.words import CACHED, ask_for_lines, fill_up_groups

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def planar_rows(
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
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`, images of at least 2x2."""
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
            # INSIDE and RIM are literals for what is compiled into each branch.
            if region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                first = output_offset(call, image, row, column)
                if region == INSIDE:
                    _sample(source, output, call, fill, offsets, weights, pixels, first, count, INSIDE)
                else:
                    locate_pairs(call, image, count, places, offsets, weights)
                    _sample(source, output, call, fill, offsets, weights, pixels, first, count, RIM)
            column += count


@inlined
def _sample(
    source: Memory,
    output: Memory,
    call: Call,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    first: int,
    count: int,
    region: int,
) -> None:
    groups, length, down = fill_up_groups(offsets, count), np.uintp(GROUP), as_step(call.row_stride)
    asks = call.last_word > CACHED
    if asks:
        ask_for_lines(source, np.uintp(0), down, offsets, count)
    for channel in range(call.channels):
        shift, outside = as_step(channel * call.channel_stride), load_source(fill, np.uintp(channel))
        if asks and channel + 1 < call.channels:  # while this one is worked on, the lines of the next are on their way
            ask_for_lines(source, shift + as_step(call.channel_stride), down, offsets, count)
        for group in range(groups + _ONE):
            if group < groups:
                collect_pairs(source, shift, down, offsets, pixels, group * length)
            if group > np.uintp(0):
                _blend(outside, weights, pixels, (group - _ONE) * length, region)
        at = np.uintp(first + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            store_output(output, at + k, as_float(load_pixels(pixels, k)))


@hot
def _blend(outside: Any, weights: Memory, pixels: Memory, begin: Any, region: int) -> None:
    for place in range(np.uintp(GROUP)):
        k = begin + place
        first = _TWO * k
        a, b = _number(pixels, UPPER_WORDS + first), _number(pixels, UPPER_WORDS + first + _ONE)
        c, d = _number(pixels, LOWER_WORDS + first), _number(pixels, LOWER_WORDS + first + _ONE)
        right, lower = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
        one = like(right, 1)
        if region == INSIDE:
            left, upper = one - right, one - lower
        else:
            left, upper = load_points(weights, LEFT_WEIGHT + k), load_points(weights, UPPER_WEIGHT + k)
        value = weighted(weighted(a, left) + weighted(b, right), upper)
        value += weighted(weighted(c, left) + weighted(d, right), lower)
        if region != INSIDE:
            value += weighted(outside, load_points(weights, OUTSIDE_WEIGHT + k))
        store_pixels(pixels, k, as_word(value))


@inlined
def _number(pixels: Memory, at: Any) -> Any:
    return as_float(load_points(pixels, at))
