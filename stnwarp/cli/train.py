"""`stnwarp train`: make a checkpoint."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from stnwarp.cli.console import QUIET, Console
from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.options import verbosity_options
from stnwarp.cli.sections import GIVEN, Command
from stnwarp.cli.train_files import check_sheets, check_targets
from stnwarp.cli.train_options import train_options
from stnwarp.cli.training_report import Report, baseline_name
from stnwarp.conventions import Family
from stnwarp.errors import ExitCode, ParameterError
from stnwarp.text import count_noun, join_words
from stnwarp.training import check_extra
from stnwarp.training.choices import Device, Schedule, Settings, TrainingRecipe, state_path

if TYPE_CHECKING:
    from collections.abc import Generator

    import torch

    from stnwarp.training.data import Data
    from stnwarp.training.monitor import Epoch
    from stnwarp.training.running import Run
    from stnwarp.training.state import Saved

_CONTROL_POINTS = (4, 4)
_CHANGEABLE = ("epochs", "patience", "description")  # in a run that goes on
_EPILOG = """\
Images that cannot be used are named and left out. Exit codes: 0 done; 1 done without the images that were left out;
2 the command line or the data are wrong, nothing was written; 3 no image was found; 4 cannot go on: the loss is not
finite, the disk is full, or the packages of stnwarp[train] are missing; the last good checkpoint is kept. 129
hung up, 130 interrupted and 143 terminated: go on with --resume.
"""


@click.command(cls=Command, options_metavar="-o FILE --recipe RECIPE [OPTIONS]", epilog=_EPILOG)
@click.argument("data", metavar="DATA", type=click.Path())
@train_options
@verbosity_options("Say what is read; twice (-vv): tracebacks of errors, too.")
@click.pass_obj
def train(
    console: Console,
    /,
    data: str,
    checkpoint: str,
    params: str | None,
    overwrite: bool,
    resume: bool,
    sheets: str | None,
    device: Device,
    threads: int | None,
    as_json: bool,
    **settings: Any,
) -> ExitCode:
    """Train a localisation network: images to a checkpoint that 'stnwarp apply --checkpoint' takes.

    DATA is a folder of images, or of a folder for each class, or an .npz with images as x_train or images, classes as
    y_train or labels, transforms as theta. Each epoch ends with a try on images that were kept back; the best network
    so far is the checkpoint. This needs the packages of stnwarp[train].

    \b
    Examples:
      stnwarp train scans/ -o upright.onnx --recipe restore --family similarity \\
          --range "angle=45,scale=0.8..1.2,shift=0.1" --network deep
      stnwarp train digits.npz -o digits.onnx --recipe classify --sheets sheets/
      stnwarp train photos/ -o crop.onnx --recipe theta --params known.jsonl
      stnwarp train scans/ -o upright.onnx --recipe restore --resume
    """
    check_extra()
    from stnwarp.training.running import Run

    source, target, sheets_in = Path(data), Path(checkpoint), None if sheets is None else Path(sheets)
    files = check_targets(target, overwrite=overwrite, resume=resume)
    saved = _saved(target) if resume else None
    if sheets_in is not None:
        done = 0 if saved is None else saved.progress.epoch
        files.append(check_sheets(sheets_in, source, done, overwrite=overwrite))
    known = None if params is None else Path(params)
    chosen = _settings(source, known, settings) if saved is None else _resumed(saved.settings, settings)
    place = _place(chosen, device)
    _check_directories(files)
    with _threads(threads):
        loaded, left_out = _load(console, source, known, chosen)
        _make_directories(files)
        run = Run(loaded, chosen, target, place, sheets_in, saved)
        if run.lost:
            console.warn(
                f"{target} is gone, and with it the network of epoch {run.lost}; the best from here on is kept"
            )
        _train(console, run, as_json)
    best = run.progress
    if best.best[0] >= run.baseline.error:
        console.warn(_useless(target, best.best[0], run.baseline.error, run.baseline.unit))
    counts = f"; {left_out} left out" if left_out else ""
    console.say(f"{target}: the network of epoch {best.best_epoch}, the best of {best.epoch}{counts}")
    return ExitCode.SOME_FAILED if left_out else ExitCode.OK


def _settings(source: Path, params: Path | None, given: Mapping[str, Any]) -> Settings:
    """The settings of a run that begins, with the defaults that depend on others."""
    from stnwarp.training.data import default_input_size

    values = dict(given)
    if values["recipe"] is None:
        choices = ", ".join(TrainingRecipe)
        raise click.UsageError(f"give --recipe, one of {choices}", click.get_current_context())
    if values["family"] is Family.THIN_PLATE_SPLINE and values["control_points"] is None:
        values["control_points"] = _CONTROL_POINTS
    if values["localisation_rate"] is None:
        values["localisation_rate"] = 0.1 if values["recipe"] is TrainingRecipe.CLASSIFY else 1.0
    values["input_size"] = values["input_size"] or default_input_size(source, params, values["recipe"])
    return Settings(**values)


def _saved(target: Path) -> "Saved":
    from stnwarp.training.state import load_state

    return load_state(state_path(target))


def _resumed(begun: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings of a run that goes on: those it was begun with, which what was typed must be, but for a few."""
    typed = {name for name in click.get_current_context().meta[GIVEN] if name in given}
    changed = sorted(name for name in typed if given[name] != getattr(begun, name))
    for name in changed:
        if name == "epochs" and begun.schedule is not Schedule.CONSTANT:
            raise ParameterError("--epochs decides how the rate falls; leave it out with --resume, or begin a new run")
        if name not in _CHANGEABLE:
            flag = "range" if name == "ranges" else name.replace("_", "-")
            raise ParameterError(f"--{flag} differs from that of the run to resume; leave it out, or begin a new run")
    return replace(begun, **{name: given[name] for name in changed})


def _check_directories(files: list[Path]) -> None:
    from stnwarp.files.directories import check_directories

    check_directories(files)


def _make_directories(files: list[Path]) -> None:
    from stnwarp.files.directories import make_directory, sweep

    for file in files:
        make_directory(file.parent)
    sweep(files)


def _load(console: Console, source: Path, params: Path | None, settings: Settings) -> tuple["Data", int]:
    """The images, and how many of them had to be left out."""
    from stnwarp.training.data import load_data
    from stnwarp.training.reach import terms_without_parameters

    if missing := terms_without_parameters(settings):
        console.warn(f"family {settings.family} cannot undo {join_words(missing)}; it learns to come near")
    left_out: list[str] = []

    def reject(name: str, reason: str) -> None:
        left_out.append(name)
        console.say(f"failed: {name}: {reason}; left out", QUIET)

    console.say(f"reading {source}", 1)
    data = load_data(source, params, settings, reject, console.warn)
    _warn_of_reach(console, settings, data)
    counts = f"{count_noun(len(data.training), 'image')} to learn from, {len(data.validation)} kept back"
    console.say(f"{counts}, {len(left_out)} left out" if left_out else counts)
    return data, len(left_out)


def _warn_of_reach(console: Console, settings: Settings, data: "Data") -> None:
    """Say what of the range the family cannot undo as far as it goes."""
    from stnwarp.training.reach import out_of_reach, remedy

    if beyond := out_of_reach(settings, data.training):
        helps = remedy(settings, data.training)
        console.warn(
            f"family {settings.family} cannot undo {join_words(beyond)} as far as --range goes; give {helps}, "
            "or let it come near"
        )


def _place(settings: Settings, device: Device) -> "torch.device":
    """Where to compute; what cannot be is refused here, before images are read."""
    from stnwarp.training.checks import check_settings, chosen_device

    check_settings(settings)
    return chosen_device(device)


def _train(console: Console, run: "Run", as_json: bool) -> None:
    report = Report(console, run.settings.epochs, as_json=as_json)
    steps = (run.settings.epochs - run.progress.epoch) * run.steps
    try:
        with console.progress(steps, "step") as advance:
            work = cast("Generator[Epoch]", run.epochs(advance))
            with closing(work) as epochs:
                for epoch in epochs:
                    native_messages().tell()
                    report.add(epoch)
    except KeyboardInterrupt as error:
        done = run.progress.epoch
        kept = f"{count_noun(done, 'whole epoch')} {'is' if done == 1 else 'are'} kept"
        error.args = (f"{kept}; run it again with --resume to go on",)
        raise


def _useless(target: Path, error: float, baseline: float, unit: str) -> str:
    """What is said of a best network that is not good."""
    return (
        f"{target} is no better than {baseline_name(unit)}: its error is {error:.3g} {unit}, and that of "
        f"{baseline_name(unit)} {baseline:.3g} {unit}; lower --rate, or give it more epochs or more images"
    )


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    """So many threads for PyTorch meanwhile; by default as many as it takes by itself."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
