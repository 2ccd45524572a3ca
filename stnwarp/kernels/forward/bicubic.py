"""Bicubic sampling: cubic convolution with a = -0.75. Source: Keys 1981; torch and OpenCV use the same a."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.convolution import convolve_block, convolve_rows
from stnwarp.kernels.geometry.tap_weights import past_pixel, store_weight
from stnwarp.kernels.layout import Block, Memory, SampleTask
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight

_TAPS = 4


@kernel
def bicubic_rows(task: SampleTask, start: int, stop: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`."""
    convolve_rows(task, start, stop, _sample_block, _TAPS)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, taps: int) -> None:
    convolve_block(task, block, region, taps, _weigh)


@inline
def _weigh(positions: Memory, axis: Any, count: int, weights: Memory, part: Any, by_tap: int) -> None:
    """Set the weights of cubic convolution, factored: weights that vanish are exactly 0 and the last one 1."""
    for k in range(np.uintp(count)):
        t = cast_to_weight(weights, past_pixel(load_points(positions, axis + k)))
        one, a, b = cast_like(t, 1), cast_like(t, -0.75), cast_like(t, 1.25)
        r = one - t
        store_weight(weights, part, k, np.uintp(0), a * t * (r * r), by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(1), r * fma(t, fma(-b, t, one), one), by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(2), t * fma(r, fma(-b, r, one), one), by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(3), a * r * (t * t), by_tap, _TAPS)
