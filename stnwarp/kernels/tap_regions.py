"""How a row is cut into blocks for kernels of many taps, and where the places of each lie: as in `regions`, but wider.

A place has taps x taps pixels, the middle ones around it; half of that is how far they reach.
"""

import numpy as np

from stnwarp.kernels.blocks import AFFINE, INSIDE, OUTSIDE, RIM, TAP_BLOCK, UNKNOWN, ZEROS, Call, Edges, Memory, X, Y
from stnwarp.kernels.coordinates import affine_span, count_within
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, store_points


@inlined
def tap_edges(call: Call, matrices: Memory, image: int, row: int, taps: int) -> Edges:
    """The columns (a, b, c, d) that part a row: outside before a and from d on, inside in [b, c), else rim.

    Inside means that all taps exist; outside, that only the fill is read. For maps that are not affine b is -1: nothing
    is known.
    """
    width = call.output_width
    if call.mapping != AFFINE:
        return 0, -1, 0, width
    low, x_stop, y_stop = _all_taps(call, taps)
    first, last = affine_span(call, matrices, image, row, low, x_stop, y_stop)
    if call.padding != ZEROS:
        return 0, first, last, width
    low, x_stop, y_stop = any_tap(call, taps)
    begin, end = affine_span(call, matrices, image, row, low, x_stop, y_stop)
    return begin, max(begin, min(first, end)), max(begin, min(last, end)), end


@inlined
def padded(count: int, places: Memory) -> int:
    """Repeat the last of *count* places up to a whole number of vectors, which is returned: short rows have no rest."""
    whole = (count + 15) // 16 * 16
    x, y = load_points(places, X + np.uintp(count - 1)), load_points(places, Y + np.uintp(count - 1))
    for k in range(np.uintp(count), np.uintp(whole)):
        store_points(places, X + k, x)
        store_points(places, Y + k, y)
    return whole


@inlined
def tap_region(call: Call, count: int, places: Memory, taps: int) -> int:
    """The region of a block by looking at each of its places; inside and outside as in `tap_edges`."""
    low, x_stop, y_stop = _all_taps(call, taps)
    if count_within(places, count, low, x_stop, y_stop) == count:
        return INSIDE
    low, x_stop, y_stop = any_tap(call, taps)
    touching = count_within(places, count, low, x_stop, y_stop)
    return OUTSIDE if touching == 0 and call.padding == ZEROS else RIM


@inlined
def tap_block(column: int, edges: Edges, width: int) -> tuple[int, int]:
    """How many pixels the block at *column* has, which ends at the next edge at the latest, and what is known of it."""
    begin, first, last, end = edges
    if column < begin:
        return min(TAP_BLOCK, begin - column), OUTSIDE
    if column >= end:
        return min(TAP_BLOCK, width - column), OUTSIDE
    if first < 0:
        return min(TAP_BLOCK, end - column), UNKNOWN
    if column < first:
        return min(TAP_BLOCK, first - column), RIM
    if column < last:
        return min(TAP_BLOCK, last - column), INSIDE
    return min(TAP_BLOCK, end - column), RIM


@inlined
def _all_taps(call: Call, taps: int) -> tuple[float, float, float]:
    """The places [low, x_stop) x [low, y_stop) all of whose taps exist."""
    reach = taps // 2
    return np.float64(reach - 1), np.float64(call.width - reach), np.float64(call.height - reach)


@inlined
def any_tap(call: Call, taps: int) -> tuple[float, float, float]:
    """The places [low, x_stop) x [low, y_stop) any of whose taps exist."""
    reach = taps // 2
    return np.float64(-reach), np.float64(call.width + reach - 1), np.float64(call.height + reach - 1)
