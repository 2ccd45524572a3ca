"""Work outside Python that a signal can end: it would go on to its own end, however long that takes, otherwise."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from stnwarp.sharing import first_of

T = TypeVar("T")

_PATIENCE = 1.0  # seconds that work has to end in once it was told to; then it is given up


class Ended(BaseException):
    """Work was ended from outside: nothing is known to be wrong with what was worked on, and nobody waits for it."""


def interruptible(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """What *work* gives or raises; where this is the main thread, done in another one so that signals are heard.

    Python handles signals in its main thread alone, and only between two of its own instructions. The other thread is
    a daemon: work that does not end when it is told to keeps the process no longer than *_PATIENCE*.

    Args:
        work: to be done.
        stop: tells *work* to end, from outside.

    Raises:
        KeyboardInterrupt: or whatever else a signal handler raises, once *stop* was called.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    ends: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()
    worker = threading.Thread(target=_done, args=(work, ends), name="stnwarp-network", daemon=True)
    try:
        if not _begun(worker):
            _done(work, ends)
        result, error = first_of(ends)
    except BaseException:
        stop()
        if worker.ident is not None:
            worker.join(_PATIENCE)
        raise
    if error is None:
        return result  # type: ignore[return-value]
    try:
        raise error
    finally:
        del error, ends, worker  # the error's traceback holds this frame, and what it holds: work's images


def _begun(worker: threading.Thread) -> bool:
    """Whether *worker* could be started: there may be no thread to be had."""
    try:
        worker.start()
    except RuntimeError:
        return False
    return True


def _done(work: Callable[[], T], ends: "SimpleQueue[tuple[T, None] | tuple[None, BaseException]]") -> None:
    try:
        ends.put((work(), None))
    except BaseException as error:  # whatever it is, somebody waits for it
        ends.put((None, error))
