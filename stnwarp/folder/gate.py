"""The gate every write goes through, so that a run can be stopped without leaving half a file behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Stopped(Exception):
    """The run was stopped before this image was written."""


class WriteGate:
    """Open until `close`, which lets writes under way finish and no other one begin."""

    def __init__(self) -> None:
        self._change = Condition()
        self._writing = 0
        self._open = True

    def check(self) -> None:
        """Raise Stopped if the gate is closed: what is worked on will not be written."""
        if not self._open:
            raise Stopped

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A write, which `close` waits for; Stopped if the gate is closed."""
        with self._change:
            self.check()
            self._writing += 1
        try:
            yield
        finally:
            with self._change:
                self._writing -= 1
                self._change.notify_all()

    def close(self, patience: float) -> bool:
        """Let nothing through any more; whether what is being written is done within *patience* seconds."""
        with self._change:
            self._open = False
            return self._change.wait_for(lambda: not self._writing, timeout=patience)
