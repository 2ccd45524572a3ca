"""What is worked on at a time, limited by what memory it takes: a job waits until there is room for it."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from stnwarp.resources import free_memory

_SHARE = 0.7  # of the memory that is free when the first image is read; what is estimated is not all that is used
_BEAT = 0.05  # seconds between two looks at whether the run has been stopped

Take = Callable[[int], None]


class Budget:
    """The memory for all the jobs of a run, which have it in the order in which they ask.

    A job that needs more than there is at all runs while no other one does. Each asks once, before it has anything, so
    that none waits for another that waits.
    """

    def __init__(self, free: Callable[[], int] = lambda: free_memory()) -> None:
        self._free = free
        self._size: int | None = None
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._change = Condition()

    @contextmanager
    def share(self, check: Callable[[], None]) -> Iterator[Take]:
        """For one job: yields what it calls, once at the most, with the bytes that it needs, and then waits.

        Meanwhile *check* is called again and again: what it raises ends the waiting. At the end of the job the bytes
        are given back.
        """
        taken: list[int] = []

        def take(needed: int) -> None:
            self._take(needed, check)
            taken.append(needed)

        try:
            yield take
        finally:
            if taken:
                with self._change:
                    self._taken -= taken.pop()
                    self._change.notify_all()

    def _take(self, needed: int, check: Callable[[], None]) -> None:
        with self._change:
            if self._waiting or not self._has_room(needed):
                self._wait(needed, check)
            self._taken += needed

    def _wait(self, needed: int, check: Callable[[], None]) -> None:
        ticket = object()
        self._waiting.append(ticket)
        try:
            while self._waiting[0] is not ticket or not self._has_room(needed):
                self._change.wait(_BEAT)
                check()
        finally:
            self._waiting.remove(ticket)
            self._change.notify_all()  # the next one may have room as well

    def _has_room(self, needed: int) -> bool:
        if self._size is None:
            self._size = int(_SHARE * self._free())
        return not self._taken or self._taken + needed <= self._size
