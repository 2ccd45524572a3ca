"""What C libraries write to standard error themselves: collected in a private file, and told as warnings.

libtiff, ONNX Runtime and others write to descriptor 2 behind Python's back: past -q, into the progress bar, and without
the name of the image. While a command runs, `sys.stderr` is a duplicate of descriptor 2, and descriptor 2 is a file of
our own, which is looked at whenever an image is begun and done.
"""

import faulthandler
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

import click

from stnwarp.cli.console import TRACEBACKS, Console
from stnwarp.cli.outcomes import source_name
from stnwarp.text import elide

if TYPE_CHECKING:
    from stnwarp.folder import Job

_KEY = "stnwarp.native_messages"  # in ctx.meta
_DESCRIPTOR = 2
_MOST_LINES = 3  # of one image
_MOST_NAMES = 4
_LONGEST = 300  # characters
_MOST_BYTES = 1 << 18  # read at a time: a decoder may complain of every row
_FULL = 1 << 24  # bytes in the file, from which on it is emptied
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_NAME = "tempfile.tif: "  # what Pillow calls any TIFF

_streams: list[TextIO] = []  # kept open: handlers of logging may hold them to the end of the process


@dataclass
class _Lines:
    """The distinct lines that belong to *name*; *left_out* counts those beyond the first few."""

    name: str = ""
    lines: list[str] = field(default_factory=list)
    left_out: int = 0

    def extend(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line not in self.lines:
                is_one_more = len(self.lines) >= _MOST_LINES
                self.left_out += is_one_more
                self.lines.extend([] if is_one_more else [line])

    def told(self) -> list[str]:
        """The lines, and how many are missing."""
        return [*self.lines, *([f"{self.left_out} more lines"] if self.left_out else [])]


class NativeMessages:
    """The lines in the private file *descriptor*, each of which belongs to what was under way when it came in.

    Without a descriptor nothing is collected.
    """

    def __init__(self, console: Console, descriptor: int | None = None) -> None:
        self._console = console
        self._descriptor = descriptor
        self._offset = 0
        self._turn = threading.Lock()
        self._under_way: dict[int, _Lines] = {}  # by thread
        self._others = _Lines()
        self._shared: set[str] = set()

    @contextmanager
    def of_job(self, job: "Job") -> Iterator[Sequence[str]]:
        """Work on *job* in this thread: yields a list that holds in the end the lines that are of it alone."""
        if self._descriptor is None:
            yield ()
            return
        own, told = self._begin(source_name(job)), list[str]()
        try:
            yield told
        except BaseException:
            self._end()
            self._warn(own)
            raise
        self._end()
        told += own.told()

    @contextmanager
    def of_file(self, name: object) -> Iterator[None]:
        """Work on the file called *name*: its lines are told at the end, with its name."""
        own = self._begin(str(name))
        try:
            yield
        finally:
            self._end()
            self._warn(own)

    def _begin(self, name: str) -> _Lines:
        with self._turn:
            self._look()
            self._under_way[threading.get_ident()] = own = _Lines(name)
        return own

    def _end(self) -> None:
        with self._turn:
            self._look(is_end=len(self._under_way) == 1)
            del self._under_way[threading.get_ident()]

    def close(self) -> None:
        """Look no more, after a last time."""
        self.tell()
        with self._turn:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def tell(self) -> None:
        """Say what has come in and is of no image."""
        with self._turn:
            self._look(is_end=True)
            others, self._others = self._others, _Lines()
        self._warn(others)

    def _warn(self, lines: _Lines) -> None:
        for line in lines.told():
            self._console.warn(f"{lines.name}: {line}" if lines.name else line)

    def _look(self, is_end: bool = False) -> None:
        """Give the lines that have come in to what is under way; to nobody in particular if that is nothing."""
        lines = self._new_lines(is_end)
        if not lines:
            return
        candidates = list(self._under_way.values())
        if len(candidates) > 1:
            self._tell_shared(lines, [candidate.name for candidate in candidates])
        else:
            (candidates or [self._others])[0].extend(lines)

    def _tell_shared(self, lines: Sequence[str], names: Sequence[str]) -> None:
        shown = ", ".join(sorted(names)[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} others" if len(names) > _MOST_NAMES else ""
        for line in lines:
            text = f"one of {shown}{more}: {line}"
            if text not in self._shared:
                self._shared.add(text)
                self._console.warn(text)

    def _new_lines(self, is_end: bool) -> list[str]:
        """The lines that nobody has seen; one that goes on may be waited for, but not at the end."""
        if self._descriptor is None or (size := os.fstat(self._descriptor).st_size) == self._offset:
            return []
        data = os.pread(self._descriptor, _MOST_BYTES, self._offset)
        if size - self._offset > _MOST_BYTES:
            data, self._offset = data.rpartition(b"\n")[0] or data, size
        else:
            data = data if is_end else data[: data.rfind(b"\n") + 1]
            self._offset += len(data)
        if self._offset == size > _FULL:
            os.ftruncate(self._descriptor, 0)
            self._offset = 0
        lines = (_plain(line) for line in data.decode("utf-8", "backslashreplace").splitlines())
        return list(dict.fromkeys(line for line in lines if line))


def _plain(line: str) -> str:
    return elide(_COLOURS.sub("", line).strip().removeprefix(_NO_NAME), _LONGEST)


def native_messages() -> NativeMessages:
    """Those of the command that runs."""
    found: NativeMessages = click.get_current_context().meta[_KEY]
    return found


@contextmanager
def messages_collected(context: click.Context) -> Iterator[None]:
    """Collect them while the command of *context* runs, where standard error is descriptor 2 and it is not -vv."""
    console = context.ensure_object(Console)
    original = sys.stderr
    _occupy_descriptor()
    private = _private_file() if console.verbosity < TRACEBACKS and _is_real(original) else None
    context.meta[_KEY] = messages = NativeMessages(console, private)
    if private is None:
        yield
        return
    was_dumping = faulthandler.is_enabled()
    saved = os.dup(_DESCRIPTOR)
    stream = open(saved, "w", buffering=1, encoding=original.encoding, errors=original.errors)  # noqa: SIM115, PTH123
    _streams.append(stream)
    try:
        faulthandler.enable(stream)  # a crash would be told to a file that is gone with the process
        sys.stderr = stream
        os.dup2(private, _DESCRIPTOR)
        yield
    finally:
        os.dup2(saved, _DESCRIPTOR)
        sys.stderr = original
        faulthandler.enable(original) if was_dumping else faulthandler.disable()
        messages.close()


def _occupy_descriptor() -> None:
    """Let nobody's file be descriptor 2 where that is closed: what libraries write would get into it."""
    try:
        os.fstat(_DESCRIPTOR)
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != _DESCRIPTOR:
                os.dup2(nowhere, _DESCRIPTOR)
                os.close(nowhere)


def _is_real(stream: TextIO | None) -> bool:
    """Whether *stream* is what the process got as standard error: not that of a test, nor a closed one."""
    try:
        return stream is not None and stream.fileno() == _DESCRIPTOR and hasattr(os, "pread")
    except (OSError, ValueError, AttributeError):
        return False


def _private_file() -> int | None:
    """A file without a name, to whose end everybody writes; None where there can be none."""
    with suppress(OSError):
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("stnwarp-messages")
        else:
            import tempfile

            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
        return descriptor
    return None
