"""Object code that comes with the package, for levels of x86-64 on Linux; see docs/compile.md for how it gets there.

It lies in a directory named after the level and a digest of the kernels' sources, so that a changed source is compiled.
Which Numba and LLVM compiled it does not matter to whoever loads it. It is trusted as the package is: who can write
there can write to its modules, too.
"""

import os
import platform
import sys
from functools import cache
from pathlib import Path

from stnwarp.kernels.compiler.object_cache import is_switched_off, warn_about_cache
from stnwarp.kernels.compiler.object_file import decode, sources_digest
from stnwarp.kernels.compiler.target import LEVELS, processor

OBJECTS = Path(__file__).parents[1] / "objects"


def from_package(file: str) -> tuple[str, bytes] | None:
    """The name of the function and the object code of *file* for this processor; None if that was not shipped."""
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
    """Where the code for the highest level lies that this processor has; None if there is none that may be used."""
    is_told_otherwise = is_switched_off() or any(name.startswith("NUMBA_") for name in os.environ)
    if is_told_otherwise or sys.platform != "linux" or platform.machine() != "x86_64" or not OBJECTS.is_dir():
        return None
    features = set(processor()[1].split(","))
    for level in reversed(LEVELS):
        directory = OBJECTS / directory_name(level)
        if features.issuperset(LEVELS[level].split(",")) and directory.is_dir():
            return directory
    return None


def directory_name(level: str) -> str:
    """The name below `OBJECTS` of the directory for *level*, with the kernels as they are."""
    return f"{level}-{sources_digest()}"
