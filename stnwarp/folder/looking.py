"""Looking at one image: its header, its pixels where they are needed, and what is decided on them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from stnwarp.conventions import Interpolation
from stnwarp.errors import ImageError
from stnwarp.files.directories import is_directory
from stnwarp.folder.absence import with_absence
from stnwarp.folder.budget import Take
from stnwarp.folder.decisions import Decision, decide
from stnwarp.folder.drafts import draft_factor
from stnwarp.folder.jobs import Job
from stnwarp.folder.resampling import nodata_warnings
from stnwarp.folder.settings import Settings, size_error
from stnwarp.images.crop import crop_picture
from stnwarp.images.decode import read_picture
from stnwarp.images.encode import check_target
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.memory import Work
from stnwarp.images.picture import Picture
from stnwarp.images.probe import ImageHeader, probe
from stnwarp.images.sides import check_sides
from stnwarp.rectangle import Rectangle, crop_size
from stnwarp.resources import machine_memory
from stnwarp.size_request import SizeMode
from stnwarp.transforms import MatrixTransform


@dataclass(frozen=True)
class _Preview:
    """What is known of an image by its header: the decision, None where its pixels decide; its crop; bytes it takes."""

    decision: Decision | None
    crop: Rectangle | None
    memory: int

    @property
    def draft(self) -> int:
        """What its sides are divided by as it is decoded; networks see all of its pixels."""
        return 1 if self.decision is None else self.decision.draft


_MOVING_FRAMES = (SizeMode.FIT, SizeMode.INNER)  # whose size depends on the transform


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
        unused = _unused(decision, picture.mode, settings)
        return decision, (*decision.warnings, *picture.warnings, *renamed(job, picture.format), *unused)
    header = probe(stream_of(job, stdin), max_pixels=settings.max_pixels)
    known = _checked(job, settings, header).decision
    assert known is not None
    decision = with_absence(known, guidance, settings)
    return decision, (*decision.warnings, *renamed(job, header.format), *_unused(decision, header.mode, settings))


def _unused(decision: Decision, mode: str, settings: Settings) -> tuple[str, ...]:
    return () if decision.copied else nodata_warnings(mode, settings)


def renamed(job: Job, source_format: str) -> tuple[str, ...]:
    """A warning where a file was named for one format and holds another, and is written as it is named."""
    named, file_format = SUFFIXES.get(job.source.relative.suffix.lower()), target_format(job) or source_format
    if job.format is not None or source_format == file_format or named != file_format:
        return ()
    return (f"written as {file_format}, by its name",)


def read(job: Job, settings: Settings, stdin: BinaryIO | None, take: Take = lambda _: None) -> Picture:
    """The picture, cropped; 1-bit and palette images as they are if no colour between two others can come up.

    What could be read but not warped or written is refused before it is decoded; then *take* is called with the memory
    that all the work on it takes.
    """
    known: list[_Preview] = []

    def check(header: ImageHeader) -> None:
        known.append(_checked(job, settings, header))
        take(known[0].memory)

    picture = read_picture(
        stream_of(job, stdin),
        max_pixels=settings.max_pixels,
        keep_palette=settings.interpolation is Interpolation.NEAREST,
        check=check,
        draft=lambda _: known[0].draft,
    )
    return crop_picture(picture, known[0].crop)


def decided(job: Job, settings: Settings, picture: Picture) -> Decision:
    """What is done with *picture*, the image of *job*, cropped already."""
    guidance = settings.guide.for_image(job.source, picture)
    if guidance is None:
        raise ImageError("there is no transformation for it")
    decision = decide(guidance, picture.whole_size, settings, picture.focal_length_35mm)
    _check_size(decision.image_warp.size, settings)
    if not decision.copied:
        check_sides(target_format(job) or picture.format, picture.mode, decision.image_warp.size)
    return with_absence(replace(decision, draft=picture.draft), guidance, settings)


def stream_of(job: Job, stdin: BinaryIO | None) -> Path | BinaryIO:
    """Where the image of *job* is read; ImageError where that is nowhere."""
    source = job.source.path or stdin
    if source is None:
        raise ImageError("standard input cannot be read; it is closed")
    if isinstance(source, Path):
        _check_listed(source)
    return source


def _checked(job: Job, settings: Settings, header: ImageHeader) -> _Preview:
    """What is known of the image by its header, unless that is refused."""
    file_format = target_format(job) or header.format
    check_target(file_format, header.mode, header.bits)
    guidance = settings.guide.for_image(job.source)
    crop = settings.crop if guidance is None else guidance.crop or settings.crop
    input_size = crop_size(header.size, crop)
    focal_length = header.focal_length_35mm
    decision = None if guidance is None else decide(guidance, input_size, settings, focal_length)
    size = _expected_size(settings, input_size) if decision is None else decision.image_warp.size
    mixes = settings.interpolation is not Interpolation.NEAREST
    if decision is not None or settings.viewport is not None or settings.size.mode not in _MOVING_FRAMES:
        _check_size(size, settings)
        if decision is None or not decision.copied:
            # A palette that is kept makes shorter rows than its colours, and the header does not tell.
            check_sides(file_format, header.mode if mixes else None, size)
    if decision is not None:
        decision = replace(decision, draft=1 if job.coverage else draft_factor(decision, header, settings))
    has_grid = decision is None or not isinstance(decision.image_warp.transform, MatrixTransform)
    return _Preview(decision, crop, _memory(header, Work(file_format, size, mixes, has_grid, job.coverage is not None)))


def _expected_size(settings: Settings, size: tuple[int, int]) -> tuple[int, int]:
    """The size of an output that depends on the pixels of an image of *size*, or what it is at the most as a rule."""
    if settings.viewport is not None:
        return settings.viewport.size
    # A square that is turned by 45 degrees needs twice the pixels to fit.
    is_fit = settings.size.mode is SizeMode.FIT
    return settings.size.output_size((2 * size[0], size[1]) if is_fit else size)


def _memory(header: ImageHeader, work: Work) -> int:
    """The bytes of memory that *work* takes, which is refused if there are not as many at all."""
    needed = work.memory(header.format, header.mode, header.size)
    if needed > machine_memory():
        height, width = header.size
        ending = "" if work.size == header.size else f" to {work.size[1]}x{work.size[0]}"
        raise ImageError(f"{width}x{height}{ending} takes about {needed / 1e9:.1f} GB, more than there is")
    return needed


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
