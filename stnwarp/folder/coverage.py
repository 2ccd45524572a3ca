"""The coverage of each output, a file of its own: how it is named, what it may not replace, how it is made and written.

It is written before its image, so that there is no image without it: a run that is cut short leaves images that are
done, and at the most coverage whose image is still to come.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from stnwarp.errors import OutputClashError, ParameterError
from stnwarp.files.atomic import write_atomically
from stnwarp.files.directories import check_directories, is_directory, make_directory
from stnwarp.folder.clashes import Existing, check_distinct, check_not_sources, refuse_existing, what_exists
from stnwarp.folder.decisions import Decision
from stnwarp.folder.jobs import Job
from stnwarp.folder.names import is_image_name, shorten_parts, split_name
from stnwarp.folder.resampling import covered
from stnwarp.folder.settings import Settings
from stnwarp.folder.sources import STANDARD_STREAM
from stnwarp.folder.targets import base_of, check_name
from stnwarp.images.encode import encode_picture
from stnwarp.images.picture import Picture
from stnwarp.text import quote_path

_FORMAT, _SUFFIX = "PNG", ".png"
_FULL = 255


def with_coverage(jobs: Sequence[Job], dest: str, directory: str) -> list[Job]:
    """*jobs*, each with the file below *directory* that is named like its target below *dest*, but for the suffix.

    Where the target is standard output, the source gives the name.

    Raises:
        ParameterError: *directory* cannot be one.
        OutputClashError: two outputs for one file, or a file that is a source.
        OutputError: the directory is a file, or cannot be written to.
    """
    check_name(directory)
    if directory == STANDARD_STREAM:
        raise ParameterError("standard output takes no coverage; give --coverage a directory")
    if is_image_name(directory) and not directory.endswith(("/", os.sep)) and not is_directory(directory):
        raise ParameterError(
            f"{quote_path(directory)}: --coverage takes a directory; for a folder write {quote_path(directory + '/')}"
        )
    covered = [replace(job, coverage=_path(job, dest, Path(directory))) for job in jobs]
    check_distinct(
        [*jobs, *(replace(job, target=job.coverage) for job in covered)],
        "one file for several outputs; give --coverage a directory of its own, and the images names that differ in "
        "more than the suffix",
    )
    paths = [job.coverage for job in covered if job.coverage is not None]
    check_directories(paths)
    check_not_sources(paths, jobs, "the coverage would replace a source; give --coverage another directory")
    return covered


def _path(job: Job, dest: str, directory: Path) -> Path:
    """The file for the coverage of the output of *job*."""
    base = base_of(dest, job.source, job.target)
    if job.target is None:
        name = Path(job.source.relative.name)
    else:
        name = Path(job.target.name) if base is None else job.target.relative_to(base)
    return directory / shorten_parts(name.with_name(split_name(name.name)[0] + _SUFFIX))


def check_existing(jobs: Sequence[Job], *, overwrite: bool, skip_existing: bool) -> None:
    """Refuse coverage that exists, unless it may be replaced, or be what a run that was cut short has left.

    Raises OutputClashError.
    """
    existing = [(job.coverage, what_exists(job.coverage)) for job in jobs if job.coverage is not None]
    _refuse(existing, {Existing.OTHER}, "not a file that can be replaced; remove it or write elsewhere")
    if overwrite:
        return
    if not skip_existing:
        _refuse(existing, set(Existing) - {Existing.NOTHING}, "exists already; give --overwrite or --skip-existing")
    _refuse(existing, {Existing.LINK}, "a link that leads nowhere; remove it or give --overwrite")


def _refuse(existing: Sequence[tuple[Path, Existing]], states: set[Existing], what: str) -> None:
    refuse_existing((path for path, state in existing if state in states), what)


def warnings_of_missing(skipped: Sequence[Job], directory: str) -> tuple[str, ...]:
    """A line where images that are *skipped*, as they exist, have no coverage: it is not made without them."""
    missing = sum(job.coverage is not None and not os.path.lexists(job.coverage) for job in skipped)
    return (f"{quote_path(directory)}: no coverage of {missing} of the images that are skipped",) if missing else ()


def encode_coverage(decision: Decision, settings: Settings) -> bytes:
    """The file with the coverage of an output: full where the image is a copy."""
    if decision.copied:
        array = np.full(decision.image_warp.size, _FULL, np.uint8)
    else:
        array = covered(decision.input_size, decision.image_warp, settings)
    return encode_picture(Picture(array, "L"), _FORMAT)[0]


@contextmanager
def coverage_written(path: Path | None, data: bytes, *, overwrite: bool) -> Iterator[None]:
    """Write *data* to *path* before an image is written within the block; if that fails, what is new is removed again.

    A file that exists stays if it holds the same bytes.

    Raises:
        OutputClashError, OutputError, ImageError: as `write_atomically`.
    """
    if path is None:
        yield
        return
    is_new = not os.path.lexists(path)
    make_directory(path.parent)
    _write(path, data, overwrite)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                path.unlink()
        raise


def _write(path: Path, data: bytes, overwrite: bool) -> None:
    try:
        write_atomically(path, data, overwrite=overwrite or what_exists(path) is Existing.EMPTY)
    except OutputClashError:
        if what_exists(path) is not Existing.IMAGE or path.read_bytes() != data:
            raise
