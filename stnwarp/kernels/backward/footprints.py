"""The gradients of antialiased sampling: of the mean of a footprint's pixels, see `forward.footprints`.

The mean is sum(w v) / sum(w) over pixels v. Its gradient to a pixel is w / sum(w). That to the position moves all
weights at once, while the shape of the footprint, its level and its share of the result are held fixed: with w' for the
slope of a weight it is (sum(w' v) - mean * sum(w')) / sum(w). Pixels outside count in the sums of weights, and under
zeros are 0. All numbers but those of the pictures are float64.

What has neither weight nor slope is not read, be it NaN or infinite.
"""

from typing import Any, NamedTuple

import numpy as np

from stnwarp.kernels.backward.layout import SUM_X, SUM_Y, FootprintGradientTask, ShareTask, Tile
from stnwarp.kernels.backward.sums import add_affine, add_projective, clear_sums
from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.coordinates import generate_positions, pixels_per_unit
from stnwarp.kernels.geometry.footprints import LEVEL, REACH_X, REACH_Y, SHARE, measure_footprints
from stnwarp.kernels.geometry.padding import OUTSIDE_TAP
from stnwarp.kernels.geometry.regions import output_offset
from stnwarp.kernels.geometry.windows import LEFT, TOP, locate_windows, window_tap
from stnwarp.kernels.layout import AFFINE, LONGEST_SIDE, PROJECTIVE, TAP_BLOCK, Block
from stnwarp.kernels.simd.footprint_sum import (
    COLUMNS,
    DX,
    DX_COLUMN,
    DX_ROW,
    DY,
    DY_COLUMN,
    DY_ROW,
    ROWS,
)
from stnwarp.kernels.simd.memory import (
    load_pixels,
    load_points,
    load_source,
    store_output,
    store_pixels,
    store_points,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_to_weight, least, multiply_unless_zero
from stnwarp.kernels.simd.vector_emitter import HAT

# The weights of the taps, and from here on by how much they change with the position.
SLOPES_X, SLOPES_Y = (np.uintp(part * LONGEST_SIDE * LONGEST_SIDE) for part in (1, 2))

# Output pixels: the slope of the hat jumps at whole offsets. Closer than this it is the mean of both sides, for
# rounding alone may have put a pixel on one of them.
_TIE = 2.0**-30


class _Taps(NamedTuple):
    """How many pixels of a footprint lie in the picture; the sums of the weights of all, and of both slopes."""

    count: Any
    total: float
    slope_x: float
    slope_y: float


@kernel
def measure_shares(task: ShareTask, start: int, stop: int, reach: int) -> None:
    """Set how much of the mean of its footprint each pixel of rows [start, stop) has; the rest is the interpolation."""
    call = task.call
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        for column in range(0, call.output_width, TAP_BLOCK):
            block = Block(image, row, column, least(TAP_BLOCK, call.output_width - column))
            generate_positions(task, block)
            measure_footprints(task, block, reach)
            first = np.uintp(index * call.output_width + column)
            for k in range(np.uintp(block.length)):
                shrinks = load_points(task.footprints, LEVEL + k) >= 0.0
                store_output(task.shares, first + k, load_points(task.footprints, SHARE + k) if shrinks else 0.0)


@kernel
def footprint_gradients(task: FootprintGradientTask, interpolation: int) -> None:
    """Do a slice of the work for the pixels of the task's level, by the kernel `interpolation`."""
    call, part, number = task.call, task.slice, task.level.number
    for image in range(part.first_image, part.last_image):
        for row in range(part.first_band, part.last_band):
            at = np.uintp(2 * (image * call.output_height + row))
            if (task.rows[at] <= number) & (number <= task.rows[at + np.uintp(1)]):
                for column in range(0, call.output_width, TAP_BLOCK):
                    block = Block(image, row, column, least(TAP_BLOCK, call.output_width - column))
                    _differentiate(task, block, interpolation)


@inline
def _differentiate(task: FootprintGradientTask, block: Block, interpolation: int) -> None:
    generate_positions(task, block)
    measure_footprints(task, block, interpolation + 1)
    for part in (REACH_X, REACH_Y):  # a pixel on the rim has no weight, but a slope
        for k in range(np.uintp(block.length)):
            store_points(task.footprints, part + k, load_points(task.footprints, part + k) * (1.0 + 2.0 * _TIE))
    locate_windows(task, block, task.level.column_stride, 0, interpolation)
    clear_sums(np.uintp(block.length), task.values)
    for k in range(np.uintp(block.length)):
        if load_points(task.offsets, ROWS + k) > 0:
            _add_channels(task, block, k, _list_taps(task, block, k, interpolation))
    if task.slice.wants_grid != 0:
        _propagate(task, block)


@inline
def _list_taps(task: FootprintGradientTask, block: Block, k: Any, interpolation: int) -> _Taps:
    """Set taps, weights and slopes of footprint `k` of a block."""
    level, numbers, padding, corners = task.level, task.numbers, task.call.padding, task.call.align_corners
    scale = -1.0 / np.float64(np.int64(1) << level.number)  # a pixel moves away as the position comes
    xx, xy = load_points(numbers, DX_COLUMN + k), load_points(numbers, DX_ROW + k)
    yx, yy = load_points(numbers, DY_COLUMN + k), load_points(numbers, DY_ROW + k)
    left, top = load_points(task.offsets, LEFT + k), load_points(task.offsets, TOP + k)
    first = level.origin + block.image * level.image_stride
    count, total, total_x, total_y = np.uintp(0), 0.0, 0.0, 0.0
    for row in range(load_points(task.offsets, ROWS + k)):
        line = window_tap(top + row, level.height, level.margin, corners, padding)
        start_x = load_points(numbers, DX + k) + xy * np.float64(row)
        start_y = load_points(numbers, DY + k) + yy * np.float64(row)
        for column in range(load_points(task.offsets, COLUMNS + k)):
            along, along_slope = _weigh(start_x + xx * np.float64(column), interpolation)
            across, across_slope = _weigh(start_y + yx * np.float64(column), interpolation)
            weight = along * across
            slope_x = scale * (xx * along_slope * across + yx * along * across_slope)
            slope_y = scale * (xy * along_slope * across + yy * along * across_slope)
            if (weight != 0.0) | (slope_x != 0.0) | (slope_y != 0.0):
                total, total_x, total_y = total + weight, total_x + slope_x, total_y + slope_y
                tap = window_tap(left + column, level.width, level.margin, corners, padding)
                if (level.margin > 0) | ((line != OUTSIDE_TAP) & (tap != OUTSIDE_TAP)):
                    store_points(task.taps, count, first + line * level.row_stride + tap * level.column_stride)
                    store_points(task.weights, count, weight)
                    store_points(task.weights, SLOPES_X + count, slope_x)
                    store_points(task.weights, SLOPES_Y + count, slope_y)
                    count += np.uintp(1)
    return _Taps(count, total, total_x, total_y)


@inline
def _weigh(offset: Any, interpolation: int) -> tuple[Any, Any]:
    """Return the kernel at an offset in output pixels, and its slope."""
    x, side = abs(offset), 1.0 if offset > 0.0 else -1.0
    if interpolation == HAT:
        near, far = x / _TIE, (1.0 - x) / (2.0 * _TIE) + 0.5
        near, far = near if near < 1.0 else 1.0, far if far < 1.0 else 1.0
        return 1.0 - x if x < 1.0 else 0.0, -side * near * far if far > 0.0 else 0.0
    if x < 1.0:
        return (1.25 * x - 2.25) * x * x + 1.0, side * (3.75 * x - 4.5) * x
    if x < 2.0:
        return ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0, side * ((-2.25 * x + 7.5) * x - 6.0)
    return 0.0, 0.0


@inline
def _add_channels(task: FootprintGradientTask, block: Block, k: Any, taps: _Taps) -> None:
    """Add both gradients of an output pixel, one channel after the other."""
    call, part, sums = task.call, task.slice, task.slice.wants_grid != 0
    first, last = (0, call.channels) if sums else (part.first_channel, part.last_channel)
    share = load_points(task.footprints, SHARE + k) / taps.total
    pixel = output_offset(call, block) + np.int64(k) * call.output_column_stride
    for channel in range(first, last):
        incoming = load_source(task.gradient, np.uintp(pixel + channel * call.output_channel_stride))
        value, shift = share * np.float64(incoming), unsigned_stride(channel * task.level.channel_stride)
        if part.first_channel <= channel < part.last_channel:
            for number in range(taps.count):
                weight = load_points(task.weights, number)
                if weight != 0.0:
                    at = np.uintp(load_points(task.taps, number)) + shift
                    task.to_source[at] += cast_to_weight(task.to_source, value * weight)
        if sums:
            _add_slopes(task, shift, k, value, taps)


@inline
def _add_slopes(task: FootprintGradientTask, shift: Any, k: Any, value: float, taps: _Taps) -> None:
    """Add the slopes of the mean of a channel, times `value`, to the sums."""
    mean, slope_x, slope_y = 0.0, 0.0, 0.0
    for number in range(taps.count):
        pixel = load_source(task.source, np.uintp(load_points(task.taps, number)) + shift)
        mean = add_unless_zero(mean, pixel, load_points(task.weights, number))
        slope_x = add_unless_zero(slope_x, pixel, load_points(task.weights, SLOPES_X + number))
        slope_y = add_unless_zero(slope_y, pixel, load_points(task.weights, SLOPES_Y + number))
    mean /= taps.total
    slope_x -= multiply_unless_zero(mean, taps.slope_x)
    slope_y -= multiply_unless_zero(mean, taps.slope_y)
    store_pixels(task.values, SUM_X + k, load_pixels(task.values, SUM_X + k) + value * slope_x)
    store_pixels(task.values, SUM_Y + k, load_pixels(task.values, SUM_Y + k) + value * slope_y)


@inline
def _propagate(task: FootprintGradientTask, block: Block) -> None:
    """Add SUM_X and SUM_Y, gradients to positions, to those to the grid or the matrix."""
    call, values, to_grid = task.call, task.values, task.to_grid
    band = block.image * call.output_height + block.row
    tile = Tile(block.image, band, block.row, block.column, 1, block.length)
    if call.mapping == AFFINE:
        add_affine(tile, 0, np.uintp(9 * band), values, to_grid)
    elif call.mapping == PROJECTIVE:
        add_projective(tile, 0, np.uintp(9 * band), task.matrices, values, to_grid)
    else:
        first = np.uintp(2 * (band * call.output_width + block.column))
        scale_x = pixels_per_unit(1.0, call.width, call.align_corners)
        scale_y = pixels_per_unit(1.0, call.height, call.align_corners)
        for k in range(np.uintp(block.length)):
            at = first + np.uintp(2) * k
            to_grid[at] += load_pixels(values, SUM_X + k) * scale_x
            to_grid[at + np.uintp(1)] += load_pixels(values, SUM_Y + k) * scale_y
