"""The rim of a picture under the padding mode fill: the output pixels that its edge makes a difference to.

All other pixels are what they are under zeros, and the rim is sampled once more after them: as under border, with as
much of the fill as their footprint has outside. Under affine maps the columns of each row are solved for. Under others
they have been measured beforehand: `rim` holds a bit for each pixel, each row beginning with a new integer.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import affine_span
from stnwarp.kernels.geometry.coverage import TOLERANCE
from stnwarp.kernels.geometry.jacobian import affine_jacobian
from stnwarp.kernels.layout import AFFINE, AFFINE_JOINED, Bounds, Edges, Memory, SampleCall, SampleTask
from stnwarp.kernels.simd.memory import load_source
from stnwarp.kernels.simd.mixed_precision import greatest, least

WORD_BITS = 64


@inline
def words_per_row(call: Any) -> int:
    """Return how many integers of `rim` a row of an output has."""
    return (call.joined_width + WORD_BITS - 1) // WORD_BITS  # type: ignore[no-any-return]


@inline
def next_rim_span(
    task: SampleTask, image: int, row: int, column: int, inside: Bounds, touching: Bounds
) -> tuple[int, int]:
    """Return the next columns [first, stop) of the rim from `column` of a row on, which may join several rows.

    At the end of the row both are its width. `inside` and `touching` are those of `rows.sample_rows`.
    """
    call = task.call
    width, at = call.joined_width, column
    while at < call.output_width:
        begin = at - at % width
        if (call.mapping == AFFINE) | (call.mapping == AFFINE_JOINED):
            edges = _rim_edges(call, task.matrices, image, row + at // width, inside, touching)
            first, stop = _span_of_edges(at - begin, width, edges)
        else:
            rows = call.output_height * call.output_width // width
            word = (image * rows + row + at // width) * words_per_row(call)
            first, stop = _span_of_bits(task.rim, word, at - begin, width)
        if first < width:
            return begin + first, begin + stop
        at = begin + width
    return at, at


@inline
def _rim_edges(
    call: SampleCall, matrices: Memory, image: int, row: int, inside: Bounds, touching: Bounds
) -> tuple[int, int, int, int]:
    """Return the columns (a, b, c, d) of a row under an affine map: the rim is [a, b) and [c, d)."""
    xx, xy, yx, yy = affine_jacobian(matrices, image)
    reach_x, reach_y = 0.5 * (abs(xx) + abs(xy)), 0.5 * (abs(yx) + abs(yy))
    width, right, bottom = call.joined_width, np.float64(call.width) - 0.5, np.float64(call.height) - 0.5
    low, x_stop, y_stop = inside
    first, last = affine_span(
        matrices,
        (image, row, width),
        (greatest(low, reach_x - 0.5 - TOLERANCE), least(x_stop, right - reach_x + TOLERANCE)),
        (greatest(low, reach_y - 0.5 - TOLERANCE), least(y_stop, bottom - reach_y + TOLERANCE)),
    )
    low, x_stop, y_stop = touching
    begin, end = affine_span(
        matrices,
        (image, row, width),
        (least(low, -0.5 - reach_x), greatest(x_stop, right + reach_x)),
        (least(low, -0.5 - reach_y), greatest(y_stop, bottom + reach_y)),
    )
    if first >= last:
        return begin, end, end, end
    return begin, greatest(begin, least(first, end)), greatest(begin, least(last, end)), end


@inline
def _span_of_edges(column: int, width: int, edges: Edges) -> tuple[int, int]:
    """Return the next span from `column` on by what `_rim_edges` returns; (width, width) if there is none."""
    begin, first, last, end = edges
    column = greatest(column, begin)
    if column < first:
        return column, first
    column = greatest(column, last)
    return (column, end) if column < end else (width, width)


@inline
def _span_of_bits(rim: Memory, word: int, column: int, width: int) -> tuple[int, int]:
    """Return the next span from `column` on by the bits of a row, which begins at integer `word`."""
    while column < width:
        bits = load_source(rim, np.uintp(word + column // WORD_BITS)) >> np.uint64(column % WORD_BITS)
        if bits == np.uint64(0):
            column = (column // WORD_BITS + 1) * WORD_BITS
        else:
            while bits & np.uint64(1) == np.uint64(0):
                column, bits = column + 1, bits >> np.uint64(1)
            stop = column
            while bits & np.uint64(1) != np.uint64(0):
                stop, bits = stop + 1, bits >> np.uint64(1)
            return column, stop
    return width, width
