"""From the gradients at the positions of a tile to those of what the positions were made of: a grid, or a matrix.

to_grid is laid out as the grid, (2 * points,). For matrices it is (9 * bands,) through all images, float64: what each
band adds to the gradient to its image's matrix, row by row; it is added to, and so must start at zero.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import SUM_X, SUM_Y, GradientCall, GradientTask, Tile
from stnwarp.kernels.backward.tiles import point_count
from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import affine_position, pixels_per_unit, row_start
from stnwarp.kernels.layout import AFFINE, PROJECTIVE, SLOPES, ZEROS, Memory, X, Y
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_pixels, load_points, store_output, store_pixels
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, multiply_unless_zero


@inline
def clear_sums(count: Any, values: Memory) -> None:
    """Set SUM_X and SUM_Y to zero."""
    for k in range(count):
        store_pixels(values, SUM_X + k, 0)
        store_pixels(values, SUM_Y + k, 0)


@inline
def propagate(task: GradientTask, tile: Tile) -> None:
    """Turn SUM_X and SUM_Y, gradients to padded positions, into that to the grid, or add them to that of the matrix."""
    call, positions, values, to_grid = task.call, task.positions, task.values, task.to_grid
    if call.padding != ZEROS:
        _multiply_by_slopes(point_count(tile), positions, values)
    for line in range(tile.lines):
        if call.mapping == AFFINE:
            add_affine(tile, line, np.uintp(9 * tile.band), values, to_grid)
        elif call.mapping == PROJECTIVE:
            add_projective(tile, line, np.uintp(9 * tile.band), task.matrices, values, to_grid)
        else:
            _store_grid(call, tile, line, values, to_grid)


@inline
def _multiply_by_slopes(count: Any, positions: Memory, values: Memory) -> None:
    """Multiply by the derivative of padding; a derivative of 0 gives 0, even for NaN."""
    for k in range(count):
        sum_x, sum_y = load_pixels(values, SUM_X + k), load_pixels(values, SUM_Y + k)
        store_pixels(
            values, SUM_X + k, cast_like(sum_x, multiply_unless_zero(sum_x, load_points(positions, SLOPES + X + k)))
        )
        store_pixels(
            values, SUM_Y + k, cast_like(sum_y, multiply_unless_zero(sum_y, load_points(positions, SLOPES + Y + k)))
        )


@inline
def _store_grid(call: GradientCall, tile: Tile, line: int, values: Memory, to_grid: Memory) -> None:
    first = np.uintp(line * tile.columns)
    start = np.uintp(2 * ((tile.image * call.output_height + tile.row + line) * call.output_width + tile.column))
    number = cast_to_weight(to_grid, 1)
    scale_x = pixels_per_unit(number, call.width, call.align_corners)
    scale_y = pixels_per_unit(number, call.height, call.align_corners)
    for k in range(np.uintp(tile.columns)):
        at = start + np.uintp(2) * k
        store_output(to_grid, at, load_pixels(values, SUM_X + first + k) * scale_x)
        store_output(to_grid, at + np.uintp(1), load_pixels(values, SUM_Y + first + k) * scale_y)


@inline
def add_affine(tile: Tile, line: int, at: Any, values: Memory, to_grid: Memory) -> None:
    """Add a line where x = m0 * column + m1 * row + m2, and y alike with m3 to m5."""
    first = np.uintp(line * tile.columns)
    sum_x, sum_y, across_x, across_y = 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(tile.columns)):
        output_column = np.float64(tile.column + np.int64(k))
        to_x = np.float64(load_pixels(values, SUM_X + first + k))
        to_y = np.float64(load_pixels(values, SUM_Y + first + k))
        sum_x, across_x = sum_x + to_x, across_x + to_x * output_column
        sum_y, across_y = sum_y + to_y, across_y + to_y * output_column
    row = np.float64(tile.row + line)
    _add_row(to_grid, at, across_x, sum_x, row)
    _add_row(to_grid, at + np.uintp(3), across_y, sum_y, row)


@inline
def _add_row(to_grid: Memory, at: Any, across: float, total: float, row: float) -> None:
    to_grid[at] += across
    to_grid[at + np.uintp(1)] += total * row
    to_grid[at + np.uintp(2)] += total


@inline
def add_projective(tile: Tile, line: int, at: Any, matrices: Memory, values: Memory, to_grid: Memory) -> None:
    """Add a line where x = p / w and y = q / w, and p, q and w are what x and y are in `add_affine`."""
    first, m, row = np.uintp(line * tile.columns), 9 * tile.image, tile.row + line
    start_p, start_q = row_start(matrices, m, row), row_start(matrices, m + 3, row)
    start_w = row_start(matrices, m + 6, row)
    sum_p, sum_q, sum_w, across_p, across_q, across_w = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(tile.columns)):
        output_column = np.float64(tile.column + np.int64(k))
        to_x = np.float64(load_pixels(values, SUM_X + first + k))
        to_y = np.float64(load_pixels(values, SUM_Y + first + k))
        if to_x != 0.0 or to_y != 0.0:  # else the position may not be finite, and does not matter
            w = affine_position(matrices[m + 6], start_w, output_column)
            p = affine_position(matrices[m], start_p, output_column)
            q = affine_position(matrices[m + 3], start_q, output_column)
            to_p, to_q = to_x / w, to_y / w
            to_w = -fma(to_q, q, to_p * p) / w
            sum_p, across_p = sum_p + to_p, across_p + to_p * output_column
            sum_q, across_q = sum_q + to_q, across_q + to_q * output_column
            sum_w, across_w = sum_w + to_w, across_w + to_w * output_column
    _add_row(to_grid, at, across_p, sum_p, np.float64(row))
    _add_row(to_grid, at + np.uintp(3), across_q, sum_q, np.float64(row))
    _add_row(to_grid, at + np.uintp(6), across_w, sum_w, np.float64(row))
