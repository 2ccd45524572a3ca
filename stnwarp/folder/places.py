"""Where paths really lead: links resolved, each level of a tree looked at once."""

import os
from pathlib import Path


class Places:
    """The real directories behind those of a run.

    `os.path.realpath` looks at every level of a path; in a tree as deep as it is large that takes minutes.
    """

    def __init__(self) -> None:
        self._real: dict[Path, Path] = {}

    def of(self, path: Path) -> Path:
        """The directory *path* really lies in, joined with its own name."""
        return self.directory(path.parent) / path.name

    def directory(self, directory: Path) -> Path:
        """*directory* with all links resolved; what is not there stays as it is."""
        below: list[Path] = []
        while directory not in self._real and directory != directory.parent and directory.name != "..":
            below.append(directory)
            directory = directory.parent
        real = self._real.get(directory) or Path(os.path.realpath(directory))
        self._real[directory] = real
        for each in reversed(below):
            real /= each.name
            if os.path.islink(real):  # noqa: PTH114 - does not raise for a path that is too long
                real = Path(os.path.realpath(real))
            self._real[each] = real
        return real
