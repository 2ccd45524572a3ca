"""An image in a network's colours: planes of floats, transparency laid on the background, made smaller on the way.

Convention: an image is (H, W) or (H, W, C) with gray, gray and alpha, RGB, or RGB and alpha; alpha is straight. Full
scale is that of the dtype, and 1 for floats.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from stnwarp.errors import ShapeError
from stnwarp.localisation.metadata import ColourMode, Metadata
from stnwarp.localisation.values import Size
from stnwarp.sampling.arrays import compute_type, image_of

Planes = NDArray[np.float32]  # (C, H, W)

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601, as everywhere


@dataclass(frozen=True, eq=False)
class Seen:
    """An image in a network's colours.

    *planes*: 0 is black and 1 full scale. *extent*: (height, width) of the image in pixels of the planes, which may end
    within the last of them.
    """

    planes: Planes
    extent: tuple[float, float]


def checked_image(image: ArrayLike) -> NDArray[np.generic]:
    """*image* as (H, W, C), one to four channels, in a dtype to compute in; ShapeError or DtypeError otherwise."""
    given = image_of(image, "image")
    array = given.astype(compute_type(given.dtype), copy=False)
    pixels = array[..., np.newaxis] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] > 4 or pixels.size == 0:
        raise ShapeError(f"image must be (H, W) or (H, W, C) with 1 to 4 channels, got {array.shape}")
    return pixels


def size_of(image: ArrayLike) -> Size:
    """(height, width) of *image*."""
    height, width = np.shape(image)[:2]
    return height, width


def in_colours(image: ArrayLike, metadata: Metadata, steps: tuple[int, int] = (1, 1)) -> Seen:
    """*image* as a network sees its colours, each *steps* (down, across) pixels of it averaged to one.

    Raises:
        ShapeError: not an image.
    """
    pixels = checked_image(image)
    height, width = pixels.shape[:2]
    reduced = _bytes if pixels.dtype == np.uint8 else _floats
    planes = _in_mode(reduced(pixels, metadata.background, steps), metadata.mode)
    return Seen(planes, (height / steps[0], width / steps[1]))


def _bytes(pixels: NDArray[np.generic], background: float, steps: tuple[int, int]) -> Planes:
    """Averaged by Pillow as bytes, which is many times faster; with alpha, it averages premultiplied."""
    channels = pixels.shape[2]
    given = np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels)
    image = Image.fromarray(given)
    if steps != (1, 1):
        image = image.reduce((steps[1], steps[0]))
    values = np.asarray(image, np.float32).reshape(image.height, image.width, channels) / np.float32(255)
    return _on_background(np.moveaxis(values, 2, 0), background)


def _floats(pixels: NDArray[np.generic], background: float, steps: tuple[int, int]) -> Planes:
    full = 65535.0 if pixels.dtype == np.uint16 else 1.0
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
        values = np.moveaxis(pixels, 2, 0).astype(np.float32) / np.float32(full)
    planes = _on_background(values, background)
    if steps == (1, 1):
        return planes
    return np.stack([np.asarray(Image.fromarray(plane).reduce((steps[1], steps[0]))) for plane in planes])


def _on_background(values: Planes, background: float) -> Planes:
    """*values* without their alpha, if they have it."""
    if len(values) in (1, 3):
        return np.ascontiguousarray(values)
    colours, alpha = values[:-1], values[-1]
    return np.ascontiguousarray(colours * alpha + np.float32(background) * (1 - alpha))


def _in_mode(planes: Planes, mode: ColourMode) -> Planes:
    if len(planes) == mode.channels:
        return planes
    if mode is ColourMode.RGB:
        return np.repeat(planes, 3, axis=0)
    return np.tensordot(_LUMA, planes, axes=1)[np.newaxis]
