"""Bilinear sampling of uint8 pictures with 1, 2, 3 or 4 interleaved channels, a whole pixel at a time.

Neighbours come as words (see `collectors`), are blended in float32 lanes, packed into one word a pixel, and narrowed to
bytes in a loop of their own. Three and four channels inside the image go from the input to the output in registers (see
`groups`). A word of eight bytes reaches past two pixels of three bytes; the margin keeps it inside the row.
"""

from typing import Any

import numpy as np

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
from stnwarp.kernels.byte_floats import BYTE, biased, blended, rounded
from stnwarp.kernels.collectors import collect_bytes, collect_fours, collect_words
from stnwarp.kernels.groups import sample_fours, sample_threes
from stnwarp.kernels.jit import hot, inlined, kernel
from stnwarp.kernels.locating import locate_block
from stnwarp.kernels.memory import (
    as_step,
    load_pixels,
    load_points,
    load_source,
    store_output,
    store_pixels,
    store_word32,
)
from stnwarp.kernels.neighbours import locate_pairs, tabulate_steps
from stnwarp.kernels.regions import SLACK, block_at, output_offset, pair_bounds, row_edges, touch_bounds
from stnwarp.kernels.slopes import ask_ahead, lines_ahead, lines_ahead_of_block
from stnwarp.kernels.words import collect_last_words, fill_up_groups

_BYTE = 1  # as an itemsize
# Where bytes begin in a word; literals would have `biased` compiled for each.
_FIRST, _SECOND, _THIRD, _FOURTH = np.int64(0), np.int64(8), np.int64(16), np.int64(24)


@kernel
def packed_rows(
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
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`, images uint8 and at least 2x2.

    It is compiled for each number of channels: what belongs to others is left out.
    """
    margin = 1 if channels == 3 else 0
    known = -1
    columns, ahead = np.int64(0), np.int64(0)
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if image != known and call.mapping == AFFINE:
            tabulate_steps(call, matrices, image, offsets, weights)
            columns, ahead = lines_ahead(call, matrices, image, _BYTE)
            known = image
        edges = row_edges(call, matrices, image, row, pair_bounds(call, margin, SLACK), touch_bounds(call))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, BLOCK)
            region = locate_block(
                call, matrices, grid, image, row, column, count, region, margin, places, offsets, weights
            )
            where, done = np.uintp(output_offset(call, image, row, column)), np.uintp(0)
            # INSIDE and RIM are literals for what is compiled into each branch.
            if region == OUTSIDE:
                fill_block(fill, pixels, count, channels)
            elif region == INSIDE:
                if call.mapping != AFFINE and call.output_width == call.joined_width:
                    columns, ahead = lines_ahead_of_block(call, matrices, image, row, column, count, places, _BYTE)
                ask_ahead(source, offsets, count, columns, ahead)
                if channels < 3:
                    _sample(source, call, fill, offsets, weights, pixels, count, INSIDE, channels)
                else:
                    done = _sample_groups(source, call, offsets, weights, pixels, output, where, count, channels)
            else:
                locate_pairs(call, image, count, places, offsets, weights)
                _sample(source, call, fill, offsets, weights, pixels, count, RIM, channels)
            unpack(output, where, pixels, done, count, channels)
            column += count


@inlined
def _sample(
    source: Memory,
    call: Call,
    fill: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    count: int,
    region: int,
    channels: int,
) -> None:
    groups, length = fill_up_groups(offsets, count), np.uintp(GROUP)
    # Without a condition inside the loop its constants stay in registers.
    _collect(source, call, offsets, pixels, np.uintp(0), channels)
    for group in range(np.uintp(1), groups):
        _collect(source, call, offsets, pixels, group * length, channels)
        blend_group(fill, weights, pixels, (group - np.uintp(1)) * length, region, channels)
    blend_group(fill, weights, pixels, (groups - np.uintp(1)) * length, region, channels)


@inlined
def _sample_groups(
    source: Memory,
    call: Call,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    output: Memory,
    where: Any,
    count: int,
    channels: int,
) -> Any:
    """Sample a block inside the image, three or four channels; what did not go to the output is left in *pixels*.

    Returns how many pixels are in the output, from *where* on.
    """
    down = as_step(call.row_stride)
    last = (fill_up_groups(offsets, count) - np.uintp(1)) * np.uintp(GROUP)  # that group may reach past the block
    if channels == 3:
        sample_threes(source, down, offsets, weights, pixels, output, where, last)
    else:
        sample_fours(source, down, offsets, weights, pixels, output, where, last)
    return last


@hot
def _collect(source: Memory, call: Call, offsets: Memory, pixels: Memory, begin: Any, channels: int) -> None:
    none, down = np.uintp(0), as_step(call.row_stride)
    if channels == 1:
        collect_bytes(source, none, down, offsets, pixels, begin)
    elif channels == 2:
        collect_words(source, none, down, offsets, pixels, begin)
    elif channels == 4:
        collect_fours(source, none, down, offsets, pixels, begin)
    else:
        collect_last_words(source, down, offsets, pixels, begin, np.uintp(call.last_word))


@inlined
def fill_block(fill: Memory, pixels: Memory, count: int, channels: int) -> None:
    """Set the packed pixels of a block to the fill."""
    word = np.uint32(0)
    for channel in range(channels):
        word |= np.uint32(np.int32(np.rint(fill[channel]))) << np.uint32(8 * channel)
    for k in range(np.uintp(count)):
        store_pixels(pixels, k, word)


@hot
def blend_group(fill: Memory, weights: Memory, pixels: Memory, begin: Any, region: int, channels: int) -> None:
    """Blend the words of the group that begins there to packed pixels."""
    for place in range(np.uintp(GROUP)):
        k, word = begin + place, np.uint32(0)
        for channel in range(channels):
            a, b, c, d = corners(pixels, k, channel, channels)
            if region == INSIDE:
                across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
                value = blended(a, b, c, d, across, along)
            else:
                value = _mix_rim(a, b, c, d, weights, k, load_source(fill, np.uintp(channel)))
            word |= value << np.uint32(8 * channel)
        store_pixels(pixels, k, word)


@inlined
def corners(pixels: Memory, k: Any, channel: int, channels: int) -> tuple[Any, Any, Any, Any]:
    """The four neighbours in one channel, biased."""
    if channels == 1:
        word = load_points(pixels, UPPER_WORDS + k)
        return biased(word, _FIRST), biased(word, _SECOND), biased(word, _THIRD), biased(word, _FOURTH)
    first = np.uintp(2) * k
    left, right = load_points(pixels, UPPER_WORDS + first), load_points(pixels, UPPER_WORDS + first + np.uintp(1))
    shift = 8 * channel
    if channels == 2:
        return biased(left, shift), biased(left, shift + 16), biased(right, shift), biased(right, shift + 16)
    lower = load_points(pixels, LOWER_WORDS + first)
    lower_right = load_points(pixels, LOWER_WORDS + first + np.uintp(1))
    if channels == 4:
        return biased(left, shift), biased(right, shift), biased(lower, shift), biased(lower_right, shift)
    if channel == 0:
        return biased(left, _FIRST), biased(left, _FOURTH), biased(lower, _FIRST), biased(lower, _FOURTH)
    # The second pixel's second channel opens the second word.
    behind = shift - 8
    return biased(left, shift), biased(right, behind), biased(lower, shift), biased(lower_right, behind)


@inlined
def _mix_rim(a: Any, b: Any, c: Any, d: Any, weights: Memory, k: Any, fill: Any) -> Any:
    """The same with the weights of `locate_pairs`, and the fill's share."""
    bias = np.float32(256)
    left, right = load_points(weights, LEFT_WEIGHT + k), load_points(weights, RIGHT_WEIGHT + k)
    upper = left * (a - bias) + right * (b - bias)
    lower = left * (c - bias) + right * (d - bias)
    value = load_points(weights, UPPER_WEIGHT + k) * upper + load_points(weights, LOWER_WEIGHT + k) * lower
    return rounded(value + load_points(weights, OUTSIDE_WEIGHT + k) * fill)


@inlined
def unpack(output: Memory, where: Any, pixels: Memory, begin: Any, count: int, channels: int) -> None:
    """Narrow packed pixels from *begin* on; spelt out, a loop over channels compiles to something ten times longer."""
    if channels == 4:
        for k in range(begin, np.uintp(count)):
            store_word32(output, where + k * np.uintp(4), load_pixels(pixels, k))
        return
    for k in range(begin, np.uintp(count)):
        pixel = load_pixels(pixels, k)
        at = where + k * np.uintp(channels)
        store_output(output, at, _low_byte(pixel))
        if channels > 1:
            store_output(output, at + np.uintp(1), _low_byte(pixel >> np.uint32(8)))
        if channels > 2:
            store_output(output, at + np.uintp(2), _low_byte(pixel >> np.uint32(16)))


@inlined
def _low_byte(word: Any) -> Any:
    return np.uint8(word & BYTE)
