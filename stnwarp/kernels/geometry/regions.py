"""How a row is cut into blocks, and where the positions of each lie: inside the image, outside it, or partly inside.

INSIDE: all that a position reads exists, its four neighbours for most kernels. OUTSIDE: only the fill is read. PARTIAL:
anything else. UNKNOWN until one has looked. FADING: on the rim under the padding mode fill, see `rim`.

Both are given as bounds (low, x_stop, y_stop): the positions in [low, x_stop) x [low, y_stop) are inside, or touch what
exists.

For affine maps the columns are solved for, so that the sampling loops run without any test and nothing is computed
where only the fill is written. Other maps find out block by block.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import affine_position, affine_span, count_within, row_start
from stnwarp.kernels.layout import (
    AFFINE,
    BORDER,
    INSIDE,
    OUTSIDE,
    PARTIAL,
    UNKNOWN,
    Block,
    Bounds,
    Edges,
    Memory,
    SampleCall,
    X,
    Y,
)
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import greatest, least


@inline
def output_offset(call: SampleCall, block: Block) -> int:
    """Return the element offset of the first output pixel's first channel."""
    offset = block.image * call.output_image_stride + block.row * call.output_row_stride
    return offset + block.column * call.output_column_stride


# A position found by adding fractions of pixels may come to lie this far from where it was solved for.
SLACK = 2.0**-20


@inline
def all_neighbours_bounds(call: SampleCall, margin: int, slack: float) -> Bounds:
    """Return where all four neighbours of a position exist, `slack` to spare, without `margin` columns on the right."""
    return slack, np.float64(call.width - 1 - margin) - slack, np.float64(call.height - 1) - slack


@inline
def any_neighbour_bounds(call: SampleCall) -> Bounds:
    """Return where any of the four neighbours of a position exists."""
    return -1.0, np.float64(call.width), np.float64(call.height)


@inline
def row_edges(call: SampleCall, matrices: Memory, image: int, row: int, inside: Bounds, touching: Bounds) -> Edges:
    """Return columns (a, b, c, d) that divide a row: outside before a and from d on, inside in [b, c), else partial.

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
    first, last = affine_span(matrices, (image, row, width), (low, x_stop), (low, y_stop))
    if greatest(call.padding, call.padding_y) >= BORDER:
        return 0, first, last, width
    low, x_stop, y_stop = touching
    begin, end = affine_span(matrices, (image, row, width), (low, x_stop), (low, y_stop))
    return begin, greatest(begin, least(first, end)), greatest(begin, least(last, end)), end


@inline
def _ends(matrices: Memory, entry: int, row: int, width: int) -> tuple[Any, Any]:
    """Return the least and greatest coordinate of a row, by the matrix row that begins at `entry`; NaN stays NaN."""
    start = row_start(matrices, entry, row)
    near, far = affine_position(matrices[entry], start, 0), affine_position(matrices[entry], start, width - 1)
    return (near, far) if near < far else (far, near)


@inline
def block_at(column: int, edges: Edges, width: int, longest: int) -> tuple[int, int]:
    """Return the length of the block at `column`, which ends at the next edge at the latest, and its region."""
    begin, first, last, end = edges
    if column < begin:
        return least(longest, begin - column), OUTSIDE
    if column >= end:
        return least(longest, width - column), OUTSIDE
    if first < 0:
        return least(longest, end - column), UNKNOWN
    if column < first:
        return least(longest, first - column), PARTIAL
    if column < last:
        return least(longest, last - column), INSIDE
    return least(longest, end - column), PARTIAL


@inline
def region_of(call: SampleCall, count: int, positions: Memory, inside: Bounds, touching: Bounds) -> int:
    """Find the region of a block by looking at each of its positions."""
    low, x_stop, y_stop = inside
    within = count_within(positions, count, low, x_stop, y_stop)
    if within == count:
        return INSIDE
    if within > 0 or greatest(call.padding, call.padding_y) >= BORDER:
        return PARTIAL
    low, x_stop, y_stop = touching
    return PARTIAL if count_within(positions, count, low, x_stop, y_stop) > 0 else OUTSIDE


@inline
def repeat_last_position(count: int, positions: Memory) -> int:
    """Repeat the last of `count` positions up to whole vectors, so that none is left over; return the new count."""
    whole = (count + 15) // 16 * 16
    x, y = load_points(positions, X + np.uintp(count - 1)), load_points(positions, Y + np.uintp(count - 1))
    for k in range(np.uintp(count), np.uintp(whole)):
        store_points(positions, X + k, x)
        store_points(positions, Y + k, y)
    return whole


@inline
def all_taps_bounds(call: SampleCall, taps: int) -> Bounds:
    """Return where all taps of a position exist."""
    reach = taps // 2
    return np.float64(reach - 1), np.float64(call.width - reach), np.float64(call.height - reach)


@inline
def any_tap_bounds(call: SampleCall, taps: int) -> Bounds:
    """Return where any tap of a position exists."""
    reach = taps // 2
    return np.float64(-reach), np.float64(call.width + reach - 1), np.float64(call.height + reach - 1)
