"""A block of positions whose taps lie side by side: each position in one go, see `simd.tap_window`."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import force_inline, inline
from stnwarp.kernels.geometry.tap_weights import weights_stride
from stnwarp.kernels.geometry.taps import BLENDED, FIRST_TAP, WINDOW_WEIGHTS_X, WINDOW_WEIGHTS_Y
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.memory import load_points, prefetch_source
from stnwarp.kernels.simd.tap_window import (
    blend_4x4_four,
    blend_4x4_one,
    blend_4x4_three,
    blend_4x4_two,
    blend_6x6_four,
    blend_6x6_one,
    blend_6x6_three,
    blend_6x6_two,
)


@inline
def prefetch_taps(source: Memory, down: Any, shift: Any, offsets: Memory, count: int, taps: int) -> None:
    """Prefetch the taps of every other position: hardware does not predict oblique rows."""
    for k in range(np.uintp(0), np.uintp(count), np.uintp(2)):
        at = np.uintp(load_points(offsets, FIRST_TAP + k)) + shift
        for row in range(np.uintp(taps)):
            prefetch_source(source, at + row * down)


@inline
def blend_block(
    source: Memory, down: Any, shift: Any, offsets: Memory, weights: Memory, count: int, together: int, taps: int
) -> None:
    """Set BLENDED of a block from FIRST_TAP and the windows' weights: `together` channels of each position."""
    for k in range(np.uintp(count)):
        at, to = np.uintp(load_points(offsets, FIRST_TAP + k)) + shift, BLENDED + np.uintp(together) * k
        across, along = WINDOW_WEIGHTS_X + weights_stride(taps) * k, WINDOW_WEIGHTS_Y + weights_stride(taps) * k
        if taps == 4:
            _blend_4x4(source, at, down, weights, across, along, to, together)
        else:
            _blend_6x6(source, at, down, weights, across, along, to, together)


@force_inline
def _blend_4x4(
    source: Memory, at: Any, down: Any, weights: Memory, across: Any, along: Any, to: Any, together: int
) -> None:
    if together == 1:
        blend_4x4_one(source, at, down, weights, across, along, to)
    elif together == 2:
        blend_4x4_two(source, at, down, weights, across, along, to)
    elif together == 3:
        blend_4x4_three(source, at, down, weights, across, along, to)
    else:
        blend_4x4_four(source, at, down, weights, across, along, to)


@force_inline
def _blend_6x6(
    source: Memory, at: Any, down: Any, weights: Memory, across: Any, along: Any, to: Any, together: int
) -> None:
    if together == 1:
        blend_6x6_one(source, at, down, weights, across, along, to)
    elif together == 2:
        blend_6x6_two(source, at, down, weights, across, along, to)
    elif together == 3:
        blend_6x6_three(source, at, down, weights, across, along, to)
    else:
        blend_6x6_four(source, at, down, weights, across, along, to)
