"""Bicubic and Lanczos sampling: every place is a weighted sum of 4 x 4 or 6 x 6 pixels, its taps.

Where all taps exist and lie side by side in memory, they are blended as in `lanes`, up to four channels at once; else
one by one, each with an offset and a weight of its own. Values are kept in the weights' type until a block is done and
then rounded once.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, weighted
from stnwarp.kernels.blocks import INSIDE, OUTSIDE, TAP_BLOCK, UNKNOWN, WRAP, Call, Memory
from stnwarp.kernels.coordinates import generate_places
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.lanes import clamped
from stnwarp.kernels.memory import as_step, load_pixels, load_points, load_source, store_points, store_rounded
from stnwarp.kernels.neighbours import fill_pixels
from stnwarp.kernels.regions import block_at, output_offset, region_of, row_edges
from stnwarp.kernels.tap_regions import all_taps, any_tap, padded
from stnwarp.kernels.tap_weights import stride
from stnwarp.kernels.tap_windows import blend_block, prefetch_block
from stnwarp.kernels.taps import (
    ACROSS,
    ALONG,
    BLENDED,
    COLUMNS,
    FIRST_TAP,
    LINES,
    MISSING_X,
    MISSING_Y,
    ODD,
    WINDOW_ACROSS,
    WINDOW_ALONG,
    fit_windows,
    locate_inside_taps,
    locate_taps,
)


@kernel
def convolution_rows(
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
    taps: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs; arguments as in `bilinear_rows`.

    It is compiled for each number of taps: what belongs to the other is left out.
    """
    together = _together(call)
    roomy = together > 0 and call.width >= taps and call.height >= taps and call.row_stride >= taps * together
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        edges = row_edges(call, matrices, image, row, all_taps(call, taps), any_tap(call, taps))
        column = int(np.int64(0))  # a literal would have everything compiled once more
        while column < call.output_width:
            count, region = block_at(column, edges, call.output_width, TAP_BLOCK)
            whole = count
            if region != OUTSIDE:
                generate_places(call, matrices, grid, image, row, column, count, places)
                if call.padding == WRAP:  # the other modes fold each tap by itself
                    fold_places(call, count, places, 0)
                whole = padded(count, places)
            if region == UNKNOWN:
                region = region_of(call, whole, places, all_taps(call, taps), any_tap(call, taps))
            if region == OUTSIDE:
                fill_pixels(call, output, fill, image, row, column, count)
            else:
                inside, odd = region == INSIDE, int(np.int64(0))
                if inside:
                    locate_inside_taps(call, image, whole, places, offsets, weights, taps)
                else:
                    locate_taps(call, whole, places, offsets, weights, taps)
                    if roomy:
                        odd = fit_windows(call, image, whole, offsets, weights, taps)
                done = roomy and _blend_windows(
                    source, output, call, fill, offsets, weights, image, row, column, count, inside, together, taps
                )
                if inside and not done:
                    _blend_inside(source, output, call, offsets, weights, image, row, column, count, taps)
                elif odd > 0 or not done:
                    _blend_odd(source, output, call, fill, offsets, weights, image, row, column, count, done, taps)
            column += count


@inlined
def _together(call: Call) -> int:
    """How many channels of a tap are blended together: all that lie side by side, or one by one, or 0: taps do not."""
    if call.channel_stride == 1 and 1 < call.channels == call.column_stride <= 4:
        return call.channels
    return 1 if call.column_stride == 1 else 0


@inlined
def _blend_windows(
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
    inside: bool,
    together: int,
    taps: int,
) -> bool:
    """Blend a block whose taps lie side by side; False if it has to be done again, tap by tap.

    What has weight 0 must not be read, but here it is: if it is NaN or infinite, the sum is NaN.
    """
    down, step = as_step(call.row_stride), np.uintp(call.output_column_stride)
    for channel in range(0, call.channels, together):
        shift = as_step(channel * call.channel_stride)
        prefetch_block(source, down, shift, offsets, count, taps)
        blend_block(source, down, shift, offsets, weights, count, together, taps)
        for k in range(0 if inside else together):
            _add_fill(load_source(fill, np.uintp(channel + k)), weights, np.uintp(k), np.uintp(together), count)
        if _holds_nan(weights, count * together):
            return False
        first = output_offset(call, image, row, column) + channel * call.output_channel_stride
        if call.output_channel_stride == 1 and call.output_column_stride == together:
            _store(output, np.uintp(first), np.uintp(1), weights, np.uintp(0), np.uintp(1), count * together)
        else:
            for k in range(together):
                at = np.uintp(first + k * call.output_channel_stride)
                _store(output, at, step, weights, np.uintp(k), np.uintp(together), count)
    return True


@inlined
def _add_fill(outside: Any, weights: Memory, skip: Any, every: Any, count: int) -> None:
    for k in range(np.uintp(count)):
        share_x, share_y = load_pixels(weights, MISSING_X + k), load_pixels(weights, MISSING_Y + k)
        at = BLENDED + skip + every * k
        share = weighted(outside, share_x + share_y - share_x * share_y)
        store_points(weights, at, load_points(weights, at) + share)


@inlined
def _holds_nan(weights: Memory, count: int) -> bool:
    found = 0
    for k in range(np.uintp(count)):
        value = load_points(weights, BLENDED + k)
        found += value != value
    return found > 0


@inlined
def _store(output: Memory, first: Any, step: Any, weights: Memory, skip: Any, every: Any, count: int) -> None:
    """Round *count* blended values, every so many after the first *skip*, into the output."""
    for k in range(np.uintp(count)):
        value = load_points(weights, BLENDED + skip + every * k)
        store_rounded(output, first + k * step, clamped(output, value))


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
    taps: int,
) -> None:
    """Blend a block all of whose taps exist, tap by tap, reading what has a weight."""
    right, down, step = as_step(call.column_stride), as_step(call.row_stride), np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = as_step(channel * call.channel_stride)
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        prefetch_block(source, down, shift, offsets, count, taps)
        for k in range(np.uintp(count)):
            at, total = np.uintp(load_points(offsets, FIRST_TAP + k)) + shift, as_weight(weights, 0)
            for line in range(np.uintp(taps)):
                along = as_weight(weights, 0)
                for tap in range(np.uintp(taps)):
                    weight = load_pixels(weights, WINDOW_ACROSS + stride(taps) * k + tap)
                    along += weighted(load_source(source, at + tap * right), weight)
                total += weighted(along, load_pixels(weights, WINDOW_ALONG + stride(taps) * k + line))
                at += down
            store_rounded(output, first + k * step, clamped(output, total))


@inlined
def _blend_odd(
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
    only_odd: bool,
    taps: int,
) -> None:
    """Blend the places tap by tap, all of them or those that are ODD."""
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = call.origin + image * call.image_stride + channel * call.channel_stride
        outside = load_source(fill, np.uintp(channel))
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            if not only_odd or load_points(offsets, ODD + k) != 0:
                value = _square(source, call, shift, outside, offsets, weights, k, taps)
                store_rounded(output, first + k * step, clamped(output, value))


@inlined
def _square(
    source: Memory, call: Call, shift: int, outside: Any, offsets: Memory, weights: Memory, k: Any, taps: int
) -> Any:
    """The weighted sum of the taps of one place; one that does not exist reads the fill."""
    total = as_weight(weights, 0)
    for line in range(np.uintp(taps)):
        y, along = load_points(offsets, LINES + np.uintp(TAP_BLOCK) * line + k), as_weight(weights, 0)
        for tap in range(np.uintp(taps)):
            x = load_points(offsets, COLUMNS + np.uintp(TAP_BLOCK) * tap + k)
            weight = load_points(weights, ACROSS + np.uintp(TAP_BLOCK) * tap + k)
            if (x >= 0) & (x < call.width) & (y >= 0) & (y < call.height):
                at = np.uintp(shift + y * call.row_stride + x * call.column_stride)
                along += weighted(load_source(source, at), weight)
            else:
                along += weighted(outside, weight)
        total += weighted(along, load_points(weights, ALONG + np.uintp(TAP_BLOCK) * line + k))
    return total
