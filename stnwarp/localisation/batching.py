"""Pictures that several threads have at the same time, run as one batch, without any of them waiting for more."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.onnx.session import Ended

Picture = NDArray[np.float32]
Row = NDArray[np.float64]


@dataclass(eq=False)
class _Entry:
    """One picture on its way through the network."""

    picture: Picture
    row: Row | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.row is not None or self.error is not None


class Batcher:
    """Runs the pictures of many threads in batches: who finds the network free takes along all that wait for it.

    A batch is never held back for another picture. The network runs in the thread of one of those who asked, and
    for one batch at a time, so that workers and network do not ask for more cores than there are workers.

    Args:
        run: takes pictures and gives for each a row of numbers, or why there is none.
        most: how many pictures there may be in a batch.
    """

    def __init__(self, run: Callable[[Sequence[Picture]], Sequence[Row | CheckpointError]], most: int) -> None:
        self._run, self._most = run, most
        self._network = threading.Lock()
        self._waiting: deque[_Entry] = deque()

    def __reduce__(self) -> tuple[type["Batcher"], tuple[Any, int]]:
        return Batcher, (self._run, self._most)

    def numbers(self, picture: Picture) -> Row:
        """The row of numbers for *picture*; raises why there is none, or what *run* raised for its batch."""
        entry = _Entry(picture)
        self._waiting.append(entry)
        with self._network:
            while not entry.is_done:
                self._work_off()
        if entry.error is not None:
            raise entry.error
        assert entry.row is not None
        return entry.row

    def _work_off(self) -> None:
        """One batch of those that have waited longest; the caller has the network."""
        batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            for entry, found in zip(batch, self._run([entry.picture for entry in batch]), strict=True):
                if isinstance(found, CheckpointError):
                    entry.error = found
                else:
                    entry.row = found
        except (Exception, Ended) as error:
            for entry in batch:
                entry.error = error
        except BaseException:  # an interrupt is for this thread alone, but the others have nobody to wait for any more
            for entry in batch:
                entry.error = CheckpointError("interrupted while its network ran")
            raise
