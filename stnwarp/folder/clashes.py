"""Targets that may not be written: one for two images, one that is a source, one that exists."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

from stnwarp.errors import OutputClashError
from stnwarp.folder.jobs import Job
from stnwarp.folder.names import same_name_key
from stnwarp.folder.places import Places
from stnwarp.folder.sources import Source
from stnwarp.folder.twins import Twins
from stnwarp.text import quote_path

LISTED = 5  # examples in one message
_ONE_TARGET = "one target for several images; write to a template with {index} in it"

# Device and inode: equal for a file, its hard links, and the symbolic links that lead to it.
_Identity = tuple[int, int]
_Placed = tuple[Path, Job]  # where the target of a job really is


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


def check_distinct(jobs: Sequence[Job], complaint: str = _ONE_TARGET) -> None:
    """Refuse two jobs with one target, in words that end in *complaint*, and a target that is another one's directory.

    Names that differ only in case or in Unicode composition count as one where the file system takes them for one.
    """
    places = Places()
    targets = [(places.of(job.target), job) for job in jobs if job.target is not None]
    groups = _grouped(_suspects(targets), Twins().key)
    clashes = [_together(group) for group in groups.values() if len(group) > 1]
    if clashes:
        raise OutputClashError(f"{_some(clashes, '; ')}: {complaint}")
    _check_no_target_is_a_directory(groups)


def _suspects(targets: Sequence[_Placed]) -> list[_Placed]:
    """Those of *targets* that would be in the way of another one on some file system."""
    groups = _grouped(targets, same_name_key)
    directories = _directories(groups)
    return [
        (place, job)
        for place, job in targets
        for key in [same_name_key(place.as_posix())]
        if len(groups[key]) > 1 or key in directories or not groups.keys().isdisjoint(_parents(key))
    ]


def _grouped(targets: Sequence[_Placed], key_of: Callable[[str], str]) -> dict[str, list[Job]]:
    groups: dict[str, list[Job]] = {}
    for place, job in targets:
        groups.setdefault(key_of(place.as_posix()), []).append(job)
    return groups


def _together(jobs: Sequence[Job]) -> str:
    """The sources of *jobs* and the one target they have."""
    names = [_source(job.source) for job in jobs]
    if len(names) > LISTED:
        names[LISTED:] = [f"{len(names) - LISTED} more"]
    return f"{', '.join(names[:-1])} and {names[-1]} -> {quote_path(jobs[0].target or '')}"


def _check_no_target_is_a_directory(groups: dict[str, list[Job]]) -> None:
    both = [quote_path(groups[key][0].target or "") for key in sorted(_directories(groups) & groups.keys())]
    if both:
        raise OutputClashError(f"{_some(both)}: a target that other targets need as their directory")


def _directories(keys: Iterable[str]) -> set[str]:
    """Every directory above one of *keys*."""
    found: set[str] = set()
    for key in keys:
        for parent in _parents(key):
            if parent in found:  # and so are all above it
                break
            found.add(parent)
    return found


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
    targets = (job.target for job in jobs if job.target is not None)
    check_not_sources(targets, jobs, "the target is a source itself; write elsewhere or give --overwrite")


def check_not_sources(targets: Iterable[Path], jobs: Sequence[Job], complaint: str) -> None:
    """Refuse *targets* that are sources of *jobs*, by other names or links too, in words that end in *complaint*."""
    identities = {_identity(job.source.path) for job in jobs if job.source.path is not None} - {None}
    refuse_existing((target for target in targets if _identity(target) in identities), complaint)


def _check_not_over_others(jobs: Sequence[Job]) -> None:
    # Writing replaces a name and not the file, so that another hard link to it is in no danger.
    places = Places()
    readers = {places.of(job.source.path): job for job in jobs if job.source.path is not None}
    over = [
        f"{quote_path(job.target)} from {_source(job.source)}"
        for job in jobs
        if job.target is not None and readers.get(places.of(job.target), job) is not job
    ]
    if over:
        raise OutputClashError(f"{_some(over)}: the target is the source of another image; write to another directory")


def check_apart(path: Path, jobs: Sequence[Job]) -> None:
    """Refuse to write another file to *path* if it is a source or a target of *jobs*, or in the way of one."""
    if what_exists(path) is Existing.OTHER:
        raise OutputClashError(f"{quote_path(path)}: not a file that can be replaced; give another name")
    places = Places()
    own = places.of(path)
    read = [places.of(job.source.path) for job in jobs if job.source.path is not None]
    written = [places.of(path) for job in jobs for path in job.files]
    said = _in_the_way(own, read, written, str)
    if said is None and _in_the_way(own, read, written, same_name_key) is not None:
        said = _in_the_way(own, read, written, Twins().key)
    if said is not None:
        raise OutputClashError(f"{quote_path(path)}: {said}; give another name")


def _in_the_way(own: Path, read: Sequence[Path], written: Sequence[Path], key_of: Callable[[str], str]) -> str | None:
    """What is wrong with a file at *own* beside those that are read and written, by keys that *key_of* gives."""
    key = key_of(own.as_posix())
    taken = {key_of(place.as_posix()) for place in written}
    if key in {key_of(place.as_posix()) for place in read}:
        return "is a source itself"
    if key in taken or key in _directories(taken):
        return "an image is to be written there"
    if not taken.isdisjoint(_parents(key)):
        return "an image is to be written where its directory is"
    return None


def check_not_read(path: Path, read: Path) -> None:
    """Refuse to write to *path* what replaces the file *read*, by another name or a link too."""
    own = _identity(path)
    if own is not None and own == _identity(read):
        raise OutputClashError(f"{quote_path(path)}: the parameters are read from it; write to another file")


def refuse_existing(targets: Iterable[Path], what: str) -> None:
    """Refuse *targets*, if there are any, for the reason *what*."""
    names = [quote_path(target) for target in targets]
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


def _source(source: Source) -> str:
    return "standard input" if source.path is None else quote_path(source.path)


def _some(names: Sequence[str], separator: str = ", ") -> str:
    rest = f"{separator}and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return separator.join(names[:LISTED]) + rest
