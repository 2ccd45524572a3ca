"""The bounds of regions for kernels of many taps, see `regions`, and blocks of whole vectors.

A place has taps x taps pixels, the middle ones around it; half of that is how far they reach.
"""

import numpy as np

from stnwarp.kernels.blocks import Bounds, Call, Memory, X, Y
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, store_points


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
def all_taps(call: Call, taps: int) -> Bounds:
    """Where all taps of a place exist."""
    reach = taps // 2
    return np.float64(reach - 1), np.float64(call.width - reach), np.float64(call.height - reach)


@inlined
def any_tap(call: Call, taps: int) -> Bounds:
    """Where any tap of a place exists."""
    reach = taps // 2
    return np.float64(-reach), np.float64(call.width + reach - 1), np.float64(call.height + reach - 1)
