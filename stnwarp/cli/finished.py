"""The outcomes of a run from when they come about, in worker threads, to when they have been told, once each."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from stnwarp.cli.console import is_held_up
from stnwarp.cli.outcomes import Tally
from stnwarp.cli.reporting import SIGNALS
from stnwarp.errors import OutputError

if TYPE_CHECKING:
    from stnwarp.folder import Outcome, Saving


class Finished:
    """What has been finished, known to be told or not: Ctrl-C comes at any moment.

    Args:
        tally: where outcomes are told.
        skipped: outcomes that are known before the run.
        saving: what writes each outcome of the run down, too.
    """

    def __init__(self, tally: Tally, skipped: Iterable["Outcome"], saving: "Saving | None") -> None:
        self._tally = tally
        self._saving = saving
        self._untold = {id(outcome.job): outcome for outcome in skipped}
        self._deferral = Deferral()

    def note(self, outcome: "Outcome") -> None:
        """*outcome* has come about; called in any thread."""
        if outcome.job.target is not None:  # nothing is done yet on the way to standard output
            self._untold[id(outcome.job)] = outcome
        if self._saving is not None:
            self._saving.add(outcome)

    def tell(self, outcome: "Outcome", *, with_record: bool = True) -> None:
        """Tell and count *outcome*, not to be interrupted in between."""
        with self._deferral.on():
            self._untold.pop(id(outcome.job), None)
            self._tally.add(outcome, with_record=with_record)

    @contextmanager
    def told(self) -> Iterator[None]:
        """A run, after which everything is told that was finished, however it ends."""
        with self._deferral:
            try:
                yield
            finally:
                for outcome in list(self._untold.values()):
                    with suppress(OSError, OutputError):  # which has ended the run by now
                        self.tell(outcome, with_record=not _is_held_up())


class Deferral:
    """Signals put off while something is told, unless its reader holds that up."""

    def __init__(self) -> None:
        self._is_on = False
        self._signal: int | None = None
        self._handlers: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Put signals off meanwhile."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            if self._signal is not None:
                number, self._signal = self._signal, None
                self._pass_on(number, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_on and not _is_held_up():
            self._signal = number
        else:
            self._pass_on(number, frame)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        handler = self._handlers[number]
        assert callable(handler)
        handler(number, frame)


def _is_held_up() -> bool:
    """Whether standard output or error takes nothing at the moment."""
    return any(is_held_up(stream) for stream in (sys.stdout, sys.stderr) if stream is not None)
