"""The directories that targets are written to: checked before anything is read, made when it is written."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePath

from stnwarp.errors import ImageError, OutputError
from stnwarp.files.atomic import sync_directory
from stnwarp.files.temporaries import sweep_temporaries
from stnwarp.text import quote_path


def check_directories(targets: Iterable[Path]) -> None:
    """Raise OutputError where the directory of one of *targets* is a file, or cannot be written to."""
    known: dict[Path, Path] = {}
    for directory in sorted({nearest_existing(parent, known) for parent in {target.parent for target in targets}}):
        if not is_directory(directory):
            raise OutputError(f"{quote_path(directory)} is not a directory; write to another place")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise OutputError(
                f"{quote_path(directory)} cannot be written to; check its permissions, or write to another place"
            )


def nearest_existing(directory: Path, known: dict[Path, Path]) -> Path:
    """*directory* or the nearest one above it where something is; *known* are answers given before.

    Without them a deep tree would be climbed once for each of its levels.
    """
    climbed = [directory]
    while directory not in known and not os.path.lexists(directory) and directory != directory.parent:
        directory = directory.parent
        climbed.append(directory)
    found = known.get(directory, directory)
    known.update(dict.fromkeys(climbed, found))
    return found


def make_directory(directory: Path) -> None:
    """Make *directory* and those above it, and have their names on the disk.

    Raises:
        ImageError: its path is too long.  OutputError: it cannot be made for another reason.
    """
    try:
        for made in _make_all(directory):
            sync_directory(made.parent)
    except OSError as error:
        message = f"cannot make the directory {quote_path(directory)}: {(error.strerror or str(error)).lower()}"
        raise (ImageError if error.errno == errno.ENAMETOOLONG else OutputError)(message) from error


def _make_all(directory: Path) -> list[Path]:
    """Make *directory* and what is missing above it, without recursion: trees can be deeper than Python's stack."""
    missing: list[Path] = []
    while not directory.is_dir() and directory != directory.parent:
        missing.append(directory)
        directory = directory.parent
    made = []
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:  # another thread or run was faster; or it is no directory, which the next step tells
            if not path.is_dir():
                raise
        made.append(path)
    return made


def sweep(targets: Iterable[Path]) -> None:
    """Remove what runs that were killed left beside *targets*."""
    for directory in {target.parent for target in targets}:
        if is_directory(directory):
            sweep_temporaries(directory)


def is_directory(path: str | PurePath) -> bool:
    """Whether *path* is a directory; one that cannot be looked at is none (`Path.is_dir` raises there)."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - takes the text as it was typed
    except (OSError, ValueError):
        return False
