"""One job from beginning to end: read, place, warp, encode, write."""

import time
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from stnwarp.errors import OutputError, StnwarpError
from stnwarp.files.atomic import write_atomically
from stnwarp.files.directories import make_directory
from stnwarp.files.opening import open_source
from stnwarp.folder.absence import confirmed
from stnwarp.folder.budget import Budget, Take
from stnwarp.folder.coverage import coverage_written, encode_coverage
from stnwarp.folder.decisions import Decision
from stnwarp.folder.fill import opaque_fill_warnings, without_expected
from stnwarp.folder.gate import Stopped, WriteGate
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.looking import decided, read, renamed, stream_of, target_format
from stnwarp.folder.palette import with_fill
from stnwarp.folder.resampling import nodata_warnings, warped
from stnwarp.folder.settings import Settings
from stnwarp.images.colour import default_fill, parse_fill
from stnwarp.images.encode import encode_picture
from stnwarp.images.modes import WRITTEN_MODES
from stnwarp.images.palette import is_kept, resolved
from stnwarp.images.picture import Picture
from stnwarp.resources import is_shortage

_NO_PIXELS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True)
class _Result:
    """An image ready to be written."""

    data: bytes
    decision: Decision
    warnings: tuple[str, ...]


def process(
    job: Job,
    settings: Settings,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    gate: WriteGate | None = None,
    budget: Budget | None = None,
) -> Outcome:
    """Do *job*: whatever goes wrong with this one image becomes a failed outcome.

    Args:
        job: what to read and where to write.
        settings: how to warp it.
        stdin: read where the source has no path.
        stdout: written where the job has no target.
        gate: closed when the run is stopped.
        budget: the memory that is shared with other jobs.

    Raises:
        OutputError: no other image could be written either.  Stopped: the gate was closed before the write.
    """
    started = time.perf_counter()
    gate = gate or WriteGate()
    try:
        with budget.share(gate.check) if budget else nullcontext(_take_freely) as take:
            result = _make(job, settings, stdin, gate, take)
            gate.check()
            coverage = b"" if job.coverage is None else encode_coverage(result.decision, settings)
            with gate.writing(), coverage_written(job.coverage, coverage, overwrite=settings.overwrite):
                _write(job, result.data, settings, stdout)
    except (OutputError, Stopped):
        raise
    except Exception as error:
        return _failed(job, error, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    return Outcome(job, Status.OK, result.decision, seconds, None, result.warnings)


def _take_freely(_: int) -> None:
    """Where no other job is worked on at the same time."""


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
    if is_shortage(error):
        known = str(error)  # where what it is for was found out in time
        return known if known.startswith("not enough memory") else "not enough memory; work on less at a time"
    first_line = next(iter(str(error).splitlines()), "")
    return f"unexpected {type(error).__name__}: {first_line}"


def _make(job: Job, settings: Settings, stdin: BinaryIO | None, gate: WriteGate, take: Take) -> _Result:
    """Everything but the write. The gate is looked at between the steps, which can each take seconds."""
    picture = read(job, settings, stdin, take)
    gate.check()
    decision = decided(job, settings, picture)
    if decision.copied and decision.crop is None and _is_same_file(job, picture, settings, stdin):
        return _Result(_bytes(job, stdin), decision, decision.warnings)
    gate.check()
    file_format = target_format(job) or picture.format
    picture, fill = _with_fill(_with_colours(picture, file_format), settings)
    unused = opaque_fill_warnings(picture, file_format, settings)
    if not decision.copied:
        unused += nodata_warnings(picture.mode, settings)
        given, picture = [picture], replace(picture, array=_NO_PIXELS)  # only the callee has them, and lets them go
        picture = replace(picture, array=warped(given.pop(), decision.image_warp, fill, settings), draft=1)
        decision = confirmed(decision, picture.array, settings)
    known = (*decision.warnings, *picture.warnings, *renamed(job, picture.format))
    gate.check()
    given = [picture]
    del picture
    data, lost = encode_picture(given.pop(), file_format, quality=settings.quality, fill=fill)
    return _Result(data, decision, (*known, *unused, *without_expected(lost, file_format, settings)))


def _is_same_file(job: Job, picture: Picture, settings: Settings, stdin: BinaryIO | None) -> bool:
    """Whether a file with these pixels is the file that was read, which can be read once more."""
    is_there = job.source.path is not None or (stdin is not None and stdin.seekable())
    return is_there and settings.quality is None and target_format(job) in (None, picture.format)


def _bytes(job: Job, stdin: BinaryIO | None) -> bytes:
    with open_source(stream_of(job, stdin), limit=0) as stream:
        return stream.read()


def _with_colours(picture: Picture, file_format: str) -> Picture:
    """*picture*, resolved into its colours if *file_format* cannot hold its palette as it is."""
    if picture.mode != "P" or (WRITTEN_MODES[file_format]["P"] == "P" and is_kept(picture, file_format)):
        return picture
    array, mode = resolved(picture)
    return replace(picture, array=array, mode=mode, palette=None)


def _with_fill(picture: Picture, settings: Settings) -> tuple[Picture, tuple[float, ...]]:
    """*picture*, and what is read outside it, one number per channel; a palette may need a new colour."""
    if picture.mode == "P":
        if not settings.padding_mode.takes_fill:
            return picture, (0,)
        return with_fill(picture, None if settings.fill is None else parse_fill(settings.fill, "RGBA"))
    if settings.fill is None:
        return picture, default_fill(picture.mode)
    return picture, parse_fill(settings.fill, picture.mode)


def _write(job: Job, data: bytes, settings: Settings, stdout: BinaryIO | None) -> None:
    if job.target is not None:
        make_directory(job.target.parent)
        write_atomically(job.target, data, overwrite=settings.overwrite or job.replace)
    elif stdout is not None:
        stdout.write(data)
    else:
        raise OutputError("standard output is closed; write to a file instead")
