"""Links inside the output directory that lead out of it: followed, but not without a word."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stnwarp.folder.jobs import Job
from stnwarp.folder.places import Places
from stnwarp.folder.targets import base_of
from stnwarp.text import quote_path


def warnings_of_links(jobs: Sequence[Job], dest: str, coverage: str | None = None) -> tuple[str, ...]:
    """A line for each link below *dest*, or below *coverage*, by which files of *jobs* are written outside it."""
    places = Places()
    known: dict[tuple[Path, Path], Path | None] = {}
    counts: Counter[Path] = Counter()
    targets = [(job.target, base_of(dest, job.source, job.target)) for job in jobs]
    if coverage is not None:
        targets += [(job.coverage, Path(coverage)) for job in jobs]
    for target, base in targets:
        if target is None or base is None:
            continue
        link = _nearest_link(target.parent, base, known)
        if link is not None and not places.directory(target.parent).is_relative_to(places.directory(base)):
            counts[link] += 1
    return tuple(_in_words(link, places.directory(link), count) for link, count in counts.items())


def _nearest_link(directory: Path, base: Path, known: dict[tuple[Path, Path], Path | None]) -> Path | None:
    """The link that *directory* is, or the nearest one above it and below *base*; *known* are answers given before."""
    climbed: list[Path] = []
    while (directory, base) not in known and directory != base and not os.path.islink(directory):  # noqa: PTH114
        climbed.append(directory)
        directory = directory.parent
    found = known.get((directory, base), None if directory == base else directory)
    known.update({(each, base): found for each in [*climbed, directory]})
    return found


def _in_words(link: Path, real: Path, count: int) -> str:
    images = "1 image is" if count == 1 else f"{count} images are"
    return f"{quote_path(link)} is a link to {quote_path(real)}: {images} written there"
