"""Reading what belongs to a picture beside its pixels, and judging whether it is sound enough to hand on."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.parsers import expat

from stnwarp.images.directory import EXIF, GPS, DirectoryError, Tag, block, read_tags
from stnwarp.images.exif import ExifBlock
from stnwarp.images.picture import Metadata

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)([1-8])")

# Where IPTC lies: among the resources of Photoshop in a JPEG, in a tag of a TIFF, in a text of a PNG.
_IPTC_RESOURCE, _IPTC_TAG, _IPTC_TEXT = 0x0404, 0x83BB, "Raw profile type iptc"
_LONGEST_COMMENT = 65_533  # that fits into a JPEG

# The tags of a TIFF's first directory that describe the picture rather than how its bytes lie.
DESCRIPTIVE_TAGS = (
    0x010D,  # document name
    0x010E,  # description
    0x010F,  # make
    0x0110,  # model
    0x0131,  # software
    0x0132,  # date and time
    0x013B,  # artist
    0x013C,  # host computer
    0x4746,  # rating
    0x4749,
    0x8298,  # copyright
    EXIF,
    GPS,
    0x9C9B,  # title, comment, author, keywords, subject as Windows writes them
    0x9C9C,
    0x9C9D,
    0x9C9E,
    0x9C9F,
)


@dataclass(frozen=True)
class Collected:
    """What was found fit to be handed on, the orientation to apply (1 to 8), and what had to be dropped.

    *focal_length_35mm* is as in `ExifBlock`.
    """

    metadata: Metadata
    orientation: int
    warnings: tuple[str, ...]
    focal_length_35mm: float | None = None


@dataclass(frozen=True)
class _Exif:
    """The block to be handed on, and what it told; nothing where there is none."""

    data: bytes | None = None
    orientation: int | None = None
    focal_length_35mm: float | None = None


def collect(info: Mapping[Any, Any], tiff: BinaryIO | None = None) -> Collected:
    """The metadata in the *info* of a Pillow image, cleared of its orientation and of what is broken.

    Of a *tiff* the describing tags are read from the file itself. Never raises.
    """
    warnings: list[str] = []
    exif = _exif(info, tiff, warnings)
    xmp, xmp_orientation = _xmp(info, warnings)
    dpi, icc = _dpi(info, tiff is not None), _icc(info, warnings)
    if _has_iptc(info, tiff):
        warnings.append("its IPTC was dropped, as only EXIF, ICC profile, XMP and DPI are kept")
    metadata = Metadata(exif.data, icc, xmp, dpi, _comment(info))
    orientation = xmp_orientation if exif.orientation is None else exif.orientation
    return Collected(metadata, orientation, tuple(warnings), exif.focal_length_35mm)


def _exif(info: Mapping[Any, Any], tiff: BinaryIO | None, warnings: list[str]) -> _Exif:
    """The block, upright and without a thumbnail."""
    try:
        data = _exif_bytes(info) if tiff is None else _tiff_description(tiff)
        if not data:
            return _Exif()
        block = ExifBlock(data)
        orientation, focal_length = block.orientation, block.focal_length_35mm
        block.reset_orientation()
        block.remove_thumbnail()
    except Exception:  # Pillow raises nearly anything on a broken block
        warnings.append("its EXIF is broken and was dropped")
        return _Exif()
    return _Exif(block.to_bytes(), orientation, focal_length)


def _exif_bytes(info: Mapping[Any, Any]) -> bytes | None:
    data = info.get("exif")
    if isinstance(data, bytes):
        return data
    raw = info.get("Raw profile type exif")  # as ImageMagick writes it into PNG
    return bytes.fromhex("".join(raw.split("\n")[3:])) if isinstance(raw, str) else None


def _tiff_description(stream: BinaryIO) -> bytes | None:
    """The describing tags of a TIFF file as an EXIF block."""
    tags = _tags(stream, DESCRIPTIVE_TAGS)
    return block(tags) if tags else None


def _tags(stream: BinaryIO, chosen: Collection[int]) -> dict[int, Tag]:
    """`read_tags`; the position of *stream* stays."""
    position = stream.tell()
    try:
        return read_tags(stream, chosen)
    finally:
        stream.seek(position)


def _has_iptc(info: Mapping[Any, Any], tiff: BinaryIO | None) -> bool:
    resources = info.get("photoshop")  # of a PNG it may be any text
    if _IPTC_TEXT in info or (isinstance(resources, dict) and _IPTC_RESOURCE in resources):
        return True
    try:
        return tiff is not None and bool(_tags(tiff, {_IPTC_TAG}))
    except DirectoryError:
        return False


def _xmp(info: Mapping[Any, Any], warnings: list[str]) -> tuple[bytes | None, int]:
    """The packet with its orientation reset, and the orientation it told."""
    packet = info.get("xmp")
    if packet is None:
        packet = info.get("XML:com.adobe.xmp")
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    if not data:
        return None, 1
    if not isinstance(data, bytes) or not _is_well_formed(data):
        warnings.append("its XMP is broken and was dropped")
        return None, 1
    found = _XMP_ORIENTATION.search(data)
    return _XMP_ORIENTATION.sub(rb"\g<1>1", data), int(found[2]) if found else 1


def _is_well_formed(packet: bytes) -> bool:
    """Whether *packet* is XML. A document type is not part of XMP, and could hold an entity bomb."""
    if b"<!DOCTYPE" in packet:
        return False
    try:
        expat.ParserCreate().Parse(packet.rstrip(b"\x00"), True)
    except expat.ExpatError:
        return False
    return True


def _icc(info: Mapping[Any, Any], warnings: list[str]) -> bytes | None:
    if "icc_profile" not in info or info["icc_profile"] == b"":
        return None
    profile = info["icc_profile"]
    if isinstance(profile, bytes) and len(profile) >= 128 and profile[36:40] == b"acsp":
        length = int.from_bytes(profile[:4], "big")
        if 128 <= length <= len(profile):
            return profile
    warnings.append("its ICC profile is broken and was dropped")
    return None


def _comment(info: Mapping[Any, Any]) -> bytes | None:
    """Of JPEG and GIF; PNG gives its texts under any name they like."""
    comment = info.get("comment")
    return comment if isinstance(comment, bytes) and 0 < len(comment) <= _LONGEST_COMMENT else None


def _dpi(info: Mapping[Any, Any], is_tiff: bool) -> tuple[float, float] | None:
    try:
        horizontal, vertical = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    # Where no density is told Pillow says 72 for a JPEG, 1 for a TIFF; writing that would invent one.
    is_told = info.get("jfif_unit", 1) in {1, 2} or (horizontal, vertical) != (72, 72)
    if not is_told or (is_tiff and (horizontal, vertical) == (1, 1)):
        return None
    sound = all(math.isfinite(value) and 0 < value < 1e6 for value in (horizontal, vertical))
    return (horizontal, vertical) if sound else None
