"""How the weights of taps are stored, whatever the interpolation that computes them."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import TAP_BLOCK, Memory
from stnwarp.kernels.simd.memory import store_pixels, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight

# weigh(positions, axis, count, weights, part, by_tap): set the weights of the taps on one axis, X or Y of the
# positions, from `part` of the weights on. They go position by position, `weights_stride` elements for each, or, if the
# literal `by_tap` is 1, tap by tap, TAP_BLOCK elements for each.
Weigh: TypeAlias = Callable[[Memory, Any, int, Memory, Any, int], None]


@inline
def weights_stride(taps: int) -> Any:
    """Return how many elements the weights of one position take on one axis: a power of two."""
    return np.uintp(4 if taps == 4 else 8)


@inline
def store_weight(weights: Memory, part: Any, k: Any, tap: Any, value: Any, by_tap: int, taps: int) -> None:
    """Store the weight of a tap of position `k`; `by_tap` and `taps` are literals, see `Weigh`."""
    # Windows are another kind of memory than the rest, as far as LLVM is concerned: see `taps`.
    if by_tap == 1:
        store_points(weights, part + np.uintp(TAP_BLOCK) * tap + k, cast_to_weight(weights, value))
    else:
        store_pixels(weights, part + weights_stride(taps) * k + tap, cast_to_weight(weights, value))


@inline
def past_pixel(position: Any) -> Any:
    """Return the fraction of `position`, in [0, 1]; 0 if it is not finite."""
    past = position - np.floor(position)
    return past if past > 0.0 else 0.0
