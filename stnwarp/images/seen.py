"""Pictures as colours that people, and networks, see: whatever mode they are kept in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.images.palette import resolved
from stnwarp.images.picture import Picture


def as_seen(picture: Picture) -> NDArray[np.generic]:
    """The colours of *picture*: gray (H, W), gray with alpha, RGB or RGBA (H, W, 2, 3 or 4), alpha straight.

    uint8, and uint16 of mode "I;16". The numbers of mode "F" have no scale of their own: float32 within 0 and 1
    stays as it is, anything else is stretched to it, from its least finite number to its largest; what is not finite
    becomes 0.
    """
    if picture.mode == "P":
        return resolved(picture)[0]
    if picture.mode == "CMYK":
        return without_ink(picture.array)
    return _within_one(picture.array) if picture.mode == "F" else picture.array


def without_ink(array: NDArray[Any]) -> NDArray[np.uint8]:
    """CMYK, (H, W, 4) uint8, as RGB; without a profile, as screens show it."""
    ink = 255 - array.astype(np.float32)
    return np.rint(ink[:, :, :3] * ink[:, :, 3:] / 255).astype(np.uint8)


def _within_one(array: NDArray[Any]) -> NDArray[np.float32]:
    finite = np.isfinite(array)
    low, high = (array.min(where=finite, initial=0), array.max(where=finite, initial=1)) if finite.any() else (0, 1)
    if low >= 0 and high <= 1:
        return np.where(finite, array, np.float32(0))
    low, high = float(array[finite].min()), float(array[finite].max())
    stretched = (array.astype(np.float64) - low) / ((high - low) or 1)
    return np.where(finite, stretched, 0).astype(np.float32)
