"""From a file to a picture: upright, in a mode that can be warped, or refused in words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stnwarp.images.formats import SUFFIXES
from stnwarp.images.headers import is_lossless_webp, png_chunks
from stnwarp.images.metadata import Collected, collect
from stnwarp.images.picture import CHANNELS, DTYPES, Coding, Picture
from stnwarp.images.plugins import guarded
from stnwarp.images.probe import ImageHeader, OpenedImage, opened_image

# As in ImageOps.exif_transpose, which writes the EXIF anew besides, and fails on tags of an unusual type.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND = 1 << 18  # pixels that are converted together
_FULL_SCALE = {2: 85, 4: 17}  # 255 over the largest sample of so many bits


def read_picture(
    source: Path | BinaryIO,
    *,
    max_pixels: int,
    keep_palette: bool = False,
    check: Callable[[ImageHeader], None] | None = None,
    draft: Callable[[ImageHeader], int] = lambda _: 1,
) -> Picture:
    """Read an image file, opened once; its format is told by its content.

    Args:
        source: a file, or a binary stream.
        max_pixels: the most pixels it may have; at the default, where Pillow warns of a decompression bomb.
        keep_palette: keep modes "P" and "1" as they are: right only where pixels are copied, never mixed.
        check: called with the header before anything is decoded; what it raises goes to the caller.
        draft: called with the header after *check*; says by what its sides are divided as it is decoded, 1, 2, 4
            or 8. Then each pixel is the mean of a square of pixels. Ignored where it has no drafts.

    Returns:
        The picture, upright, with its metadata.

    Raises:
        ImageError: in one line that does not name the file: not a file, not an image, broken, too large,
            animated, of more than 8 bits in colour, or not enough memory.
    """
    with opened_image(source, max_pixels=max_pixels) as opened:
        if check is not None:
            check(opened.header)
        with guarded(f"broken or incomplete {opened.header.format} file", any_size=opened.is_large):
            picture = _decoded(opened, keep_palette, draft(opened.header))
    return _with_suffix_warning(picture, source.suffix) if isinstance(source, Path) else picture


def _decoded(opened: OpenedImage, keep_palette: bool, draft: int) -> Picture:
    image, header = opened.image, opened.header
    chunks = png_chunks(opened.stream) if header.format == "PNG" else ()
    width = image.width
    if draft > 1 and header.has_drafts:
        image.draft(None, (width // draft, image.height // draft))
    image.load()
    # In a PNG metadata may follow the pixels.
    found = collect(image.info) if header.format == "PNG" else opened.found
    upright = _upright(image, header, found)
    mode = image.mode if keep_palette and _is_exact(image) else header.mode
    return Picture(
        _array(upright, mode, header.bits),
        mode,
        replace(found.metadata, chunks=chunks),
        header.format,
        found.warnings,
        _palette(upright) if mode == "P" else None,
        _coding(opened),
        found.focal_length_35mm,
        width // image.width,
    )


def _upright(image: Image.Image, header: ImageHeader, found: Collected) -> Image.Image:
    if header.format == "TIFF" or found.orientation == 1:  # Pillow has turned a TIFF upright by itself
        return image
    return image.transpose(_UPRIGHT[found.orientation])


def _is_exact(image: Image.Image) -> bool:
    """Whether the mode can be kept although its values are no brightness."""
    return image.mode == "P" or (image.mode == "1" and "transparency" not in image.info)


def _palette(image: Image.Image) -> bytes:
    """The entries as RGBA.

    `Image.apply_transparency` fails where an entry is declared clear that does not exist, as happens in GIF.
    """
    table = bytearray(image.getpalette("RGBA") or ())
    transparent = image.info.get("transparency", b"")
    alphas = dict(enumerate(transparent)) if isinstance(transparent, bytes) else {int(transparent): 0}
    table += b"\x00\x00\x00\xff" * (max(alphas, default=0) + 1 - len(table) // 4)
    for index, alpha in alphas.items():
        table[4 * index + 3] = alpha
    return bytes(table)


def _array(image: Image.Image, mode: str, bits: int) -> NDArray[np.generic]:
    """The pixels of *image* in *mode*, as an array of their own."""
    transparent = image.info.get("transparency")
    if image.mode == "L" and isinstance(transparent, int):  # told in samples that Pillow has since scaled
        image.info["transparency"] = transparent * _FULL_SCALE.get(bits, 1)
    dtype = DTYPES.get(mode, np.uint8)
    rows = max(1, _BAND // image.width)
    if rows >= image.height:
        return np.array(_in_mode(image, mode), dtype)
    # Band by band: Pillow copies what it converts, and once more what it hands over.
    array = np.empty((image.height, image.width, CHANNELS[mode])[: 2 + (CHANNELS[mode] > 1)], dtype)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        array[top:bottom] = np.asarray(_in_mode(image.crop((0, top, image.width, bottom)), mode))
    return array


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "1":
        return image.convert("L")
    if mode in {image.mode, "I;16"}:  # from big-endian to little-endian samples Pillow would cut at 255
        return image
    return image.convert(mode)


def _coding(opened: OpenedImage) -> Coding:
    name = opened.header.format
    if name == "JPEG":
        from PIL.JpegImagePlugin import get_sampling

        sampling = get_sampling(opened.image)
        return Coding(subsampling=sampling if sampling >= 0 else None)
    if name == "TIFF":
        return Coding(compression=opened.image.info.get("compression"))
    return Coding(lossless=name == "WEBP" and is_lossless_webp(opened.stream))


def _with_suffix_warning(picture: Picture, suffix: str) -> Picture:
    """*picture*, with a warning when its name tells another format than its content."""
    if SUFFIXES.get(suffix.lower(), picture.format) == picture.format:
        return picture
    warning = f"a {picture.format} file named {suffix}"
    return replace(picture, warnings=(warning, *picture.warnings))
