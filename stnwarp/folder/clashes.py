"""Targets that may not be written: one for two images, one that is a source, one that exists."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

from stnwarp.errors import OutputClashError
from stnwarp.folder.jobs import Job
from stnwarp.folder.names import same_name_key, shown
from stnwarp.folder.sources import Source

LISTED = 5  # examples in one message

# Device and inode: equal for a file, its hard links, and the symbolic links that lead to it.
_Identity = tuple[int, int]


class Existing(Enum):
    """What already stands where an image is to be written."""

    NOTHING = auto()
    IMAGE = auto()
    EMPTY = auto()  # a regular file of no bytes, which nobody can have wanted
    LINK = auto()  # a symbolic link to no file
    OTHER = auto()  # a directory, a pipe, a device


def what_exists(target: Path) -> Existing:
    """What stands at *target*, a link counting as the file it leads to."""
    status = _status(target)
    if status is None:
        return Existing.LINK if os.path.lexists(target) else Existing.NOTHING
    if not stat.S_ISREG(status.st_mode):
        return Existing.OTHER
    return Existing.IMAGE if status.st_size else Existing.EMPTY


def check_distinct(jobs: Sequence[Job]) -> None:
    """Refuse two images with one target, and a target that another one needs as its directory.

    Names that differ only in case or in Unicode composition count as one, as they do on many file systems.
    """
    groups: dict[str, list[Job]] = {}
    places: dict[Path, Path] = {}
    for job in jobs:
        if job.target is not None:
            groups.setdefault(same_name_key(_place(job.target, places)), []).append(job)
    clashes = [_together(group) for group in groups.values() if len(group) > 1]
    if clashes:
        raise OutputClashError(
            f"{_some(clashes, '; ')}: one target for several images; write to a template with {{index}} in it"
        )
    _check_no_target_is_a_directory(groups)


def _together(jobs: Sequence[Job]) -> str:
    """The sources of *jobs* and the one target they have."""
    names = [_source(job.source) for job in jobs]
    if len(names) > LISTED:
        names[LISTED:] = [f"{len(names) - LISTED} more"]
    return f"{', '.join(names[:-1])} and {names[-1]} -> {shown(jobs[0].target or '')}"


def _check_no_target_is_a_directory(groups: dict[str, list[Job]]) -> None:
    directories = {parent for key in groups for parent in _parents(key)}
    both = [shown(groups[key][0].target or "") for key in sorted(directories & groups.keys())]
    if both:
        raise OutputClashError(f"{_some(both)}: a target that other targets need as their directory")


def _parents(key: str) -> Iterator[str]:
    end = key.rfind("/")
    while end > 0:
        yield key[:end]
        end = key.rfind("/", 0, end)


def check_not_over_sources(jobs: Sequence[Job], *, overwrite: bool) -> None:
    """Refuse writes in place without *overwrite*, and with it those over what another job has to read."""
    if overwrite:
        _check_not_over_others(jobs)
        return
    identities = {_identity(job.source.path) for job in jobs if job.source.path is not None} - {None}
    in_place = [shown(job.target) for job in jobs if job.target is not None and _identity(job.target) in identities]
    if in_place:
        raise OutputClashError(f"{_some(in_place)}: the target is a source itself; write elsewhere or give --overwrite")


def _check_not_over_others(jobs: Sequence[Job]) -> None:
    # Writing replaces a name and not the file, so that another hard link to it is in no danger.
    places: dict[Path, Path] = {}
    readers = {_place(job.source.path, places): job for job in jobs if job.source.path is not None}
    over = [
        f"{shown(job.target)} from {_source(job.source)}"
        for job in jobs
        if job.target is not None and readers.get(_place(job.target, places), job) is not job
    ]
    if over:
        raise OutputClashError(f"{_some(over)}: the target is the source of another image; write to another directory")


def check_apart(path: Path, jobs: Sequence[Job]) -> None:
    """Refuse to write another file to *path* if it is a source or a target of *jobs*, or in the way of one."""
    places: dict[Path, Path] = {}
    own = same_name_key(_place(path, places))
    read = {same_name_key(_place(job.source.path, places)) for job in jobs if job.source.path is not None}
    written = {same_name_key(_place(job.target, places)) for job in jobs if job.target is not None}
    if own in read:
        raise OutputClashError(f"{shown(path)}: is a source itself; give another name")
    if own in written or own in {parent for key in written for parent in _parents(key)}:
        raise OutputClashError(f"{shown(path)}: an image is to be written there; give another name")
    if not written.isdisjoint(_parents(own)):
        raise OutputClashError(f"{shown(path)}: an image is to be written where its directory is; give another name")


def check_not_read(path: Path, read: Path) -> None:
    """Refuse to write to *path* what replaces the file *read*, by another name or a link too."""
    own = _identity(path)
    if own is not None and own == _identity(read):
        raise OutputClashError(f"{shown(path)}: the parameters are read from it; write to another file")


def refuse_existing(targets: Iterable[Path], what: str) -> None:
    """Refuse *targets*, if there are any, for the reason *what*."""
    names = [shown(target) for target in targets]
    if names:
        raise OutputClashError(f"{_some(names)}: {what}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _identity(path: Path) -> _Identity | None:
    status = _status(path)
    return (status.st_dev, status.st_ino) if status else None


def _place(path: Path, known: dict[Path, Path]) -> Path:
    """The directory *path* really lies in, joined with its own name."""
    if path.parent not in known:
        known[path.parent] = Path(os.path.realpath(path.parent))
    return known[path.parent] / path.name


def _source(source: Source) -> str:
    return "standard input" if source.path is None else shown(source.path)


def _some(names: Sequence[str], separator: str = ", ") -> str:
    rest = f"{separator}and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return separator.join(names[:LISTED]) + rest
