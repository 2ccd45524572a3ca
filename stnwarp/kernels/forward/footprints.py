"""Sampling where the picture shrinks: the weighted mean of all pixels of a footprint, see `geometry.footprints`.

One run of the kernel sums over one level, the picture itself or means of boxes, and writes the output pixels that are
of that level; what does not shrink is left to the kernels of the interpolation itself. Pixels outside the picture are
what the padding mode makes of them, one by one: a window that reaches there is copied together first.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.layout import AntialiasTask, FootprintTask
from stnwarp.kernels.geometry.coordinates import affine_span, generate_positions
from stnwarp.kernels.geometry.footprints import COVERAGE, LEVEL, SHARE, load_affine, measure_footprints, measure_shapes
from stnwarp.kernels.geometry.regions import SLACK, output_offset
from stnwarp.kernels.geometry.windows import LEFT, TOP, copy_window, count_together, locate_windows
from stnwarp.kernels.layout import AFFINE, TAP_BLOCK, ZEROS, Block, Edges, Memory
from stnwarp.kernels.simd.footprint_sum import (
    AT,
    COLUMNS,
    MEANS,
    OTHERS,
    ROWS,
    average_four,
    average_one,
    average_three,
    average_two,
)
from stnwarp.kernels.simd.memory import load_points, load_source, round_and_store, store_points, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import cast_to_weight, greatest, least
from stnwarp.kernels.simd.tap_window import clamp_to_range
from stnwarp.kernels.simd.vector_emitter import HAT


@kernel
def measure_rows(task: FootprintTask, start: int, stop: int, reach: int) -> None:
    """Set the lowest and the highest level of the pixels of each row, -1 where none shrinks, for rows [start, stop)."""
    call, footprints = task.call, task.footprints
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        lowest, highest = 127.0, -1.0
        if call.mapping == AFFINE:
            load_affine(task, image)
            measure_shapes(call, 1, reach, task.antialiases, footprints)
            lowest = load_points(footprints, LEVEL)
            highest = 0.0 if (task.fades != 0) & (lowest < 0.0) else lowest
        else:
            for column in range(0, call.output_width, TAP_BLOCK):
                block = Block(image, row, column, least(TAP_BLOCK, call.output_width - column))
                generate_positions(task, block)
                measure_footprints(task, block, reach)
                for k in range(np.uintp(block.length)):
                    level = load_points(footprints, LEVEL + k)
                    lowest = level if level < lowest else lowest
                    highest = level if level > highest else highest
        task.rows[np.uintp(2 * index)] = np.int8(lowest)
        task.rows[np.uintp(2 * index + 1)] = np.int8(highest)


@kernel
def antialias_rows(task: AntialiasTask, start: int, stop: int, interpolation: int) -> None:
    """Write what is of the task's level in rows [start, stop) of the batch's outputs, by the kernel `interpolation`."""
    call, number = task.call, task.level.number
    for index in range(start, stop):
        lowest = task.rows[np.uintp(2 * index)]
        if (lowest > number) | (task.rows[np.uintp(2 * index + 1)] < number):
            continue
        image, row = index // call.output_height, index % call.output_height
        begin, first, last, end = 0, call.output_width, call.output_width, call.output_width
        if (call.mapping == AFFINE) & (lowest < 0):
            begin, first, last, end = _edge_columns(task, image, row, interpolation + 1)
        _average_columns(task, image, row, (begin, first), interpolation)
        _average_columns(task, image, row, (last, end), interpolation)


@inline
def _edge_columns(task: AntialiasTask, image: int, row: int, reach: int) -> Edges:
    """The columns (a, b, c, d) of a row under an affine map: in [a, b) and [c, d) the edge makes a difference."""
    call, m = task.call, np.uintp(image * 9)
    wide = abs(task.matrices[m]) + abs(task.matrices[m + np.uintp(1)])
    high = abs(task.matrices[m + np.uintp(3)]) + abs(task.matrices[m + np.uintp(4)])
    half = 0.5 * greatest(wide, high) + SLACK
    inner = greatest(half - 0.5, np.float64(reach - 1))
    outer = greatest(half + 0.5, np.float64(reach))
    right, bottom = np.float64(call.width - 1), np.float64(call.height - 1)
    begin, end = affine_span(call, task.matrices, image, row, -outer, right + outer, bottom + outer)
    first, last = affine_span(call, task.matrices, image, row, inner, right - inner, bottom - inner)
    if first >= last:
        return begin, end, end, end
    return begin, first, last, end


@inline
def _average_columns(task: AntialiasTask, image: int, row: int, columns: Any, interpolation: int) -> None:
    column, end = columns
    while column < end:
        block = Block(image, row, column, least(TAP_BLOCK, end - column))
        generate_positions(task, block)
        measure_footprints(task, block, interpolation + 1)
        _average_block(task, block, interpolation)
        column += TAP_BLOCK


@inline
def _average_block(task: AntialiasTask, block: Block, interpolation: int) -> None:
    """Write the pixels of a block that are of the task's level."""
    together = count_together(task.level, task.call.channels)
    mixed = _any_mixed(task, block.length)
    irregular = locate_windows(task, block, together, 0, interpolation)
    channel: Any = np.int64(0)
    while channel < task.call.channels:
        if mixed:  # the interpolation itself is the same kernel in the axes of the input, one pixel wide
            locate_windows(task, block, together, 1, interpolation)
            _average_channels(task, block, channel, together, irregular, interpolation)
            for k in range(np.uintp(4 * TAP_BLOCK)):
                store_points(task.numbers, OTHERS + k, load_points(task.numbers, MEANS + k))
            locate_windows(task, block, together, 0, interpolation)
        _average_channels(task, block, channel, together, irregular, interpolation)
        _store_block(task, block, channel, together, mixed, interpolation)
        channel += together


@inline
def _any_mixed(task: AntialiasTask, count: int) -> bool:
    found = 0
    for k in range(np.uintp(count)):
        at_work = load_points(task.footprints, LEVEL + k) == task.level.number
        found += at_work & (load_points(task.footprints, SHARE + k) < 1.0)
    return found > 0


@inline
def _average_channels(
    task: AntialiasTask, block: Block, channel: int, together: int, irregular: int, interpolation: int
) -> None:
    """Set MEANS of the channels from `channel` on, `together` of them."""
    shift, stride = unsigned_stride(channel * task.level.channel_stride), unsigned_stride(task.level.row_stride)
    for k in range(np.uintp(block.length)):
        if (load_points(task.offsets, AT + k) >= 0) & (load_points(task.offsets, ROWS + k) > 0):
            _average(task, task.source, shift, stride, k, together, interpolation)
    if irregular > 0:
        for k in range(np.uintp(block.length)):
            if (load_points(task.offsets, AT + k) < 0) & (load_points(task.offsets, ROWS + k) > 0):
                _average_irregular(task, block, k, channel, together, interpolation)


@inline
def _average(
    task: AntialiasTask, memory: Memory, shift: Any, stride: Any, k: Any, together: int, interpolation: int
) -> None:
    if together == 1:
        average_one(memory, shift, stride, task.offsets, task.numbers, k, interpolation)
    elif together == 2:
        average_two(memory, shift, stride, task.offsets, task.numbers, k, interpolation)
    elif together == 3:
        average_three(memory, shift, stride, task.offsets, task.numbers, k, interpolation)
    else:
        average_four(memory, shift, stride, task.offsets, task.numbers, k, interpolation)


@inline
def _average_irregular(
    task: AntialiasTask, block: Block, k: Any, channel: int, together: int, interpolation: int
) -> None:
    """Set MEANS of footprint `k`, whose window does not lie in the source as it is."""
    level, offsets, numbers = task.level, task.offsets, task.numbers
    left, top = load_points(offsets, LEFT + k), load_points(offsets, TOP + k)
    rows, columns = load_points(offsets, ROWS + k), load_points(offsets, COLUMNS + k)
    outside = (left + columns <= 0) | (left >= level.width) | (top + rows <= 0) | (top >= level.height)
    if outside & (task.call.padding == ZEROS):
        for part in range(together):
            fill = cast_to_weight(numbers, load_source(task.fill, np.uintp(channel + part)))
            store_points(numbers, MEANS + np.uintp(part * TAP_BLOCK) + k, fill)
        return
    first = level.origin + block.image * level.image_stride + channel * level.channel_stride
    copy_window(task, first, channel, together, (left, top, columns, rows))
    store_points(offsets, AT + k, np.int64(0))
    _average(task, task.patch, np.uintp(0), np.uintp(columns * together), k, together, interpolation)
    store_points(offsets, AT + k, np.int64(-1))


@inline
def _store_block(
    task: AntialiasTask, block: Block, channel: int, together: int, mixed: bool, interpolation: int
) -> None:
    """Round the means into the output."""
    call, numbers = task.call, task.numbers
    first = output_offset(call, block) + channel * call.output_channel_stride
    for part in range(together):
        to, at = np.uintp(first + part * call.output_channel_stride), np.uintp(part * TAP_BLOCK)
        outside = cast_to_weight(numbers, load_source(task.fill, np.uintp(channel + part)))
        for k in range(np.uintp(block.length)):
            place = to + k * np.uintp(call.output_column_stride)
            value = load_points(numbers, MEANS + at + k)
            if mixed:
                share = cast_to_weight(numbers, load_points(task.footprints, SHARE + k))
                plain = load_points(numbers, OTHERS + at + k)
                value = plain + share * (value - plain) if share < cast_to_weight(numbers, 1) else value
            if task.fades != 0:
                inside = load_points(task.footprints, COVERAGE + k)
                if inside < 1.0:
                    weight = cast_to_weight(numbers, inside)
                    value = (
                        weight * value + (cast_to_weight(numbers, 1) - weight) * outside if inside > 0.0 else outside
                    )
            if load_points(task.footprints, LEVEL + k) == task.level.number:
                if interpolation == HAT:
                    round_and_store(task.output, place, value)
                else:
                    round_and_store(task.output, place, clamp_to_range(task.output, value))
