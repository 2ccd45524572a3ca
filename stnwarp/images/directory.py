"""Tags of TIFF directories taken out of one file and put into another, types and bytes as they were.

A TIFF file keeps EXIF among its own tags, all other formats as a block that is a small TIFF file itself. Pillow's way
from one to the other writes a question mark for every letter outside ASCII, makes undefined bytes (comments, makers'
notes) plain ones, and raises where a compressed file is to hold an Exif directory.

Source: TIFF 6.0, section 2; Exif 2.32, section 4.6.
"""

import io
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO

# Directories that hang on a tag.
EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_SUB_DIRECTORIES = {EXIF, GPS, INTEROPERABILITY}

# Bytes of one value of each type, and of the numbers that byte order concerns.
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_BIG_SIZES = {16: 8, 18: 8}  # of BigTIFF, for the offset of a directory only
_UNITS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_LONG = 4

_MOST_TAGS = 1000
_MOST_BYTES = 1 << 20  # of one value


class DirectoryError(ValueError):
    """A directory that cannot be followed."""


@dataclass(frozen=True)
class Tag:
    """The value of a tag: its type and little-endian bytes, or the directory that hangs on it."""

    type: int
    data: bytes = b""
    tags: "Mapping[int, Tag] | None" = None


def read_tags(source: bytes | BinaryIO, chosen: Collection[int]) -> dict[int, Tag]:
    """Those of the tags *chosen* that stand in the first directory of a TIFF file.

    What lies beyond the end, or is of an unknown type, is left out. Raises DirectoryError if there is none.
    """
    reader = _Reader(io.BytesIO(source) if isinstance(source, bytes) else source)
    return reader.directory(reader.first, chosen)


def block(tags: Mapping[int, Tag]) -> bytes:
    """A TIFF file of nothing but *tags*: the form in which other formats hold EXIF."""
    return b"II\x2a\x00\x08\x00\x00\x00" + _packed(tags, 8)


def grafted(file: bytes, tags: Mapping[int, Tag]) -> bytes:
    """*file*, a little-endian TIFF, with *tags* added to its first directory; its own are not changed.

    The directory is written anew at the end. Raises DirectoryError for other kinds of TIFF.
    """
    if not tags:
        return file
    if file[:4] != b"II\x2a\x00":
        raise DirectoryError("no classic little-endian TIFF")
    (first,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, first)
    own = [file[at : at + 12] for at in range(first + 2, first + 2 + 12 * count, 12)]
    start = len(file) + len(file) % 2
    taken = {int.from_bytes(entry[:2], "little") for entry in own}
    added = {tag: value for tag, value in tags.items() if tag not in taken}
    padding = bytes(start - len(file))
    # At once, and without a copy of the rest: the file can be large.
    return b"".join((file[:4], struct.pack("<I", start), memoryview(file)[8:], padding, _packed(added, start, own)))


class _Reader:
    """Reads directories, classic or big, in either byte order."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        head = self._bytes(0, 16, whole=False)
        orders = {b"II\x2a\x00": "<", b"MM\x00\x2a": ">", b"II\x2b\x00": "<", b"MM\x00\x2b": ">"}
        if head[:4] not in orders or len(head) < 8:
            raise DirectoryError("no TIFF header")
        self._order = orders[head[:4]]
        self._is_big = b"\x2b" in head[:4]
        self._count, self._entry, self._offset = ("Q", "HHQ8s", "Q") if self._is_big else ("H", "HHI4s", "I")
        self.first = self._numbers(self._offset, head[8:16] if self._is_big else head[4:8])

    def directory(self, offset: int, chosen: Collection[int] | None = None, depth: int = 0) -> dict[int, Tag]:
        """Of the directory at *offset* the tags *chosen*, or all, with what hangs on them."""
        count_size, size = struct.calcsize("<" + self._count), struct.calcsize("<" + self._entry)
        count = min(self._numbers(self._count, self._bytes(offset, count_size)), _MOST_TAGS)
        entries = self._bytes(offset + count_size, count * size)
        found: dict[int, Tag] = {}
        for at in range(0, len(entries), size):
            tag, kind, number, value = struct.unpack_from(self._order + self._entry, entries, at)
            if chosen is None or tag in chosen:
                read = self._tag(tag, kind, number, value, depth)
                found |= {tag: read} if read is not None else {}
        return found

    def _tag(self, tag: int, kind: int, number: int, value: bytes, depth: int) -> Tag | None:
        hangs = tag in _SUB_DIRECTORIES and depth < 2
        length = number * (TYPE_SIZES | _BIG_SIZES if hangs else TYPE_SIZES).get(kind, 0)
        if not 0 < length <= _MOST_BYTES:
            return None
        try:
            fits = length <= len(value)
            data = value[:length] if fits else self._bytes(self._numbers(self._offset, value), length)
            if hangs:
                where = int.from_bytes(data, "little" if self._order == "<" else "big")
                return Tag(_LONG, tags=self.directory(where, depth=depth + 1))
        except DirectoryError:
            return None
        return Tag(kind, self._little_endian(data, kind))

    def _little_endian(self, data: bytes, kind: int) -> bytes:
        unit = _UNITS.get(kind, 1)
        if self._order == "<" or unit == 1:
            return data
        return b"".join(data[at : at + unit][::-1] for at in range(0, len(data), unit))

    def _numbers(self, code: str, data: bytes) -> int:
        try:
            return int(struct.unpack(self._order + code, data)[0])
        except struct.error:
            raise DirectoryError("a number is cut off") from None

    def _bytes(self, offset: int, length: int, whole: bool = True) -> bytes:
        try:
            self._stream.seek(offset)
            data = self._stream.read(length)
        except (OSError, ValueError, OverflowError):
            raise DirectoryError("an offset out of range") from None
        if whole and len(data) < length:
            raise DirectoryError("an offset beyond the end")
        return data


def _packed(tags: Mapping[int, Tag], start: int, own: Collection[bytes] = ()) -> bytes:
    """The directory at *start*, of *tags* and of ready entries, and behind it the values that are far."""
    far = bytearray()
    entries = list(own)
    behind = start + 2 + 12 * (len(tags) + len(own)) + 4
    for tag, value in tags.items():
        at = behind + len(far)
        if value.tags is not None:
            entries.append(struct.pack("<HHII", tag, _LONG, 1, at))
            far += _packed(value.tags, at)
        else:
            number = len(value.data) // TYPE_SIZES[value.type]
            place = value.data.ljust(4, b"\x00") if len(value.data) <= 4 else struct.pack("<I", at)
            entries.append(struct.pack("<HHI", tag, value.type, number) + place)
            far += value.data if len(value.data) > 4 else b""
        far += b"\x00" * (len(far) % 2)
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    return struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4) + bytes(far)
