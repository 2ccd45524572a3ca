"""Sampling by convolution, for any interpolation that has 4 or 6 taps on each axis.

Where all taps exist and lie side by side in memory, they are blended as in `simd.tap_window`, up to four channels at
once; else one by one, each with an offset and a weight of its own. Values are kept in the weights' type until a block
is done and then rounded once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.forward.window_blend import blend_block, prefetch_taps
from stnwarp.kernels.geometry.coordinates import generate_positions
from stnwarp.kernels.geometry.coverage import axes_that_fade, measure_coverage
from stnwarp.kernels.geometry.neighbours import fill_pixels
from stnwarp.kernels.geometry.padding import modes_of, pad_by_modes
from stnwarp.kernels.geometry.regions import (
    all_taps_bounds,
    any_tap_bounds,
    output_offset,
    region_of,
    repeat_last_position,
)
from stnwarp.kernels.geometry.tap_weights import Weigh, weights_stride
from stnwarp.kernels.geometry.taps import (
    BLENDED,
    FIRST_TAP,
    IS_IRREGULAR,
    MISSING_X,
    MISSING_Y,
    TAP_COLUMNS,
    TAP_ROWS,
    WEIGHTS_X,
    WEIGHTS_Y,
    WINDOW_WEIGHTS_X,
    WINDOW_WEIGHTS_Y,
    fit_windows,
    locate_inside_taps,
    locate_taps,
)
from stnwarp.kernels.layout import (
    COVERAGE,
    FADING,
    INSIDE,
    OUTSIDE,
    TAP_BLOCK,
    UNKNOWN,
    WRAP,
    ZEROS,
    Block,
    Memory,
    SampleCall,
    SampleTask,
)
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import (
    load_pixels,
    load_points,
    load_source,
    round_and_store,
    store_points,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, cast_to_weight, multiply_unless_zero
from stnwarp.kernels.simd.tap_window import clamp_to_range


@inline
def convolve_rows(
    task: SampleTask, start: int, stop: int, sample_block: Callable[[SampleTask, Block, int, int], None], taps: int
) -> None:
    """Sample rows [start, stop) of the batch's outputs; `taps` is a literal, `sample_block` calls `convolve_block`."""
    inside, touching = all_taps_bounds(task.call, taps), any_tap_bounds(task.call, taps)
    sample_rows(task, start, stop, inside, touching, TAP_BLOCK, 0, 1, 0, sample_block, taps)


@inline
def convolve_block(task: SampleTask, block: Block, region: int, taps: int, weigh: Weigh) -> None:
    """Sample a block by `taps` taps on each axis, a literal, whose weights `weigh` computes."""
    call, whole = task.call, block
    if region != OUTSIDE:
        generate_positions(task, block)
        if region == FADING:
            measure_coverage(task, block, axes_that_fade(call))
        # The other modes move each tap by itself.
        wraps = (WRAP if call.padding == WRAP else ZEROS), (WRAP if call.padding_y == WRAP else ZEROS)
        pad_by_modes(call, task.grid, block.length, task.positions, wraps, 0)
        whole = Block(block.image, block.row, block.column, repeat_last_position(block.length, task.positions))
    if region == UNKNOWN:
        region = region_of(call, whole.length, task.positions, all_taps_bounds(call, taps), any_tap_bounds(call, taps))
    if region == OUTSIDE:
        fill_pixels(task, block)
    else:
        _sample_taps(task, block, whole, region, taps, weigh)


@inline
def _sample_taps(task: SampleTask, block: Block, whole: Block, region: int, taps: int, weigh: Weigh) -> None:
    """Sample a block by its taps; `whole` is the block with as many positions as whole vectors take."""
    call, together, inside = task.call, _together(task.call), region == INSIDE
    irregular: Any = np.int64(0)
    roomy = together > 0 and call.width >= taps and call.height >= taps and call.row_stride >= taps * together
    if inside:
        locate_inside_taps(task, whole, taps, weigh)
    else:
        locate_taps(task, whole, taps, weigh, modes_of(call, region == FADING))
        if roomy:
            irregular = fit_windows(task, whole, taps)
    done = roomy and _blend_windows(task, block, region, together, taps)
    if inside and not done:
        _blend_inside(task, block, taps)
    elif irregular > 0 or not done:
        _blend_irregular(task, block, done, taps, region == FADING)


@inline
def _together(call: SampleCall) -> int:
    """Return how many channels are blended at once: all if adjacent, else 1; 0 if the taps are not adjacent."""
    if call.channel_stride == 1 and 1 < call.channels == call.column_stride <= 4:
        return call.channels
    return 1 if call.column_stride == 1 else 0


@inline
def _blend_windows(task: SampleTask, block: Block, region: int, together: int, taps: int) -> bool:
    """Blend a block whose taps lie side by side; return False if it has to be done again, tap by tap.

    What has weight 0 must not be read, but here it is: if it is NaN or infinite, the sum is NaN.
    """
    source, output, call = task.source, task.output, task.call
    offsets, weights, count = task.offsets, task.weights, block.length
    down, step = unsigned_stride(call.row_stride), np.uintp(call.output_column_stride)
    for channel in range(0, call.channels, together):
        shift = unsigned_stride(channel * call.channel_stride)
        prefetch_taps(source, down, shift, offsets, count, taps)
        blend_block(source, down, shift, offsets, weights, count, together, taps)
        for k in range(0 if region == INSIDE else together):
            outside = load_source(task.fill, np.uintp(channel + k))
            if region == FADING:
                _mix_fill(outside, task.positions, weights, np.uintp(k), np.uintp(together), count)
            else:
                _add_fill(outside, weights, np.uintp(k), np.uintp(together), count)
        if _holds_nan(weights, count * together):
            return False
        first = output_offset(call, block) + channel * call.output_channel_stride
        if call.output_channel_stride == 1 and call.output_column_stride == together:
            _store(output, np.uintp(first), np.uintp(1), weights, np.uintp(0), np.uintp(1), count * together)
        else:
            for k in range(together):
                at = np.uintp(first + k * call.output_channel_stride)
                _store(output, at, step, weights, np.uintp(k), np.uintp(together), count)
    return True


@inline
def _add_fill(outside: Any, weights: Memory, skip: Any, every: Any, count: int) -> None:
    for k in range(np.uintp(count)):
        share_x, share_y = load_pixels(weights, MISSING_X + k), load_pixels(weights, MISSING_Y + k)
        at = BLENDED + skip + every * k
        share = fma(-share_x, share_y, share_x + share_y)
        store_points(weights, at, add_unless_zero(load_points(weights, at), outside, share))


@inline
def _mix_fill(outside: Any, positions: Memory, weights: Memory, skip: Any, every: Any, count: int) -> None:
    for k in range(np.uintp(count)):
        at = BLENDED + skip + every * k
        store_points(weights, at, _fade(load_points(weights, at), outside, positions, k))


@inline
def _fade(value: Any, outside: Any, positions: Memory, k: Any) -> Any:
    """Return `value` of position `k` with as much of what is outside as lies there."""
    inside = load_points(positions, COVERAGE + k)
    missing = cast_like(value, cast_like(inside, 1) - inside)
    return add_unless_zero(multiply_unless_zero(value, cast_like(value, inside)), outside, missing)


@inline
def _holds_nan(weights: Memory, count: int) -> bool:
    found = 0
    for k in range(np.uintp(count)):
        value = load_points(weights, BLENDED + k)
        found += value != value
    return found > 0


@inline
def _store(output: Memory, first: Any, step: Any, weights: Memory, skip: Any, every: Any, count: int) -> None:
    """Round `count` blended values, every so many after the first `skip`, into the output."""
    for k in range(np.uintp(count)):
        value = load_points(weights, BLENDED + skip + every * k)
        round_and_store(output, first + k * step, clamp_to_range(output, value))


@inline
def _blend_inside(task: SampleTask, block: Block, taps: int) -> None:
    """Blend a block all of whose taps exist, tap by tap, reading what has a weight."""
    source, output, call = task.source, task.output, task.call
    offsets, weights, count = task.offsets, task.weights, block.length
    right, down, step = (
        unsigned_stride(call.column_stride),
        unsigned_stride(call.row_stride),
        np.uintp(call.output_column_stride),
    )
    for channel in range(call.channels):
        shift = unsigned_stride(channel * call.channel_stride)
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        prefetch_taps(source, down, shift, offsets, count, taps)
        for k in range(np.uintp(count)):
            at, total = np.uintp(load_points(offsets, FIRST_TAP + k)) + shift, cast_to_weight(weights, 0)
            for line in range(np.uintp(taps)):
                along = cast_to_weight(weights, 0)
                for tap in range(np.uintp(taps)):
                    weight = load_pixels(weights, WINDOW_WEIGHTS_X + weights_stride(taps) * k + tap)
                    along = add_unless_zero(along, load_source(source, at + tap * right), weight)
                weight = load_pixels(weights, WINDOW_WEIGHTS_Y + weights_stride(taps) * k + line)
                total = add_unless_zero(total, along, weight)
                at += down
            round_and_store(output, first + k * step, clamp_to_range(output, total))


@inline
def _blend_irregular(task: SampleTask, block: Block, only_irregular: bool, taps: int, fades: bool) -> None:
    """Blend the positions tap by tap, all of them or those that are IS_IRREGULAR."""
    source, output, call = task.source, task.output, task.call
    offsets, weights, count = task.offsets, task.weights, block.length
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        shift = call.origin + block.image * call.image_stride + channel * call.channel_stride
        outside = load_source(task.fill, np.uintp(channel))
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            if not only_irregular or load_points(offsets, IS_IRREGULAR + k) != 0:
                value = _blend_taps(source, call, shift, outside, offsets, weights, k, taps)
                value = _fade(value, outside, task.positions, k) if fades else value
                round_and_store(output, first + k * step, clamp_to_range(output, value))


@inline
def _blend_taps(
    source: Memory, call: SampleCall, shift: int, outside: Any, offsets: Memory, weights: Memory, k: Any, taps: int
) -> Any:
    """Return the weighted sum of the taps of one position; one that does not exist reads the fill."""
    total = cast_to_weight(weights, 0)
    for line in range(np.uintp(taps)):
        y, along = load_points(offsets, TAP_ROWS + np.uintp(TAP_BLOCK) * line + k), cast_to_weight(weights, 0)
        for tap in range(np.uintp(taps)):
            x = load_points(offsets, TAP_COLUMNS + np.uintp(TAP_BLOCK) * tap + k)
            weight = load_points(weights, WEIGHTS_X + np.uintp(TAP_BLOCK) * tap + k)
            if (x >= 0) & (x < call.width) & (y >= 0) & (y < call.height):
                at = np.uintp(shift + y * call.row_stride + x * call.column_stride)
                along = add_unless_zero(along, load_source(source, at), weight)
            else:
                along = add_unless_zero(along, outside, weight)
        total = add_unless_zero(total, along, load_points(weights, WEIGHTS_Y + np.uintp(TAP_BLOCK) * line + k))
    return total
