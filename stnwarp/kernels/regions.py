"""How a row is cut into blocks, and where the places of each lie: inside the image, outside it, or on its rim.

For affine maps the columns are solved for, so that the sampling loops run without any test and nothing is computed
where only the fill is written. Other maps find out block by block.
"""

import numpy as np

from stnwarp.kernels.blocks import AFFINE, BLOCK, INSIDE, OUTSIDE, RIM, UNKNOWN, ZEROS, Call, Edges, Memory
from stnwarp.kernels.coordinates import affine_span, count_within
from stnwarp.kernels.jit import inlined


@inlined
def output_offset(call: Call, image: int, row: int, column: int) -> int:
    """Element offset of an output pixel's first channel."""
    return image * call.output_image_stride + row * call.output_row_stride + column * call.output_column_stride


@inlined
def row_edges(call: Call, matrices: Memory, image: int, row: int, margin: int) -> Edges:
    """The columns (a, b, c, d) that part a row: outside before a and from d on, inside in [b, c), else rim.

    Inside means that all four neighbours exist, with *margin* columns to the right of them to spare; outside, that
    only the fill is read. For maps that are not affine b is -1: nothing is known.
    """
    width = call.output_width
    if call.mapping != AFFINE:
        return 0, -1, 0, width
    x_stop, y_stop = np.float64(call.width - 1 - margin), np.float64(call.height - 1)
    first, last = affine_span(call, matrices, image, row, 0.0, x_stop, y_stop)
    if call.padding != ZEROS:
        return 0, first, last, width
    begin, end = affine_span(call, matrices, image, row, -1.0, np.float64(call.width), np.float64(call.height))
    return begin, max(begin, min(first, end)), max(begin, min(last, end)), end


@inlined
def block_at(column: int, edges: Edges, width: int) -> tuple[int, int]:
    """How many pixels the block at *column* has, which ends at the next edge at the latest, and what is known of it."""
    begin, first, last, end = edges
    if column < begin:
        return min(BLOCK, begin - column), OUTSIDE
    if column >= end:
        return min(BLOCK, width - column), OUTSIDE
    if first < 0:
        return min(BLOCK, end - column), UNKNOWN
    if column < first:
        return min(BLOCK, first - column), RIM
    if column < last:
        return min(BLOCK, last - column), INSIDE
    return min(BLOCK, end - column), RIM


@inlined
def region_of(call: Call, count: int, places: Memory, margin: int) -> int:
    """The region of a block by looking at each of its places; inside and outside as in `row_edges`."""
    x_stop, y_stop = np.float64(call.width - 1 - margin), np.float64(call.height - 1)
    if count_within(places, count, 0.0, x_stop, y_stop) == count:
        return INSIDE
    touching = count_within(places, count, -1.0, np.float64(call.width), np.float64(call.height))
    return OUTSIDE if touching == 0 and call.padding == ZEROS else RIM
