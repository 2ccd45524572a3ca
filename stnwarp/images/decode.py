"""From a file to a picture: upright, in a mode that can be warped, or refused in words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stnwarp.errors import ImageError
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.headers import png_chunks
from stnwarp.images.metadata import Collected, collect
from stnwarp.images.picture import CHANNELS, DTYPES, Coding, Picture
from stnwarp.images.plugins import guarded
from stnwarp.images.pnm import scaled_pixels
from stnwarp.images.probe import ImageHeader, OpenedImage, opened_image

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's bytes are, where they are not single bytes. Mode "I" holds the 16-bit gray of PNM.
_RAW_DTYPES = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2", "I": "=i4", "F": "=f4"}
_BAND_BYTES = 1 << 18
_FULL_SCALE = {2: 85, 4: 17}  # 255 over the largest sample of so many bits


def read_picture(
    source: Path | BinaryIO,
    *,
    max_pixels: int,
    keep_palette: bool = False,
    check: Callable[[ImageHeader], None] | None = None,
) -> Picture:
    """Read an image file, opened once; its format is told by its content.

    Args:
        source: a file, or a binary stream.
        max_pixels: the most pixels it may have; at the default, where Pillow warns of a decompression bomb.
        keep_palette: keep modes "P" and "1" as they are: right only where pixels are copied, never mixed.
        check: called with the header before anything is decoded; what it raises goes to the caller.

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
            picture = _decoded(opened, keep_palette)
    return _with_suffix_warning(picture, source.suffix) if isinstance(source, Path) else picture


def _decoded(opened: OpenedImage, keep_palette: bool) -> Picture:
    image, header = opened.image, opened.header
    if header.format == "PPM" and (pixels := scaled_pixels(image, opened.stream)) is not None:
        return Picture(pixels, header.mode, format=header.format)
    chunks = png_chunks(opened.stream) if header.format == "PNG" else ()
    if chunks is None:
        raise ImageError("broken PNG file: the checksum of its pixels is wrong")
    image.load()
    # In a PNG metadata may follow the pixels.
    found = collect(image.info) if header.format == "PNG" else opened.found
    upright = _upright(image, header, found)
    coding = Coding(_subsampling(image, header), image.info.get("compression"), opened.is_lossless)
    if header.format != "TIFF":
        coding = replace(coding, compression=None)
    mode = image.mode if keep_palette and _is_exact(image) else header.mode
    palette = _palette(upright) if mode == "P" else None
    array = _array(upright, mode, header.bits)
    metadata = replace(found.metadata, chunks=chunks)
    return Picture(array, mode, metadata, header.format, found.warnings, palette, coding)


def _upright(image: Image.Image, header: ImageHeader, found: Collected) -> Image.Image:
    if header.format == "TIFF" or found.orientation == 1:  # Pillow has turned a TIFF upright by itself
        return image
    return image.transpose(_UPRIGHT[found.orientation])


def _is_exact(image: Image.Image) -> bool:
    """Whether the mode can be kept although its values are no brightness."""
    return image.mode == "P" or (image.mode == "1" and "transparency" not in image.info)


def _palette(image: Image.Image) -> bytes:
    """The entries as RGBA, made longer if one is declared clear that does not exist, as happens in GIF."""
    table = bytearray(image.getpalette("RGBA") or ())
    transparent = image.info.get("transparency", b"")
    alphas = dict(enumerate(transparent)) if isinstance(transparent, bytes) else {int(transparent): 0}
    table += b"\x00\x00\x00\xff" * (max(alphas, default=0) + 1 - len(table) // 4)
    for index, alpha in alphas.items():
        table[4 * index + 3] = alpha
    return bytes(table)


def _array(image: Image.Image, mode: str, bits: int) -> NDArray[np.generic]:
    """The pixels of *image* in *mode*, as an array of their own."""
    if mode in {"I;16", "F"}:
        return _pixels(image, mode)
    transparent = image.info.get("transparency")
    if image.mode == "L" and isinstance(transparent, int):  # told in samples that Pillow has since scaled
        image.info["transparency"] = transparent * _FULL_SCALE.get(bits, 1)
    if image.mode != mode or mode == "1":
        image = image.convert("L" if mode == "1" else mode)
    return _pixels(image, mode)


def _pixels(image: Image.Image, mode: str) -> NDArray[np.generic]:
    """A copy of the pixels, band by band: for the whole at once Pillow would need their memory twice more.

    Memory that is new to the process is cleared by the system first, which can take longer than decoding.
    """
    channels = CHANNELS[mode]
    shape = (image.height, image.width, channels) if channels > 1 else (image.height, image.width)
    pixels: NDArray[np.generic] = np.empty(shape, DTYPES.get(mode, np.uint8))
    dtype = _RAW_DTYPES.get(image.mode, "u1")
    rows = max(1, _BAND_BYTES // pixels[0].nbytes)
    for top in range(0, image.height, rows):
        band = pixels[top : top + rows]
        raw = image.crop((0, top, image.width, top + len(band))).tobytes()
        band[...] = np.frombuffer(raw, dtype).reshape(band.shape)
    return pixels


def _subsampling(image: Image.Image, header: ImageHeader) -> int | None:
    if header.format != "JPEG":
        return None
    from PIL.JpegImagePlugin import get_sampling

    sampling = get_sampling(image)
    return sampling if sampling >= 0 else None


def _with_suffix_warning(picture: Picture, suffix: str) -> Picture:
    """*picture*, with a warning when its name tells another format than its content."""
    if SUFFIXES.get(suffix.lower(), picture.format) == picture.format:
        return picture
    warning = f"a {picture.format} file named {suffix}"
    return replace(picture, warnings=(warning, *picture.warnings))
