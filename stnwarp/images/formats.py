"""The image formats stnwarp opens and writes: an allowlist, with suffixes and signatures.

Loads nothing but the standard library, so that the command line can describe its options without Pillow.
"""

from stnwarp.conventions import suggestion
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

# How many leading bytes `format_of_content` and `foreign_format` look at.
SIGNATURE_LENGTH = 32

_SIGNATURES: dict[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II\x2a\x00": "TIFF",
    b"MM\x00\x2a": "TIFF",
    b"II\x2b\x00": "TIFF",  # BigTIFF
    b"MM\x00\x2b": "TIFF",
    b"BM": "BMP",
}
_PNM_MAGIC = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf")
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")

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
        raise ParameterError(f"unknown image format {suffix!r}{hint}; use one of {', '.join(known)}") from None


def suffix_for_format(name: str) -> str:
    """The suffix, with its dot, that files of the format called *name* are written with."""
    return _SUFFIXES[name][0]


def format_of_content(head: bytes) -> str | None:
    """The allowed format whose signature *head*, the first bytes of a file, begins with; else None."""
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    return "PPM" if head.startswith(_PNM_MAGIC) else None


def foreign_format(head: bytes) -> str | None:
    """The name of a known format that stnwarp does not open, for the message; else None."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for signature, name in _FOREIGN.items() if text.startswith(signature)), None)
