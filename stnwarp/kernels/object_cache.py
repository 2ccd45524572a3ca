"""Object code on disk, one file for each kernel and set of array types.

The directory is named after a digest of all that the code depends on (the sources of this package, the versions of
Numba and LLVM, the processor), so that nothing stale is ever found; and since what is loaded runs as us, it must be
ours and closed to others. Whatever is wrong with the cache costs a compilation and one warning, never the run.
"""

import hashlib
import os
import stat
import sys
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

from stnwarp.kernels.machine import processor

_CHECKSUM_BYTES = 32
_warned: list[str] = []


def from_cache(file: str) -> tuple[str, bytes] | None:
    """The name of the function and the object code in *file*; None if it is not there or is damaged."""
    directory = cache_directory()
    if directory is None or not (directory / file).exists():
        return None
    try:
        data = (directory / file).read_bytes()
    except OSError as error:
        _warn(f"{error}")
        return None
    checksum, content = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        _warn(f"{directory / file} is damaged and is made anew")
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def to_cache(file: str, compiled: tuple[str, bytes]) -> None:
    """Keep the name of a function and its object code as *file*."""
    directory = cache_directory()
    if directory is None:
        return
    content = compiled[0].encode() + b"\n" + compiled[1]
    temporary = directory / f"{file}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(directory / file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        _warn(f"cannot write to the cache of compiled kernels: {error}")


@cache
def cache_directory() -> Path | None:
    """The private directory of this version's compiled kernels, or None where there can be none."""
    if os.environ.get("STNWARP_NUMBA_CACHE", "1") == "0":
        return None
    try:
        directory = _cache_root() / _digest()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(directory)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home directory
        _warn(f"compiled kernels cannot be cached: {error}")
        return None
    return directory


def _cache_root() -> Path:
    if root := os.environ.get("STNWARP_CACHE_DIR"):
        return Path(root)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stnwarp"


def _check_private(directory: Path) -> None:
    """Raise OSError unless *directory* is ours, writable, and closed to others."""
    if hasattr(os, "getuid"):
        status = directory.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise PermissionError(f"{directory} belongs to somebody else or can be written by others")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(f"{directory} is not writable")


@cache
def _digest() -> str:
    digest = hashlib.sha256("\0".join((version("numba"), version("llvmlite"), *processor())).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _warn(reason: str) -> None:
    """Say what is wrong with the cache, once a run."""
    if not _warned:
        _warned.append(reason)
        advice = "set STNWARP_CACHE_DIR to a directory of your own if this comes again"
        warnings.warn(f"{reason}; {advice}", RuntimeWarning, stacklevel=2)
