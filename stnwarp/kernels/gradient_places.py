"""Where the points of a tile are read: continuous pixel indices, folded into the image, and the slope of the folding.

matrices is (9 * images,), row by row, output pixel (x, y, 1) to input pixel; grid is (2 * points,), x before y,
normalised. Which of them is read, the call's mapping says. Arithmetic is in the type of the places, which is the
grid's: with float32 that gives torch's float32 coordinates, so that both see a point on the same side of a pixel.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import AFFINE, BLOCK, BORDER, PROJECTIVE, REFLECTION, WRAP, Memory
from stnwarp.kernels.folding import clamp, reflect, to_pixel, wrap
from stnwarp.kernels.gradient_tiles import SLOPE_X, GradientCall, Tile, X, Y
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, load_source, store_points

_ONE, _TWO = np.uintp(1), np.uintp(2)


@inlined
def place_tile(call: GradientCall, tile: Tile, matrices: Memory, grid: Memory, places: Memory) -> None:
    """Set X and Y of *places*, not folded yet."""
    for line in range(tile.lines):
        first = np.uintp(line * tile.columns)
        if call.mapping == AFFINE:
            _affine_places(tile, line, matrices, places, first)
        elif call.mapping == PROJECTIVE:
            _projective_places(tile, line, matrices, places, first)
        else:
            _grid_places(call, tile, line, grid, places, first)


@inlined
def row_start(matrices: Memory, entry: int, row: int) -> float:
    """The coordinate at column 0 of *row*, by the matrix row that begins at *entry*."""
    start: float = matrices[entry + 1] * row + matrices[entry + 2]
    return start


@inlined
def _affine_places(tile: Tile, line: int, matrices: Memory, places: Memory, first: Any) -> None:
    m, row = tile.image * 9, tile.row + line
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    for k in range(np.uintp(tile.columns)):
        position = np.float64(tile.column + np.int64(k))
        store_points(places, X + first + k, start_x + across_x * position)
        store_points(places, Y + first + k, start_y + across_y * position)


@inlined
def _projective_places(tile: Tile, line: int, matrices: Memory, places: Memory, first: Any) -> None:
    m, row = tile.image * 9, tile.row + line
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    across_w, start_w = matrices[m + 6], row_start(matrices, m + 6, row)
    for k in range(np.uintp(tile.columns)):
        position = np.float64(tile.column + np.int64(k))
        w = start_w + across_w * position  # zero on the horizon: x and y are then not finite
        store_points(places, X + first + k, (start_x + across_x * position) / w)
        store_points(places, Y + first + k, (start_y + across_y * position) / w)


@inlined
def _grid_places(call: GradientCall, tile: Tile, line: int, grid: Memory, places: Memory, first: Any) -> None:
    start = np.uintp(2 * grid_point(call, tile, line))
    for k in range(np.uintp(tile.columns)):
        at = start + _TWO * k
        x, y = load_source(grid, at), load_source(grid, at + _ONE)
        store_points(places, X + first + k, to_pixel(x, call.width, call.align_corners))
        store_points(places, Y + first + k, to_pixel(y, call.height, call.align_corners))


@inlined
def grid_point(call: GradientCall, tile: Tile, line: int) -> int:
    """The number of the first point of a line of a tile, counted through the grids of all images."""
    return (tile.image * call.output_height + tile.row + line) * call.output_width + tile.column


@inlined
def fold_places(call: GradientCall, count: Any, places: Memory) -> None:
    """Fold X and Y by the padding mode and set the slopes; under zeros nothing is folded, and there are none."""
    for axis in range(2):
        part, size = np.uintp(axis * BLOCK), call.height if axis else call.width
        if call.padding == BORDER:
            _clamp_axis(size, part, count, places)
        elif call.padding == REFLECTION:
            _reflect_axis(size, call.align_corners, part, count, places)
        elif call.padding == WRAP:
            _wrap_axis(size, part, count, places)


@inlined
def _clamp_axis(size: int, part: Any, count: Any, places: Memory) -> None:
    for k in range(count):
        folded, slope = clamp(load_points(places, part + k), size)
        store_points(places, part + k, folded)
        store_points(places, SLOPE_X + part + k, slope)


@inlined
def _reflect_axis(size: int, align_corners: int, part: Any, count: Any, places: Memory) -> None:
    for k in range(count):
        folded, slope = reflect(load_points(places, part + k), size, align_corners)
        store_points(places, part + k, folded)
        store_points(places, SLOPE_X + part + k, slope)


@inlined
def _wrap_axis(size: int, part: Any, count: Any, places: Memory) -> None:
    for k in range(count):
        folded, slope = wrap(load_points(places, part + k), size)
        store_points(places, part + k, folded)
        store_points(places, SLOPE_X + part + k, slope)
