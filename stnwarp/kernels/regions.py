"""How a row is cut into blocks, and where the places of each lie: inside the image, outside it, or on its rim.

INSIDE: all that a place reads exists, its four neighbours for most kernels. OUTSIDE: only the fill is read. RIM:
anything else. UNKNOWN until one has looked.

Both are given as bounds (low, x_stop, y_stop): the places in [low, x_stop) x [low, y_stop) are inside, or touch what
exists.

For affine maps the columns are solved for, so that the sampling loops run without any test and nothing is computed
where only the fill is written. Other maps find out block by block.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import AFFINE, INSIDE, OUTSIDE, RIM, UNKNOWN, ZEROS, Bounds, Call, Edges, Memory
from stnwarp.kernels.coordinates import affine_coordinate, affine_span, count_within, row_start
from stnwarp.kernels.jit import inlined


@inlined
def output_offset(call: Call, image: int, row: int, column: int) -> int:
    """Element offset of an output pixel's first channel."""
    return image * call.output_image_stride + row * call.output_row_stride + column * call.output_column_stride


# A place found by adding fractions of pixels may come to lie this far from where it was solved for.
SLACK = 2.0**-20


@inlined
def pair_bounds(call: Call, margin: int, slack: float) -> Bounds:
    """Where all four neighbours of a place exist, with *slack* to spare, and *margin* columns to the right."""
    return slack, np.float64(call.width - 1 - margin) - slack, np.float64(call.height - 1) - slack


@inlined
def touch_bounds(call: Call) -> Bounds:
    """Where any of the four neighbours of a place exists."""
    return -1.0, np.float64(call.width), np.float64(call.height)


@inlined
def row_edges(call: Call, matrices: Memory, image: int, row: int, inside: Bounds, touching: Bounds) -> Edges:
    """The columns (a, b, c, d) that part a row: outside before a and from d on, inside in [b, c), else rim.

    For maps that are not affine b is -1: nothing is known.
    """
    width = call.output_width
    if call.mapping != AFFINE:
        return 0, -1, 0, width
    low, x_stop, y_stop = inside
    low_x, high_x = _ends(matrices, image * 9, row, width)
    low_y, high_y = _ends(matrices, image * 9 + 3, row, width)
    if low_x >= low and high_x < x_stop and low_y >= low and high_y < y_stop:
        return 0, 0, width, width  # most rows of most maps: nothing to solve
    first, last = affine_span(call, matrices, image, row, low, x_stop, y_stop)
    if call.padding != ZEROS:
        return 0, first, last, width
    low, x_stop, y_stop = touching
    begin, end = affine_span(call, matrices, image, row, low, x_stop, y_stop)
    return begin, max(begin, min(first, end)), max(begin, min(last, end)), end


@inlined
def _ends(matrices: Memory, entry: int, row: int, width: int) -> tuple[Any, Any]:
    """The least and the greatest coordinate of a row, by the matrix row that begins at *entry*; NaN stays NaN."""
    start = row_start(matrices, entry, row)
    near, far = affine_coordinate(matrices[entry], start, 0), affine_coordinate(matrices[entry], start, width - 1)
    return (near, far) if near < far else (far, near)


@inlined
def block_at(column: int, edges: Edges, width: int, longest: int) -> tuple[int, int]:
    """How many pixels the block at *column* has, which ends at the next edge at the latest, and what is known of it."""
    begin, first, last, end = edges
    if column < begin:
        return min(longest, begin - column), OUTSIDE
    if column >= end:
        return min(longest, width - column), OUTSIDE
    if first < 0:
        return min(longest, end - column), UNKNOWN
    if column < first:
        return min(longest, first - column), RIM
    if column < last:
        return min(longest, last - column), INSIDE
    return min(longest, end - column), RIM


@inlined
def region_of(call: Call, count: int, places: Memory, inside: Bounds, touching: Bounds) -> int:
    """The region of a block by looking at each of its places."""
    low, x_stop, y_stop = inside
    within = count_within(places, count, low, x_stop, y_stop)
    if within == count:
        return INSIDE
    if within > 0 or call.padding != ZEROS:
        return RIM
    low, x_stop, y_stop = touching
    return RIM if count_within(places, count, low, x_stop, y_stop) > 0 else OUTSIDE
