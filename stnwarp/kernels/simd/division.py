"""Quotients that share a divisor: one division, and for each quotient three operations more that round it correctly."""

from typing import Any

from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.compiler.target import has_fma


def _fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:  # pragma: no cover: compiled only
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


def _plain_divide(dividend: Any, divisor: Any, reciprocal: Any) -> Any:
    return dividend / divisor


_fma = intrinsic(_fused)


def _divide(dividend: Any, divisor: Any, reciprocal: Any) -> Any:  # pragma: no cover: compiled only
    """Source: Markstein 1990: the remainder of the rounded product is exact, and what it adds is rounded once."""
    quotient = dividend * reciprocal
    return _fma(_fma(-quotient, divisor, dividend), reciprocal, quotient)


# divide(dividend, divisor, 1 / divisor): the quotient as a division rounds it, for numbers whose quotients and
# reciprocals do not leave the range of float64. Where the processor has no fused multiply-add, that would be a call of
# a function for each number, and a division is the faster.
divide = inline(_plain_divide if TAKES_ARRAYS or not has_fma() else _divide)
