"""One job from beginning to end: read, place, warp, encode, write."""

import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.errors import ImageError, OutputError, StnwarpError
from stnwarp.folder.directories import make_directory
from stnwarp.folder.fill import opaque_fill_warnings, without_expected
from stnwarp.folder.gate import Stopped, WriteGate
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.names import is_directory
from stnwarp.folder.palette import with_fill
from stnwarp.folder.settings import Settings, size_error
from stnwarp.images.alpha import premultiply, unpremultiply
from stnwarp.images.atomic import write_atomically
from stnwarp.images.colour import default_fill, parse_fill
from stnwarp.images.decode import read_picture
from stnwarp.images.encode import check_target, encode_picture
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.modes import WRITTEN_MODES
from stnwarp.images.palette import is_kept, resolved
from stnwarp.images.picture import Picture
from stnwarp.images.probe import ImageHeader
from stnwarp.transforms import MatrixTransform, Placed


@dataclass(frozen=True)
class _Result:
    """An image ready to be written."""

    data: bytes
    theta: list[list[float]] | None
    size: tuple[int, int]
    warnings: tuple[str, ...]


def process(
    job: Job,
    settings: Settings,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    gate: WriteGate | None = None,
) -> Outcome:
    """Do *job*: whatever goes wrong with this one image becomes a failed outcome.

    Args:
        job: what to read and where to write.
        settings: how to warp it.
        stdin: read where the source has no path.
        stdout: written where the job has no target.
        gate: closed when the run is stopped.

    Raises:
        OutputError: no other image could be written either.  Stopped: the gate was closed before the write.
    """
    started = time.perf_counter()
    gate = gate or WriteGate()
    try:
        result = _make(job, settings, stdin, gate)
        with gate.writing():
            _write(job, result.data, settings, stdout)
    except (OutputError, Stopped):
        raise
    except Exception as error:
        return _failed(job, error, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    return Outcome(job, Status.OK, result.theta, seconds, None, result.warnings, size=result.size)


def _failed(job: Job, error: Exception, seconds: float) -> Outcome:
    _forget_locals(error)
    return Outcome(job, Status.FAILED, None, seconds, _in_words(error), (), error)


def _forget_locals(error: BaseException | None) -> None:
    """Let go of the images that the frames of a kept traceback still hold."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _in_words(error: Exception) -> str:
    if isinstance(error, StnwarpError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory; work on fewer images at a time"
    first_line = next(iter(str(error).splitlines()), "")
    return f"unexpected {type(error).__name__}: {first_line}"


def _make(job: Job, settings: Settings, stdin: BinaryIO | None, gate: WriteGate) -> _Result:
    """Everything but the write. The gate is looked at between the steps, which can each take seconds."""
    picture = _read(job, settings, stdin)
    gate.check()
    placed = settings.recipe.place(picture.size, settings.size, settings.align_corners)
    file_format = _target_format(job) or picture.format
    picture, fill = _with_fill(_with_colours(picture, file_format), settings)
    known = (*placed.warnings, *picture.warnings, *_renamed(job, picture, file_format))
    opaque = opaque_fill_warnings(picture, file_format, settings)
    picture = replace(picture, array=warped(picture, placed, fill, settings))
    gate.check()
    data, lost = encode_picture(picture, file_format, quality=settings.quality, fill=fill)
    warnings = (*known, *opaque, *without_expected(lost, file_format, settings))
    return _Result(data, _theta(placed), placed.size, warnings)


def _read(job: Job, settings: Settings, stdin: BinaryIO | None) -> Picture:
    """The picture; 1-bit and palette images as they are if no colour between two others can come up."""
    source = job.source.path or stdin
    if source is None:
        raise ImageError("standard input cannot be read; it is closed")
    if isinstance(source, Path):
        _check_listed(source)
    file_format = _target_format(job)
    keep = settings.interpolation is Interpolation.NEAREST

    def check(header: ImageHeader) -> None:
        """Refuse what could be read but not warped or written, before it is decoded."""
        check_target(file_format or header.format, header.mode, header.bits)
        placed = settings.recipe.place(header.size, settings.size, settings.align_corners)
        too_large = size_error(placed.size, settings.max_pixels)
        if too_large:
            raise ImageError(too_large)

    return read_picture(source, max_pixels=settings.max_pixels, keep_palette=keep, check=check)


def _check_listed(source: Path) -> None:
    """Say of a directory that stands among the images, because it could not be searched, why not."""
    if is_directory(source):
        try:
            next(source.iterdir(), None)
        except OSError as error:
            raise ImageError(f"a directory that cannot be searched: {error.strerror or error}") from error


def _target_format(job: Job) -> str | None:
    """The format asked for by name, else by the target's suffix; None if there is neither."""
    if job.format is not None or job.target is None:
        return job.format
    return SUFFIXES.get(job.target.suffix.lower())


def _renamed(job: Job, picture: Picture, file_format: str) -> tuple[str, ...]:
    """A warning where a file was named for one format and held another, and is written as it is named."""
    named = SUFFIXES.get(job.source.relative.suffix.lower())
    if job.format is not None or picture.format == file_format or named != file_format:
        return ()
    return (f"written as {file_format}, by its name",)


def _with_colours(picture: Picture, file_format: str) -> Picture:
    """*picture*, resolved into its colours if *file_format* cannot hold its palette as it is."""
    if picture.mode != "P" or (WRITTEN_MODES[file_format]["P"] == "P" and is_kept(picture, file_format)):
        return picture
    array, mode = resolved(picture)
    return replace(picture, array=array, mode=mode, palette=None)


def _with_fill(picture: Picture, settings: Settings) -> tuple[Picture, tuple[float, ...]]:
    """*picture*, and what is read outside it, one number per channel; a palette may need a new colour."""
    if picture.mode == "P":
        if settings.padding_mode is not PaddingMode.ZEROS:
            return picture, (0,)
        return with_fill(picture, None if settings.fill is None else parse_fill(settings.fill, "RGBA"))
    if settings.fill is None:
        return picture, default_fill(picture.mode)
    return picture, parse_fill(settings.fill, picture.mode)


def warped(picture: Picture, placed: Placed, fill: tuple[float, ...], settings: Settings) -> NDArray[np.generic]:
    """The pixels of *picture* as *placed*: colours are weighted by their alpha while they are mixed.

    Args:
        picture: one whose palette has been resolved, unless the nearest pixel is taken.
        placed: the transformation and the size of the result.
        fill: what is read outside the picture, one number per channel in the unit of its array, alpha straight.
        settings: interpolation, padding mode, align_corners and threads are read.

    Returns:
        An array of ``placed.size``, with the channels and the dtype of the picture's own.
    """
    if not picture.has_alpha or settings.interpolation is Interpolation.NEAREST:
        return _warp(picture.array, placed, np.asarray(fill), settings)
    dtype = picture.array.dtype
    transparent_fill = premultiply(np.asarray(fill, dtype=dtype)[None, None])[0, 0]
    return unpremultiply(_warp(premultiply(picture.array), placed, transparent_fill, settings), dtype)


def _warp(image: NDArray[np.generic], placed: Placed, fill: NDArray[np.generic], settings: Settings) -> NDArray[Any]:
    # Loading the compiler takes longer than all the rest: planning, refusals and dry runs go without.
    from stnwarp.warp import warp

    return warp(
        image,
        placed.transform,
        placed.size,
        interpolation=settings.interpolation,
        padding_mode=settings.padding_mode,
        fill=fill,
        align_corners=settings.align_corners,
        threads=settings.threads,
    )


def _theta(placed: Placed) -> list[list[float]] | None:
    transform = placed.transform
    return transform.theta.tolist() if isinstance(transform, MatrixTransform) else None


def _write(job: Job, data: bytes, settings: Settings, stdout: BinaryIO | None) -> None:
    if job.target is not None:
        make_directory(job.target.parent)
        write_atomically(job.target, data, overwrite=settings.overwrite or job.replace)
    elif stdout is not None:
        stdout.write(data)
    else:
        raise OutputError("standard output is closed; write to a file instead")
