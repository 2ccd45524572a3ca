"""What stands in a file's header and Pillow does not tell, or tells too late."""

import os
import zlib
from typing import BinaryIO

from PIL import Image, ImageFile

_PIECE = 1 << 20  # bytes that are read at a time
_KEPT_CHUNKS = {b"cICP", b"sRGB", b"gAMA", b"cHRM", b"tEXt", b"zTXt", b"iTXt"}
_LARGEST_TEXT, _MOST_CHUNKS = 1 << 20, 100
_LARGEST_BOX = 1 << 16  # bytes at the beginning of an AVIF in which its configuration stands


def bits(image: ImageFile.ImageFile, name: str, stream: BinaryIO) -> int:
    """Bits per sample: Pillow opens 16-bit colour as 8-bit without a word."""
    if name == "PNG":
        return _png_bits(image)
    if name == "TIFF":
        return _tiff_bits(image)
    if name == "PPM":
        return _pnm_bits(image)
    return _avif_bits(stream) if name == "AVIF" else 8


def _png_bits(image: ImageFile.ImageFile) -> int:
    """By the name of the layout that goes to the decoder: "1", "L;2", "RGB", "RGB;16B"."""
    layout = str(image.tile[0][3])
    digits = "".join(letter for letter in layout.partition(";")[2] if letter.isdigit())
    return int(digits) if digits else 1 if layout == "1" else 8


def png_chunks(stream: BinaryIO) -> tuple[tuple[bytes, bytes], ...] | None:
    """The chunks of a PNG that go along into another: what its numbers mean as colours, and its texts.

    None if a checksum of the pixels is wrong: Pillow looks only at those of the header. The position of
    *stream* stays as it is.
    """
    position = stream.tell()
    stream.seek(8)
    is_sound, kept = True, []
    while is_sound and len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IDAT":
            is_sound = _checksum(stream, length).to_bytes(4, "big") == stream.read(4)
        elif name in _KEPT_CHUNKS and length <= _LARGEST_TEXT:
            data, checksum = stream.read(length), stream.read(4)
            if zlib.crc32(data, zlib.crc32(name)).to_bytes(4, "big") == checksum and not _is_metadata(data):
                kept.append((name, data))
        else:
            stream.seek(length + 4, os.SEEK_CUR)
    stream.seek(position)
    return tuple(kept[:_MOST_CHUNKS]) if is_sound else None


def _is_metadata(text: bytes) -> bool:
    """Whether a chunk of text is a disguise of EXIF or XMP, which are handed on by themselves."""
    return text.startswith((b"XML:com.adobe.xmp\x00", b"Raw profile type "))


def _checksum(stream: BinaryIO, length: int) -> int:
    checksum = zlib.crc32(b"IDAT")
    while length > 0 and (data := stream.read(min(length, _PIECE))):
        checksum = zlib.crc32(data, checksum)
        length -= len(data)
    return checksum


def _tiff_bits(image: Image.Image) -> int:
    told = getattr(image, "tag_v2", {}).get(258, (1,))  # BitsPerSample
    return int(max(told)) if isinstance(told, tuple) else int(told)


def _pnm_bits(image: ImageFile.ImageFile) -> int:
    if image.mode in {"1", "F"}:
        return 1 if image.mode == "1" else 32
    arguments = image.tile[0][3]
    # The largest value is told to the decoder unless it is 255 or, for gray, 65535.
    largest = arguments[-1] if isinstance(arguments, tuple) and isinstance(arguments[-1], int) else 255
    return 16 if image.mode == "I" or largest > 255 else 8


def _avif_bits(stream: BinaryIO) -> int:
    """From the configuration of the AV1 stream (AV1-ISOBMFF, section 2.3.3)."""
    position = stream.tell()  # from which Pillow goes on
    stream.seek(0)
    head = stream.read(_LARGEST_BOX)
    stream.seek(position)
    at = head.find(b"av1C")
    if at < 0 or at + 7 > len(head):
        return 8
    flags = head[at + 6]
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def webp_size(head: bytes) -> tuple[int, int] | None:
    """(height, width) of the canvas, for which the decoder takes memory at once; None where it is not told.

    Source: WebP container specification, and RFC 6386, section 9.1.
    """
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[27:30], "little") + 1, int.from_bytes(head[24:27], "little") + 1
    if kind == b"VP8L" and len(head) >= 25:
        packed = int.from_bytes(head[21:25], "little")
        return (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) >= 30:
        return int.from_bytes(head[28:30], "little") & 0x3FFF, int.from_bytes(head[26:28], "little") & 0x3FFF
    return None


def is_lossless_webp(stream: BinaryIO) -> bool:
    """Whether the first chunk of pixels is of the kind that loses nothing."""
    at = 12
    for _ in range(16):  # few chunks may come before the pixels
        stream.seek(at)
        chunk = stream.read(8)
        if len(chunk) < 8 or chunk[:4] in {b"VP8 ", b"VP8L"}:
            return chunk[:4] == b"VP8L"
        length = int.from_bytes(chunk[4:], "little")
        at += 8 + length + length % 2
    return False
