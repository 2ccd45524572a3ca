"""Object code that comes with the package, for levels of x86-64 on Linux; see docs/compile.md for how it gets there.

It lies in a directory named after the level and a digest of the kernels' sources, so that a changed source is compiled.
Which Numba and LLVM compiled it does not matter to whoever loads it. It is trusted as the package is: who can write
there can write to its modules, too.
"""

import platform
import sys
from functools import cache
from pathlib import Path

from stnwarp.kernels.compiler.object_cache import is_switched_off, numba_settings, warn_about_cache
from stnwarp.kernels.compiler.object_file import decode, sources_digest
from stnwarp.kernels.compiler.target import LEVELS, processor

OBJECTS = Path(__file__).parents[1] / "objects"


def from_package(file: str) -> tuple[str, bytes] | None:
    """Return symbol and object code of `file` for this processor; None if that was not shipped."""
    directory = shipped_directory()
    if directory is None:
        return None
    try:
        data = (directory / file).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn_about_cache(f"{error}")
        return None
    found = decode(file, data)
    if found is None:
        warn_about_cache(f"{directory / file} is damaged and is not used")
    return found


@cache
def shipped_directory() -> Path | None:
    """Return where the code for the highest level of this processor lies; None if there is none that may be used."""
    if is_switched_off() or numba_settings() or sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    try:
        return _directory_of_level() if OBJECTS.is_dir() else None
    except OSError as error:  # as a rule the sources are not there, or cannot be read
        warn_about_cache(f"the kernels that came with the package cannot be used: {error}")
        return None


def _directory_of_level() -> Path | None:
    features, digest = set(processor()[1].split(",")), sources_digest()
    for level in reversed(LEVELS):
        directory = OBJECTS / directory_name(level, digest)
        if features.issuperset(LEVELS[level].split(",")) and directory.is_dir():
            return directory
    return None


def directory_name(level: str, digest: str) -> str:
    """Return the name below `OBJECTS` of the directory for `level`, of kernels whose sources have `digest`."""
    return f"{level}-{digest}"
