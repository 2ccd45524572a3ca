"""What a file says about itself before it is decoded, and what is refused on that alone."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import ImageFile

from stnwarp.conventions import DEFAULT_MAX_PIXELS
from stnwarp.errors import ImageError
from stnwarp.files.opening import open_source
from stnwarp.images.formats import FORMATS, foreign_format
from stnwarp.images.headers import bits, has_drafts
from stnwarp.images.memory import decoding_memory
from stnwarp.images.metadata import Collected, collect
from stnwarp.images.plugins import format_of_content, guarded, open_as
from stnwarp.images.sides import longest_row
from stnwarp.resources import machine_memory

# Above this Pillow warns of a decompression bomb. It holds unless another limit is asked for.
_BOMB_WARNING = 89_478_485
_PILLOW_ERROR = 2 * _BOMB_WARNING

_HEAD_LENGTH = 32  # bytes by which a format is told

# More than any image of that many pixels takes in a file; for a pipe, whose end cannot be known.
_BYTES_PER_PIXEL_IN_A_PIPE = 16
_HEADROOM_IN_A_PIPE = 1 << 26

# Pillow's modes that are read, and the mode of the picture that comes out.
WORKING_MODES: dict[str, str] = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "YCbCr": "RGB",
    "CMYK": "CMYK",
    "I;16": "I;16",
    "I;16L": "I;16",
    "I;16B": "I;16",
    "I;16N": "I;16",
    "F": "F",
}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}


@dataclass(frozen=True)
class ImageHeader:
    """What the header tells.

    format: by content. mode: of the picture that will be read, its palette resolved. size: (height, width),
    upright. bits: per sample. frames: 1 for a still; 2 may stand for more. focal_length_35mm: in mm on 35 mm film, by
    the EXIF; None where it does not say. has_drafts: whether it can be decoded at a half, a quarter and an eighth.
    """

    format: str
    mode: str
    size: tuple[int, int]
    bits: int
    frames: int
    focal_length_35mm: float | None = None
    has_drafts: bool = False

    @property
    def memory(self) -> int:
        """An estimate of the bytes that decoding takes."""
        return decoding_memory(self.format, self.mode, self.size)


def probe(source: Path | BinaryIO, *, max_pixels: int) -> ImageHeader:
    """The header of *source*, of which no pixel is decoded.

    Raises ImageError, in one line that does not name the file, for what `read_picture` refuses by the header.
    """
    with opened_image(source, max_pixels=max_pixels) as opened:
        return opened.header


@dataclass(frozen=True)
class OpenedImage:
    """An image file whose header has been read and accepted."""

    image: ImageFile.ImageFile
    stream: BinaryIO
    header: ImageHeader
    found: Collected

    @property
    def is_large(self) -> bool:
        """Whether Pillow would warn of its size, though our limit allows it."""
        return self.header.size[0] * self.header.size[1] > _BOMB_WARNING


@contextlib.contextmanager
def opened_image(source: Path | BinaryIO, *, max_pixels: int) -> Iterator[OpenedImage]:
    """*source* opened but not decoded, with its header; closed at the end."""
    capacity = _BYTES_PER_PIXEL_IN_A_PIPE * max_pixels + _HEADROOM_IN_A_PIPE
    with open_source(source, capacity) as stream:
        name = _identify(stream)
        what = f"broken or unsupported {name} file"
        with guarded(what, any_size=max_pixels > _PILLOW_ERROR):
            image = open_as(name, stream)
        with image:
            with guarded(what):
                found = collect(image.info, stream if name == "TIFF" else None)
                header = _header(image, name, stream, found)
            _check(header, max_pixels)
            _check_rows(image)
            yield OpenedImage(image, stream, header, found)


def pixel_limit(max_pixels: int) -> int:
    """How many pixels an image may have: the default is lowered to where Pillow warns of a bomb."""
    return _BOMB_WARNING if max_pixels == DEFAULT_MAX_PIXELS else max_pixels


def _identify(stream: BinaryIO) -> str:
    """The format of *stream* by its first bytes. Raises ImageError when it is none that is allowed."""
    with guarded("cannot be read"):
        head = stream.read(_HEAD_LENGTH)
    if not head:
        raise ImageError("empty file")
    name = format_of_content(head)
    if name is None:
        foreign = foreign_format(head)
        what = f"{foreign} is not supported" if foreign else "not an image"
        raise ImageError(f"{what}; the formats are {', '.join(FORMATS)}")
    return name


def _header(image: ImageFile.ImageFile, name: str, stream: BinaryIO, found: Collected) -> ImageHeader:
    width, height = image.size
    # Of a TIFF Pillow tells the upright size, unless its orientation stands only in the XMP.
    if found.orientation >= 5 and 0x0112 not in getattr(image, "tag_v2", ()):
        width, height = height, width
    depth, frames = bits(image, name, stream), _frames(image, name)
    mode, focal_length = _mode(image), found.focal_length_35mm
    return ImageHeader(name, mode, (height, width), depth, frames, focal_length, has_drafts(image, name))


def _mode(image: ImageFile.ImageFile) -> str:
    """The mode of the picture that will come out of *image*."""
    if image.mode == "I" and image.format == "PPM":  # so Pillow opens 16-bit gray there
        return "I;16"
    if image.mode not in WORKING_MODES:
        raise ImageError(f"images of mode {image.mode} are not supported; convert it to RGB or gray first")
    mode = WORKING_MODES[image.mode]
    if not image.has_transparency_data:
        return mode
    if mode == "I;16":
        raise ImageError("16-bit gray with a transparent value is not supported")
    return _WITH_ALPHA.get(mode, mode)


def _frames(image: ImageFile.ImageFile, name: str) -> int:
    if name == "JPEG" or not getattr(image, "is_animated", False):  # MPO is a still, other views behind it
        return 1
    # Counting the frames of a GIF, or the pages of a TIFF, means to walk through the file.
    return 2 if name in {"GIF", "TIFF"} else int(getattr(image, "n_frames", 2))


def _check(header: ImageHeader, max_pixels: int) -> None:
    """Refuse what is too large, moves, or is deeper than can be kept."""
    _check_size(header.size, max_pixels)
    if header.frames > 1:
        what = "a TIFF of several pages" if header.format == "TIFF" else f"an animated {header.format}"
        raise ImageError(f"{what} is not supported; split it into single images first")
    if header.bits > 8 and header.mode not in {"I;16", "F"}:
        raise ImageError(f"{header.bits} bits a channel in mode {header.mode} would be cut to 8: not supported")
    if header.memory > machine_memory():
        height, width = header.size
        raise ImageError(f"{width}x{height} takes about {header.memory / 1e9:.1f} GB, more than there is")


def _check_rows(image: ImageFile.ImageFile) -> None:
    """Refuse rows longer than Pillow decodes, which it would call a lack of memory; those of tiles are shorter."""
    longest = longest_row(image.mode)
    width = max((tile.extents[2] - tile.extents[0] for tile in image.tile if tile.extents), default=0)
    if width > longest:
        raise ImageError(f"rows of {width:,} pixels; in mode {image.mode} at most {longest:,} can be read")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    height, width = size
    pixels, limit = height * width, pixel_limit(max_pixels)
    if pixels > limit:
        raise ImageError(
            f"{width}x{height} is {pixels:,} pixels, more than the limit of {limit:,}",
            remedy=f"if it is no decompression bomb, allow it with --max-pixels {pixels}",
        )
