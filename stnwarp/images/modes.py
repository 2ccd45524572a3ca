"""Which modes each format is written in, and the way there."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stnwarp.images import palette
from stnwarp.images.alpha import is_opaque
from stnwarp.images.picture import Picture

FLATTENED = "transparency was laid on the fill colour, as the format has none"

_DEEP_GRAY = {"1": "1", "L": "L", "I;16": "I;16"}

# The mode in which a picture of a mode is written, by format; one that is missing is refused. Mode "P" stands
# for its colours wherever its palette cannot be kept.
WRITTEN_MODES: dict[str, dict[str, str]] = {
    "PNG": {**_DEEP_GRAY, "P": "P", "RGB": "RGB", "LA": "LA", "RGBA": "RGBA"},
    "JPEG": {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "LA": "L", "RGBA": "RGB", "CMYK": "CMYK"},
    "WEBP": {"1": "RGB", "L": "RGB", "P": "RGB", "RGB": "RGB", "LA": "RGBA", "RGBA": "RGBA"},
    "TIFF": {**_DEEP_GRAY, "P": "P", "RGB": "RGB", "LA": "LA", "RGBA": "RGBA", "CMYK": "CMYK", "F": "F"},
    "GIF": {"1": "L", "L": "L", "P": "P", "RGB": "P", "LA": "P", "RGBA": "P"},
    "AVIF": {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "LA": "RGBA", "RGBA": "RGBA"},
    "BMP": {"1": "1", "L": "L", "P": "P", "RGB": "RGB", "LA": "L", "RGBA": "RGB"},
    "PPM": {**_DEEP_GRAY, "P": "RGB", "RGB": "RGB", "LA": "L", "RGBA": "RGB"},
}

_ALPHA_MODES = {"LA", "RGBA"}


def as_image(picture: Picture, format: str, fill: tuple[float, ...] | None) -> tuple[Image.Image, tuple[str, ...]]:
    """*picture* as Pillow writes it to *format*, which takes its mode; and what that cost, in words.

    Transparency is laid on *fill*, one number per channel of the picture, where the format has none.
    """
    array, own = picture.array, picture.mode
    mode = WRITTEN_MODES[format][own]
    if own == "P":
        if mode == "P" and palette.is_kept(picture, format):
            return palette.indexed(picture, format), ()
        array, own = palette.resolved(picture)
        mode, fill = WRITTEN_MODES[format][own], None  # a fill for indices is no colour
    if mode == "P":
        return palette.reduced(
            np.asarray(_from_array(array, own).convert("RGBA")) if own == "LA" else array.view(np.uint8)
        )
    if own in _ALPHA_MODES and mode not in _ALPHA_MODES:
        return _flattened(_from_array(array, own), mode, fill), () if is_opaque(array) else (FLATTENED,)
    image = _from_array(array, own)
    return image if image.mode == mode else image.convert(mode, dither=Image.Dither.NONE), ()


def _flattened(image: Image.Image, mode: str, fill: tuple[float, ...] | None) -> Image.Image:
    """*image*, which has alpha, laid on the colour *fill* or on black."""
    ground = Image.new(mode, image.size, tuple(int(value) for value in fill[:-1]) if fill else 0)
    ground.paste(image.convert(mode), mask=image.getchannel("A"))
    return ground


def _from_array(array: NDArray[np.generic], mode: str) -> Image.Image:
    """*array* as an image, its memory shared where Pillow can. Mode "1" comes out as "L"."""
    if mode == "I;16":  # which Pillow would otherwise make 32-bit
        height, width = array.shape
        return Image.frombuffer(mode, (width, height), np.ascontiguousarray(array, "<u2"), "raw", mode, 0, 1)
    return Image.fromarray(np.ascontiguousarray(array), mode if mode == "CMYK" else None)
