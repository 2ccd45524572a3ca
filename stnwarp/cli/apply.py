"""`stnwarp apply`: warp images, one or whole folders."""

import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import click

from stnwarp.cli.console import Console
from stnwarp.cli.finished import Finished
from stnwarp.cli.guard_options import GuardOptions, check_guards, guard_options
from stnwarp.cli.guide_options import GuideOptions, check_guide, guide_options
from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.options import (
    OutputOptions,
    RunOptions,
    SamplingOptions,
    check_fill_is_used,
    no_draft_option,
    nodata_option,
    output_options,
    run_options,
    sampling_options,
    verbosity_options,
)
from stnwarp.cli.outcomes import Tally
from stnwarp.cli.parameter_files import open_saving, tell_unused_rows, written_at_the_end
from stnwarp.cli.sections import Command, output
from stnwarp.cli.transformation import check_aspect_is_used, check_transformation, check_units_are_used
from stnwarp.cli.transformation_options import TransformationOptions, transformation_options
from stnwarp.errors import ExitCode, OutputError
from stnwarp.images.formats import SUFFIXES, format_for_suffix

if TYPE_CHECKING:
    from collections.abc import Generator

    from stnwarp.folder import Outcome, Plan, Saving, Settings

_STANDARD_OUTPUT = "-"
_WITH_QUALITY = ("JPEG", "WEBP", "AVIF")
_EPILOG = """\
Exit codes: 0 all done; 1 some images failed, the others are done; 2 the command line, a transform file or a
parameter file is wrong, nothing was written; 3 no image was found; 4 cannot go on, such as when the disk is
full or a checkpoint cannot be used; 129 hung up; 130 interrupted; 143 terminated.
"""


@click.command(cls=Command, options_metavar="-o DEST [OPTIONS]", epilog=_EPILOG)
@click.argument("sources", metavar="SRC...", nargs=-1, required=True)
@transformation_options(
    "Whether --theta (and a file that does not say it) is in normalised coordinates, -1 to 1 across the "
    "image, or in pixels.  [default: normalized]"
)
@guide_options
@guard_options
@sampling_options
@nodata_option
@no_draft_option
@output(
    "-o",
    "--output",
    "destination",
    required=True,
    metavar="DEST",
    help="Where to write: a folder, a file for one image, - for standard output, or a template of {dir}, "
    "{stem}, {ext}, {name} and {index}, such as 'out/{stem}_turned{ext}'.",
)
@output_options
@run_options
@verbosity_options("Report every image; twice (-vv): tracebacks of errors, too.")
@click.pass_obj
def apply(
    console: Console,
    sources: tuple[str, ...],
    destination: str,
    transformation_options: TransformationOptions,
    guide_options: GuideOptions,
    guard_options: GuardOptions,
    sampling_options: SamplingOptions,
    nodata: float | None,
    no_draft: bool,
    output_options: OutputOptions,
    run_options: RunOptions,
) -> ExitCode:
    """Warp images: one, many, or whole folders.

    SRC is any mix of image files, folders, patterns such as "*.jpg", and - for standard input. The tree of a
    folder is kept below DEST. No file is replaced unless --overwrite is given, and one image that fails does
    not stop the others.

    \b
    Examples:
      stnwarp apply photo.jpg -o turned.jpg --rotate 15 --size fit
      stnwarp apply photos/ -r -o warped/ --scale 0.5 --translate 40,-10
      stnwarp apply page.jpg -o flat.png --aspect a4 \\
          --corners "112,80 930,64 1010,1340 60,1322"
      stnwarp apply *.png -o out/ --theta "0.9 0.1 0 -0.1 0.9 0"
      stnwarp apply scans/ -o straight/ --checkpoint page --limit angle=45 \\
          --skip-below 0.5 --save-params scans.jsonl
      stnwarp apply scans/ -o larger/ --params scans.jsonl --size 2000x3000
      stnwarp apply photos/ -r -o small/ --rotate 1.5 --size inner:1600x1200
      stnwarp apply - -o - --flip horizontal < in.png > out.png
    """
    _check(destination, transformation_options, guide_options, output_options, run_options)
    check_guards(guard_options)
    check_fill_is_used(sampling_options)
    from stnwarp.cli.apply_settings import build_settings
    from stnwarp.cli.guidance import build_guide

    guided = build_guide(transformation_options, guide_options, sampling_options.align_corners, output_options)
    settings = build_settings(
        guided, guard_options, sampling_options, nodata, output_options, run_options, draft=not no_draft
    )
    planned = _plan(console, settings, sources, destination, output_options, run_options)
    saving = open_saving(console, output_options.save_params, guided.parameters, planned, settings, run_options)
    tell_unused_rows(console, guided.parameters, planned)
    if run_options.dry_run:
        from stnwarp.cli.dry_run import preview

        return preview(console, planned, settings, as_json=run_options.json)
    return _run(console, planned, settings, saving, run_options)


def _check(
    destination: str,
    transformation_options: TransformationOptions,
    guide_options: GuideOptions,
    output_options: OutputOptions,
    run_options: RunOptions,
) -> None:
    """Refuse, before anything heavy is loaded, what does not go together."""
    is_identity_fine = output_options.changes_more
    check_transformation(transformation_options, required=not is_identity_fine, others=guide_options.kinds)
    check_units_are_used(transformation_options)
    check_aspect_is_used(transformation_options, output_options.size)
    check_guide(guide_options)
    if output_options.format is not None:
        format_for_suffix(output_options.format)
    context = click.get_current_context()
    if run_options.overwrite and run_options.skip_existing:
        raise click.UsageError("--overwrite and --skip-existing exclude each other; give one", context)
    if destination != _STANDARD_OUTPUT or run_options.dry_run:
        return
    if run_options.json:
        raise click.UsageError("--json and '-o -' both want standard output; give -o a file", context)
    if sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("'-o -' would write an image to the terminal; give a file", context)


def _plan(
    console: Console,
    settings: "Settings",
    sources: tuple[str, ...],
    destination: str,
    output_options: OutputOptions,
    run_options: RunOptions,
) -> "Plan":
    from stnwarp.folder import check_fill, find_sources, left_out, plan

    planned = plan(
        find_sources(sources, run_options.recursive),
        destination,
        format=output_options.format,
        overwrite=run_options.overwrite,
        skip_existing=run_options.skip_existing,
        coverage=output_options.coverage,
    )
    check_fill(planned.jobs, settings)
    passed_by = None if run_options.recursive else left_out(sources, destination)
    for warning in filter(None, [passed_by, *planned.warnings]):
        console.warn(warning)
    if output_options.quality is not None:
        _check_quality_is_used(console, planned)
    return planned


def _check_quality_is_used(console: Console, planned: "Plan") -> None:
    """Say so if no image is written in a format that has a quality."""
    formats = {job.format or (job.target and SUFFIXES.get(job.target.suffix.lower())) for job in planned.jobs}
    if formats and formats.isdisjoint({*_WITH_QUALITY, None}):
        console.warn(f"--quality does nothing: {', '.join(sorted(map(str, formats)))} has none")


def _run(
    console: Console, planned: "Plan", settings: "Settings", saving: "Saving | None", options: RunOptions
) -> ExitCode:
    from stnwarp.cli.compiling import compiling_told
    from stnwarp.folder import run
    from stnwarp.resources import share_cores

    workers, threads = share_cores(len(planned.jobs), options.jobs)
    settings = replace(settings, threads=threads)
    tally = Tally(console, len(planned.jobs) + len(planned.skipped), as_json=options.json)
    finished = Finished(tally, planned.skipped, saving)
    outcomes = run(
        planned.jobs, settings, workers, options.fail_fast, noted=finished.note, messages=native_messages().of_job
    )
    try:
        with finished.told(), compiling_told(console), written_at_the_end(console, saving):
            for outcome in planned.skipped:
                finished.tell(outcome)
            with (
                closing(cast("Generator[Outcome]", outcomes)),
                console.progress(len(planned.jobs)) as advance,
            ):
                for outcome in outcomes:
                    finished.tell(outcome)
                    advance()
    except KeyboardInterrupt as error:
        error.args = (_how_to_go_on(planned, options),)
        raise
    except OutputError as error:
        if tally.left:  # else it was the parameter file that could not be written
            error.args = ("; ".join(filter(None, [str(error), _how_to_go_on(planned, options)])),)
        raise
    finally:
        tally.sum_up()
    return tally.exit_code


def _how_to_go_on(planned: "Plan", options: RunOptions) -> str:
    """What to do after a run that was cut short; nothing of an image for standard output."""
    if any(job.target is None for job in planned.jobs):
        return ""
    # What was there before the run must not be taken for what it has made.
    return "run again to do the rest" if options.overwrite else "run again with --skip-existing to do the rest"
