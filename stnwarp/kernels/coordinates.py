"""Coordinate maths: a block of output pixels -> where to read them in the input, as continuous pixel indices.

All of it is float64 and a function of the pixel's own index, so that long rows are as exact as short ones and bands
of rows are the same as the whole. Only what is read from a float32 grid for a float32 image may be float32.

matrices is (9 * images,), row by row, output pixel (x, y, 1) to input pixel; grid is (2 * points,), x before y,
normalised. Which of them is read, the call's mapping says. Under AFFINE_JOINED all rows of an image, too short to fill
blocks, count as one.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like
from stnwarp.kernels.blocks import (
    AFFINE,
    AFFINE_JOINED,
    BLOCK,
    GRID_FLOAT32,
    PROJECTIVE,
    REFLECTION,
    WRAP,
    ZEROS,
    Call,
    Memory,
    X,
    Y,
)
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, load_source, store_points


@inlined
def generate_places(
    call: Call, matrices: Memory, grid: Memory, image: int, row: int, column: int, count: int, places: Memory
) -> None:
    """Set X and Y of *places* for *count* output pixels from (row, column) on."""
    if call.mapping == AFFINE:
        _affine_places(matrices, image, row, column, count, np.uintp(0), places)
    elif call.mapping == AFFINE_JOINED:
        _joined_places(call, matrices, image, column, count, places)
    elif call.mapping == PROJECTIVE:
        _projective_places(matrices, image, row, column, count, places)
    else:
        first = np.uintp((image * call.output_height + row) * call.output_width + column)
        if call.mapping == GRID_FLOAT32:
            _grid_places_float32(call, grid, first, count, places)
        else:
            _grid_places(call, grid, first, count, places)


@inlined
def affine_coordinate(across: Any, start: Any, column: Any) -> Any:
    """The coordinate at *column* of a row that starts at *start*: the one formula that spans and places share."""
    return start + across * np.float64(column)


@inlined
def row_start(matrices: Memory, entry: int, row: int) -> Any:
    """The coordinate at column 0 of *row*, by the matrix row that begins at *entry*."""
    return matrices[entry + 1] * row + matrices[entry + 2]


@inlined
def _affine_places(matrices: Memory, image: int, row: int, column: int, count: int, begin: Any, places: Memory) -> None:
    m = image * 9
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    for k in range(np.uintp(count)):
        position = column + np.int64(k)
        store_points(places, X + begin + k, affine_coordinate(across_x, start_x, position))
        store_points(places, Y + begin + k, affine_coordinate(across_y, start_y, position))


@inlined
def _joined_places(call: Call, matrices: Memory, image: int, column: int, count: int, places: Memory) -> None:
    row, first, done = column // call.joined_width, column % call.joined_width, 0
    while done < count:
        part = min(call.joined_width - first, count - done)
        _affine_places(matrices, image, row, first, part, np.uintp(done), places)
        row, first, done = row + 1, 0, done + part


@inlined
def _projective_places(matrices: Memory, image: int, row: int, column: int, count: int, places: Memory) -> None:
    m = image * 9
    across_x, start_x = matrices[m], row_start(matrices, m, row)
    across_y, start_y = matrices[m + 3], row_start(matrices, m + 3, row)
    across_w, start_w = matrices[m + 6], row_start(matrices, m + 6, row)
    for k in range(np.uintp(count)):
        position = column + np.int64(k)
        # One division instead of two; w is zero on the horizon: x and y are then not finite.
        per_w = 1.0 / affine_coordinate(across_w, start_w, position)
        store_points(places, X + k, affine_coordinate(across_x, start_x, position) * per_w)
        store_points(places, Y + k, affine_coordinate(across_y, start_y, position) * per_w)


@inlined
def _grid_places(call: Call, grid: Memory, first: Any, count: int, places: Memory) -> None:
    # ((coord + 1) * size - 1) / 2 and (coord + 1) * (size - 1) / 2 as one formula: corners is 1.0 or 0.0.
    corners = np.float64(call.align_corners)
    span_x, span_y, inset = np.float64(call.width) - corners, np.float64(call.height) - corners, 1.0 - corners
    for k in range(np.uintp(count)):
        at = np.uintp(2) * (first + k)
        x, y = np.float64(load_source(grid, at)), np.float64(load_source(grid, at + np.uintp(1)))
        store_points(places, X + k, 0.5 * ((x + 1.0) * span_x - inset))
        store_points(places, Y + k, 0.5 * ((y + 1.0) * span_y - inset))


@inlined
def _grid_places_float32(call: Call, grid: Memory, first: Any, count: int, places: Memory) -> None:
    """The same, rounding to float32 where torch's CPU kernel does: for float32 images read at float32 grids."""
    corners = np.float32(call.align_corners)
    half = np.float32(0.5)
    span_x, span_y = half * (np.float32(call.width) - corners), half * (np.float32(call.height) - corners)
    inset = half * (np.float32(1.0) - corners)
    for k in range(np.uintp(count)):
        at = np.uintp(2) * (first + k)
        x, y = np.float32(load_source(grid, at)), np.float32(load_source(grid, at + np.uintp(1)))
        store_points(places, X + k, (x + np.float32(1.0)) * span_x - inset)
        store_points(places, Y + k, (y + np.float32(1.0)) * span_y - inset)


@inlined
def fold_places(call: Call, count: int, places: Memory) -> None:
    """Fold X and Y into the image as the padding mode says; nothing to do under zeros."""
    if call.padding == ZEROS:
        return
    low = 0.0 if call.align_corners != 0 else -0.5
    for axis in range(2):
        first = np.uintp(axis * BLOCK)
        last = np.float64((call.height if axis else call.width) - 1)
        if call.padding == WRAP:
            _wrap(first, count, last + 1.0, places)
            continue
        if call.padding == REFLECTION:
            span = max(last - 2.0 * low, 0.5)  # a one-pixel axis has nothing to reflect in; the clamp decides
            if call.mapping == GRID_FLOAT32:
                _reflect(first, count, np.float32(low), np.float32(2.0 * span), places)
            else:
                _reflect(first, count, low, 2.0 * span, places)
        _clamp(first, count, last, places)


@inlined
def _reflect(first: Any, count: int, low: Any, period: Any, places: Memory) -> None:
    """Fold one axis by the triangle wave of *period* that starts at *low*, in the type of these two."""
    for k in range(np.uintp(count)):
        distance = abs(like(low, load_points(places, first + k)) - low)
        distance -= period * np.floor(distance / period)
        store_points(places, first + k, low + min(distance, period - distance))


@inlined
def _wrap(first: Any, count: int, size: Any, places: Memory) -> None:
    """Bring one axis into [0, size); what is not finite, and what rounds to size, to 0."""
    for k in range(np.uintp(count)):
        position = load_points(places, first + k)
        position -= size * np.floor(position / size)
        store_points(places, first + k, position if (position >= 0.0) & (position < size) else 0.0)


@inlined
def _clamp(first: Any, count: int, last: Any, places: Memory) -> None:
    zero, last = as_weight(places, 0), as_weight(places, last)
    for k in range(np.uintp(count)):
        position = load_points(places, first + k)
        position = position if position > zero else zero  # written so that NaN gives 0, as in torch
        store_points(places, first + k, position if position < last else last)


@inlined
def count_within(places: Memory, count: int, low: float, x_stop: float, y_stop: float) -> int:
    """How many places lie in [low, x_stop) x [low, y_stop); NaN does not."""
    least, right, bottom = as_weight(places, low), as_weight(places, x_stop), as_weight(places, y_stop)
    within = 0
    for k in range(np.uintp(count)):
        x, y = load_points(places, X + k), load_points(places, Y + k)
        within += (x >= least) & (x < right) & (y >= least) & (y < bottom)
    return within


@inlined
def affine_span(
    call: Call, matrices: Memory, image: int, row: int, low: float, x_stop: float, y_stop: float
) -> tuple[int, int]:
    """The columns [first, last) of an output row whose places lie in [low, x_stop) x [low, y_stop), exactly."""
    m = image * 9
    first_x, last_x = _axis_span(matrices[m], row_start(matrices, m, row), low, x_stop, call.output_width)
    first_y, last_y = _axis_span(matrices[m + 3], row_start(matrices, m + 3, row), low, y_stop, call.output_width)
    first = max(first_x, first_y)
    return first, max(first, min(last_x, last_y))


@inlined
def _axis_span(across: Any, start: Any, low: float, high: float, width: int) -> tuple[int, int]:
    """The columns in [0, width) at which low <= affine_coordinate < high.

    The coordinate is monotone in the column even as computed, since each rounding is, so both ends decide for all
    between; they are tested once more, because nothing may be read at a coordinate that overflowed to NaN.
    """
    first, last = 0, width
    if across > 0.0:
        first, last = _crossing(across, start, low, width), _crossing(across, start, high, width)
    elif across < 0.0:
        first, last = _crossing(across, start, high, width), _crossing(across, start, low, width)
    near, far = affine_coordinate(across, start, first), affine_coordinate(across, start, last - 1)
    inside = first < last and low <= near < high and low <= far < high
    return first, last if inside else first


@inlined
def _crossing(across: Any, start: Any, bound: float, width: int) -> Any:
    """How many columns from 0 on lie on the near side of *bound*: solved, and searched where rounding got it wrong."""
    position = np.ceil((bound - start) / across)
    position = position if position > 0.0 else 0.0
    guess = np.int64(position if position < width else np.float64(width))
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


@inlined
def _before(across: Any, start: Any, bound: float, column: Any) -> Any:
    return (affine_coordinate(across, start, column) < bound) == (across > 0.0)
