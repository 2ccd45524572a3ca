"""The fields of a protocol buffer, read from bytes without a schema and without trusting them."""

from collections.abc import Iterator
from enum import IntEnum

from stnwarp.errors import CheckpointError

_LONGEST_VARINT = 10
_LARGEST_TAG = 2**32 - 1
_NOT_ONNX = "not an ONNX file, or a damaged one"


class Wire(IntEnum):
    """How a field lies in the file; the two kinds that ONNX never had are left out."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


_FIXED_LENGTH = {Wire.FIXED64: 8, Wire.FIXED32: 4}

Field = tuple[int, Wire, int | memoryview]


def fields(message: memoryview) -> Iterator[Field]:
    """Number, kind and value of each field of *message*, in order; no byte is copied.

    Raises:
        CheckpointError: a length beyond the end, or what no field begins with.
    """
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        # A longer tag is cut to 32 bits by some readers: it would be one field for us and another for them.
        if number == 0 or kind not in _KINDS or tag > _LARGEST_TAG:
            raise CheckpointError(_NOT_ONNX)
        wire = _KINDS[kind]
        if wire is Wire.VARINT:
            value, place = _varint(message, place)
            yield number, wire, value
            continue
        length = _FIXED_LENGTH.get(wire)
        if length is None:
            length, place = _varint(message, place)
        if length > end - place:
            raise CheckpointError(f"truncated or damaged: {length - (end - place):,} bytes are missing")
        yield number, wire, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The whole number that begins at *place*, and where the next thing begins."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if place + index >= len(message):
            raise CheckpointError("truncated or damaged: it ends within a number")
        byte = message[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise CheckpointError(_NOT_ONNX)


_KINDS = {int(kind): kind for kind in Wire}
