"""The pixels around a point: where those lie that its gradients need.

Nearly all points of bilinear sampling have four neighbours, side by side. FIRST says where the upper left one is, and
two of the weights how far the point lies to the right of it (ACROSS) and below it (ALONG). Where that is not so, FIRST
is one of two codes: the point is RAGGED, some of its taps are missing or lie apart, and each is folded into the image
by itself; or it lies NOWHERE, touching none. What was read of the four is put beside the weights, the upper two and the
lower two of each point next to each other (UPPER_PAIRS, LOWER_PAIRS).
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like
from stnwarp.kernels.blocks import BLOCK, BORDER, REFLECTION, ZEROS, Memory, X, Y
from stnwarp.kernels.folding import fold_tap
from stnwarp.kernels.gradient_tiles import COLUMNS, FIRST, RAGGED_POINTS, ROWS, GradientCall
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, store_points

ACROSS, ALONG, UPPER_PAIRS, LOWER_PAIRS = (np.uintp(part * BLOCK) for part in (0, 1, 2, 4))
RAGGED, NOWHERE = -1, -2
MISSING = -(1 << 62)  # the offset of a column or a row that does not exist; steps back have offsets below 0


@inlined
def locate(call: GradientCall, image: int, count: Any, places: Memory, offsets: Memory, weights: Memory) -> bool:
    """Set FIRST, ACROSS and ALONG of folded places; whether any of them touches the image."""
    base, touched = call.origin + image * call.image_stride, 0
    everywhere = call.padding != ZEROS
    # Under these a place on the last pixel is as well one past the pixel before it, which has a neighbour.
    clamped = call.padding == BORDER or call.padding == REFLECTION
    for k in range(count):
        x, y = load_points(places, X + k), load_points(places, Y + k)
        last_column, last_line, zero = like(x, call.width - 2), like(y, call.height - 2), like(x, 0)
        near_column, near_line = np.floor(x), np.floor(y)
        column = min(near_column, last_column) if clamped else near_column
        line = min(near_line, last_line) if clamped else near_line
        whole = (column >= zero) & (column <= last_column) & (line >= zero) & (line <= last_line)
        # At -1 exactly nothing is read, but the slope is that towards the image.
        touching = (x >= like(x, -1)) & (x < like(x, call.width)) & (y >= like(y, -1)) & (y < like(y, call.height))
        touching |= everywhere
        touched += touching
        across, along = x - (column if whole else near_column), y - (line if whole else near_line)
        store_points(weights, ACROSS + k, as_weight(weights, across if touching else zero))
        store_points(weights, ALONG + k, as_weight(weights, along if touching else zero))
        column, line = (column if whole else zero), (line if whole else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        code = np.int64(RAGGED) if touching else np.int64(NOWHERE)
        store_points(offsets, FIRST + k, offset if whole else code)
    end_odd(count, offsets)
    return touched > 0


@inlined
def end_odd(count: Any, offsets: Memory) -> None:
    """Put a point that lies nowhere after an odd number of them, see `half_of`; a tile of BLOCK points is even."""
    if count % np.uintp(2) == np.uintp(1):
        store_points(offsets, FIRST + count, np.int64(NOWHERE))


@inlined
def list_ragged(count: Any, offsets: Memory) -> Any:
    """Put the points whose FIRST is RAGGED into RAGGED_POINTS; how many they are."""
    found = np.uintp(0)
    for k in range(count):  # without a branch, which would be mispredicted wherever the rim is crossed
        store_points(offsets, RAGGED_POINTS + found, np.int64(k))
        found += np.uintp(load_points(offsets, FIRST + k) == RAGGED)
    return found


@inlined
def fold_ragged(call: GradientCall, image: int, ragged: Any, taps: int, places: Memory, offsets: Memory) -> None:
    """Set COLUMNS and ROWS of the points in RAGGED_POINTS: the offsets of *taps* columns and rows around each."""
    base = call.origin + image * call.image_stride
    for number in range(ragged):
        k = np.uintp(load_points(offsets, RAGGED_POINTS + number))
        x, y = np.floor(load_points(places, X + k)), np.floor(load_points(places, Y + k))
        for tap in range(taps):
            part, from_near = np.uintp(tap * BLOCK), like(x, tap + 1 - taps // 2)
            column = fold_tap(x + from_near, call.width, call.align_corners, call.padding)
            line = fold_tap(y + from_near, call.height, call.align_corners, call.padding)
            store_points(offsets, COLUMNS + part + k, column * call.column_stride if column >= 0 else MISSING)
            store_points(offsets, ROWS + part + k, base + line * call.row_stride if line >= 0 else MISSING)
