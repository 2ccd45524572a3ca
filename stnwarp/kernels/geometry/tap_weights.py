"""The weights of taps: Keys' cubic convolution and Lanczos' windowed sinc."""

import math
from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import CUBIC_TAPS, TAP_BLOCK, Memory
from stnwarp.kernels.simd.fused import fma
from stnwarp.kernels.simd.memory import load_points, store_pixels, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight

# Taylor series in the square of the argument, with (-1)^n put in; as many terms as float64 can tell. Over t in [0, 1]:
# sin(pi t / 3) / (pi t / 3), and 3 / pi cos(pi (t - 1/2) / 3).
_SINE = tuple((-1) ** n * (math.pi / 3) ** (2 * n) / math.factorial(2 * n + 1) for n in range(10))
_COSINE = tuple(3 / math.pi * (-1) ** n * (math.pi / 3) ** (2 * n) / math.factorial(2 * n) for n in range(8))


@inline
def compute_weights(
    positions: Memory, axis: Any, count: int, weights: Memory, part: Any, by_tap: int, taps: int
) -> None:
    """Set the weights of the taps on one axis, X or Y of *positions*, from *part* of *weights* on.

    Place by position, `weights_stride` elements for each, or, if *by_tap* is 1, tap by tap, TAP_BLOCK elements for
    each. That and *taps* are literals, so that LLVM knows how far apart the elements are.
    """
    if taps == CUBIC_TAPS:
        _cubic_weights(positions, axis, count, weights, part, by_tap, taps)
    else:
        _lanczos_weights(positions, axis, count, weights, part, by_tap, taps)


@inline
def weights_stride(taps: int) -> Any:
    """How many elements the weights of one position take on one axis: a power of two."""
    return np.uintp(4 if taps == CUBIC_TAPS else 8)


@inline
def _store(weights: Memory, part: Any, k: Any, tap: Any, value: Any, by_tap: int, taps: int) -> None:
    # Windows are another kind of memory than the rest, as far as LLVM is concerned: see `taps`.
    if by_tap == 1:
        store_points(weights, part + np.uintp(TAP_BLOCK) * tap + k, cast_to_weight(weights, value))
    else:
        store_pixels(weights, part + weights_stride(taps) * k + tap, cast_to_weight(weights, value))


@inline
def _past_pixel(position: Any) -> Any:
    """How far *position* lies past the pixel on its left, in [0, 1]; 0 for what is not finite."""
    past = position - np.floor(position)
    return past if past > 0.0 else 0.0


@inline
def _cubic_weights(
    positions: Memory, axis: Any, count: int, weights: Memory, part: Any, by_tap: int, taps: int
) -> None:
    """Cubic convolution with a = -0.75 (Keys 1981), factored: weights that vanish are exactly 0 and the last one 1."""
    for k in range(np.uintp(count)):
        t = cast_to_weight(weights, _past_pixel(load_points(positions, axis + k)))
        one, a, b = cast_like(t, 1), cast_like(t, -0.75), cast_like(t, 1.25)
        r = one - t
        _store(weights, part, k, np.uintp(0), a * t * (r * r), by_tap, taps)
        _store(weights, part, k, np.uintp(1), r * fma(t, fma(-b, t, one), one), by_tap, taps)
        _store(weights, part, k, np.uintp(2), t * fma(r, fma(-b, r, one), one), by_tap, taps)
        _store(weights, part, k, np.uintp(3), a * r * (t * t), by_tap, taps)


@inline
def _lanczos_weights(
    positions: Memory, axis: Any, count: int, weights: Memory, part: Any, by_tap: int, taps: int
) -> None:
    """sinc(x) sinc(x / 3) over |x| < 3 (Duchon 1979), divided by the sum of the six.

    With t past the pixel on the left and r = 1 - t, each of the six has the factor sin(pi t), which the division takes
    out. Multiplied by t r, what is left of them has no pole; their sines are sin(pi t / 3), sin(pi r / 3) and
    cos(pi (t - 1/2) / 3). And multiplied by all of their denominators, they need no division but the last.
    """
    for k in range(np.uintp(count)):
        t = _past_pixel(load_points(positions, axis + k))
        r = 1.0 - t
        sine_t, sine_r, cosine = _sine(t), _sine(r), -t * r * _cosine(t - 0.5)
        # The squares of the distances, and all products of three of them.
        one_t, one_r, two_t, two_r = (1.0 + t) ** 2, (1.0 + r) ** 2, (2.0 + t) ** 2, (2.0 + r) ** 2
        ones, twos = one_t * one_r, two_t * two_r
        first, sixth = t * r * r * sine_r * (ones * two_r), t * t * r * sine_t * (ones * two_t)
        second, fifth = cosine * (twos * one_r), cosine * (twos * one_t)
        third, fourth = r * sine_t * (ones * twos), t * sine_r * (ones * twos)
        scale = 1.0 / ((first + sixth) + (second + fifth) + (third + fourth))
        _store(weights, part, k, np.uintp(0), first * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(1), second * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(2), third * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(3), fourth * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(4), fifth * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(5), sixth * scale, by_tap, taps)
        _store(weights, part, k, np.uintp(6), 0, by_tap, taps)
        _store(weights, part, k, np.uintp(7), 0, by_tap, taps)


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
