"""Arithmetic in the weights' type: float32 for uint8 and float32 images, float64 for uint16 and float64 ones.

Numba would turn uint8 * float32 or 1 - float32 into float64, so every mixed operation goes through here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from stnwarp.kernels.compiler.decorators import inline, overload
from stnwarp.kernels.simd.fma import fma


def cast_like(weight: Any, value: Any) -> Any:
    """Return `value` in the type of `weight`."""
    return type(weight)(value)


def cast_to_weight(weights: Any, value: Any) -> Any:
    """Return `value` in the element type of the array `weights`."""
    return weights.dtype.type(value)


def multiply_unless_zero(value: Any, weight: Any) -> Any:
    """Return `value` times `weight`, in its type; what has weight 0 is not read, be it NaN or infinite."""
    return type(weight)(value) * weight if weight != 0 else type(weight)(0)


def add_unless_zero(total: Any, value: Any, weight: Any) -> Any:
    """Return `total` plus `multiply_unless_zero`, in one operation; `total` is of the weight's type."""
    return fma(type(weight)(value), weight, total) if weight != 0 else total


def _type(weight: Any) -> Callable[[Any], Any]:
    return np.float32 if weight == types.float32 else np.float64


@overload(cast_like)
def _overload_cast_like(weight: Any, value: Any) -> Any:
    to = _type(weight)
    return lambda weight, value: to(value)


@overload(cast_to_weight)
def _overload_cast_to_weight(weights: Any, value: Any) -> Any:
    to = _type(weights.dtype)
    return lambda weights, value: to(value)


@overload(multiply_unless_zero)
def _overload_multiply_unless_zero(value: Any, weight: Any) -> Any:
    to = _type(weight)
    if isinstance(value, types.Integer):
        return lambda value, weight: to(np.int32(value)) * weight
    return lambda value, weight: to(value) * weight if weight != 0 else to(0)


@overload(add_unless_zero)
def _overload_add_unless_zero(total: Any, value: Any, weight: Any) -> Any:
    to = _type(weight)
    if isinstance(value, types.Integer):
        return lambda total, value, weight: fma(to(np.int32(value)), weight, total)
    return lambda total, value, weight: fma(to(value), weight, total) if weight != 0 else total


# Numba's own `min` and `max` are compiled and optimised each by itself, which takes as long as a dozen helpers.
@inline
def least(a: Any, b: Any) -> Any:
    """Return the lesser of two numbers of one type; `a` where one is NaN."""
    return b if b < a else a


@inline
def greatest(a: Any, b: Any) -> Any:
    """Return the greater of two numbers of one type; `a` where one is NaN."""
    return b if b > a else a
