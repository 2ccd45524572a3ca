"""The directories that targets are written to: checked before anything is read, made when it is written."""

import os
from collections.abc import Iterable
from pathlib import Path

from stnwarp.errors import OutputError
from stnwarp.folder.names import is_directory, shown
from stnwarp.images.atomic import sweep_temporaries


def check_directories(targets: Iterable[Path]) -> None:
    """Raise OutputError where the directory of one of *targets* is a file, or cannot be written to."""
    for directory in sorted({_nearest_existing(parent) for parent in {target.parent for target in targets}}):
        if not is_directory(directory):
            raise OutputError(f"{shown(directory)} is not a directory; write to another place")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise OutputError(
                f"{shown(directory)} cannot be written to; check its permissions, or write to another place"
            )


def _nearest_existing(directory: Path) -> Path:
    while not os.path.lexists(directory) and directory != directory.parent:
        directory = directory.parent
    return directory


def make_directory(directory: Path) -> None:
    """Make *directory* and those above it; OutputError where that cannot be done."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the directory {shown(directory)}: {error.strerror or error}") from error


def sweep(targets: Iterable[Path]) -> None:
    """Remove what runs that were killed left beside *targets*."""
    for directory in {target.parent for target in targets}:
        if is_directory(directory):
            sweep_temporaries(directory)
