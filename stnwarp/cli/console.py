"""The two streams of a run.

Standard output carries data only. Warnings, progress, summary and errors go to standard error, one line each.
"""

import functools
import re
import select
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from stnwarp.errors import OutputError
from stnwarp.text import elide, escape_unprintable

PROGRAM = "stnwarp"
QUIET = -1
TRACEBACKS = 2

_PATIENCE = 0.2  # seconds that the end of a run waits for a thread that speaks

_LONGEST_LINE = 1_800  # characters of a message, so that no text that it repeats fills the screen
_LONGEST_PATH = 4_096
_NO_PATH = 300  # of a word with slashes that no file can have as its path
_BETWEEN = re.compile(r"(: |')")  # what stands round the paths in a message


def _short_enough(text: str) -> str:
    """*text* as a message that can be read; two paths in it, of an image and its output, stay whole if they can be."""
    if len(text) <= _LONGEST_LINE:
        return text
    parts = [_short_path(part) if "/" in part else part for part in _BETWEEN.split(text)]
    text, paths = "".join(parts), sorted(len(part) for part in parts if "/" in part)
    return text if len(text) - sum(paths[-2:]) <= _LONGEST_LINE else elide(text, _LONGEST_LINE)


def _short_path(part: str) -> str:
    """*part* of a message, which may be a path, unless it is too long for one."""
    return part if len(part) <= _LONGEST_PATH else elide(part, _NO_PATH)


def _write_line(stream: TextIO, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def is_held_up(stream: TextIO) -> bool:
    """Whether *stream* takes nothing at the moment, so that a write to it may last for ever."""
    if not hasattr(select, "poll"):
        return False
    with suppress(OSError, ValueError, AttributeError):
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return not poll.poll(0)
    return False


class Console:
    """What is said, and how much of it: `verbosity` is -1 for -q, 1 for -v, 2 for -vv.

    Once *is_ending*, after a signal, nobody is waited for: what a stream does not take at once is left unsaid.
    """

    def __init__(self) -> None:
        self.verbosity = 0
        self.is_ending = False
        self._bar: Any = None
        self._turn = threading.RLock()  # worker threads speak, too, and not into the bar while it is drawn

    @property
    def is_held_up(self) -> bool:
        """Whether something is left unsaid after a signal, because nobody reads it."""
        return self.is_ending and any(is_held_up(stream) for stream in (sys.stdout, sys.stderr) if stream is not None)

    def data(self, line: str) -> None:
        """One line of data to standard output, at once; OutputError if nothing can be written there."""
        if sys.stdout is None:
            raise OutputError("standard output is closed; redirect it to a file or to another program")
        with self._beside_the_bar(sys.stdout) as is_free:
            try:
                if is_free:
                    _write_line(sys.stdout, line)
            except BrokenPipeError:
                raise  # the reader has seen enough: the run ends without a word
            except OSError as error:
                raise OutputError(f"standard output: {error.strerror}; redirect it to another place") from error

    def say(self, text: str, verbosity: int = 0) -> None:
        """One line to standard error, if the run is at least so verbose."""
        if self.verbosity < verbosity or sys.stderr is None:
            return
        with self._beside_the_bar(sys.stderr) as is_free:
            try:
                if is_free:
                    _write_line(sys.stderr, f"{PROGRAM}: {_short_enough(escape_unprintable(text))}")
            except (OSError, ValueError):
                return  # there is nobody left to tell

    def warn(self, text: str) -> None:
        """Something the user should know, although the work goes on."""
        self.say(f"warning: {text}")

    def error(self, text: str) -> None:
        """Why the run ends; said however quiet it is."""
        self.say(f"error: {text}", verbosity=QUIET)

    def traceback(self, error: BaseException | None) -> None:
        """Where in the code *error* comes from, with -vv."""
        if error is not None and self.verbosity >= TRACEBACKS and sys.stderr is not None:
            with suppress(OSError, ValueError):
                traceback.print_exception(error)

    @contextmanager
    def progress(self, total: int, unit: str = "image") -> Iterator[Callable[[], object]]:
        """A bar of *total* units where standard error is a terminal; yields what to call after each of them."""
        if self.verbosity == QUIET or total < 2 or sys.stderr is None or not sys.stderr.isatty():
            yield lambda: None
            return
        from tqdm import tqdm

        with tqdm(total=total, unit=unit, file=sys.stderr, leave=False, dynamic_ncols=True) as bar:
            self._bar = bar
            try:
                yield functools.partial(self._advance, bar)
            finally:
                bar.disable = self.is_ending and is_held_up(sys.stderr)  # it would be wiped away
                self._bar = None

    @contextmanager
    def _beside_the_bar(self, stream: TextIO) -> Iterator[bool]:
        """The turn to write to *stream*; yields whether there is one."""
        if self.is_ending:
            has_turn = self._turn.acquire(timeout=_PATIENCE)
            try:
                yield has_turn and not is_held_up(stream)
            finally:
                if has_turn:
                    self._turn.release()
            return
        with self._turn:
            if self._bar is not None:
                self._bar.clear()
            yield True
            if self._bar is not None:
                self._bar.refresh()

    def _advance(self, bar: Any) -> None:
        with self._turn:
            bar.update()
