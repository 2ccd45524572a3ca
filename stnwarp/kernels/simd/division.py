"""Quotients that share a divisor: one division, and for each quotient three operations more that round it correctly."""

from typing import Any

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.compiler.target import has_fma
from stnwarp.kernels.simd.fma import fma


def _plain_divide(dividend: Any, divisor: Any, reciprocal: Any) -> Any:
    return dividend / divisor


def _divide(dividend: Any, divisor: Any, reciprocal: Any) -> Any:  # pragma: no cover: compiled only
    """Divide as Markstein 1990: the remainder of the rounded product is exact, and what it adds is rounded once."""
    quotient = dividend * reciprocal
    return fma(fma(-quotient, divisor, dividend), reciprocal, quotient)


# divide(dividend, divisor, 1 / divisor): the quotient as a division rounds it, for numbers whose quotients and
# reciprocals do not leave the range of float64. It takes an addition that is fused with a multiplication; where the
# processor has none, a division.
divide = inline(_plain_divide if TAKES_ARRAYS or not has_fma() else _divide)
