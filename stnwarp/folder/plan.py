"""Plan a run: one job for each image, and every refusal that can be made before the first pixel is read."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stnwarp.errors import NothingMatchedError, ParameterError
from stnwarp.files.directories import check_directories
from stnwarp.folder.clashes import (
    Existing,
    check_distinct,
    check_not_over_sources,
    refuse_existing,
    what_exists,
)
from stnwarp.folder.coverage import check_existing, warnings_of_missing, with_coverage
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.links import warnings_of_links
from stnwarp.folder.names import output_directory
from stnwarp.folder.sources import Source
from stnwarp.folder.targets import name_targets
from stnwarp.images.formats import format_for_suffix
from stnwarp.text import quote_path


@dataclass(frozen=True)
class Plan:
    """What is to be done, what was done before, and what the user may not expect of it."""

    jobs: tuple[Job, ...]
    skipped: tuple[Outcome, ...] = ()
    warnings: tuple[str, ...] = ()


def plan(
    sources: Sequence[Source],
    dest: str,
    *,
    format: str | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    coverage: str | None = None,
) -> Plan:
    """One job for each of *sources*, as *dest* and *format* name the targets (see `targets.name_targets`).

    Images in a directory written to are left out where it lies inside the tree that is searched: they are results of
    an earlier run. No image is opened, and nothing stays of what may be written: where targets differ in
    case or Unicode form alone, an empty file tells whether they are one.

    Args:
        format: the suffix of a format to write, with or without its dot, such as "png"; default by the
            target's name.
        overwrite: targets may exist, and may be the sources themselves.
        skip_existing: a job whose target is a file with something in it becomes a skipped outcome.
        coverage: the directory for the coverage of each output, if that is wanted.

    Raises:
        OutputClashError: two images for one target, a target that is a source, a target that exists.
        OutputError: the output directory is a file, or cannot be written to.
        ParameterError: *dest* or *format* cannot be used.  NothingMatchedError: nothing is left.
    """
    if overwrite and skip_existing:
        raise ParameterError("existing targets can be overwritten or skipped, not both; drop one of the two")
    extension = None if format is None else "." + format.lower().removeprefix(".")
    name = None if extension is None else format_for_suffix(extension)
    kept = _outside(sources, [dest] if coverage is None else [dest, coverage])
    targets = name_targets(kept, dest, extension)
    jobs = [Job(source, target, name) for source, target in zip(kept, targets, strict=True)]
    check_distinct(jobs)
    check_directories(job.target for job in jobs if job.target is not None)
    check_not_over_sources(jobs, overwrite=overwrite)
    jobs = jobs if coverage is None else with_coverage(jobs, dest, coverage)
    planned = _settle(jobs, overwrite=overwrite, skip_existing=skip_existing)
    warnings = warnings_of_links(planned.jobs, dest, coverage)
    if coverage is not None:
        check_existing(planned.jobs, overwrite=overwrite, skip_existing=skip_existing)
        warnings += warnings_of_missing([outcome.job for outcome in planned.skipped], coverage)
    return replace(planned, warnings=warnings)


def _outside(sources: Sequence[Source], directories: Sequence[str]) -> list[Source]:
    """*sources* without the results of an earlier run into one of *directories* inside the tree that was searched."""
    kept = list(sources)
    for output in filter(None, map(output_directory, directories)):
        roots = {source.root: Path(os.path.realpath(source.root)) for source in kept}
        kept = [source for source in kept if not _is_result(source, roots[source.root], output)]
        if sources and not kept:
            raise NothingMatchedError(
                f"every image found lies in the output directory {quote_path(output)}; name other sources"
            )
    return kept


def _is_result(source: Source, root: Path, output: Path) -> bool:
    return root in output.parents and (root / source.relative).is_relative_to(output)


def _settle(jobs: Sequence[Job], *, overwrite: bool, skip_existing: bool) -> Plan:
    """Refuse the targets that exist, or skip them, or let them be replaced."""
    existing = [Existing.NOTHING if job.target is None else what_exists(job.target) for job in jobs]
    both = list(zip(jobs, existing, strict=True))
    _refuse(both, {Existing.OTHER}, "not a file that can be replaced; remove it or write elsewhere")
    if overwrite:
        return Plan(tuple(jobs))
    if not skip_existing:
        _refuse(both, set(Existing) - {Existing.NOTHING}, "exists already; give --overwrite or --skip-existing")
    _refuse(both, {Existing.LINK}, "a link that leads nowhere; remove it or give --overwrite")
    todo = [replace(job, replace=state is Existing.EMPTY) for job, state in both if state is not Existing.IMAGE]
    return Plan(tuple(todo), tuple(Outcome(job, Status.SKIPPED) for job, state in both if state is Existing.IMAGE))


def _refuse(both: Sequence[tuple[Job, Existing]], states: set[Existing], what: str) -> None:
    refuse_existing((job.target for job, state in both if state in states and job.target is not None), what)
