"""`stnwarp grid`: write a sampling grid, or draw it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stnwarp.cli.console import Console
from stnwarp.cli.grid_input import Input, InputOptions, check_sizes_are_known, known_input, known_size
from stnwarp.cli.numbers import Whole
from stnwarp.cli.options import (
    SIZE_HELP,
    SamplingOptions,
    check_fill_is_used,
    crop_option,
    max_pixels_option,
    overwrite_option,
    sampling_options,
    verbosity_options,
    viewport_option,
)
from stnwarp.cli.sections import GIVEN, Command, output
from stnwarp.cli.transformation import Asked, build_spec, check_aspect_is_used, check_transformation
from stnwarp.cli.transformation_options import TransformationOptions, transformation_options
from stnwarp.cli.values import OutputSize, Size
from stnwarp.conventions import Units
from stnwarp.errors import ExitCode, ImageError, OutputClashError, OutputError, ParameterError, SizeLimitError
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SizeRequest
from stnwarp.text import size_text, suggestion

if TYPE_CHECKING:
    from stnwarp.transforms import ImageWarp

_NUMBERS = (".npy", ".npz", ".csv", ".json")
_PICTURES = (".png", ".svg")
_OF_THE_DRAWN_IMAGE = {
    "interpolation": "--interpolation",
    "padding_mode": "--padding-mode",
    "fill": "--fill",
    "antialias": "--no-antialias",
}
_BYTES_PER_POINT = 16
_DEFAULT_WIDTH = 1200
_EPILOG = """\
Exit codes: 0 done; 1 the image could not be read; 2 the command line or a transform file is wrong, nothing
was written; 4 cannot go on, such as when the disk is full; 129 hung up; 130 interrupted; 143 terminated.
"""


@click.command(cls=Command, options_metavar="-o FILE [OPTIONS]", epilog=_EPILOG)
@transformation_options(
    "The unit of --theta and of the grid that is written: normalised coordinates, -1 to 1 across the image, "
    "or pixels.  [default: normalized]"
)
@sampling_options
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
    type=OutputSize(),
    metavar="[same|fit|inner][:SCALE]|WxH",
    help=f"Size of the output the grid is for. {SIZE_HELP}  [default: a transform file's own where there is no "
    "--image, fit with --corners, else same]",
)
@crop_option
@viewport_option
@output(
    "--input-size",
    type=Size(),
    metavar="WxH",
    help="Size of the input, before any --crop.  [default: the image's, else a transform file's, else --size]",
)
@output("--image", type=click.Path(path_type=Path), metavar="IMG", help="The input: gives its size, and is drawn.")
@output(
    "--width",
    type=Whole(160, 10_000),
    metavar="N",
    help=f"Width of the picture in pixels, 160 to 10000.  [default: {_DEFAULT_WIDTH}]",
)
@overwrite_option
@max_pixels_option
@verbosity_options("Report what was written; twice (-vv): tracebacks of errors, too.")
@click.pass_obj
def grid(
    console: Console,
    target: Path,
    transformation_options: TransformationOptions,
    sampling_options: SamplingOptions,
    size: SizeRequest | None,
    crop: Rectangle | None,
    viewport: Rectangle | None,
    input_size: tuple[int, int] | None,
    image: Path | None,
    width: int | None,
    overwrite: bool,
    max_pixels: int,
) -> ExitCode:
    """Write a sampling grid, or draw it.

    The grid says for each pixel of the output, row by row, at which point (x, y) the input is read. A picture
    shows these points lying on the input, beside the output they make. Without a transformation it is the
    identity: every pixel is read where it is. --interpolation, --padding-mode and --fill say how the output
    of an --image is drawn; they do not change the grid.

    \b
    Examples:
      stnwarp grid -o grid.npz --rotate 15 --size 640x480
      stnwarp grid -o grid.csv --theta "1 0 0.1 0 1 0" --size 28x28
      stnwarp grid -o grid.csv --units pixel --theta "1 0 -3 0 1 5" --size 28x28
      stnwarp grid -o grid.png --transform grid.npz
      stnwarp grid -o explained.svg --image photo.jpg --rotate 15
      stnwarp grid -o part.npz --rotate 15 --crop 10,20,640,480 --viewport 0,0,64,64
    """
    _check(target, transformation_options, width, overwrite)
    check_aspect_is_used(transformation_options, size)
    check_fill_is_used(sampling_options)
    _check_sampling_is_used(is_drawn=image is not None and target.suffix.lower() in _PICTURES)
    made = viewport or size
    if made is not None and made.size is not None:
        _check_size(made.size, max_pixels)
    told = InputOptions(input_size, image, crop)
    if transformation_options.transform is None:
        check_sizes_are_known(size, told)
    _check_directory(target)
    asked = build_spec(transformation_options, sampling_options.align_corners)
    given = known_input(asked, size, told, max_pixels)
    image_warp = _resolve(asked, given, known_size(size, asked, image), viewport)
    _check_size(image_warp.size, max_pixels)
    if given.size is not None:
        _warn(console, str(image or target), asked, given.size, image_warp, sampling_options, viewport)
    units = transformation_options.units
    _write(console, target, asked, given, image_warp, units, sampling_options, width, overwrite)
    console.say("; ".join([f"{target}: {size_text(image_warp.size)} points", *image_warp.notes]), 1)
    return ExitCode.OK


def _resolve(asked: Asked, given: Input, request: SizeRequest, viewport: Rectangle | None) -> "ImageWarp":
    """Resolve what was asked for, for the image if there is one, as `stnwarp apply` does it."""
    from stnwarp.transforms import Frame, through_viewport, with_focal_length

    focal_length = None if given.picture is None else given.picture.focal_length_35mm
    spec = with_focal_length(asked.spec, focal_length)
    image_warp = spec.resolve(given.any_size, request, asked.align_corners)
    return through_viewport(image_warp, viewport, Frame(given.any_size, asked.align_corners))


def _check(target: Path, options: TransformationOptions, width: int | None, overwrite: bool) -> None:
    check_transformation(options, required=False)
    suffix = target.suffix.lower()
    known = ", ".join(_NUMBERS + _PICTURES)
    if str(target) == "-":
        raise ParameterError(f"-: grid writes to a file, not to standard output; name one that ends in one of {known}")
    if suffix not in _NUMBERS + _PICTURES:
        hint = suggestion(suffix, _NUMBERS + _PICTURES)
        what = f"a grid cannot be written as {suffix}" if suffix else "no suffix, which says how to write a grid"
        raise ParameterError(f"{target}: {what}{hint}; use one of {known}")
    if width is not None and suffix not in _PICTURES:
        raise ParameterError(f"--width is for pictures, {' and '.join(_PICTURES)}; leave it out for {suffix}")
    if not overwrite and os.path.lexists(target):
        raise OutputClashError(f"{target}: exists already; give --overwrite or another name")


def _check_sampling_is_used(is_drawn: bool) -> None:
    """Refuse to be told how an image is read where none is drawn."""
    typed = click.get_current_context().meta[GIVEN]
    unused = [flag for name, flag in _OF_THE_DRAWN_IMAGE.items() if name in typed and not is_drawn]
    if unused:
        raise ParameterError(f"{unused[0]} is for pictures of an --image, {' and '.join(_PICTURES)}; leave it out")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    height, width = size
    if height * width > max_pixels:
        gigabytes = height * width * _BYTES_PER_POINT / 1e9
        raise SizeLimitError(
            f"a grid of {width}x{height} points would need {gigabytes:,.1f} GB; "
            f"the limit is {max_pixels} points (--max-pixels)"
        )


def _check_directory(target: Path) -> None:
    from stnwarp.files.directories import check_directories

    check_directories([target])


def _warn(
    console: Console,
    name: str,
    asked: Asked,
    input_size: tuple[int, int],
    image_warp: "ImageWarp",
    sampling: SamplingOptions,
    viewport: Rectangle | None,
) -> None:
    """Say what `stnwarp apply` would say of a picture of *input_size*, above all that nothing of it comes out."""
    from stnwarp.transforms import VIEWPORT_ADVICE, Frame, WarpFrames, absence_of, absence_warning

    source = Frame(input_size, asked.align_corners)
    frames = WarpFrames(source, source.with_size(image_warp.size), sampling.interpolation)
    absence, warnings = absence_of(image_warp.transform, frames), list(image_warp.warnings)
    if absence is not None:
        advice = asked.spec.advice(absence, frames, asked.file) if viewport is None else VIEWPORT_ADVICE
        warnings.append(absence_warning(absence, advice))
    for warning in warnings:
        console.warn(f"{name}: {warning}")


def _write(
    console: Console,
    target: Path,
    asked: Asked,
    given: Input,
    image_warp: "ImageWarp",
    units: Units | None,
    sampling: SamplingOptions,
    width: int | None,
    overwrite: bool,
) -> None:
    """Make the bytes first: what fails leaves neither a file nor a directory behind."""
    from stnwarp.cli.compiling import compiling_told
    from stnwarp.cli.grid_output import drawn, dumped
    from stnwarp.files.atomic import write_atomically
    from stnwarp.files.directories import make_directory

    suffix = target.suffix.lower()
    with compiling_told(console):
        if suffix in _PICTURES:
            data = drawn(suffix, asked, given, image_warp, sampling, width or _DEFAULT_WIDTH)
        else:
            data = dumped(suffix, asked, given, image_warp, units or Units.NORMALIZED)
    try:
        make_directory(target.parent)
        write_atomically(target, data, overwrite=overwrite)
    except ImageError as error:  # of a name that is not possible; no image is at fault here
        raise OutputError(f"{error}; give another name") from error
