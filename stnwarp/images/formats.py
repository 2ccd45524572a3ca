"""The image formats stnwarp opens and writes: an allowlist, with suffixes.

Loads nothing but the standard library, so that the command line can describe its options without Pillow.
"""

from stnwarp.conventions import shortened, suggestion
from stnwarp.errors import ParameterError

# The first suffix of a format is the one it is written with.
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "BMP": (".bmp",),
    "PPM": (".pnm", ".pgm", ".ppm", ".pbm"),
}

FORMATS: tuple[str, ...] = tuple(_SUFFIXES)
SUFFIXES: dict[str, str] = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}

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
        raise ParameterError(f"unknown image format {shortened(suffix)}{hint}; use one of {', '.join(known)}") from None


def suffix_for_format(name: str) -> str:
    """The suffix, with its dot, that files of the format called *name* are written with."""
    return _SUFFIXES[name][0]


def foreign_format(head: bytes) -> str | None:
    """What *head*, the first bytes of a file that stnwarp does not open, is known to begin; else None."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for signature, name in _FOREIGN.items() if text.startswith(signature)), None)
