"""The image formats stnwarp opens and writes: an allowlist, with suffixes.

Loads nothing but the standard library, so that the command line can describe its options without Pillow.
"""

from typing import NamedTuple

from stnwarp.errors import ParameterError
from stnwarp.text import suggestion, truncate_repr


class _Format(NamedTuple):
    """What a format's files are called, the first suffix being what they are written with, and their longest side."""

    suffixes: tuple[str, ...]
    longest: int | None = None  # pixels; None where memory ends first


_FORMATS: dict[str, _Format] = {
    "PNG": _Format((".png",)),
    "JPEG": _Format((".jpg", ".jpeg", ".jpe"), 65_500),  # of libjpeg: the file has room for 65,535
    "WEBP": _Format((".webp",), 16_383),
    "TIFF": _Format((".tif", ".tiff")),
    "GIF": _Format((".gif",), 65_535),
    "AVIF": _Format((".avif",), 32_768),  # of libavif, which writes longer ones and does not read them
    "BMP": _Format((".bmp",)),
    "PPM": _Format((".pnm", ".pgm", ".ppm", ".pbm")),
}

FORMATS: tuple[str, ...] = tuple(_FORMATS)
SUFFIXES: dict[str, str] = {suffix: name for name, row in _FORMATS.items() for suffix in row.suffixes}

# What is not opened, but deserves its name in the message.
_FOREIGN: dict[bytes, str] = {
    b"%!PS": "EPS or PostScript",
    b"\xc5\xd0\xd3\xc6": "EPS or PostScript",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML or SVG",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"8BPS": "Photoshop",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL": "JPEG XL",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis")


def format_for_suffix(suffix: str) -> str:
    """The format of *suffix*, with or without its dot, in any case; ParameterError lists what there is."""
    key = "." + suffix.lower().removeprefix(".")
    try:
        return SUFFIXES[key]
    except KeyError:
        known = [name.removeprefix(".") for name in SUFFIXES]
        hint = suggestion(suffix.removeprefix("."), known)
        raise ParameterError(
            f"unknown image format {truncate_repr(suffix)}{hint}; use one of {', '.join(known)}"
        ) from None


def suffix_for_format(name: str) -> str:
    """The suffix, with its dot, that files of the format called *name* are written with."""
    return _FORMATS[name].suffixes[0]


def longest_side(name: str) -> int | None:
    """The most pixels that a side of the format called *name* can have; None where memory ends first."""
    return _FORMATS[name].longest


def foreign_format(head: bytes) -> str | None:
    """What *head*, the first bytes of a file that stnwarp does not open, is known to begin; else None."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for signature, name in _FOREIGN.items() if text.startswith(signature)), None)
