"""Means of boxes of pixels, from which pictures that shrink a lot are sampled.

Some boxes lie wholly or partly outside the picture. Their pixels are what the padding mode makes of them.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.layout import BoxTask
from stnwarp.kernels.geometry.padding import OUTSIDE_TAP, pad_tap
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight


@kernel
def average_boxes(task: BoxTask, start: int, stop: int) -> None:
    """Set rows [start, stop) of boxes, counted through all images: first the columns are summed, then these."""
    scale = cast_to_weight(task.boxes, 1.0 / (np.float64(task.side) * np.float64(task.side)))
    length = task.level.width * task.channels
    for index in range(start, stop):
        image, line = index // task.height, index % task.height - task.margin
        for k in range(np.uintp(length)):
            store_points(task.sums, k, cast_to_weight(task.sums, 0))
        for row in range(line * task.side, line * task.side + task.side):
            _add_row(task, image, row)
        _sum_columns(task, index, scale)


@inline
def _add_row(task: BoxTask, image: int, row: int) -> None:
    """Add a row of the source to the sums of columns; `row` may lie outside."""
    level, sums, channels = task.level, task.sums, task.channels
    tap = pad_tap(np.float64(row), level.height, task.align_corners, task.padding_y)
    first = level.origin + image * level.image_stride + tap * level.row_stride
    if tap == OUTSIDE_TAP:
        for column in range(level.width):
            for channel in range(channels):
                at = np.uintp(column * channels + channel)
                store_points(sums, at, load_points(sums, at) + load_source(task.fill, np.uintp(channel)))
    elif (level.channel_stride == 1) & (level.column_stride == channels):
        for k in range(np.uintp(level.width * channels)):
            pixel = cast_to_weight(sums, load_source(task.source, np.uintp(first) + k))
            store_points(sums, k, load_points(sums, k) + pixel)
    else:
        for column in range(level.width):
            for channel in range(channels):
                place = np.uintp(first + column * level.column_stride + channel * level.channel_stride)
                at = np.uintp(column * channels + channel)
                store_points(sums, at, load_points(sums, at) + cast_to_weight(sums, load_source(task.source, place)))


@inline
def _sum_columns(task: BoxTask, index: int, scale: Any) -> None:
    """Set a row of boxes from the sums of columns."""
    level, channels, side, sums = task.level, task.channels, task.side, task.sums
    first, whole = index * task.width * channels, level.width // side
    for box in range(task.width):
        if (box < task.margin) | (box - task.margin >= whole):
            for channel in range(channels):
                total = _sum_irregular(task, (box - task.margin) * side, channel)
                store_points(task.boxes, np.uintp(first + box * channels + channel), total * scale)
    count, rest = whole * side // 2, side
    while rest > 1:  # sums of pairs, of pairs of these, and so on, in place
        if channels == 1:
            _add_pairs(sums, count, 1)
        elif channels == 3:
            _add_pairs(sums, count, 3)
        else:
            _add_pairs(sums, count, channels)
        count, rest = count // 2, rest // 2
    to = np.uintp(first + task.margin * channels)
    for k in range(np.uintp(whole * channels)):
        store_points(task.boxes, to + k, load_points(sums, k) * scale)


@inline
def _add_pairs(sums: Memory, count: int, channels: int) -> None:
    """Replace `count` pairs of pixels by their sums; where it is known beforehand how many channels they have."""
    for pair in range(np.uintp(count)):
        to, at = pair * np.uintp(channels), pair * np.uintp(2 * channels)
        for channel in range(np.uintp(channels)):
            value = load_points(sums, at + channel) + load_points(sums, at + channel + np.uintp(channels))
            store_points(sums, to + channel, value)


@inline
def _sum_irregular(task: BoxTask, begin: int, channel: int) -> Any:
    """Return the sum of a box that lies outside the picture, wholly or partly."""
    total = cast_to_weight(task.sums, 0)
    for column in range(begin, begin + task.side):
        tap = pad_tap(np.float64(column), task.level.width, task.align_corners, task.padding)
        if tap == OUTSIDE_TAP:
            total += cast_to_weight(task.sums, task.side) * load_source(task.fill, np.uintp(channel))
        else:
            total += load_points(task.sums, np.uintp(tap * task.channels + channel))
    return total
