"""Work shared out among threads, results computed once for all of them, and waiting for threads."""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import wraps
from itertools import pairwise
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")
_Part = TypeVar("_Part")
_Item = TypeVar("_Item")

# Idle threads wait for the next call: to start them takes as long as a small image. Nobody asks for more than this.
_MOST = 64
_BEAT = 0.2  # seconds: an endless wait cannot be interrupted by Ctrl-C on every system
_pools: list[ThreadPoolExecutor] = []
_caches: list["_Cache"] = []


def _forget_threads() -> None:
    """Drop pools, and results under way, in a forked process: their threads are not there."""
    _pools.clear()
    for cache in _caches:
        cache.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


class _Cache:
    """The last results of a function, of which some may still be computed."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.clear()

    def clear(self) -> None:
        self._lock = Lock()
        self._results: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def entry(self, key: Hashable) -> tuple[Future[Any], bool]:
        """Return the result of `key`, and whether the caller is the one to compute it."""
        with self._lock:
            is_new = key not in self._results
            if is_new:
                self._results[key] = Future()
                while len(self._results) > self.length:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
            return self._results[key], is_new

    def drop(self, key: Hashable, result: "Future[Any]") -> None:
        """Remove `result` of `key`, unless it made room meanwhile and a newer one stands there."""
        with self._lock:
            if self._results.get(key) is result:
                del self._results[key]


def cache_calls(length: int) -> Callable[[Callable[_Parameters, _Result]], Callable[_Parameters, _Result]]:
    """Keep the last `length` results of a function, each computed once however many threads ask for it at a time.

    With `functools.lru_cache` each of them would compute it. Errors are not kept, nor is what cannot be hashed.
    """

    def decorate(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        cache = _Cache(length)
        _caches.append(cache)

        @wraps(function)
        def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
            key = (args, tuple(kwargs.items()))
            while True:
                try:
                    future, is_new = cache.entry(key)
                except TypeError:
                    return function(*args, **kwargs)
                if is_new:
                    with _dropped_if_it_fails(cache, key, future):
                        future.set_result(function(*args, **kwargs))
                try:
                    result: _Result = future.result()
                except CancelledError:
                    if future.cancelled():
                        continue
                    raise
                return result

        return call

    return decorate


@contextmanager
def _dropped_if_it_fails(cache: _Cache, key: Hashable, future: "Future[Any]") -> Iterator[None]:
    """Drop `future`, the result of `key`, if the body raises; an error is for all who wait, an interrupt for one."""
    try:
        yield
    except BaseException as error:
        cache.drop(key, future)
        if isinstance(error, Exception):
            future.set_exception(error)
        else:  # Ctrl-C in this thread: the others compute it themselves
            future.cancel()
        raise


def run_in_bands(work: Callable[[tuple[int, int]], None], total: int, threads: int) -> None:
    """Call `work` for bands [start, stop) of `total` rows, one for each of `threads`."""
    if threads == 1:
        work((0, total))
        return
    threads = min(threads, total)
    edges = [total * number // threads for number in range(threads + 1)]
    run_parallel(work, pairwise(edges), threads)


def run_parallel(work: Callable[[_Part], Any], parts: Iterable[_Part], threads: int) -> None:
    """Do `work` for each of `parts`, by so many `threads` at a time, of which the caller's is one.

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
    """Wait for the first item of `queue`, as long as it takes; a signal is heard meanwhile."""
    while True:
        try:
            return queue.get(timeout=_BEAT)
        except Empty:
            continue
