"""Lanczos sampling: the sinc windowed by a sinc three times as wide. Source: Duchon 1979."""

import math
from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.convolution import convolve_block, convolve_rows
from stnwarp.kernels.geometry.tap_weights import past_pixel, store_weight
from stnwarp.kernels.layout import Block, Memory, SampleTask
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_points

_TAPS = 6

# Taylor series in the square of the argument, with (-1)^n put in; as many terms as float64 can tell. Over t in [0, 1]:
# sin(pi t / 3) / (pi t / 3), and 3 / pi cos(pi (t - 1/2) / 3).
_SINE = tuple((-1) ** n * (math.pi / 3) ** (2 * n) / math.factorial(2 * n + 1) for n in range(10))
_COSINE = tuple(3 / math.pi * (-1) ** n * (math.pi / 3) ** (2 * n) / math.factorial(2 * n) for n in range(8))


@kernel
def lanczos_rows(task: SampleTask, start: int, stop: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, see `rows.sample_rows`."""
    convolve_rows(task, start, stop, _sample_block, _TAPS)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, taps: int) -> None:
    convolve_block(task, block, region, taps, _weigh)


@inline
def _weigh(positions: Memory, axis: Any, count: int, weights: Memory, part: Any, by_tap: int) -> None:
    """Set the weights sinc(x) sinc(x / 3) over |x| < 3 (Duchon 1979), divided by the sum of the six.

    With t past the pixel on the left and r = 1 - t, each of the six has the factor sin(pi t), which the division takes
    out. Multiplied by t r, what is left of them has no pole; their sines are sin(pi t / 3), sin(pi r / 3) and
    cos(pi (t - 1/2) / 3). And multiplied by all of their denominators, they need no division but the last.
    """
    for k in range(np.uintp(count)):
        t = past_pixel(load_points(positions, axis + k))
        r = 1.0 - t
        sine_t, sine_r, cosine = _sine(t), _sine(r), -t * r * _cosine(t - 0.5)
        # The squares of the distances, and all products of three of them.
        one_t, one_r, two_t, two_r = (1.0 + t) ** 2, (1.0 + r) ** 2, (2.0 + t) ** 2, (2.0 + r) ** 2
        ones, twos = one_t * one_r, two_t * two_r
        first, sixth = t * r * r * sine_r * (ones * two_r), t * t * r * sine_t * (ones * two_t)
        second, fifth = cosine * (twos * one_r), cosine * (twos * one_t)
        third, fourth = r * sine_t * (ones * twos), t * sine_r * (ones * twos)
        scale = 1.0 / ((first + sixth) + (second + fifth) + (third + fourth))
        store_weight(weights, part, k, np.uintp(0), first * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(1), second * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(2), third * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(3), fourth * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(4), fifth * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(5), sixth * scale, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(6), 0, by_tap, _TAPS)
        store_weight(weights, part, k, np.uintp(7), 0, by_tap, _TAPS)


@inline
def _sine(t: Any) -> Any:
    q, s = t * t, _SINE
    high = fma(q, fma(q, fma(q, fma(q, s[9], s[8]), s[7]), s[6]), s[5])
    return fma(q, fma(q, fma(q, fma(q, fma(q, high, s[4]), s[3]), s[2]), s[1]), s[0])


@inline
def _cosine(u: Any) -> Any:
    q, c = u * u, _COSINE
    high = fma(q, fma(q, fma(q, c[7], c[6]), c[5]), c[4])
    return fma(q, fma(q, fma(q, fma(q, high, c[3]), c[2]), c[1]), c[0])
