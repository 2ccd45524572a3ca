"""Looking at one image: its header, its pixels where they are needed, and what is decided on them."""

from pathlib import Path
from typing import BinaryIO

from stnwarp.conventions import Interpolation
from stnwarp.errors import ImageError
from stnwarp.folder.absence import with_absence
from stnwarp.folder.decisions import Decision, decide
from stnwarp.folder.jobs import Job
from stnwarp.folder.names import is_directory
from stnwarp.folder.settings import Settings, size_error
from stnwarp.images.decode import read_picture
from stnwarp.images.encode import check_target
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.picture import Picture
from stnwarp.images.probe import ImageHeader, probe
from stnwarp.images.sides import check_sides
from stnwarp.transforms import SizeMode


def target_format(job: Job) -> str | None:
    """The format asked for by name, else by the target's suffix; None if there is neither."""
    if job.format is not None or job.target is None:
        return job.format
    return SUFFIXES.get(job.target.suffix.lower())


def look(job: Job, settings: Settings, stdin: BinaryIO | None = None) -> tuple[Decision, tuple[str, ...]]:
    """What would be done with the image of *job*, and the warnings that there would be, as far as they are known.

    Its pixels are read only if what it is warped by lies in them.

    Raises:
        ImageError, ParameterError: what the work would raise.
    """
    guidance = settings.guide.for_image(job.source)
    if guidance is None:
        picture = read(job, settings, stdin)
        decision = decided(job, settings, picture)
        return decision, (*decision.warnings, *picture.warnings, *renamed(job, picture.format))
    header = probe(stream_of(job, stdin), max_pixels=settings.max_pixels)
    known = _checked(job, settings, header)
    assert known is not None
    decision = with_absence(known, guidance, settings)
    return decision, (*decision.warnings, *renamed(job, header.format))


def renamed(job: Job, source_format: str) -> tuple[str, ...]:
    """A warning where a file was named for one format and holds another, and is written as it is named."""
    named, file_format = SUFFIXES.get(job.source.relative.suffix.lower()), target_format(job) or source_format
    if job.format is not None or source_format == file_format or named != file_format:
        return ()
    return (f"written as {file_format}, by its name",)


def read(job: Job, settings: Settings, stdin: BinaryIO | None) -> Picture:
    """The picture; 1-bit and palette images as they are if no colour between two others can come up.

    What could be read but not warped or written is refused before it is decoded.
    """
    keep = settings.interpolation is Interpolation.NEAREST
    return read_picture(
        stream_of(job, stdin),
        max_pixels=settings.max_pixels,
        keep_palette=keep,
        check=lambda header: _check(job, settings, header),
    )


def decided(job: Job, settings: Settings, picture: Picture) -> Decision:
    """What is done with *picture*, the image of *job*."""
    guidance = settings.guide.for_image(job.source, picture)
    if guidance is None:
        raise ImageError("there is no transformation for it")
    decision = decide(guidance, picture.size, settings)
    _check_size(decision.placed.size, settings)
    if not decision.copied:
        check_sides(target_format(job) or picture.format, picture.mode, decision.placed.size)
    return with_absence(decision, guidance, settings)


def stream_of(job: Job, stdin: BinaryIO | None) -> Path | BinaryIO:
    """Where the image of *job* is read; ImageError where that is nowhere."""
    source = job.source.path or stdin
    if source is None:
        raise ImageError("standard input cannot be read; it is closed")
    if isinstance(source, Path):
        _check_listed(source)
    return source


def _check(job: Job, settings: Settings, header: ImageHeader) -> None:
    _checked(job, settings, header)


def _checked(job: Job, settings: Settings, header: ImageHeader) -> Decision | None:
    """What is known of the image by its header, unless that is refused; None where its pixels decide."""
    file_format = target_format(job) or header.format
    check_target(file_format, header.mode, header.bits)
    # A palette that is kept makes shorter rows than its colours, and the header does not tell.
    mode = None if settings.interpolation is Interpolation.NEAREST else header.mode
    guidance = settings.guide.for_image(job.source)
    if guidance is None:
        if settings.size.mode is not SizeMode.FIT:
            size = settings.size.exact_or(header.size)
            _check_size(size, settings)
            check_sides(file_format, mode, size)
        return None
    decision = decide(guidance, header.size, settings)
    _check_size(decision.placed.size, settings)
    if not decision.copied:
        check_sides(file_format, mode, decision.placed.size)
    return decision


def _check_size(size: tuple[int, int], settings: Settings) -> None:
    too_large = size_error(size, settings.max_pixels)
    if too_large:
        raise ImageError(too_large)


def _check_listed(source: Path) -> None:
    """Say of a directory that stands among the images, because it could not be searched, why not."""
    if is_directory(source):
        try:
            next(source.iterdir(), None)
        except OSError as error:
            raise ImageError(f"a directory that cannot be searched: {error.strerror or error}") from error
