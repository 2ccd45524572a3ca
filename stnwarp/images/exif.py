"""EXIF edited in place: orientation reset, sizes brought up to date, no thumbnail, all else byte for byte.

`Image.Exif` writes the structure anew: it moves the makers' notes, whose offsets count from its beginning, writes a
question mark for every letter outside ASCII, and raises on tags of an unusual type. A block is a small TIFF file
(TIFF 6.0, section 2; Exif 2.32).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from stnwarp.images.directory import EXIF, TYPE_SIZES

PREFIX = b"Exif\x00\x00"

_ORIENTATION = 0x0112
_IMAGE_WIDTH, _IMAGE_LENGTH = 0x0100, 0x0101
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_FOCAL_LENGTH_35MM = 0xA405
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202

_SHORT, _LONG = 3, 4
_FORMATS = {_SHORT: "H", _LONG: "I"}


class ExifError(ValueError):
    """A block whose structure cannot be followed."""


@dataclass(frozen=True)
class _Entry:
    """One entry of a directory: its tag, and how and where its value lies in the block."""

    tag: int
    type: int
    count: int
    at: int  # of the value


class ExifBlock:
    """The bytes of a block, to be read and changed in place.

    Raises ExifError if the first directory cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        while data.startswith(PREFIX):
            data = data[len(PREFIX) :]
        self._data = bytearray(data)
        if data[:4] not in {b"II\x2a\x00", b"MM\x00\x2a"}:
            raise ExifError("no TIFF header")
        self._order = "<" if data[:2] == b"II" else ">"
        self._first = self._number("I", 4)
        self._entries = {entry.tag: entry for entry in self._directory(self._first)}

    def to_bytes(self) -> bytes:
        """The block as it is now, without the "Exif" in front."""
        return bytes(self._data)

    @property
    def orientation(self) -> int:
        """1 to 8; 1 when it is not told, or told wrong."""
        value = self._value(self._entries.get(_ORIENTATION))
        return value if value is not None and 1 <= value <= 8 else 1

    @property
    def focal_length_35mm(self) -> float | None:
        """In mm, of the camera with the same diagonal angle of view on 35 mm film; None where it is not known."""
        try:
            value = self._value(self._details().get(_FOCAL_LENGTH_35MM))
        except ExifError:
            return None
        return float(value) if value else None  # 0 says that it is unknown

    def reset_orientation(self) -> None:
        """Say that the picture is upright."""
        self._set(self._entries.get(_ORIENTATION), 1)

    def set_size(self, height: int, width: int) -> None:
        """Bring the sizes up to date, where they are told."""
        self._set(self._entries.get(_IMAGE_WIDTH), width)
        self._set(self._entries.get(_IMAGE_LENGTH), height)
        details = self._details()
        self._set(details.get(_PIXEL_X), width)
        self._set(details.get(_PIXEL_Y), height)

    def remove_orientation(self) -> None:
        """Take the tag out: for formats that tell the orientation in another place."""
        entry = self._entries.pop(_ORIENTATION, None)
        if entry is not None:
            count = self._number("H", self._first)
            start, stop = entry.at - 8, self._first + 2 + 12 * count + 4
            self._data[start : stop - 12] = self._data[start + 12 : stop]
            struct.pack_into(self._order + "H", self._data, self._first, count - 1)
            self._entries = {entry.tag: entry for entry in self._directory(self._first)}

    def remove_thumbnail(self) -> None:
        """Take out the small picture, which shows the scene as it was: unlinked, and cut off or blanked."""
        link = self._first + 2 + 12 * self._number("H", self._first)
        if link + 4 > len(self._data):
            return
        at = self._number("I", link)
        self._data[link : link + 4] = bytes(4)
        try:
            thumbnail = {entry.tag: entry for entry in self._directory(at)} if at else {}
        except ExifError:
            return
        start = self._value(thumbnail.get(_THUMBNAIL_OFFSET)) or 0
        stop = start + (self._value(thumbnail.get(_THUMBNAIL_LENGTH)) or 0)
        directory = at, at + 2 + 12 * len(thumbnail) + 4
        used = list(self._spans())
        for span in ((start, stop), directory):
            if at and not any(span[0] < other[1] and other[0] < span[1] for other in used):
                self._blank(*span)

    def _blank(self, start: int, stop: int) -> None:
        if stop >= len(self._data):
            del self._data[start:]
        else:
            self._data[start:stop] = bytes(stop - start)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Where the header, the directories and their values lie."""
        yield 0, 8
        for at, entries in ((self._first, self._entries), (self._exif_at(), self._details())):
            yield at, at + 2 + 12 * len(entries) + 4
            for entry in entries.values():
                length = entry.count * TYPE_SIZES.get(entry.type, 1)
                if length > 4:
                    start = self._number("I", entry.at)
                    yield start, start + length

    def _exif_at(self) -> int:
        return self._value(self._entries.get(EXIF)) or 0

    def _details(self) -> dict[int, _Entry]:
        """The entries of the sub-directory that holds the exposure and such."""
        at = self._exif_at()
        try:
            return {entry.tag: entry for entry in self._directory(at)} if at else {}
        except ExifError:
            return {}

    def _directory(self, offset: int) -> Iterator[_Entry]:
        for index in range(self._number("H", offset)):
            at = offset + 2 + 12 * index
            yield _Entry(self._number("H", at), self._number("H", at + 2), self._number("I", at + 4), at + 8)

    def _number(self, code: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self._order + code, self._data, at)[0])
        except struct.error:
            raise ExifError("an offset beyond the end") from None

    def _value(self, entry: _Entry | None) -> int | None:
        """The value of an entry that is one SHORT or LONG; None for all others."""
        if entry is None or entry.count != 1 or entry.type not in _FORMATS:
            return None
        return self._number(_FORMATS[entry.type], entry.at)

    def _set(self, entry: _Entry | None, value: int) -> None:
        """Overwrite such a value, if there is one and the new one fits."""
        if self._value(entry) is not None and entry is not None:
            fitting = value if entry.type == _LONG else min(value, 0xFFFF)
            struct.pack_into(self._order + _FORMATS[entry.type], self._data, entry.at, fitting)
