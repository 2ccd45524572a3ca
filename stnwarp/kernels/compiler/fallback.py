"""Kernels where Numba's internal classes cannot be used: compiled by plain `numba.njit`, kept by Numba's own cache.

That cache raises out of calls: if a file of it is damaged, if its directory cannot be written any more, if the disk is
full. It does so before a kernel has written anything, and kernels themselves raise nothing, so the call is repeated.
"""

import multiprocessing
import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from stnwarp.kernels.compiler.object_cache import cache_directory, warn_about_cache
from stnwarp.kernels.compiler.versions import advice

# The process that has warned: those that multiprocessing starts for it do not.
_WARNED_BY = "STNWARP_FALLBACK_WARNED_BY"
_first = threading.Lock()

cache_faults: list[str] = []  # why kernels that this process compiled are not on disk


class NjitKernel:
    """`function` compiled with `options`, called with arrays."""

    def __init__(self, function: Callable[..., None], options: dict[str, Any]) -> None:
        self._name, self._known = function.__name__, set[str]()
        self._cache_dispatcher, self._plain_dispatcher = _with_cache(function, options), numba.njit(**options)(function)

    def compiles(self, arguments: tuple[Any, ...]) -> bool:
        """Return whether arrays like those among `arguments` are new to it, in this process and to its cache."""
        mark = self._mark(arguments)
        return mark not in self._known and not (self._cache_dispatcher is not None and _marks(mark).exists())

    def __call__(self, *arguments: Any) -> None:
        """Run it; what the cache raises costs a compilation and one warning, never the run."""
        dispatcher = self._cache_dispatcher
        if dispatcher is None:
            self._plain_dispatcher(*arguments)
            is_on_disk = False
        else:
            is_on_disk = self._run(dispatcher, arguments)
        mark = self._mark(arguments)
        if mark not in self._known:
            self._known.add(mark)
            if is_on_disk:
                with suppress(OSError):
                    _marks(mark).touch(mode=0o600)

    def _run(self, dispatcher: Any, arguments: tuple[Any, ...]) -> bool:
        """Run it by `dispatcher`, again if that raises; return whether what was compiled is on disk."""
        try:
            dispatcher(*arguments)
        except Exception as error:
            is_damaged = not isinstance(error, OSError)
            if is_damaged:  # something in a file, which the next run would find again
                _empty_cache()
            self._run_again(dispatcher, arguments)
            reason = f"Numba's cache of compiled kernels: {type(error).__name__}: {error}"
            warn_about_cache(reason)
            if is_damaged and self._cache_dispatcher is not None:  # it was made anew
                return True
            cache_faults.append(reason)
            return False
        return True

    def _run_again(self, dispatcher: Any, arguments: tuple[Any, ...]) -> None:
        try:
            dispatcher(*arguments)  # it may be compiled by now, and only not be on disk; or what was in its way is gone
        except Exception:
            self._plain_dispatcher(*arguments)
            self._cache_dispatcher = None

    def _mark(self, arguments: tuple[Any, ...]) -> str:
        """Return a name for this kernel, compiled for such arrays."""
        return f"{self._name}-{_array_types(arguments)}.compiled"


def _array_types(arguments: tuple[Any, ...]) -> str:
    """Join NumPy's letters for the dtypes of all arrays, those of tasks too."""
    inner = (_array_types(argument) if isinstance(argument, tuple) else "" for argument in arguments)
    own = (argument.dtype.char if isinstance(argument, np.ndarray) else "" for argument in arguments)
    return "".join(map("".join, zip(own, inner, strict=True)))


def warn_once(obstacle: str | None) -> None:
    """Warn that kernels run slower here, once per group of processes."""
    if not _first.acquire(blocking=False):
        return
    parent = multiprocessing.parent_process()
    if parent is None or os.environ.get(_WARNED_BY) != str(parent.pid):
        os.environ[_WARNED_BY] = str(os.getpid())
        remedy = advice(numba.__version__)
        what = f"the kernels cannot be compiled the fast way with numba {numba.__version__} ({obstacle})"
        warnings.warn(f"{what} and run several times slower; {remedy} makes them fast", RuntimeWarning, stacklevel=2)


def _with_cache(function: Callable[..., None], options: dict[str, Any]) -> Any:
    """Return `function`, to be compiled and kept; None where there is no place for that."""
    directory = _directory()
    if directory is None:
        return None
    try:
        with _cache_in(str(directory)):
            return numba.njit(cache=True, **options)(function)
    except Exception as error:  # as a rule RuntimeError: Numba finds no place either
        cache_faults.append(f"{error}")
        warn_about_cache(f"compiled kernels cannot be cached: {error}")
        return None


@contextmanager
def _cache_in(directory: str) -> Iterator[None]:
    """Keep functions that are marked to be cached in `directory` within the block."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = directory
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@cache
def _directory() -> Path | None:
    """Return the folder of Numba's cache, of which nobody else sees the inside; None where there can be none."""
    ours = cache_directory()
    if ours is None:
        return None
    directory = ours / "numba"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        if hasattr(os, "getuid") and (directory.stat().st_uid != os.getuid() or directory.stat().st_mode & 0o077):
            raise PermissionError(f"{directory} belongs to somebody else or is open to others")
        _remove_what_blocks(directory)
        tempfile.TemporaryFile(dir=directory).close()  # as Numba would try, before it takes another place
    except OSError as error:
        cache_faults.append(f"{error}")
        warn_about_cache(f"compiled kernels cannot be cached: {error}")
        return None
    return directory


def _remove_what_blocks(directory: Path) -> None:
    """Remove the named pipes below `directory`, where Numba looks for files and would wait for somebody to write."""
    for path in directory.rglob("*"):
        if stat.S_ISFIFO(path.lstat().st_mode):
            path.unlink()


def _marks(mark: str) -> Path:
    return (_directory() or Path()) / mark


def _empty_cache() -> None:
    """Remove all files of Numba's cache: which of them is damaged only Numba knows."""
    directory = _directory()
    for path in directory.rglob("*") if directory is not None else ():
        with suppress(OSError):
            path.unlink()
