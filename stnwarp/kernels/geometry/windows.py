"""Windows of pixels around footprints: where they lie in a picture, and copies of those that reach beyond its edge."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.footprints import LEVEL, REACH_X, REACH_Y, XX, XY, YX, YY
from stnwarp.kernels.geometry.padding import OUTSIDE_TAP, pad_tap
from stnwarp.kernels.layout import BORDER, TAP_BLOCK, Block, Level, X, Y
from stnwarp.kernels.simd.footprint_sum import (
    AT,
    COLUMNS,
    DX,
    DX_COLUMN,
    DX_ROW,
    DY,
    DY_COLUMN,
    DY_ROW,
    OFFSET_PARTS,
    ROWS,
    VECTORS,
)
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight, greatest, least
from stnwarp.kernels.simd.vector_emitter import VECTOR

# Behind the offsets of `simd.footprint_sum`, a window's first column and row.
LEFT, TOP = (np.uintp((OFFSET_PARTS + part) * TAP_BLOCK) for part in range(2))


@inline
def count_together(level: Level, channels: int) -> int:
    """Return how many channels are averaged at once: all if they lie side by side and are few, else one."""
    return channels if (level.channel_stride == 1) & (channels == level.column_stride) & (channels <= 4) else 1


@inline
def locate_windows(task: Any, block: Block, together: int, unit: int, interpolation: int) -> int:
    """Set offsets and numbers of a block; return how many windows do not lie in the source.

    Those have a negative offset. `task` is one of `forward.layout` or of `backward.layout`. With `unit` 1 the kernel is
    one input pixel wide, in the axes of the input.
    """
    level, footprints, numbers, offsets = task.level, task.footprints, task.numbers, task.offsets
    scale, reach = 1.0 / np.float64(np.int64(1) << level.number), np.float64(interpolation + 1)
    low, stop_x, stop_y = -level.margin, level.width + level.margin, level.height + level.margin
    first = level.origin + block.image * level.image_stride
    follows, irregular = level.column_stride == together, 0
    for k in range(np.uintp(block.length)):
        x = (load_points(task.positions, X + k) + 0.5) * scale - 0.5
        y = (load_points(task.positions, Y + k) + 0.5) * scale - 0.5
        reach_x = reach * load_points(footprints, REACH_X + k)
        reach_y = reach * load_points(footprints, REACH_Y + k)
        at_work = load_points(footprints, LEVEL + k) == level.number
        x, y = x if at_work else 0.0, y if at_work else 0.0
        reach_x, reach_y = reach_x if at_work else 0.0, reach_y if at_work else 0.0
        left, top = np.int64(np.ceil(x - reach_x)), np.int64(np.ceil(y - reach_y))
        right, bottom = np.int64(np.floor(x + reach_x)), np.int64(np.floor(y + reach_y))
        columns = (right - left + VECTOR) // VECTOR * VECTOR
        inside = (left >= low) & (right < stop_x) & (columns <= stop_x - low) & (top >= low) & (bottom < stop_y)
        inside &= follows
        left = least(left, stop_x - columns) if inside else left
        xx, xy = load_points(footprints, XX + k), load_points(footprints, XY + k)
        yx, yy = load_points(footprints, YX + k), load_points(footprints, YY + k)
        if unit == 1:
            xx, xy, yx, yy = 1.0, 0.0, 0.0, 1.0
        from_x, from_y = np.float64(left) - x, np.float64(top) - y
        store_points(numbers, DX + k, cast_to_weight(numbers, xx * from_x + xy * from_y))
        store_points(numbers, DY + k, cast_to_weight(numbers, yx * from_x + yy * from_y))
        store_points(numbers, DX_COLUMN + k, cast_to_weight(numbers, xx))
        store_points(numbers, DY_COLUMN + k, cast_to_weight(numbers, yx))
        store_points(numbers, DX_ROW + k, cast_to_weight(numbers, xy))
        store_points(numbers, DY_ROW + k, cast_to_weight(numbers, yy))
        # A row crosses no more of the footprint than of the strips on either side of its axes.
        steepest = greatest(greatest(abs(xx), abs(yx)), 0.01)
        vectors = np.int64(2.0 * reach / steepest) // VECTOR + 1
        offset = first + top * level.row_stride + left * level.column_stride
        store_points(offsets, AT + k, offset if inside else np.int64(-1))
        store_points(offsets, ROWS + k, bottom - top + 1 if at_work else np.int64(0))
        store_points(offsets, COLUMNS + k, columns)
        store_points(offsets, VECTORS + k, least(vectors, columns // VECTOR))
        store_points(offsets, LEFT + k, left)
        store_points(offsets, TOP + k, top)
        irregular += at_work & (not inside)
    return irregular


@inline
def copy_window(task: Any, first: int, channel: int, together: int, window: Any) -> None:
    """Copy rows of pixels, `together` channels of each, into the patch, as the padding mode says."""
    level, padding, corners = task.level, task.call.padding_y, task.call.align_corners
    left, top, columns, rows = window
    low, stop = -level.margin, level.width + level.margin
    begin = least(greatest(low - left, 0), columns)  # of the columns that exist
    end = greatest(least(stop - left, columns), begin)
    for row in range(rows):
        line = window_tap(top + row, level.height, level.margin, corners, padding)
        start = first + line * level.row_stride
        to = np.uintp(row * columns * together)
        if (line == OUTSIDE_TAP) & (level.margin == 0):
            _fill_columns(task, channel, together, to, columns)
        else:
            if level.column_stride == together:
                at = np.uintp(start + (left + begin) * level.column_stride)
                for k in range(np.uintp((end - begin) * together)):
                    task.patch[to + np.uintp(begin * together) + k] = load_source(task.source, at + k)
            else:
                _copy_columns(task, start, channel, together, to, left, begin, end)
            _copy_columns(task, start, channel, together, to, left, np.int64(0), begin)
            _copy_columns(task, start, channel, together, to, left, end, columns)


@inline
def _copy_columns(task: Any, start: int, channel: int, together: int, to: Any, left: int, begin: Any, end: Any) -> None:
    """Copy columns [begin, end) of a window's row, one by one; `start` is where the row begins in the source."""
    level, padding, corners = task.level, task.call.padding, task.call.align_corners
    tap = window_tap(left + begin, level.width, level.margin, corners, padding)
    # Beyond the edge all columns are alike under zeros and border.
    differ = (padding > BORDER) | ((left + begin >= -level.margin) & (left + begin < level.width + level.margin))
    for column in range(begin, end):
        if differ:
            tap = window_tap(left + column, level.width, level.margin, corners, padding)
        place = to + np.uintp(column * together)
        if (tap == OUTSIDE_TAP) & (level.margin == 0):
            _fill_columns(task, channel, together, place, np.int64(1))
        else:
            at = np.uintp(start + tap * level.column_stride)
            for part in range(np.uintp(together)):
                task.patch[place + part] = load_source(task.source, at + part * np.uintp(level.channel_stride))


@inline
def _fill_columns(task: Any, channel: int, together: int, to: Any, columns: Any) -> None:
    for _ in range(columns):
        for part in range(np.uintp(together)):
            task.patch[to] = load_source(task.edge, np.uintp(channel) + part)
            to += np.uintp(1)


@inline
def window_tap(index: int, size: int, margin: int, align_corners: int, padding: int) -> Any:
    """Return the index that `index` reads; under zeros and border all beyond the margin is as its last box.

    OUTSIDE_TAP where nothing is read: only where there is no margin, for with one it is an index.
    """
    if (index >= -margin) & (index < size + margin):
        return index
    if (margin > 0) & (padding <= BORDER):
        return -margin if index < 0 else size + margin - 1
    return pad_tap(np.float64(index), size, align_corners, padding)
