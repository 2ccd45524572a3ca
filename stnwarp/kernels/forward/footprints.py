"""Sampling where the picture shrinks: the weighted mean of all pixels of a footprint, see `geometry.footprints`.

One run of the kernel sums over one level, the picture itself or means of boxes, and writes the output pixels that are
of that level; what does not shrink is left to the kernels of the interpolation itself. Pixels outside the picture are
what the padding mode makes of them, one by one: a window that reaches there is copied together first.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.layout import AntialiasTask, FootprintTask
from stnwarp.kernels.geometry.coordinates import count_within, generate_positions
from stnwarp.kernels.geometry.coverage import TOLERANCE, coverage, measure_coverage, picture_bounds
from stnwarp.kernels.geometry.footprints import (
    LEVEL,
    SHARE,
    differentiate_block,
    load_jacobian,
    measure_affine,
    measure_footprints,
    measure_shapes,
    omit_far,
    shrinks,
)
from stnwarp.kernels.geometry.jacobian import affine_jacobian, is_beyond_horizon
from stnwarp.kernels.geometry.regions import output_offset
from stnwarp.kernels.geometry.rim import WORD_BITS, words_per_row
from stnwarp.kernels.geometry.windows import LEFT, TOP, copy_window, count_together, locate_windows
from stnwarp.kernels.layout import AFFINE, COVERAGE, TAP_BLOCK, ZEROS, Block, Memory, X, Y
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

_OUTSIDE = -2.0  # the level of pixels that have no share of the picture


@kernel
def measure_rows(task: FootprintTask, start: int, stop: int, reach: int) -> None:
    """Set the lowest and the highest level of the pixels of each row, -1 where none shrinks, for rows [start, stop).

    For maps that are not affine, set which pixels are of the rim, too.
    """
    call = task.call
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        lowest, highest = 127.0, -1.0
        if call.mapping == AFFINE:
            measure_affine(task, image, reach)
            lowest = highest = load_points(task.footprints, LEVEL)
        else:
            for column in range(0, call.output_width, TAP_BLOCK):
                block = Block(image, row, column, least(TAP_BLOCK, call.output_width - column))
                generate_positions(task, block)
                differentiate_block(task, block)
                low, high = _measure_block(task, block, reach)
                lowest, highest = least(lowest, low), greatest(highest, high)
        task.rows[np.uintp(2 * index)] = np.int8(lowest)
        task.rows[np.uintp(2 * index + 1)] = np.int8(highest)


@inline
def _measure_block(task: FootprintTask, block: Block, reach: int) -> tuple[Any, Any]:
    """Return the lowest and the highest level of a block whose Jacobians are known; set its bits of the rim."""
    shrinking, whole = 0, 0
    for k in range(np.uintp(block.length)):  # without a branch, for vectors
        shrinking += shrinks(*load_jacobian(task.footprints, k))
        whole += _margin_of(task, k, reach) >= 0.0
    if task.fades != 0:
        ends = is_beyond_horizon(task, block, np.uintp(0)) | is_beyond_horizon(task, block, np.uintp(block.length - 1))
        row = block.image * task.call.output_height + block.row
        word = row * words_per_row(task.call) + block.column // WORD_BITS
        bits = np.uint64(0) if (whole == block.length) & (not ends) else _rim_bits(task, block, reach)
        task.rim[np.uintp(word)] = bits
    if (task.antialiases == 0) | (shrinking == 0):
        return -1.0, -1.0
    return _levels_of(task, block, reach)


@inline
def _levels_of(task: FootprintTask, block: Block, reach: int) -> tuple[Any, Any]:
    measure_shapes(task.call, block.length, reach, task.footprints)
    omit_far(task, block.length)
    lowest, highest = 127.0, -1.0
    for k in range(np.uintp(block.length)):
        level = load_points(task.footprints, LEVEL + k)
        lowest, highest = least(lowest, level), greatest(highest, level)
    return lowest, highest


@inline
def _margin_of(task: FootprintTask, k: Any, reach: int) -> Any:
    """Return how far, in pixels, all that pixel `k` of a block reads lies inside; negative where some lies outside."""
    call, positions = task.call, task.positions
    x, y = load_points(positions, X + k), load_points(positions, Y + k)
    xx, xy, yx, yy = load_jacobian(task.footprints, k)
    reach_x = greatest(0.5 * (abs(xx) + abs(xy)) - (0.5 + TOLERANCE), np.float64(reach - 1))
    reach_y = greatest(0.5 * (abs(yx) + abs(yy)) - (0.5 + TOLERANCE), np.float64(reach - 1))
    in_x = least(x, np.float64(call.width - 1) - x) - reach_x
    in_y = least(y, np.float64(call.height - 1) - y) - reach_y
    return least(in_x, in_y)


@inline
def _rim_bits(task: FootprintTask, block: Block, reach: int) -> Any:
    """Return the bits of a block's pixels that the edge makes a difference to."""
    call, positions, bits = task.call, task.positions, np.uint64(0)
    for k in range(np.uintp(block.length)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        xx, xy, yx, yy = load_jacobian(task.footprints, k)
        across = greatest(0.5 * (abs(xx) + abs(xy)) + 0.5, np.float64(reach))
        along = greatest(0.5 * (abs(yx) + abs(yy)) + 0.5, np.float64(reach))
        near = (x > -across) & (x < np.float64(call.width - 1) + across)
        near &= (y > -along) & (y < np.float64(call.height - 1) + along)
        differs = (not _margin_of(task, k, reach) >= 0.0) | is_beyond_horizon(task, block, k)
        bits |= np.uint64(near & differs) << np.uint64(k)
    return bits


@kernel
def antialias_rows(task: AntialiasTask, start: int, stop: int, interpolation: int) -> None:
    """Write what is of the task's level in rows [start, stop) of the batch's outputs, by the kernel `interpolation`."""
    call, number = task.call, task.level.number
    for index in range(start, stop):
        if (task.rows[np.uintp(2 * index)] > number) | (task.rows[np.uintp(2 * index + 1)] < number):
            continue
        image, row = index // call.output_height, index % call.output_height
        for column in range(0, call.output_width, TAP_BLOCK):
            block = Block(image, row, column, least(TAP_BLOCK, call.output_width - column))
            generate_positions(task, block)
            measure_footprints(task, block, interpolation + 1)
            fades = (task.fades != 0) and _reaches_edge(task, block)
            if fades:
                measure_coverage(task, block, task.fades)
                _omit_outside(task, block.length)
            _average_block(task, block, fades, interpolation)


@inline
def _reaches_edge(task: AntialiasTask, block: Block) -> bool:
    """Return whether some pixel of a block may have less than all of its area inside."""
    call, positions, last = task.call, task.positions, np.uintp(block.length - 1)
    if call.mapping == AFFINE:  # all are of one shape, and the others lie between the first and the last
        jacobian, bounds = affine_jacobian(task.matrices, block.image), picture_bounds(call, task.fades)
        first = load_points(positions, X), load_points(positions, Y)
        end = load_points(positions, X + last), load_points(positions, Y + last)
        return coverage(first, jacobian, bounds) + coverage(end, jacobian, bounds) < 2.0
    if task.fades != 3:  # the rim is that of a picture that ends on both axes
        return True
    row = block.image * call.output_height + block.row
    if load_source(task.rim, np.uintp(row * words_per_row(call) + block.column // WORD_BITS)) != np.uint64(0):
        return True
    # Pixels that are not of the rim lie wholly on one side of it.
    width, height = np.float64(call.width), np.float64(call.height)
    return count_within(positions, block.length, 0.0, width, height) != block.length


@inline
def _omit_outside(task: AntialiasTask, count: int) -> None:
    """Set LEVEL to _OUTSIDE where there is nothing but the fill."""
    for k in range(np.uintp(count)):
        if (load_points(task.positions, COVERAGE + k) == 0.0) & (load_points(task.footprints, LEVEL + k) >= 0.0):
            store_points(task.footprints, LEVEL + k, _OUTSIDE)


@inline
def _average_block(task: AntialiasTask, block: Block, fades: bool, interpolation: int) -> None:
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
        _store_block(task, block, channel, together, mixed, fades, interpolation)
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
    task: AntialiasTask, block: Block, channel: int, together: int, mixed: bool, fades: bool, interpolation: int
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
            if fades:
                inside = load_points(task.positions, COVERAGE + k)
                if inside < 1.0:
                    weight = cast_to_weight(numbers, inside)
                    value = (
                        weight * value + (cast_to_weight(numbers, 1) - weight) * outside if inside > 0.0 else outside
                    )
            level = load_points(task.footprints, LEVEL + k)
            if (level == task.level.number) | (level == _OUTSIDE):
                if interpolation == HAT:
                    round_and_store(task.output, place, value)
                else:
                    round_and_store(task.output, place, clamp_to_range(task.output, value))
