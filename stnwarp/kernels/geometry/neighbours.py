"""From positions to the pixels that are read: offsets of the neighbours and their weights, and the fill."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import affine_position, generate_positions, row_start
from stnwarp.kernels.geometry.coverage import axes_that_fade, measure_coverage
from stnwarp.kernels.geometry.padding import modes_of, pad_by_modes
from stnwarp.kernels.geometry.regions import all_neighbours_bounds, any_neighbour_bounds, output_offset, region_of
from stnwarp.kernels.layout import (
    BLOCK,
    COVERAGE,
    DOWN,
    FADING,
    FIRST,
    INSIDE,
    LEFT_WEIGHT,
    LOWER_WEIGHT,
    OUTSIDE,
    OUTSIDE_WEIGHT,
    RIGHT,
    RIGHT_WEIGHT,
    STEP,
    STEP_X,
    STEP_Y,
    UPPER_WEIGHT,
    WRAP,
    Block,
    SampleCall,
    SampleTask,
    X,
    Y,
)
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_points, load_source, round_and_store, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, greatest, least

# Images are smaller than this: a longer step leads out of them, and its table entry is not used.
_FAR = 2.0**31


@inline
def tabulate_steps(task: SampleTask, image: int) -> None:
    """Tabulate how far the positions of an affine map move over 0, 1, 2, ... columns, as whole pixels and the rest.

    STEP is the offset of the whole pixels; the rests, in [0, 1], go to STEP_X and STEP_Y. It is the same for every
    block of an image.
    """
    call, matrices, offsets, weights = task.call, task.matrices, task.offsets, task.weights
    m = image * 9
    across, along = matrices[m], matrices[m + 3]
    for k in range(np.uintp(least(BLOCK, call.output_width))):
        x, y = across * np.float64(k), along * np.float64(k)
        x, y = (x if abs(x) < _FAR else 0.0), (y if abs(y) < _FAR else 0.0)
        column, line = np.floor(x), np.floor(y)
        store_points(weights, STEP_X + k, x - column)
        store_points(weights, STEP_Y + k, y - line)
        store_points(offsets, STEP + k, np.int64(line) * call.row_stride + np.int64(column) * call.column_stride)


@inline
def locate_steps(task: SampleTask, block: Block) -> None:
    """Do what `locate_inside` does, for the positions of an affine map, from the tabulated steps.

    Fractions are added to fractions, so that they are as exact in the last column of a long row as in the first.
    """
    image, row, column, count = block
    call, matrices, offsets, weights = task.call, task.matrices, task.offsets, task.weights
    m = image * 9
    x = affine_position(matrices[m], row_start(matrices, m, row), column)
    y = affine_position(matrices[m + 3], row_start(matrices, m + 3, row), column)
    left, top = np.floor(x), np.floor(y)
    base = (
        call.origin + image * call.image_stride + np.int64(top) * call.row_stride + np.int64(left) * call.column_stride
    )
    first_across, first_along = cast_to_weight(weights, x - left), cast_to_weight(weights, y - top)
    one = cast_like(first_across, 1)
    for k in range(np.uintp(count)):
        across = first_across + load_points(weights, STEP_X + k)
        along = first_along + load_points(weights, STEP_Y + k)
        store_points(weights, RIGHT_WEIGHT + k, across - one if across >= one else across)
        store_points(weights, LOWER_WEIGHT + k, along - one if along >= one else along)
        offset = base + load_points(offsets, STEP + k)
        offset += call.column_stride if across >= one else 0
        offset += call.row_stride if along >= one else 0
        store_points(offsets, FIRST + k, offset)


@inline
def _offset(call: SampleCall, column: Any, line: Any) -> Any:
    """Return the offset of a pixel from its image's first, from whole float64 numbers.

    Multiplied in float64, which is exact below 2**53 and faster than with integers of 64 bits.
    """
    along = np.float64(line) * np.float64(call.row_stride)
    return np.int64(fma(np.float64(column), np.float64(call.column_stride), along))


@inline
def locate_inside(task: SampleTask, block: Block) -> None:
    """Set FIRST, RIGHT_WEIGHT and LOWER_WEIGHT of positions all four of whose neighbours exist."""
    image, count = block.image, block.length
    call, positions, offsets, weights = task.call, task.positions, task.offsets, task.weights
    base = call.origin + image * call.image_stride
    for k in range(np.uintp(count)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        column, line = np.floor(x), np.floor(y)
        store_points(weights, RIGHT_WEIGHT + k, x - column)
        store_points(weights, LOWER_WEIGHT + k, y - line)
        offset = base + _offset(call, column, line)
        store_points(offsets, FIRST + k, offset)


@inline
def locate_anywhere(task: SampleTask, block: Block, region: int) -> None:
    """Set offsets and weights of any positions, NaN and infinity included: a neighbour outside has weight 0.

    `region` is what `locate_block` returned.
    """
    image, count = block.image, block.length
    call, positions, offsets, weights = task.call, task.positions, task.offsets, task.weights
    right, bottom = np.float64(call.width - 1), np.float64(call.height - 1)
    wraps_x, wraps_y = call.padding == WRAP, call.padding_y == WRAP
    behind_right, behind_bottom = (0.0 if wraps_x else right), (0.0 if wraps_y else bottom)
    base = call.origin + image * call.image_stride
    for k in range(np.uintp(count)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        touching = (x > -1.0) & (x < right + 1.0) & (y > -1.0) & (y < bottom + 1.0)
        x, y = (x if touching else -1.0), (y if touching else -1.0)
        column, line = np.floor(x), np.floor(y)
        across, along = cast_to_weight(weights, x - column), cast_to_weight(weights, y - line)
        left, upper, zero = cast_like(across, 1) - across, cast_like(along, 1) - along, cast_like(across, 0)
        store_points(weights, LEFT_WEIGHT + k, left if column >= 0.0 else zero)
        store_points(weights, RIGHT_WEIGHT + k, across if wraps_x | (column < right) else zero)
        store_points(weights, UPPER_WEIGHT + k, upper if line >= 0.0 else zero)
        store_points(weights, LOWER_WEIGHT + k, along if wraps_y | (line < bottom) else zero)
        # Not as one minus the weights above, whose rounding would let a little of the fill into the image.
        missing_x = (zero if column >= 0.0 else left) + (zero if wraps_x | (column < right) else across)
        missing_y = (zero if line >= 0.0 else upper) + (zero if wraps_y | (line < bottom) else along)
        store_points(weights, OUTSIDE_WEIGHT + k, fma(-missing_x, missing_y, missing_x + missing_y))
        near_column, near_line = greatest(column, 0.0), greatest(line, 0.0)
        far_column = column + 1.0 if column < right else behind_right
        far_line = line + 1.0 if line < bottom else behind_bottom
        store_points(offsets, FIRST + k, base + _offset(call, near_column, near_line))
        store_points(offsets, RIGHT + k, _offset(call, far_column - near_column, 0.0))
        store_points(offsets, DOWN + k, _offset(call, 0.0, far_line - near_line))
    if region == FADING:
        _fade(task, count)


@inline
def locate_pairs(task: SampleTask, block: Block, region: int) -> None:
    """Do what `locate_anywhere` does, for images of at least 2x2 not wrapped: all four pixels from FIRST on exist.

    Beyond the edge they are the nearest four, and the weights those of the hats that stand on them.
    """
    image, count = block.image, block.length
    call, positions, offsets, weights = task.call, task.positions, task.offsets, task.weights
    right, bottom = cast_to_weight(positions, call.width - 1), cast_to_weight(positions, call.height - 1)
    base, one, zero = call.origin + image * call.image_stride, cast_to_weight(weights, 1), cast_to_weight(weights, 0)
    for k in range(np.uintp(count)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        column, line = _first_of_pair(x, right), _first_of_pair(y, bottom)
        across, along = cast_to_weight(weights, x - column), cast_to_weight(weights, y - line)
        left, upper = _hat(one - across, one + across, zero), _hat(one - along, one + along, zero)
        after, below = _hat(across, one + one - across, zero), _hat(along, one + one - along, zero)
        store_points(weights, LEFT_WEIGHT + k, left)
        store_points(weights, RIGHT_WEIGHT + k, after)
        store_points(weights, UPPER_WEIGHT + k, upper)
        store_points(weights, LOWER_WEIGHT + k, below)
        # Inside not as a sum, whose rounding would let a little of the fill into the image.
        covered_x = one if (across >= zero) & (across <= one) else left + after
        covered_y = one if (along >= zero) & (along <= one) else upper + below
        store_points(weights, OUTSIDE_WEIGHT + k, fma(-covered_x, covered_y, one))
        offset = base + _offset(call, column, line)
        store_points(offsets, FIRST + k, offset)
    if region == FADING:
        _fade(task, count)


@inline
def _fade(task: SampleTask, count: int) -> None:
    """Scale the weights of positions, which are clamped, by COVERAGE: the rest is the fill's."""
    positions, weights = task.positions, task.weights
    for k in range(np.uintp(count)):
        inside = load_points(positions, COVERAGE + k)
        share = cast_to_weight(weights, inside)
        store_points(weights, LEFT_WEIGHT + k, load_points(weights, LEFT_WEIGHT + k) * share)
        store_points(weights, RIGHT_WEIGHT + k, load_points(weights, RIGHT_WEIGHT + k) * share)
        store_points(weights, OUTSIDE_WEIGHT + k, cast_to_weight(weights, cast_like(inside, 1) - inside))


@inline
def _first_of_pair(position: Any, last: Any) -> Any:
    """Return the whole number from 0 to `last` - 1 next below `position`; written so that NaN gives 0."""
    whole, zero, before = np.floor(position), cast_like(last, 0), last - cast_like(last, 1)
    whole = whole if whole > zero else zero
    return whole if whole < before else before


@inline
def _hat(rising: Any, falling: Any, zero: Any) -> Any:
    height = rising if rising < falling else falling
    return height if height > zero else zero


@inline
def locate_nearest(task: SampleTask, block: Block) -> Any:
    """Set the offset of the nearest pixel, halves to even, and LEFT_WEIGHT: 0 where it lies outside, else 1.

    Return how many lie inside.
    """
    image, count = block.image, block.length
    call, positions, offsets, weights = task.call, task.positions, task.offsets, task.weights
    right, bottom = np.float64(call.width - 1), np.float64(call.height - 1)
    base, wraps_x = call.origin + image * call.image_stride, call.padding == WRAP
    wraps_y = call.padding_y == WRAP
    within: Any = 0
    for k in range(np.uintp(count)):
        column, line = np.rint(load_points(positions, X + k)), np.rint(load_points(positions, Y + k))
        column = 0.0 if wraps_x & (column > right) else column
        line = 0.0 if wraps_y & (line > bottom) else line
        inside = (column >= 0.0) & (column <= right) & (line >= 0.0) & (line <= bottom)
        within += inside
        column, line = (column if inside else 0.0), (line if inside else 0.0)
        store_points(weights, LEFT_WEIGHT + k, 1.0 if inside else 0.0)
        offset = base + _offset(call, column, line)
        store_points(offsets, FIRST + k, offset)
    return within


@inline
def locate_nearest_inside(task: SampleTask, block: Block) -> None:
    """Set the offset of the nearest pixel for the positions of an affine map, all of which lie inside."""
    image, row, column, count = block
    call, matrices, offsets = task.call, task.matrices, task.offsets
    m = image * 9
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    base = call.origin + image * call.image_stride
    for k in range(np.uintp(count)):
        output_column = column + np.int64(k)
        x, y = affine_position(across_x, start_x, output_column), affine_position(across_y, start_y, output_column)
        store_points(offsets, FIRST + k, base + _offset(call, np.rint(x), np.rint(y)))


@inline
def fill_pixels(task: SampleTask, block: Block) -> None:
    """Write the fill into the output pixels of a block."""
    call, output, fill = task.call, task.output, task.fill
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        value = load_source(fill, np.uintp(channel))
        first = np.uintp(output_offset(call, block) + channel * call.output_channel_stride)
        for k in range(np.uintp(block.length)):
            round_and_store(output, first + k * step, value)


@inline
def locate_block(task: SampleTask, block: Block, region: int, margin: int) -> int:
    """Find where the pixels of a block are read; return the region that they turn out to lie in.

    INSIDE: offsets and weights are set; PARTIAL: positions are set, padded as the mode says; FADING: they are clamped,
    and COVERAGE is set. `region` is what `regions.block_at` knows, `margin` as in `regions.all_neighbours_bounds`.
    """
    call, count, positions = task.call, block.length, task.positions
    if region == OUTSIDE:
        return OUTSIDE
    if region == INSIDE and _steps_stay_inside(task, block, margin):
        locate_steps(task, block)
        return INSIDE
    generate_positions(task, block)
    if region == FADING:
        measure_coverage(task, block, axes_that_fade(call))
    pad_by_modes(call, task.grid, count, positions, modes_of(call, region == FADING), 0)
    if region == FADING:
        return FADING
    region = region_of(call, count, positions, all_neighbours_bounds(call, margin, 0.0), any_neighbour_bounds(call))
    if region == INSIDE:
        locate_inside(task, block)
    return region


@inline
def _steps_stay_inside(task: SampleTask, block: Block, margin: int) -> Any:
    """Return whether first position and steps from it stay inside: rounding may lead far coordinates elsewhere."""
    image, row, column, count = block
    call, matrices = task.call, task.matrices
    m = image * 9
    x = _ends_within(matrices[m], row_start(matrices, m, row), column, count, call.width - 1 - margin)
    return x and _ends_within(matrices[m + 3], row_start(matrices, m + 3, row), column, count, call.height - 1)


@inline
def _ends_within(across: Any, start: Any, column: int, count: int, stop: int) -> Any:
    first = affine_position(across, start, column)
    last = fma(across, np.float64(count - 1), first)
    return least(first, last) > 0.0 and greatest(first, last) < np.float64(stop)
