"""Names that differ in case or in Unicode form alone: of one file or of two, as the file system has it."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from stnwarp.files.directories import is_directory, nearest_existing
from stnwarp.files.temporaries import temporary_beside
from stnwarp.folder.names import same_name_key

_WORD, _SWAPPED = "Probe", "pROBE"
# As bytes: file names may be taken for ASCII.
_COMPOSED, _DECOMPOSED = (os.fsdecode(unicodedata.normalize(form, "é").encode()) for form in ("NFC", "NFD"))


class Twins:
    """What the file systems that a run writes to take for one name; each directory is asked once."""

    def __init__(self) -> None:
        self._nearest: dict[Path, Path] = {}
        self._folds: dict[Path, Callable[[str], str]] = {}

    def key(self, path: str) -> str:
        """Equal for two paths if and only if a file would be the same under both.

        *path* has no links in it. What is not there yet is compared as the nearest directory that is there does it.
        """
        place = Path(path)
        directory = nearest_existing(place.parent, self._nearest)
        if not is_directory(directory):
            directory = directory.parent
        if directory not in self._folds:
            self._folds[directory] = _fold_of(directory)
        return f"{_identity(directory)}/{self._folds[directory](place.relative_to(directory).as_posix())}"


def _identity(directory: Path) -> str:
    """Device and inode: equal for a directory under all of its names."""
    try:
        status = directory.stat()
    except OSError:
        return directory.as_posix()
    return f"{status.st_dev}:{status.st_ino}"


def _fold_of(directory: Path) -> Callable[[str], str]:
    """What makes names in *directory* equal that are one there."""
    case, form = folds(directory)
    if case and form:
        return same_name_key
    if case:
        return str.casefold
    return _decomposed if form else str


def _decomposed(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def folds(directory: Path) -> tuple[bool, bool]:
    """Whether names in *directory* that differ in case alone are one, and those that differ in Unicode form alone.

    Found out with an empty file, which is removed at once; where that cannot be made, they are taken to be one.
    """
    try:
        with temporary_beside(directory / f"{_WORD}-{_COMPOSED}") as probe:
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            other_case = probe.with_name(probe.name.replace(_WORD, _SWAPPED))
            other_form = probe.with_name(probe.name.replace(_COMPOSED, _DECOMPOSED))
            return os.path.lexists(other_case), os.path.lexists(other_form)
    except OSError:
        return True, True
