"""From the gradients at the places of a tile to those of what the places were made of: a grid, or a matrix.

to_grid is laid out as the grid, (2 * points,). For matrices it is (9 * bands,) through all images, float64: what each
band adds to the gradient to its image's matrix, row by row; it is added to, and so must start at zero.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like, weighted
from stnwarp.kernels.blocks import AFFINE, PROJECTIVE, SLOPES, ZEROS, Memory, X, Y
from stnwarp.kernels.coordinates import row_start
from stnwarp.kernels.folding import pixels_per_unit
from stnwarp.kernels.gradient_tiles import SUM_X, SUM_Y, GradientCall, Tile, points_of
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_pixels, load_points, store_output, store_pixels


@inlined
def clear_sums(count: Any, values: Memory) -> None:
    """Set SUM_X and SUM_Y to zero."""
    for k in range(count):
        store_pixels(values, SUM_X + k, 0)
        store_pixels(values, SUM_Y + k, 0)


@inlined
def hand_on(
    call: GradientCall, tile: Tile, band: Any, matrices: Memory, places: Memory, values: Memory, to_grid: Memory
) -> None:
    """Turn SUM_X and SUM_Y, gradients to folded places, into that to the grid, or add them to that of the matrix.

    band counts through all images.
    """
    if call.padding != ZEROS:
        _slope(points_of(tile), places, values)
    for line in range(tile.lines):
        if call.mapping == AFFINE:
            _add_affine(tile, line, np.uintp(9 * band), values, to_grid)
        elif call.mapping == PROJECTIVE:
            _add_projective(tile, line, np.uintp(9 * band), matrices, values, to_grid)
        else:
            _store_grid(call, tile, line, values, to_grid)


@inlined
def _slope(count: Any, places: Memory, values: Memory) -> None:
    """From the gradients to folded places to those to the places before; 0 is 0 then, whatever was summed."""
    for k in range(count):
        sum_x, sum_y = load_pixels(values, SUM_X + k), load_pixels(values, SUM_Y + k)
        store_pixels(values, SUM_X + k, like(sum_x, weighted(sum_x, load_points(places, SLOPES + X + k))))
        store_pixels(values, SUM_Y + k, like(sum_y, weighted(sum_y, load_points(places, SLOPES + Y + k))))


@inlined
def _store_grid(call: GradientCall, tile: Tile, line: int, values: Memory, to_grid: Memory) -> None:
    first = np.uintp(line * tile.columns)
    start = np.uintp(2 * ((tile.image * call.output_height + tile.row + line) * call.output_width + tile.column))
    number = as_weight(to_grid, 1)
    scale_x = pixels_per_unit(number, call.width, call.align_corners)
    scale_y = pixels_per_unit(number, call.height, call.align_corners)
    for k in range(np.uintp(tile.columns)):
        at = start + np.uintp(2) * k
        store_output(to_grid, at, load_pixels(values, SUM_X + first + k) * scale_x)
        store_output(to_grid, at + np.uintp(1), load_pixels(values, SUM_Y + first + k) * scale_y)


@inlined
def _add_affine(tile: Tile, line: int, at: Any, values: Memory, to_grid: Memory) -> None:
    """Where x = m0 * column + m1 * row + m2, and y alike with m3 to m5."""
    first = np.uintp(line * tile.columns)
    sum_x, sum_y, across_x, across_y = 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(tile.columns)):
        position = np.float64(tile.column + np.int64(k))
        to_x = np.float64(load_pixels(values, SUM_X + first + k))
        to_y = np.float64(load_pixels(values, SUM_Y + first + k))
        sum_x, across_x = sum_x + to_x, across_x + to_x * position
        sum_y, across_y = sum_y + to_y, across_y + to_y * position
    row = np.float64(tile.row + line)
    _add_row(to_grid, at, across_x, sum_x, row)
    _add_row(to_grid, at + np.uintp(3), across_y, sum_y, row)


@inlined
def _add_row(to_grid: Memory, at: Any, across: float, total: float, row: float) -> None:
    to_grid[at] += across
    to_grid[at + np.uintp(1)] += total * row
    to_grid[at + np.uintp(2)] += total


@inlined
def _add_projective(tile: Tile, line: int, at: Any, matrices: Memory, values: Memory, to_grid: Memory) -> None:
    """Where x = p / w and y = q / w, and p, q and w are what x and y are in `_add_affine`."""
    first, m, row = np.uintp(line * tile.columns), 9 * tile.image, tile.row + line
    start_p, start_q = row_start(matrices, m, row), row_start(matrices, m + 3, row)
    start_w = row_start(matrices, m + 6, row)
    sum_p, sum_q, sum_w, across_p, across_q, across_w = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(tile.columns)):
        position = np.float64(tile.column + np.int64(k))
        to_x = np.float64(load_pixels(values, SUM_X + first + k))
        to_y = np.float64(load_pixels(values, SUM_Y + first + k))
        if to_x != 0.0 or to_y != 0.0:  # else the place may not be finite, and does not matter
            w = start_w + matrices[m + 6] * position
            p, q = start_p + matrices[m] * position, start_q + matrices[m + 3] * position
            to_p, to_q = to_x / w, to_y / w
            to_w = -(to_p * p + to_q * q) / w
            sum_p, across_p = sum_p + to_p, across_p + to_p * position
            sum_q, across_q = sum_q + to_q, across_q + to_q * position
            sum_w, across_w = sum_w + to_w, across_w + to_w * position
    _add_row(to_grid, at, across_p, sum_p, np.float64(row))
    _add_row(to_grid, at + np.uintp(3), across_q, sum_q, np.float64(row))
    _add_row(to_grid, at + np.uintp(6), across_w, sum_w, np.float64(row))
