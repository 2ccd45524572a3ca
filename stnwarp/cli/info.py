"""`stnwarp info`: what a file holds, and the versions in use."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stnwarp.cli.console import PROGRAM, Console, printable
from stnwarp.cli.options import json_option, max_pixels_option, verbosity_options
from stnwarp.cli.sections import Command
from stnwarp.errors import ExitCode, ImageError

_PACKAGES = ("numpy", "numba", "llvmlite", "pillow", "onnxruntime", "click")
_TRANSFORM_SUFFIXES = (".json", ".npy", ".npz")


@click.command(cls=Command)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@json_option
@max_pixels_option
@verbosity_options
@click.pass_obj
def info(console: Console, file: Path | None, as_json: bool, max_pixels: int) -> ExitCode:
    """Say what a file holds, or which versions are in use.

    FILE is a theta, a transform or a sampling grid (.json, .npy or .npz), or an image. Without FILE, the
    versions of stnwarp and of what it works with are listed.

    \b
    Examples:
      stnwarp info
      stnwarp info grid.npz
      stnwarp info --json photo.jpg
    """
    facts = versions() if file is None else _described(file, max_pixels)
    for line in _lines(facts, as_json=as_json):
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


def _described(file: Path, max_pixels: int) -> Mapping[str, Any]:
    if file.suffix.lower() in _TRANSFORM_SUFFIXES:
        from stnwarp.transform_files import describe_file

        return describe_file(file)
    return _described_image(file, max_pixels)


def _described_image(file: Path, max_pixels: int) -> dict[str, Any]:
    from stnwarp.images.probe import probe

    try:
        header = probe(file, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{file}: {error}") from error
    height, width = header.size
    return {
        "file": str(file),
        "kind": "image",
        "format": header.format,
        "mode": header.mode,
        "size": f"{width}x{height}",
        "bits": header.bits,
    }


def _lines(facts: Mapping[str, Any], *, as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(facts)]
    width = max(map(len, facts))
    return [printable(f"{name:<{width}}  {value}") for name, value in facts.items()]
