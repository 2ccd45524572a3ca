"""Straight and premultiplied alpha: interpolation is right only on colours weighted by their alpha."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pixels that are worked on together: what is in between stays in the cache. Not rows, which can be of any length.
_BAND = 1 << 15

_TINY = np.float32(1e-30)  # an alpha whose reciprocal is still a number


def _full(dtype: np.dtype[Any]) -> np.float32:
    """The value of full opacity: the largest of an integer dtype, 1 of a floating one."""
    return np.float32(np.iinfo(dtype).max if dtype.kind == "u" else 1)


def is_opaque(array: NDArray[np.generic]) -> bool:
    """Whether no pixel of *array*, (H, W, C) with alpha last, lets anything through."""
    alpha: NDArray[Any] = array[..., -1]
    return bool(alpha.min() >= _full(array.dtype))


def premultiply(array: NDArray[np.generic]) -> NDArray[np.float32]:
    """*array*, (H, W, C) with straight alpha last, as float32 with its colours times alpha over full opacity.

    Alpha itself and the scale of the values stay as they are.
    """
    weighted = np.empty(array.shape, np.float32)
    pixels, products = _in_a_row(array), _in_a_row(weighted)
    for first in range(0, len(pixels), _BAND):
        band = products[first : first + _BAND]
        band[...] = pixels[first : first + _BAND]
        opacity = band[:, -1] * (1 / _full(array.dtype))
        for channel in range(array.shape[-1] - 1):  # a loop over the last axis would be a short one per pixel
            band[:, channel] *= opacity
    return weighted


def unpremultiply(array: NDArray[np.float32], dtype: type[np.generic] | np.dtype[Any]) -> NDArray[np.generic]:
    """The inverse of `premultiply`: a new array of *dtype*, straight, rounded half to even and clipped.

    Where alpha is 0, be it by rounding, the colour is 0.
    """
    straight: NDArray[np.generic] = np.empty(array.shape, dtype)
    pixels, quotients = _in_a_row(array), _in_a_row(straight)
    for first in range(0, len(pixels), _BAND):
        _unpremultiply_band(pixels[first : first + _BAND], quotients[first : first + _BAND])
    return straight


def _in_a_row(array: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C) as (H * W, C), of the same memory if it is contiguous."""
    return array.reshape(-1, array.shape[-1])


def _unpremultiply_band(band: NDArray[np.float32], straight: NDArray[np.generic]) -> None:
    full = _full(straight.dtype)
    alpha = band[..., -1]
    least = np.float32(0.5) if straight.dtype.kind == "u" else _TINY  # what is rounded to 0 is transparent
    scale = np.divide(full, alpha, out=np.zeros_like(alpha), where=alpha > least)
    last = band.shape[-1] - 1
    for channel in range(band.shape[-1]):
        values = alpha.copy() if channel == last else band[..., channel] * scale
        if straight.dtype.kind == "u":
            np.rint(values, out=values)
        straight[..., channel] = np.clip(values, 0, full, out=values)
