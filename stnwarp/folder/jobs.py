"""The records that pass between planning, working and reporting."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stnwarp.folder.decisions import Decision
from stnwarp.folder.sources import Source
from stnwarp.transforms import MatrixTransform


@dataclass(frozen=True)
class Job:
    """One image to warp and where it goes; *target* None is standard output.

    *format* is a format asked for by name (as `images.format_for_suffix` gives it); without one the suffix of
    the target decides. *replace* lets this job alone write over its target, which is an empty file that an
    earlier run of something else left behind. *coverage* is where the coverage of the output goes, if anywhere.
    """

    source: Source
    target: Path | None
    format: str | None = None
    replace: bool = False
    coverage: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are written."""
        return tuple(path for path in (self.target, self.coverage) if path is not None)


class Status(StrEnum):
    """How a job ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    *decision* is what was done with the image, None if that was never known. *error* is one line that does not repeat
    the name of the image; *cause* is the exception behind it.
    """

    job: Job
    status: Status
    decision: Decision | None = None
    seconds: float = 0.0
    error: str | None = None
    warnings: tuple[str, ...] = ()
    cause: BaseException | None = None

    @property
    def theta(self) -> list[list[float]] | None:
        """The 3x3 matrix that was used (normalised, output to input); None where the transformation has none."""
        transform = None if self.decision is None else self.decision.image_warp.transform
        return transform.theta.tolist() if isinstance(transform, MatrixTransform) else None

    @property
    def size(self) -> tuple[int, int] | None:
        """The (height, width) of the result."""
        return None if self.decision is None else self.decision.image_warp.size
