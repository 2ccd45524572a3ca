"""Coordinate maths: a block of output pixels -> where to read them in the input, as continuous pixel indices.

All of it is float64 and a function of the pixel's own index, so that long rows are as exact as short ones and bands
of rows are the same as the whole. Only what is read from a float32 grid for a float32 image may be float32.

matrices is (9 * images,), row by row, output pixel (x, y, 1) to input pixel; grid is (2 * points,), x before y,
normalised. Which of them is read, the call's mapping says. Under AFFINE_JOINED all rows of an image, too short to fill
blocks, count as one.
"""

from typing import Any

import numpy as np
from numba import types

from stnwarp.kernels.compiler.decorators import inline, overload
from stnwarp.kernels.layout import (
    AFFINE,
    AFFINE_JOINED,
    GRID_FLOAT32,
    PROJECTIVE,
    Block,
    Memory,
    SampleCall,
    X,
    Y,
)
from stnwarp.kernels.simd.division import divide
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, greatest, least

_HUGE = 2.0**300


@inline
def generate_positions(task: Any, block: Block) -> None:
    """Set X and Y of the positions of a block; `task` is a `SampleTask` or one of `forward.layout`."""
    call, (image, row, column, count) = task.call, block
    if call.mapping == AFFINE_JOINED:
        _joined_positions(call, task.matrices, image, column, count, task.positions)
    else:
        generate_row(call, task.matrices, task.grid, image, row, column, count, np.uintp(0), task.positions)


@inline
def generate_row(
    call: Any,
    matrices: Memory,
    grid: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
    begin: Any,
    positions: Memory,
) -> None:
    """Set X and Y of `positions`, from `begin` on, for `count` pixels of an output row; forward and backward alike."""
    if call.mapping == AFFINE:
        _affine_positions(matrices, image, row, column, count, begin, positions)
    elif call.mapping == PROJECTIVE:
        _projective_positions(matrices, image, row, column, count, begin, positions)
    else:
        point = np.uintp(image * call.grid_stride + row * call.output_width + column)
        _read_grid(call, grid, point, count, begin, positions)


def _read_grid(call: Any, grid: Memory, point: Any, count: int, begin: Any, positions: Memory) -> None:
    """Set positions from the points of a grid, in float32 where torch computes in it."""
    if call.mapping == GRID_FLOAT32:
        _grid_positions(call, np.float32(0), grid, point, count, begin, positions)
    else:
        _grid_positions(call, np.float64(0), grid, point, count, begin, positions)


@overload(_read_grid)
def _overload_read_grid(
    call: Any, grid: Any, point: Any, count: Any, begin: Any, positions: Any
) -> Any:  # pragma: no cover: compiled only
    if grid.dtype == types.float32:
        return _read_grid
    # No such call has GRID_FLOAT32: what is not needed need not be compiled.
    return lambda call, grid, point, count, begin, positions: _grid_positions(
        call, np.float64(0), grid, point, count, begin, positions
    )


@inline
def affine_position(across: Any, start: Any, column: Any) -> Any:
    """Return the coordinate at `column` of a row that begins at `start`: one formula for spans and positions."""
    return fma(across, np.float64(column), start)


@inline
def row_start(matrices: Memory, entry: int, row: int) -> Any:
    """Return the coordinate at column 0 of `row`, by the matrix row that begins at `entry`."""
    return fma(matrices[entry + 1], np.float64(row), matrices[entry + 2])


@inline
def _affine_positions(
    matrices: Memory, image: int, row: int, column: int, count: int, begin: Any, positions: Memory
) -> None:
    m = image * 9
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    for k in range(np.uintp(count)):
        output_column = column + np.int64(k)
        store_points(positions, X + begin + k, affine_position(across_x, start_x, output_column))
        store_points(positions, Y + begin + k, affine_position(across_y, start_y, output_column))


@inline
def _joined_positions(
    call: SampleCall, matrices: Memory, image: int, column: int, count: int, positions: Memory
) -> None:
    row, first, done = column // call.joined_width, column % call.joined_width, 0
    while done < count:
        part = least(call.joined_width - first, count - done)
        _affine_positions(matrices, image, row, first, part, np.uintp(done), positions)
        row, first, done = row + 1, 0, done + part


@inline
def _projective_positions(
    matrices: Memory, image: int, row: int, column: int, count: int, begin: Any, positions: Memory
) -> None:
    """Set positions with one division for both coordinates, but near the horizon, where w is zero, with two."""
    m = image * 9
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    across_w, start_w = matrices[m + 6], row_start(matrices, m + 6, row)
    # Affine numbers lie between those at the ends: these tell that no quotient is out of range.
    first_w, last_w = _ends(across_w, start_w, column, count)
    first_x, last_x = _ends(across_x, start_x, column, count)
    first_y, last_y = _ends(across_y, start_y, column, count)
    moderate = (abs(first_x) < _HUGE) & (abs(last_x) < _HUGE) & (abs(first_y) < _HUGE) & (abs(last_y) < _HUGE)
    moderate &= (abs(first_w) < _HUGE) & (abs(last_w) < _HUGE) & ((first_w > 0.0) == (last_w > 0.0))
    if moderate & (abs(first_w) > 1.0 / _HUGE) & (abs(last_w) > 1.0 / _HUGE):
        for k in range(np.uintp(count)):
            output_column = column + np.int64(k)
            w = affine_position(across_w, start_w, output_column)
            x, y = affine_position(across_x, start_x, output_column), affine_position(across_y, start_y, output_column)
            reciprocal = 1.0 / w
            store_points(positions, X + begin + k, divide(x, w, reciprocal))
            store_points(positions, Y + begin + k, divide(y, w, reciprocal))
    else:
        for k in range(np.uintp(count)):
            output_column = column + np.int64(k)
            w = affine_position(across_w, start_w, output_column)
            store_points(positions, X + begin + k, affine_position(across_x, start_x, output_column) / w)
            store_points(positions, Y + begin + k, affine_position(across_y, start_y, output_column) / w)


@inline
def _ends(across: Any, start: Any, column: int, count: int) -> tuple[Any, Any]:
    return affine_position(across, start, column), affine_position(across, start, column + count - 1)


@inline
def _grid_positions(
    call: Any, number: Any, grid: Memory, point: Any, count: int, begin: Any, positions: Memory
) -> None:
    """Set positions in the type of `number`: float32 for float32 images and grids, where torch computes in it too."""
    for k in range(np.uintp(count)):
        at = np.uintp(2) * (point + k)
        x, y = cast_like(number, load_source(grid, at)), cast_like(number, load_source(grid, at + np.uintp(1)))
        store_points(positions, X + begin + k, to_pixel(x, call.width, call.align_corners))
        store_points(positions, Y + begin + k, to_pixel(y, call.height, call.align_corners))


@inline
def to_pixel(coordinate: Any, size: int, align_corners: int) -> Any:
    """Convert a normalised coordinate to a continuous pixel index; its slope is `pixels_per_unit`.

    Rounded twice, as in torch for images; for volumes torch rounds three times. That decides ties.
    """
    scale = pixels_per_unit(coordinate, size, align_corners)
    return fma(coordinate + cast_like(coordinate, 1), scale, -edge_inset(coordinate, align_corners))


@inline
def edge_inset(coordinate: Any, align_corners: int) -> Any:
    """Return how many pixels the first pixel's centre lies from where `coordinate` is -1, in its type."""
    return cast_like(coordinate, 0.0 if align_corners != 0 else 0.5)


@inline
def pixels_per_unit(coordinate: Any, size: int, align_corners: int) -> Any:
    """Return how many pixels a step of 1 in normalised coordinates is, in the type of `coordinate`."""
    return cast_like(coordinate, size - 1 if align_corners != 0 else size) * cast_like(coordinate, 0.5)


@inline
def count_within(positions: Memory, count: int, low: float, x_stop: float, y_stop: float) -> int:
    """Count the positions in [low, x_stop) x [low, y_stop); NaN is not in there."""
    least, right, bottom = (
        cast_to_weight(positions, low),
        cast_to_weight(positions, x_stop),
        cast_to_weight(positions, y_stop),
    )
    within = 0
    for k in range(np.uintp(count)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        within += (x >= least) & (x < right) & (y >= least) & (y < bottom)
    return within


@inline
def affine_span(
    matrices: Memory, where: tuple[int, int, int], x_bounds: tuple[float, float], y_bounds: tuple[float, float]
) -> tuple[int, int]:
    """Return the columns [first, last) of a row whose positions lie within bounds [low, stop) on both axes, exactly.

    `where` is the image, the row, and how many columns this has.
    """
    (image, row, width), (low_x, x_stop), (low_y, y_stop) = where, x_bounds, y_bounds
    m = image * 9
    first_x, last_x = _axis_span(matrices[m], row_start(matrices, m, row), low_x, x_stop, width)
    first_y, last_y = _axis_span(matrices[m + 3], row_start(matrices, m + 3, row), low_y, y_stop, width)
    first = greatest(first_x, first_y)
    return first, greatest(first, least(last_x, last_y))


@inline
def _axis_span(across: Any, start: Any, low: float, high: float, width: int) -> tuple[int, int]:
    """Return the columns in [0, width) at which low <= affine_position < high.

    The coordinate is monotone in the column even as computed, since each rounding is, so both ends decide for all
    between; they are tested once more, because nothing may be read at a coordinate that overflowed to NaN.
    """
    first, last = 0, width
    if across > 0.0:
        first, last = _crossing(across, start, low, width), _crossing(across, start, high, width)
    elif across < 0.0:
        first, last = _crossing(across, start, high, width), _crossing(across, start, low, width)
    near, far = affine_position(across, start, first), affine_position(across, start, last - 1)
    inside = first < last and low <= near < high and low <= far < high
    return first, last if inside else first


@inline
def _crossing(across: Any, start: Any, bound: float, width: int) -> Any:
    """Count the columns from 0 on that lie before `bound`: solved for, and searched where rounding got it wrong."""
    output_column = np.ceil((bound - start) / across)
    output_column = output_column if output_column > 0.0 else 0.0
    guess = np.int64(output_column if output_column < width else np.float64(width))
    enough = guess == width or not _before(across, start, bound, guess)
    if enough and (guess == 0 or _before(across, start, bound, guess - 1)):
        return guess
    few, many = 0, width
    while few < many:
        middle = (few + many) // 2
        if _before(across, start, bound, middle):
            few = middle + 1
        else:
            many = middle
    return few


@inline
def _before(across: Any, start: Any, bound: float, column: Any) -> Any:
    return (affine_position(across, start, column) < bound) == (across > 0.0)
