"""From a picture to the bytes of a file; what cannot be kept is refused, or stands in the warnings."""

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stnwarp.errors import ImageError
from stnwarp.images.directory import Tag, grafted, read_tags
from stnwarp.images.exif import PREFIX, ExifBlock
from stnwarp.images.metadata import DESCRIPTIVE_TAGS
from stnwarp.images.modes import WRITTEN_MODES, as_image
from stnwarp.images.picture import Metadata, Picture
from stnwarp.images.plugins import guarded, load_format
from stnwarp.images.sides import check_sides

DEFAULT_QUALITY = 95

_CHROMA_HALVED = 2  # 4:2:0, for what did not come from a JPEG
_LOSSLESS_TIFF = {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"}
_FACSIMILE = {"group3", "group4"}  # for bilevel pictures only
_CLASSIC_TIFF_LIMIT = 4_000_000_000  # bytes that 32-bit offsets reach

_TAKES_QUALITY = {"JPEG", "WEBP", "AVIF"}
_TAKES_EXIF = {*_TAKES_QUALITY, "PNG", "TIFF"}  # and ICC profile and XMP; a lost DPI is no loss to speak of
# The modes of pictures that a profile of each colour space is for.
_ICC_SPACES = {b"GRAY": {"1", "L", "LA", "I;16", "F"}, b"RGB ": {"RGB", "RGBA", "P"}, b"CMYK": {"CMYK"}}
_SRGB_GAMMA = (45455).to_bytes(4, "big")  # 1/2.2 in hundred thousandths
_XMP_TAG, _BYTES = 700, 1


def check_target(format: str, mode: str, bits: int = 8) -> None:
    """Refuse, before any pixel is decoded, to write *mode* as *format* if that would lose what it holds.

    Raises ImageError in words.
    """
    if mode not in WRITTEN_MODES[format]:
        fitting = ", ".join(name for name, modes in WRITTEN_MODES.items() if mode in modes)
        depth = f"{bits}-bit " if bits > 8 else ""
        raise ImageError(f"{depth}mode {mode} cannot be kept in {format}; write it as {fitting}")


def encode_picture(
    picture: Picture, format: str, *, quality: int | None = None, fill: tuple[float, ...] | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of a file of *format* that holds *picture* and its metadata, and warnings of what was lost.

    Args:
        picture: of any mode that `check_target` accepts.
        format: one of FORMATS.
        quality: 1 to 100, for JPEG, WebP and AVIF; default 95, and a WebP that came without loss stays so.
        fill: what transparent pixels are laid on where the format has no alpha: one number per channel of the
            mode, an alpha among them counting as full. Default black.

    Raises:
        ImageError: the mode is refused, a side is too long, or the encoder fails.
    """
    check_target(format, picture.mode, 16 if picture.mode == "I;16" else 8)
    check_sides(format, picture.mode, picture.size)
    with guarded(f"cannot be written as {format}"):
        load_format(format)
        image, lost = as_image(picture, format, fill)
        metadata, left_out = _fitting(picture, format, image.mode)
        options = _options(picture, format, image.mode, quality)
        del picture  # if nobody else has it, its pixels need not lie beside those of the image
        data, dropped = _save(image, format, options, metadata)
    return data, (*lost, *left_out, *dropped)


def _options(picture: Picture, format: str, mode: str, quality: int | None) -> dict[str, Any]:
    """How the pixels are to be coded."""
    if format == "TIFF":
        return _tiff_options(picture, mode)
    if format not in _TAKES_QUALITY:
        return {}
    coding = picture.coding
    if format == "WEBP" and coding.lossless and quality is None:
        return {"lossless": True, "exact": True}  # the colours under clear pixels too
    options = {"quality": DEFAULT_QUALITY if quality is None else quality}
    if format == "JPEG" and mode == "RGB":
        options["subsampling"] = _CHROMA_HALVED if coding.subsampling is None else coding.subsampling
    return options


def _tiff_options(picture: Picture, mode: str) -> dict[str, Any]:
    compression = picture.coding.compression
    kept = compression in _LOSSLESS_TIFF or (compression in _FACSIMILE and mode == "1")
    return {
        "compression": compression if kept else "tiff_adobe_deflate",
        "big_tiff": picture.array.nbytes > _CLASSIC_TIFF_LIMIT,
    }


def _fitting(picture: Picture, format: str, mode: str) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata *format* can hold beside pixels of *mode*, brought up to date; and what stays behind."""
    metadata, warnings = picture.metadata, []
    if format not in _TAKES_EXIF:
        not_held = {"EXIF": metadata.exif, "ICC profile": metadata.icc, "XMP": metadata.xmp}
        lost = [name for name, value in not_held.items() if value]
        metadata = Metadata(dpi=metadata.dpi, comment=metadata.comment)
        warnings += [f"{format} cannot hold {', '.join(lost)}: dropped"] if lost else []
    if format != "PNG" and not metadata.icc and _has_own_colours(metadata.chunks):
        warnings.append(f"{format} cannot hold the gamma or colour space that the PNG tells: dropped")
    if metadata.icc and mode not in _ICC_SPACES.get(metadata.icc[16:20], set()):
        warnings.append(f"its ICC profile is not for mode {mode} and was dropped")
        metadata = replace(metadata, icc=None)
    if metadata.exif:
        metadata = replace(metadata, exif=_up_to_date(metadata.exif, picture.size, format))
    return metadata, tuple(warnings)


def _has_own_colours(chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether the chunks of a PNG tell that its numbers are not sRGB, as all others would take them."""
    told = dict(chunks)
    return b"sRGB" not in told and (b"cICP" in told or told.get(b"gAMA", _SRGB_GAMMA) != _SRGB_GAMMA)


def _up_to_date(exif: bytes, size: tuple[int, int], format: str) -> bytes:
    block = ExifBlock(exif)
    block.set_size(*size)
    if format == "AVIF":  # for which Pillow would write the whole block anew
        block.remove_orientation()
    return block.to_bytes()


def _save(
    image: Image.Image, format: str, options: dict[str, Any], metadata: Metadata
) -> tuple[bytes, tuple[str, ...]]:
    """The file, and what of its metadata the writer would not take."""
    problem: Exception | None = None
    for left, dropped in _ever_less(metadata):
        try:
            data = _written(image, format, options, left)
        except MemoryError:
            raise
        except Exception as error:  # a writer raises nearly anything on metadata it cannot handle
            problem = error
        else:
            return data, (f"{format} would not take its {dropped}: dropped",) if dropped else ()
    raise problem or ImageError("cannot encode it")


def _ever_less(metadata: Metadata) -> Iterator[tuple[Metadata, str]]:
    """*metadata*, then without one thing after the other, then without all."""
    yield metadata, ""
    if metadata.exif:
        yield replace(metadata, exif=None), "EXIF"
    if metadata.xmp:
        yield replace(metadata, xmp=None), "XMP"
    if metadata.icc:
        yield replace(metadata, icc=None), "ICC profile"
    if metadata != Metadata():
        yield Metadata(), "metadata"


def _written(image: Image.Image, format: str, options: dict[str, Any], metadata: Metadata) -> bytes:
    with _buffer(format) as stream:
        image.save(stream, format, **options, **_handed(metadata, format))
        data = _content(stream)
    return grafted(data, _tiff_tags(metadata)) if format == "TIFF" else data


def _content(stream: IO[bytes]) -> bytes:
    if isinstance(stream, io.BytesIO):
        return stream.getvalue()  # without a copy, unlike what is read
    stream.seek(0)
    return stream.read()


def _handed(metadata: Metadata, format: str) -> dict[str, Any]:
    """*metadata* as the options of Pillow's writer of *format*; that of TIFF gets no EXIF and XMP, see `grafted`."""
    handed: dict[str, Any] = {"icc_profile": metadata.icc, "dpi": metadata.dpi, "comment": metadata.comment}
    if format == "BMP":
        handed["dpi"] = metadata.dpi or (0, 0)  # left out, Pillow would say 96
    elif format != "TIFF":
        handed |= {"exif": metadata.exif and PREFIX + metadata.exif, "xmp": metadata.xmp}
    if format == "PNG":
        handed["pnginfo"] = _png_info(metadata)
    return {name: value for name, value in handed.items() if value}


def _png_info(metadata: Metadata) -> PngInfo:
    info = PngInfo()
    for name, data in metadata.chunks:
        info.add(name, data)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp)
    return info


def _tiff_tags(metadata: Metadata) -> dict[int, Tag]:
    """EXIF and XMP as tags of the file itself: only those that say nothing about how its bytes lie."""
    tags = read_tags(metadata.exif, DESCRIPTIVE_TAGS) if metadata.exif else {}
    return {**tags, _XMP_TAG: Tag(_BYTES, metadata.xmp)} if metadata.xmp else tags


def _buffer(format: str) -> IO[bytes]:
    """Where to write to: Pillow lets other threads run while it writes a JPEG to a real file, be it in memory."""
    if format == "JPEG" and hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stnwarp", os.MFD_CLOEXEC), "w+b")
    return io.BytesIO()
