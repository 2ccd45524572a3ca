"""`stnwarp apply --dry-run`: what would become of each image, from its header where that is enough."""

import sys
from typing import TYPE_CHECKING

from stnwarp.cli.console import QUIET, Console
from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.outcomes import decision_notes, json_line, source_name, target_name, transform_fields
from stnwarp.errors import CheckpointError, ExitCode, ImageError, ParameterError
from stnwarp.text import escape_unprintable, size_text

if TYPE_CHECKING:
    from stnwarp.folder import Job, Outcome, Plan, Settings

_WORDS = {
    "points": "a thin plate spline",
    "inverse": "the inverse of a thin plate spline",
    "compose": "several transforms, one after another",
}


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
    from stnwarp.folder import Outcome, Status, look

    stdin = None if sys.stdin is None else sys.stdin.buffer
    try:
        with native_messages().of_file(source_name(job)):
            decision, warnings = look(job, settings, stdin)
    except (ImageError, ParameterError, CheckpointError) as error:
        return Outcome(job, Status.FAILED, error=str(error), cause=error)
    return Outcome(job, Status.OK, decision, warnings=warnings)


def _show(console: Console, outcome: "Outcome", as_json: bool) -> None:
    for warning in outcome.warnings:
        console.warn(f"{source_name(outcome.job)}: {warning}")
    if outcome.error is not None:
        console.traceback(outcome.cause)
        console.say(f"failed: {source_name(outcome.job)}: {outcome.error}", QUIET)
    if as_json:
        console.data(json_line(outcome, seconds=None))
    elif outcome.error is None:
        names = f"{source_name(outcome.job)} -> {target_name(outcome.job)}"
        console.data(escape_unprintable(f"{names}  {_described(outcome)}"))


def _described(outcome: "Outcome") -> str:
    """The size and the transformation, where they come from, and what held it back."""
    if outcome.size is None:
        return "skipped, exists already"
    crop = [] if outcome.decision is None or outcome.decision.crop is None else [f"crop {outcome.decision.crop}"]
    return "; ".join([f"{size_text(outcome.size)}  {_transform(outcome)}", *crop, *decision_notes(outcome)])


def _transform(outcome: "Outcome") -> str:
    """theta as --theta takes it, six numbers where they are enough; or what else there is."""
    if outcome.theta is None:
        fields = transform_fields(outcome)
        return next((_WORDS[name] for name in fields), "theta of a sampling grid")
    numbers = [number for row in outcome.theta for number in row]
    shown = numbers[:6] if numbers[6:] == [0, 0, 1] else numbers
    return f"theta {' '.join(f'{number:.12g}' for number in shown)}"
