"""`stnwarp info`: what a file holds, and the versions in use."""

import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from stnwarp.cli.console import PROGRAM, Console
from stnwarp.cli.facts import lines_of
from stnwarp.cli.guide_options import ToldOptions, told_options
from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.options import json_option, max_pixels_option, verbosity_options
from stnwarp.cli.sections import Command
from stnwarp.errors import ExitCode, ImageError
from stnwarp.text import size_text

_PACKAGES = ("numpy", "numba", "llvmlite", "pillow", "onnxruntime", "click", "tqdm")
_TRANSFORM_SUFFIXES = (".json", ".npy", ".npz")
_NETWORK = ".onnx"
_EPILOG = """\
Exit codes: 0 done; 1 the image could not be read; 2 the command line is wrong, or a transform, grid or
parameter file cannot be used; 4 cannot go on, such as with a checkpoint that cannot be used; 129 hung up;
130 interrupted; 143 terminated.
"""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@told_options
@json_option
@max_pixels_option
@verbosity_options("Twice (-vv): show tracebacks of errors.")
@click.pass_obj
def info(console: Console, file: Path | None, told_options: ToldOptions, as_json: bool, max_pixels: int) -> ExitCode:
    """Say what a file holds, or which versions are in use.

    FILE is a theta, a transform or a sampling grid (.json, .npy, .npz, or the .csv that 'stnwarp grid' writes),
    a parameter file (.jsonl), a checkpoint (.onnx, or the name of one that comes with stnwarp), or an image.
    A network without metadata is described as 'stnwarp apply' would take it, with the same options. Without
    FILE, the versions of stnwarp and of what it works with are listed. Numbers have six digits; with --json,
    all of them.

    \b
    Examples:
      stnwarp info
      stnwarp info grid.npz
      stnwarp info scans.jsonl
      stnwarp info network.onnx --input-size 64x64 --normalize imagenet
      stnwarp info --json photo.jpg
    """
    if told_options.given is not None and not (file and _is_checkpoint(file)):
        raise click.UsageError(f"{told_options.given} is for a checkpoint; leave it out", click.get_current_context())
    with native_messages().of_file(file) if file else nullcontext():
        facts = versions() if file is None else _described(file, told_options, max_pixels)
    for line in [json.dumps(facts)] if as_json else lines_of(facts):
        console.data(line)
    return ExitCode.OK


def version_of(package: str) -> str:
    """The installed version of *package*, without importing it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Name and version of everything that takes part in a result."""
    packages = {package: version_of(package) for package in _PACKAGES}
    return {PROGRAM: version_of(PROGRAM), "python": ".".join(map(str, sys.version_info[:3])), **packages}


def _described(file: Path, told: ToldOptions, max_pixels: int) -> Mapping[str, Any]:
    suffix = file.suffix.lower()
    if suffix in _TRANSFORM_SUFFIXES:
        from stnwarp.transform_files import describe_file

        return describe_file(file)
    if suffix == ".jsonl":
        from stnwarp.params import describe_parameters

        return describe_parameters(file)
    if _is_checkpoint(file):
        from stnwarp.localisation import describe_checkpoint

        return describe_checkpoint(str(file), **told.told)
    if suffix == ".csv":
        from stnwarp.cli.csv_grid import describe_csv

        return describe_csv(file)
    return _described_image(file, max_pixels)


def _is_checkpoint(file: Path) -> bool:
    """Whether *file* is named as a network, or is the name of one that comes with the package and of nothing else."""
    if file.suffix or file.exists():
        return file.suffix.lower() == _NETWORK
    from stnwarp.localisation import shipped_names

    return str(file) in shipped_names()


def _described_image(file: Path, max_pixels: int) -> dict[str, Any]:
    from stnwarp.images.probe import opened_image

    try:
        with opened_image(file, max_pixels=max_pixels) as opened:
            header, mode = opened.header, opened.image.mode
    except ImageError as error:
        raise ImageError(f"{file}: {error}") from error
    return {
        "file": str(file),
        "kind": "image",
        "format": header.format,
        "mode": mode,
        "read_as": header.mode,
        "size": size_text(header.size),
        "bits": header.bits,
    }
