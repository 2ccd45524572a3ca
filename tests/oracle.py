"""Slow and exact: sampling as a sum over all pixels, in float64, another algorithm than the kernels'.

Bilinear interpolation is the sum of hat functions max(0, 1 - |x - j|) over the pixels j of an axis.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def pixel_from_coord(coord: ArrayLike, size: int, align_corners: bool) -> Array:
    coord = np.asarray(coord, np.float64)
    if align_corners:
        return (coord + 1) / 2 * (size - 1)
    return ((coord + 1) * size - 1) / 2


def fold(x: ArrayLike, size: int, padding_mode: str, align_corners: bool) -> Array:
    """Pixel positions folded into the image by the padding mode; not-finite positions become NaN."""
    x = np.where(np.isfinite(x), x, np.nan).astype(np.float64)
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        span = high - low
        # The triangle wave of period 2 * span; a one-pixel axis has nothing to reflect in.
        x = low + span - np.abs((x - low) % (2 * span) - span) if span > 0 else np.where(np.isnan(x), x, 0.0)
    return np.clip(x, 0.0, size - 1.0)


def _weights(x: Array, size: int, interpolation: str) -> Array:
    j = np.arange(size)
    if interpolation == "nearest":
        return (np.rint(x)[..., None] == j).astype(np.float64)
    return np.fmax(0.0, 1.0 - np.abs(x[..., None] - j)) * np.isfinite(x)[..., None]


def sample(
    image: ArrayLike, x: ArrayLike, y: ArrayLike, fill: ArrayLike = 0.0, interpolation: str = "bilinear"
) -> Array:
    """*image* (H, W) or (H, W, C) read at pixel positions *x*, *y*; *fill* is read outside."""
    picture = np.asarray(image, np.float64)
    flat = picture.reshape(*picture.shape[:2], -1)
    wx = _weights(np.asarray(x, np.float64), flat.shape[1], interpolation)
    wy = _weights(np.asarray(y, np.float64), flat.shape[0], interpolation)
    inside = np.einsum("...h,...w->...", wy, wx, optimize=True)[..., None]
    value = np.einsum("...h,...w,hwc->...c", wy, wx, flat, optimize=True) + (1 - inside) * np.asarray(fill, float)
    return value.reshape(*value.shape[:-1], *picture.shape[2:])


def sample_bilinear(image: ArrayLike, x: ArrayLike, y: ArrayLike, fill: ArrayLike = 0.0) -> Array:
    return sample(image, x, y, fill, "bilinear")


def grid_sample(
    image: ArrayLike,
    grid: ArrayLike,
    interpolation: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
    fill: ArrayLike = 0.0,
) -> Array:
    """*image* (H, W[, C]) at a normalised *grid* (H', W', 2)."""
    picture, points = np.asarray(image), np.asarray(grid, np.float64)
    x = pixel_from_coord(points[..., 0], picture.shape[1], align_corners)
    y = pixel_from_coord(points[..., 1], picture.shape[0], align_corners)
    x = fold(x, picture.shape[1], padding_mode, align_corners)
    y = fold(y, picture.shape[0], padding_mode, align_corners)
    return sample(picture, x, y, fill, interpolation)
