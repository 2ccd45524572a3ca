"""Images of any kind as the 8-bit RGB a drawing shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stnwarp.drawing.scene import Box, Picture
from stnwarp.errors import ShapeError

Pixels = NDArray[np.uint8]

_VEIL = 0.14  # share of white over a picture, so that the points stand out from it
_CHECKER = (np.uint8(255), np.uint8(214))
_CELLS = 48  # squares of the checkerboard along the longer side
_VISIBLE_PIXEL = 3.0  # canvas units from which on a pixel is shown as a square
_SPARE = 4  # a huge image is first thinned to this many times what is shown
_SHARP_SIDE = 1200.0  # an SVG is often enlarged: up to this side a picture keeps twice the pixels it is shown with


@dataclass(frozen=True)
class Range:
    """The values shown as black and as white."""

    black: float
    white: float


def checked(image: NDArray[Any], what: str) -> NDArray[Any]:
    """*image* as (H, W, C); ShapeError names *what* it is."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape or image.dtype.kind not in "buf":
        kinds = "(H, W) or (H, W, C) of uint8, uint16 or float"
        raise ShapeError(f"{what} must be {kinds}, got {image.shape} {image.dtype}")
    return image if image.ndim == 3 else image[:, :, None]


def value_range(image: NDArray[Any]) -> Range:
    """Integers show all their dtype can hold, floats 0 to 1, or what they span where they leave that."""
    if image.dtype.kind != "f":
        return Range(0.0, 1.0 if image.dtype.kind == "b" else float(np.iinfo(image.dtype).max))
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return Range(0.0, 1.0) if low >= 0 and high <= 1 else Range(low, high if high > low else low + 1)


def picture(image: NDArray[Any], shown: Range, box: Box) -> Picture:
    """*image* (H, W, C) over *box*, in about the resolution it is seen with."""
    height, width = image.shape[:2]
    smooth = min(box.width / width, box.height / height) < _VISIBLE_PIXEL
    resolution = max(1.0, min(2.0, _SHARP_SIDE / max(box.width, box.height)))
    target = _at_most(width, box.width * resolution), _at_most(height, box.height * resolution)
    eight_bit = _eight_bit(_roughly(image, target), shown)
    fitting = Image.fromarray(eight_bit[:, :, 0] if eight_bit.shape[2] == 1 else eight_bit)
    if fitting.size != target:
        fitting = fitting.resize(target, Image.Resampling.LANCZOS)
    rgba = fitting.convert("RGBA")
    if not smooth and "A" in fitting.getbands():  # the board keeps its grain where the pixels are large
        rgba = rgba.resize((round(box.width), round(box.height)), Image.Resampling.NEAREST)
    veiled = _veiled(_on_checker(np.asarray(rgba), max(2, round(max(rgba.size) / _CELLS))))
    return Picture(box, (rgba.height, rgba.width), veiled.tobytes(), smooth)


def _at_most(count: int, room: float) -> int:
    return max(1, min(count, round(room)))


def _roughly(image: NDArray[Any], target: tuple[int, int]) -> NDArray[Any]:
    """Every n-th pixel of an image much larger than *target*: to convert all would take its size again."""
    down, across = (max(1, image.shape[axis] // (_SPARE * target[1 - axis])) for axis in (0, 1))
    return image[::down, ::across]


def _eight_bit(image: NDArray[Any], shown: Range) -> Pixels:
    """One, two (gray, alpha), three or four (RGB, alpha) channels of uint8; more are not shown."""
    image = image[:, :, :4]
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    values = np.nan_to_num(image.astype(np.float64), nan=shown.black, posinf=shown.white, neginf=shown.black)
    share = (values - shown.black) / (shown.white - shown.black)
    return np.ascontiguousarray(np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8))


def _on_checker(rgba: Pixels, cell: int) -> Pixels:
    """(H, W, 4) over a checkerboard, as (H, W, 3)."""
    alpha = rgba[:, :, 3:].astype(np.float32) / 255
    if bool(np.all(alpha == 1)):
        return rgba[:, :, :3]
    rows, cols = np.indices(rgba.shape[:2]) // cell
    board = np.where((rows + cols) % 2 == 0, *_CHECKER)[:, :, None]
    return np.rint(rgba[:, :, :3] * alpha + board * (1 - alpha)).astype(np.uint8)


def _veiled(rgb: Pixels) -> Pixels:
    veiled: Pixels = np.rint(rgb * np.float32(1 - _VEIL) + np.float32(255 * _VEIL)).astype(np.uint8)
    return veiled
