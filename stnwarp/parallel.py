"""Parts of a work shared out among threads, for kernels run without the interpreter's lock; waiting for threads."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

_Part = TypeVar("_Part")
_Item = TypeVar("_Item")

# Idle threads wait for the next call: to start them takes as long as a small image. Nobody asks for more than this.
_MOST = 64
_BEAT = 0.2  # seconds: an endless wait cannot be interrupted by Ctrl-C on every system
_pools: list[ThreadPoolExecutor] = []


def _forget_pools() -> None:
    """A forked process has the pool without its threads."""
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def run_parallel(work: Callable[[_Part], Any], parts: Iterable[_Part], threads: int) -> None:
    """Do *work* for each of *parts*, by so many *threads* at a time, of which the caller's is one.

    The first error is raised when nobody works any more.
    """
    left = iter(list(parts))  # taking the next one is atomic

    def take() -> None:
        for part in left:
            work(part)

    if threads == 1:
        take()
        return
    if not _pools:
        _pools.append(ThreadPoolExecutor(_MOST, "share-out"))
    helpers: list[Future[None]] = []
    with suppress(RuntimeError):  # no memory for another thread: those that there are do it
        helpers.extend(_pools[0].submit(take) for _ in range(threads - 1))
    try:
        take()
    finally:
        # Who has not begun by now, since the pool is busy, would find nothing left.
        wait([helper for helper in helpers if not helper.cancel()])
    for helper in helpers:
        if not helper.cancelled():
            helper.result()


def wait_for_item(queue: "SimpleQueue[_Item]") -> _Item:
    """Wait for the first item of *queue*, as long as it takes; a signal is heard meanwhile."""
    while True:
        try:
            return queue.get(timeout=_BEAT)
        except Empty:
            continue
