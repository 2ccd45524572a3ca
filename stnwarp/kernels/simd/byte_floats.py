"""Bytes as float32 numbers without a conversion, and their bilinear blend back to a byte.

Put behind the sign and exponent of 256, a byte is the number 256 + byte. Means of such numbers are too large by 256 and
exact to 2**-15; adding 1.5 * 2**23 rounds them to whole numbers, half to even, which the low bits of the sum then hold.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import bits_to_float, float_to_bits

BIAS = np.uint32(0x43800000)
BYTE_MASK = np.uint32(0x007F8000)
ROUNDING = np.float32(12582912.0)
BYTE = np.uint32(255)


@inline
def byte_as_float(packed: Any, at: Any) -> Any:
    """Return 256 + the byte that begins at bit `at` of `packed`, a uint32."""
    moved = packed << np.uint32(15 - at) if at < 15 else packed >> np.uint32(at - 15)
    return bits_to_float((moved & BYTE_MASK) | BIAS)


@inline
def blend_bytes(a: Any, b: Any, c: Any, d: Any, across: Any, along: Any) -> Any:
    """Return the byte between biased neighbours upper left, upper right, lower left and lower right, as a uint32."""
    both = across * along
    value = a * ((np.float32(1) - across) - (along - both))
    return to_byte(fma(d, both, fma(c, along - both, fma(b, across - both, value))))


@inline
def to_byte(value: Any) -> Any:
    """Round a mean from 0 to 255, biased or not, to the nearest byte, half to even."""
    return float_to_bits(value + ROUNDING) & BYTE
