"""Object code on disk, one file for each kernel and set of array types.

The directory is named after a digest of all that the code depends on (the sources of this package, the versions of
Numba and LLVM, the processor), so that nothing stale is ever found; and since what is loaded runs as us, it must be
ours and closed to others. Whatever is wrong with the cache costs a compilation and one warning, never the run.
"""

import hashlib
import os
import secrets
import stat
import sys
import warnings
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stnwarp.files.regular import open_regular
from stnwarp.kernels.compiler.object_file import decode, encode, sources_digest
from stnwarp.kernels.compiler.target import processor

_warned: list[str] = []

# Variables that are often set and cannot change the code: threads, places and messages, of which kernels use none.
_IRRELEVANT_SETTINGS = (
    "NUMBA_CACHE_DIR",
    "NUMBA_CACHE_LOCATOR_CLASSES",
    "NUMBA_COLOR_SCHEME",
    "NUMBA_DISABLE_CUDA",
    "NUMBA_DISABLE_PERFORMANCE_WARNINGS",
    "NUMBA_FULL_TRACEBACKS",
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_WARNINGS",
)


def from_cache(file: str) -> tuple[str, bytes] | None:
    """Return the name of the function and the object code in `file`; None if it is not there or cannot be trusted."""
    directory = cache_directory()
    if directory is None:
        return None
    try:
        with open_regular(directory / file, follow_links=False) as stream:
            _check_ours(os.fstat(stream.fileno()), directory / file)
            data = stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn_about_cache(f"{error}")
        return None
    found = decode(file, data)
    if found is None:
        warn_about_cache(f"{directory / file} is damaged and is made anew")
    return found


def to_cache(file: str, compiled: tuple[str, bytes]) -> None:
    """Keep the name of a function and its object code as `file`."""
    directory = cache_directory()
    if directory is None:
        return
    # Two containers can share a cache, and have processes of one number.
    temporary = directory / f"{file}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(encode(file, compiled))
        _replace(temporary, directory / file)
    except OSError as error:
        with suppress(OSError):  # on a file system that is read-only it is an error even to remove what is not there
            temporary.unlink(missing_ok=True)
        warn_about_cache(f"cannot write to the cache of compiled kernels: {error}")


def _replace(temporary: Path, path: Path) -> None:
    """Put `temporary` in the place of `path`, whatever stands there; OSError for a directory with something in it."""
    try:
        temporary.replace(path)
    except IsADirectoryError:
        path.rmdir()
        temporary.replace(path)


@cache
def cache_directory() -> Path | None:
    """Return the private directory of this version's compiled kernels, or None where there can be none."""
    if is_switched_off():
        return None
    try:
        return make_cache_directory()
    except OSError as error:
        warn_about_cache(f"compiled kernels cannot be cached: {error}")
        return None


def can_cache() -> bool:
    """Whether what is compiled can be kept; not where the directory is read-only or there is none."""
    directory = cache_directory()
    return directory is not None and os.access(directory, os.W_OK)


def make_cache_directory() -> Path:
    """Create the cache directory if need be and return it; OSError where there can be none, or none of ours.

    It may be read-only: what lies in it is used, and only what has to be added cannot be.
    """
    if is_switched_off():
        raise OSError("STNWARP_NUMBA_CACHE is 0")
    try:
        directory = _cache_root() / _digest()
    # RuntimeError: there is no home directory.  PackageNotFoundError: frozen into a program.
    except (RuntimeError, PackageNotFoundError) as error:
        raise OSError(str(error)) from error
    _make(directory)
    _check_ours(directory.stat(), directory)
    if not os.access(directory, os.R_OK | os.X_OK):
        raise PermissionError(f"{directory} is not readable")
    return directory


def is_switched_off() -> bool:
    """Return whether nothing that was compiled before may be used, nor kept."""
    return os.environ.get("STNWARP_NUMBA_CACHE", "1") == "0"


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:  # no directory: nothing that could be of use to anybody under a name made of a digest
        directory.unlink()
        directory.mkdir(mode=0o700)


def _cache_root() -> Path:
    if root := os.environ.get("STNWARP_CACHE_DIR"):
        return Path(root)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else Path.home() / ".cache"  # as the specification of the variable says
    return base / "stnwarp"


def _check_ours(status: os.stat_result, path: Path) -> None:
    """Raise OSError unless what has `status` is ours and closed to others: its code runs as us."""
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        raise PermissionError(f"{path} belongs to somebody else or can be written by others")


def _digest() -> str:
    """Digest all that compiled code depends on: versions, processor, settings of Numba, the kernels' sources."""
    versions = [version(package) for package in ("numba", "llvmlite")]
    parts = (*versions, *processor(), *numba_settings(), sources_digest())
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]


def numba_settings() -> list[str]:
    """Return the variables for Numba that may change code, with their values."""
    names = sorted(name for name in os.environ if name.startswith("NUMBA_") and name not in _IRRELEVANT_SETTINGS)
    return [f"{name}={os.environ[name]}" for name in names]


def warn_about_cache(reason: str) -> None:
    """Say what is wrong with a cache of compiled kernels, once a run."""
    if not _warned:
        _warned.append(reason)
        advice = "set STNWARP_CACHE_DIR to a directory of your own if this comes again"
        warnings.warn(f"{reason}; {advice}", RuntimeWarning, stacklevel=2)
