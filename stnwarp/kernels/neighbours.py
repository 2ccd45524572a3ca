"""From places to the pixels that are read: offsets of the neighbours and their weights, and the fill."""

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like
from stnwarp.kernels.blocks import (
    DOWN,
    FIRST,
    LEFT_WEIGHT,
    LOWER_WEIGHT,
    OUTSIDE_WEIGHT,
    RIGHT,
    RIGHT_WEIGHT,
    UPPER_WEIGHT,
    Call,
    Memory,
    X,
    Y,
)
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, load_source, store_points, store_rounded
from stnwarp.kernels.regions import output_offset


@inlined
def locate_inside(call: Call, image: int, count: int, places: Memory, offsets: Memory, weights: Memory) -> None:
    """Offsets and weights of places all four of whose neighbours exist: FIRST, RIGHT_WEIGHT and LOWER_WEIGHT."""
    base = image * call.image_stride
    for k in range(np.uintp(count)):
        x, y = load_points(places, X + k), load_points(places, Y + k)
        column, line = np.floor(x), np.floor(y)
        store_points(weights, RIGHT_WEIGHT + k, x - column)
        store_points(weights, LOWER_WEIGHT + k, y - line)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        store_points(offsets, FIRST + k, offset)


@inlined
def locate_anywhere(call: Call, image: int, count: int, places: Memory, offsets: Memory, weights: Memory) -> None:
    """Offsets and weights of any places, NaN and infinity included: a neighbour outside has weight 0."""
    right, bottom = np.float64(call.width - 1), np.float64(call.height - 1)
    base = image * call.image_stride
    for k in range(np.uintp(count)):
        x, y = load_points(places, X + k), load_points(places, Y + k)
        touching = (x > -1.0) & (x < right + 1.0) & (y > -1.0) & (y < bottom + 1.0)
        x, y = (x if touching else -1.0), (y if touching else -1.0)
        column, line = np.floor(x), np.floor(y)
        across, along = as_weight(weights, x - column), as_weight(weights, y - line)
        left, upper, zero = like(across, 1) - across, like(along, 1) - along, like(across, 0)
        store_points(weights, LEFT_WEIGHT + k, left if column >= 0.0 else zero)
        store_points(weights, RIGHT_WEIGHT + k, across if column < right else zero)
        store_points(weights, UPPER_WEIGHT + k, upper if line >= 0.0 else zero)
        store_points(weights, LOWER_WEIGHT + k, along if line < bottom else zero)
        # Not as one minus the weights above, whose rounding would let a little of the fill into the image.
        missing_x = (zero if column >= 0.0 else left) + (zero if column < right else across)
        missing_y = (zero if line >= 0.0 else upper) + (zero if line < bottom else along)
        store_points(weights, OUTSIDE_WEIGHT + k, missing_x + missing_y - missing_x * missing_y)
        near_column, near_line = np.int64(max(column, 0.0)), np.int64(max(line, 0.0))
        far_column, far_line = np.int64(min(column + 1.0, right)), np.int64(min(line + 1.0, bottom))
        store_points(offsets, FIRST + k, base + near_line * call.row_stride + near_column * call.column_stride)
        store_points(offsets, RIGHT + k, (far_column - near_column) * call.column_stride)
        store_points(offsets, DOWN + k, (far_line - near_line) * call.row_stride)


@inlined
def locate_nearest(call: Call, image: int, count: int, places: Memory, offsets: Memory, weights: Memory) -> None:
    """Offset of the nearest pixel, halves to even; LEFT_WEIGHT is 0 where it lies outside, else 1."""
    right, bottom = np.float64(call.width - 1), np.float64(call.height - 1)
    base = image * call.image_stride
    for k in range(np.uintp(count)):
        column, line = np.rint(load_points(places, X + k)), np.rint(load_points(places, Y + k))
        inside = (column >= 0.0) & (column <= right) & (line >= 0.0) & (line <= bottom)
        column, line = (column if inside else 0.0), (line if inside else 0.0)
        store_points(weights, LEFT_WEIGHT + k, 1.0 if inside else 0.0)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        store_points(offsets, FIRST + k, offset)


@inlined
def fill_pixels(call: Call, output: Memory, fill: Memory, image: int, row: int, column: int, count: int) -> None:
    """Write the fill into *count* output pixels from (row, column) on."""
    step = np.uintp(call.output_column_stride)
    for channel in range(call.channels):
        value = load_source(fill, np.uintp(channel))
        first = np.uintp(output_offset(call, image, row, column) + channel * call.output_channel_stride)
        for k in range(np.uintp(count)):
            store_rounded(output, first + k * step, value)
