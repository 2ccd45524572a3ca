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


def pad(x: ArrayLike, size: int, padding_mode: str, align_corners: bool) -> Array:
    """Pixel positions moved into the image by the padding mode; not-finite positions become NaN."""
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
    if interpolation in KERNELS:
        return convolve(picture, x, y, interpolation, padding_mode, align_corners, fill)
    if padding_mode == "wrap":
        # Three copies side by side and one above the other, read in the middle one or at its rim.
        height, width = picture.shape[:2]
        tiled = np.tile(picture, (3, 3, *(1,) * (picture.ndim - 2)))
        x, y = (np.mod(np.where(np.isfinite(at), at, 0.0), size) for at, size in ((x, width), (y, height)))
        if interpolation == "nearest":  # before a copy's size is added, which may be odd: ties are rounded to even
            x, y = np.rint(x), np.rint(y)
        return sample(tiled, x + width, y + height, fill, interpolation)
    x = pad(x, picture.shape[1], padding_mode, align_corners)
    y = pad(y, picture.shape[0], padding_mode, align_corners)
    return sample(picture, x, y, fill, interpolation)


def sample_volume(
    volume: ArrayLike,
    grid: ArrayLike,
    interpolation: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:
    """*volume* (C, D, H, W) at a normalised *grid* (D', H', W', 3), last axis (x, y, z); 0 is read outside."""
    voxels, points = np.asarray(volume, np.float64), np.asarray(grid, np.float64)
    weights = [
        _volume_weights(points[..., axis], voxels.shape[3 - axis], interpolation, padding_mode, align_corners)
        for axis in range(3)
    ]
    return np.einsum("...w,...h,...d,cdhw->c...", *weights, voxels, optimize=True)


def _volume_weights(coord: Array, size: int, interpolation: str, padding_mode: str, align_corners: bool) -> Array:
    x = pixel_from_coord(coord, size, align_corners)
    if padding_mode != "wrap":
        return _weights(pad(x, size, padding_mode, align_corners), size, interpolation)
    # Three copies side by side, read in the middle one or at its edge; what belongs to the same voxel is summed.
    tiled = _weights(np.mod(x, size) + size, 3 * size, interpolation)
    return tiled.reshape(*x.shape, 3, size).sum(-2)


def keys(distance: Array) -> Array:
    """Keys' cubic convolution kernel with a = -0.75, piece by piece as he wrote it."""
    d, a = np.abs(distance), -0.75
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def lanczos(distance: Array) -> Array:
    """The sinc of radius 3, not normalised."""
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


KERNELS = {"bicubic": keys, "lanczos": lanczos}


def convolve(
    image: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    interpolation: str,
    padding_mode: str = "zeros",
    align_corners: bool = False,
    fill: ArrayLike = 0.0,
) -> Array:
    """The picture continued by *padding_mode* and convolved with a kernel, at pixel positions *x*, *y*.

    A position that is not finite reads the fill.
    """
    picture = np.asarray(image, np.float64)
    flat = picture.reshape(*picture.shape[:2], -1)
    wy, wx = (
        _continued(np.asarray(at, np.float64), size, interpolation, padding_mode, align_corners)
        for at, size in zip((y, x), flat.shape, strict=False)
    )
    inside = np.einsum("...h,...w->...", wy, wx, optimize=True)[..., None]
    value = np.einsum("...h,...w,hwc->...c", wy, wx, flat, optimize=True) + (1 - inside) * np.asarray(fill, float)
    return value.reshape(*value.shape[:-1], *picture.shape[2:])


def _continued(x: Array, size: int, interpolation: str, padding_mode: str, align_corners: bool) -> Array:
    """The weight of each of the *size* pixels of an axis in a picture continued far enough for *x*."""
    place = np.where(np.isfinite(x), x, -1e3 - 4 * size)
    beyond = int(np.abs(place).max()) + 4
    modes = {
        "zeros": "edge",
        "border": "edge",
        "wrap": "wrap",
        "reflection": "reflect" if align_corners else "symmetric",
    }
    pixel = np.pad(np.arange(size), beyond, modes[padding_mode])
    weights = KERNELS[interpolation](place[..., None] - np.arange(-beyond, size + beyond))
    weights /= weights.sum(-1, keepdims=True)
    if padding_mode == "zeros":
        return weights[..., beyond : beyond + size]
    return np.stack([weights[..., pixel == index].sum(-1) for index in range(size)], -1)
