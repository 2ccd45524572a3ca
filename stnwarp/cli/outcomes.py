"""What became of each image of a run: told as it comes, counted, and summed up at the end."""

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stnwarp.cli.console import QUIET, Console
from stnwarp.errors import ExitCode
from stnwarp.text import size_text

if TYPE_CHECKING:
    from stnwarp.folder import Job, Outcome


def source_name(job: "Job") -> str:
    """The source as it was named; "-" is standard input."""
    return "-" if job.source.path is None else str(job.source.path)


def target_name(job: "Job") -> str:
    """Where the image goes; "-" is standard output."""
    return "-" if job.target is None else str(job.target)


def transform_fields(outcome: "Outcome") -> dict[str, Any]:
    """The transformation of *outcome* where it is neither a theta nor a sampling grid, as fields of a record."""
    from stnwarp.transforms import SamplingGrid, as_fields

    if outcome.decision is None or outcome.theta is not None:
        return {}
    transform = outcome.decision.image_warp.transform
    return {} if isinstance(transform, SamplingGrid) else as_fields(transform)


def crop_fields(outcome: "Outcome") -> dict[str, Any]:
    """The part of the image of *outcome* that was taken for it, as a field of a record; nothing for all of it."""
    crop = None if outcome.decision is None else outcome.decision.crop
    return {} if crop is None else {"crop": asdict(crop)}


def decision_notes(outcome: "Outcome") -> list[str]:
    """How its transform came about; what --limit, --skip-below or a row of --params kept from being done; its draft."""
    if outcome.decision is None:
        return []
    left = ["left as it is"] if outcome.decision.copied else []
    draft = [f"decoded at 1/{outcome.decision.draft}"] if outcome.decision.draft > 1 else []
    return [*outcome.decision.image_warp.notes, *outcome.decision.limited, *left, *draft]


def json_line(outcome: "Outcome", **more: object) -> str:
    """*outcome* as one line of JSON, all of it ASCII."""
    decision = outcome.decision
    record = {
        "input": source_name(outcome.job),
        "output": target_name(outcome.job),
        "status": outcome.status.value,
        "theta": outcome.theta,
        **transform_fields(outcome),
        **crop_fields(outcome),
        "size": None if outcome.size is None else size_text(outcome.size),
        "limited": list(decision.limited) if decision else [],
        "copied": decision.copied if decision else False,
        "warnings": list(outcome.warnings),
        "seconds": round(outcome.seconds, 6),
        "error": outcome.error,
    }
    return json.dumps(record | more, allow_nan=False)


class Tally:
    """The outcomes of a run of *total* images."""

    def __init__(self, console: Console, total: int, *, as_json: bool) -> None:
        self._console = console
        self._total = total
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._failures: list[Outcome] = []
        self._started = time.perf_counter()

    def add(self, outcome: "Outcome", *, with_record: bool = True) -> None:
        """Count *outcome* and say what has to be said at once; its record, too, where there are any."""
        self._counts[outcome.status] += 1
        name = source_name(outcome.job)
        for warning in outcome.warnings:
            self._console.warn(f"{name}: {warning}")
        if outcome.error is not None:
            self._failures.append(outcome)
        elif self._console.verbosity > 0:
            done = f"{outcome.status}: {name} -> {target_name(outcome.job)} ({outcome.seconds:.2f} s)"
            self._console.say("; ".join([done, *decision_notes(outcome)]))
        if outcome.decision is not None:
            self._held["beyond a limit"] += bool(outcome.decision.limited)
            self._held["copied"] += outcome.decision.copied
            self._held["with nothing of the picture in the output"] += outcome.decision.absence is not None
        if self._as_json and with_record:
            self._console.data(json_line(outcome))

    def sum_up(self) -> None:
        """List the failures, then say how many images came to what end."""
        for outcome in sorted(self._failures, key=lambda outcome: source_name(outcome.job)):
            self._console.traceback(outcome.cause)
            self._console.say(f"failed: {source_name(outcome.job)}: {outcome.error}", QUIET)
        counts = {
            "done": self._counts["ok"],
            "skipped": self._counts["skipped"],
            "failed": self._counts["failed"],
            "not done": self.left,
        }
        told = [f"{count} {word}" for word, count in counts.items() if count]
        held = [f"{count} {word}" for word, count in self._held.items() if count]
        if self._total > 1 or counts["skipped"] or held:
            took = f"{', '.join(told)} in {time.perf_counter() - self._started:.1f} s"
            self._console.say("; ".join([took, *filter(None, [", ".join(held)])]))

    @property
    def left(self) -> int:
        """How many images have no outcome so far."""
        return self._total - self._counts.total()

    @property
    def exit_code(self) -> ExitCode:
        """0 if nothing failed, else 1."""
        return ExitCode.SOME_FAILED if self._failures else ExitCode.OK
