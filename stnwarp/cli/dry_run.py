"""`stnwarp apply --dry-run`: what would become of each image, from its header alone."""

import sys
from typing import TYPE_CHECKING, Any

from stnwarp.cli.console import QUIET, Console, printable
from stnwarp.cli.outcomes import json_line, size_text, source_name, target_name
from stnwarp.errors import ExitCode, ImageError, ParameterError

if TYPE_CHECKING:
    from stnwarp.folder import Job, Outcome, Plan, Settings
    from stnwarp.transforms import Placed


def preview(console: Console, planned: "Plan", settings: "Settings", *, as_json: bool) -> ExitCode:
    """Say for each job what would be read, written and used; the exit code is 1 if an image would fail."""
    code = ExitCode.OK
    for outcome in planned.skipped:
        _show(console, outcome, as_json)
    for job in planned.jobs:
        outcome = _previewed(job, settings)
        _show(console, outcome, as_json)
        code = max(code, ExitCode.SOME_FAILED if outcome.error else ExitCode.OK)
    return code


def _previewed(job: "Job", settings: "Settings") -> "Outcome":
    from stnwarp.folder import Outcome, Status
    from stnwarp.transforms import MatrixTransform

    try:
        placed = _placed(job, settings)
    except (ImageError, ParameterError) as error:
        return Outcome(job, Status.FAILED, error=str(error), cause=error)
    transform = placed.transform
    theta = transform.theta.tolist() if isinstance(transform, MatrixTransform) else None
    return Outcome(job, Status.OK, theta, size=placed.size)


def _placed(job: "Job", settings: "Settings") -> "Placed":
    """The transform and size for the image of *job*; raises what the work would raise before decoding."""
    from stnwarp.folder import size_error
    from stnwarp.images import check_target
    from stnwarp.images.probe import probe

    if job.source.path is None and sys.stdin is None:
        raise ImageError("standard input cannot be read; it is closed")
    header = probe(job.source.path or sys.stdin.buffer, max_pixels=settings.max_pixels)
    check_target(job.format or _format_of(job) or header.format, header.mode, header.bits)
    placed = settings.recipe.place(header.size, settings.size, settings.align_corners)
    too_large = size_error(placed.size, settings.max_pixels)
    if too_large:
        raise ImageError(too_large)
    return placed


def _format_of(job: "Job") -> str | None:
    from stnwarp.images import SUFFIXES

    return None if job.target is None else SUFFIXES.get(job.target.suffix.lower())


def _show(console: Console, outcome: "Outcome", as_json: bool) -> None:
    if outcome.error is not None:
        console.traceback(outcome.cause)
        console.say(f"failed: {source_name(outcome.job)}: {outcome.error}", QUIET)
    if as_json:
        console.data(json_line(outcome, seconds=None))
    elif outcome.error is None:
        what = "skipped, exists already"
        if outcome.size is not None:
            what = f"{size_text(outcome.size)}  theta {_numbers(outcome.theta)}"
        console.data(printable(f"{source_name(outcome.job)} -> {target_name(outcome.job)}  {what}"))


def _numbers(theta: Any) -> str:
    """theta as --theta takes it: six numbers where they are enough."""
    if theta is None:
        return "of a sampling grid"
    numbers = [number for row in theta for number in row]
    shown = numbers[:6] if numbers[6:] == [0, 0, 1] else numbers
    return " ".join(f"{number:.12g}" for number in shown)
