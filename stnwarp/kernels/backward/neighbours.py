"""The pixels around a point: where those lie that its gradients need.

Nearly all points of bilinear sampling have four neighbours, side by side. FIRST says where the upper left one is, and
two of the weights how far the point lies to the right of it (FRACTION_X) and below it (FRACTION_Y). Otherwise
FIRST is one of two codes: the point is IRREGULAR, some of its taps are missing or lie apart, and each is moved into
the image by itself; or it lies NOWHERE, touching none. What was read of the four is put beside the weights, the upper
two and the lower two of each point next to each other (UPPER_PAIRS, LOWER_PAIRS).
"""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import COLUMN_OFFSETS, FIRST, IRREGULAR_POINTS, ROW_OFFSETS, GradientTask, Tile
from stnwarp.kernels.backward.tiles import point_count
from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.padding import pad_tap
from stnwarp.kernels.layout import BLOCK, BORDER, REFLECTION, ZEROS, Memory, X, Y
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, least

FRACTION_X, FRACTION_Y, UPPER_PAIRS, LOWER_PAIRS = (np.uintp(part * BLOCK) for part in (0, 1, 2, 4))
IRREGULAR, NOWHERE = -1, -2
MISSING = -(1 << 62)  # the offset of a column or a row that does not exist; steps back have offsets below 0


@inline
def locate(task: GradientTask, tile: Tile) -> bool:
    """Set FIRST, FRACTION_X and FRACTION_Y of padded positions; return whether any of them touches the image."""
    call, image, count = task.call, tile.image, point_count(tile)
    positions, offsets, weights = task.positions, task.offsets, task.weights
    base, touched = call.origin + image * call.image_stride, 0
    everywhere = call.padding != ZEROS
    # Under these a position on the last pixel is as well one past the pixel before it, which has a neighbour.
    clamped = call.padding == BORDER or call.padding == REFLECTION
    for k in range(count):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        last_column, last_line, zero = cast_like(x, call.width - 2), cast_like(y, call.height - 2), cast_like(x, 0)
        near_column, near_line = np.floor(x), np.floor(y)
        column = least(near_column, last_column) if clamped else near_column
        line = least(near_line, last_line) if clamped else near_line
        whole = (column >= zero) & (column <= last_column) & (line >= zero) & (line <= last_line)
        # At -1 exactly nothing is read, but the slope is that towards the image.
        touching = (
            (x >= cast_like(x, -1))
            & (x < cast_like(x, call.width))
            & (y >= cast_like(y, -1))
            & (y < cast_like(y, call.height))
        )
        touching |= everywhere
        touched += touching
        across, along = x - (column if whole else near_column), y - (line if whole else near_line)
        store_points(weights, FRACTION_X + k, cast_to_weight(weights, across if touching else zero))
        store_points(weights, FRACTION_Y + k, cast_to_weight(weights, along if touching else zero))
        column, line = (column if whole else zero), (line if whole else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        code = np.int64(IRREGULAR) if touching else np.int64(NOWHERE)
        store_points(offsets, FIRST + k, offset if whole else code)
    complete_pair(count, offsets)
    return touched > 0


@inline
def complete_pair(count: Any, offsets: Memory) -> None:
    """Put a point that lies nowhere after an odd number of them, see `half_count`; a tile of BLOCK points is even."""
    if count % np.uintp(2) == np.uintp(1):
        store_points(offsets, FIRST + count, np.int64(NOWHERE))


@inline
def list_irregular(count: Any, offsets: Memory) -> Any:
    """Put the points whose FIRST is IRREGULAR into IRREGULAR_POINTS; return how many they are."""
    found = np.uintp(0)
    for k in range(count):  # without a branch, which would be mispredicted wherever the edge is crossed
        store_points(offsets, IRREGULAR_POINTS + found, np.int64(k))
        found += np.uintp(load_points(offsets, FIRST + k) == IRREGULAR)
    return found


@inline
def pad_irregular(task: GradientTask, image: int, irregular: Any, taps: int) -> None:
    """Set COLUMN_OFFSETS and ROW_OFFSETS of the IRREGULAR_POINTS: of `taps` columns and rows around each."""
    call, positions, offsets = task.call, task.positions, task.offsets
    base = call.origin + image * call.image_stride
    for number in range(irregular):
        k = np.uintp(load_points(offsets, IRREGULAR_POINTS + number))
        x, y = np.floor(load_points(positions, X + k)), np.floor(load_points(positions, Y + k))
        for tap in range(taps):
            part, from_near = np.uintp(tap * BLOCK), cast_like(x, tap + 1 - taps // 2)
            column = pad_tap(x + from_near, call.width, call.align_corners, call.padding)
            line = pad_tap(y + from_near, call.height, call.align_corners, call.padding)
            store_points(offsets, COLUMN_OFFSETS + part + k, column * call.column_stride if column >= 0 else MISSING)
            store_points(offsets, ROW_OFFSETS + part + k, base + line * call.row_stride if line >= 0 else MISSING)
