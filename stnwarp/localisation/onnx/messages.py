"""Messages between two processes over a pair of pipes: a few facts as JSON, and bytes.

Nothing is pickled: what comes from a process that runs a network of others is read as data alone.
"""

import json
import os
import select
import struct
import time
from collections.abc import Mapping
from typing import Any

_LENGTHS = struct.Struct("<IQ")  # of the facts and of the bytes
_MOST_FACTS = 2**22  # bytes
_PIECE = 2**20
_BEAT = 200  # milliseconds: an endless wait cannot be interrupted everywhere


class Channel:
    """One end of a pair of pipes.

    Args:
        source: the descriptor that is read.
        sink: the descriptor that is written to.
        most_bytes: the largest payload that is taken.
    """

    def __init__(self, source: int, sink: int, most_bytes: int) -> None:
        self._source, self._sink, self._most = source, sink, most_bytes

    def send(self, facts: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Write one message; OSError where the other end is gone, ValueError for facts of megabytes."""
        text = json.dumps(facts).encode("ascii")
        if len(text) > _MOST_FACTS:
            raise ValueError(f"{len(text):,} bytes of facts in one message")
        data = memoryview(payload)
        self._write(memoryview(_LENGTHS.pack(len(text), data.nbytes) + text))
        if data.nbytes:
            self._write(data.cast("B"))

    def receive(self, seconds: float | None = None) -> tuple[dict[str, Any], bytearray]:
        """Wait for one message.

        Raises:
            EOFError: the other end is gone.  TimeoutError: it has not come within *seconds*, where the system can tell.
            ValueError: what came is no message.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        text_length, length = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if text_length > _MOST_FACTS or length > self._most:
            raise ValueError("a message that is too long")
        facts = json.loads(self._read(text_length, deadline))
        if not isinstance(facts, dict):
            raise ValueError("a message without facts")
        return facts, self._read(length, deadline)

    def _write(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._sink, rest[:_PIECE]) :]

    def _read(self, length: int, deadline: float | None) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            self._wait(deadline)
            count = _read_into(self._source, rest[:_PIECE])
            if not count:
                raise EOFError
            rest = rest[count:]
        return data

    def _wait(self, deadline: float | None) -> None:
        if deadline is None or not hasattr(select, "poll"):  # Windows waits for pipes in other ways
            return
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        while not poll.poll(_BEAT):
            if time.monotonic() >= deadline:
                raise TimeoutError


def _read_into(descriptor: int, place: memoryview) -> int:
    if hasattr(os, "readv"):
        return os.readv(descriptor, [place])
    piece = os.read(descriptor, len(place))
    place[: len(piece)] = piece
    return len(piece)
