"""`stnwarp grid`: write a sampling grid, or draw it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stnwarp.cli.console import Console
from stnwarp.cli.options import (
    TransformationOptions,
    align_corners_option,
    max_pixels_option,
    overwrite_option,
    transformation_options,
    verbosity_options,
)
from stnwarp.cli.sections import Command, output
from stnwarp.cli.transformation import build_recipe, check_transformation, size_request
from stnwarp.cli.values import Size
from stnwarp.conventions import Units, suggestion
from stnwarp.errors import ExitCode, ImageError, OutputClashError, ParameterError, SizeLimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stnwarp.transforms import Placed

_NUMBERS = (".npy", ".npz", ".csv", ".json")
_PICTURES = (".png", ".svg")
_BYTES_PER_POINT = 16
_DEFAULT_WIDTH = 1200


@dataclass(frozen=True)
class _Grid:
    """A sampling grid with all it takes to write or draw it."""

    points: "NDArray[Any]"
    placed: "Placed"
    align_corners: bool
    input_size: tuple[int, int]
    image: "NDArray[Any] | None"


@click.command(cls=Command, options_metavar="-o FILE [OPTIONS]")
@transformation_options(
    "The unit of --theta and of the grid that is written: normalised coordinates, -1 to 1 across the image, "
    "or pixels.  [default: normalized]"
)
@align_corners_option
@output(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write; the suffix decides what: .npy and .npz (NumPy; .npz with its convention), "
    ".csv (i,j,y,x), .json, or a picture as .png or .svg.",
)
@output(
    "--size",
    type=Size("same", "fit"),
    metavar="WxH",
    help="Size of the output the grid is for, or same or fit.  [default: same, the input's]",
)
@output("--input-size", type=Size(), metavar="WxH", help="Size of the input.  [default: the image's, else --size]")
@output("--image", type=click.Path(path_type=Path), metavar="IMG", help="The input: gives its size, and is drawn.")
@output(
    "--width",
    type=click.IntRange(160, 10_000),
    metavar="N",
    help=f"Width of the picture in pixels, 160 to 10000.  [default: {_DEFAULT_WIDTH}]",
)
@overwrite_option
@max_pixels_option
@verbosity_options
@click.pass_obj
def grid(
    console: Console,
    target: Path,
    transformation_options: TransformationOptions,
    align_corners: bool | None,
    size: str | tuple[int, int] | None,
    input_size: tuple[int, int] | None,
    image: Path | None,
    width: int | None,
    overwrite: bool,
    max_pixels: int,
) -> ExitCode:
    """Write a sampling grid, or draw it.

    The grid says for each pixel of the output, row by row, at which point (x, y) the input is read. A picture
    shows these points lying on the input, beside the output they make.

    \b
    Examples:
      stnwarp grid -o grid.npz --rotate 15 --size 640x480
      stnwarp grid -o grid.csv --theta "1 0 0.1 0 1 0" --size 28x28
      stnwarp grid -o grid.csv --units pixel --theta "1 0 -3 0 1 5" --size 28x28
      stnwarp grid -o explained.svg --image photo.jpg --rotate 15
    """
    _check(target, transformation_options, width, overwrite)
    _check_sizes(size, input_size, image, max_pixels)
    pixels, known_size = _input(image, input_size, size, max_pixels)
    made = _make(transformation_options, align_corners, size, known_size, pixels, max_pixels)
    _write(target, made, transformation_options.units or Units.NORMALIZED, width or _DEFAULT_WIDTH, overwrite)
    height, columns = made.placed.size
    console.say(f"{target}: {columns}x{height} points", 1)
    return ExitCode.OK


def _check(target: Path, options: TransformationOptions, width: int | None, overwrite: bool) -> None:
    check_transformation(options, required=False)
    suffix = target.suffix.lower()
    if suffix not in _NUMBERS + _PICTURES:
        known = ", ".join(_NUMBERS + _PICTURES)
        hint = suggestion(suffix, _NUMBERS + _PICTURES)
        raise ParameterError(f"{target}: {suffix or 'no suffix'} is no way to write a grid{hint}; use one of {known}")
    if width is not None and suffix not in _PICTURES:
        raise ParameterError(f"--width is for pictures, {' and '.join(_PICTURES)}; leave it out for {suffix}")
    if not overwrite and os.path.lexists(target):
        raise OutputClashError(f"{target}: exists already; give --overwrite or another name")


def _check_sizes(
    size: str | tuple[int, int] | None,
    input_size: tuple[int, int] | None,
    image: Path | None,
    max_pixels: int,
) -> None:
    if image is None and input_size is None and not isinstance(size, tuple):
        raise click.UsageError(
            "the size is not known; give --size WxH, --input-size WxH or --image", click.get_current_context()
        )
    if isinstance(size, tuple):
        _check_size(size, max_pixels)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    height, width = size
    if height * width > max_pixels:
        gigabytes = height * width * _BYTES_PER_POINT / 1e9
        raise SizeLimitError(
            f"a grid of {width}x{height} points would need {gigabytes:,.1f} GB; "
            f"the limit is {max_pixels} points (--max-pixels)"
        )


def _input(
    image: Path | None,
    input_size: tuple[int, int] | None,
    size: str | tuple[int, int] | None,
    max_pixels: int,
) -> "tuple[NDArray[Any] | None, tuple[int, int]]":
    """The image, if there is one, and the size of the input."""
    if image is None:
        known = input_size or size
        assert isinstance(known, tuple)
        return None, known
    pixels = _read(image, max_pixels)
    found = (int(pixels.shape[0]), int(pixels.shape[1]))
    if input_size not in (None, found):
        raise ParameterError(f"{image} is {found[1]}x{found[0]}, which contradicts --input-size; leave that out")
    return pixels, found


def _read(image: Path, max_pixels: int) -> "NDArray[Any]":
    from stnwarp.images import read_picture

    try:
        picture = read_picture(image, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{image}: {error}") from error
    return _cmyk_as_rgb(picture.array) if picture.mode == "CMYK" else picture.array


def _cmyk_as_rgb(array: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    ink = 255 - array.astype(np.float32)
    return np.rint(ink[:, :, :3] * ink[:, :, 3:] / 255).astype(np.uint8)


def _make(
    options: TransformationOptions,
    align_corners: bool | None,
    size: str | tuple[int, int] | None,
    input_size: tuple[int, int],
    image: "NDArray[Any] | None",
    max_pixels: int,
) -> _Grid:
    from stnwarp.grid import sampling_grid

    recipe, chosen = build_recipe(options, align_corners)
    placed = recipe.place(input_size, size_request(size or "same"), chosen)
    _check_size(placed.size, max_pixels)
    return _Grid(sampling_grid(placed.transform, placed.size, chosen), placed, chosen, input_size, image)


def _write(target: Path, made: _Grid, units: Units, width: int, overwrite: bool) -> None:
    from stnwarp.images import write_atomically

    data = _drawn(target, made, width) if target.suffix.lower() in _PICTURES else _dumped(target, made, units)
    write_atomically(target, data, overwrite=overwrite)


def _dumped(target: Path, made: _Grid, units: Units) -> bytes:
    from stnwarp.transform_files import dump_grid

    return dump_grid(
        target.suffix.lower(),
        made.points,
        units=units,
        align_corners=made.align_corners,
        input_size=made.input_size,
        output_size=made.placed.size,
    )


def _drawn(target: Path, made: _Grid, width: int) -> bytes:
    from stnwarp.drawing import draw_grid, render_png, render_svg
    from stnwarp.warp import warp

    warped = None
    if made.image is not None:
        warped = warp(made.image, made.placed.transform, made.placed.size, align_corners=made.align_corners)
    scene = draw_grid(
        made.points,
        input_size=made.input_size,
        align_corners=made.align_corners,
        image=made.image,
        target=warped,
        width=width,
    )
    return render_svg(scene).encode() if target.suffix.lower() == ".svg" else render_png(scene)
