"""Options that commands share. Each bundle reaches the command as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from stnwarp.cli.console import QUIET, Console
from stnwarp.cli.numbers import MissingValue, Whole
from stnwarp.cli.sections import Decorator, bundle, output, run, sampling
from stnwarp.cli.values import CanonicalSize, OneOf, OutputSize, Padding, PixelRectangle
from stnwarp.conventions import (
    DEFAULT_ANTIALIAS,
    DEFAULT_INTERPOLATION,
    DEFAULT_MAX_PIXELS,
    DEFAULT_PADDING_MODE,
    Interpolation,
    PaddingModes,
)
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SizeRequest

CallbackT = TypeVar("CallbackT", bound=Callable[..., Any])


@dataclass(frozen=True)
class SamplingOptions:
    """How pixels are read; `align_corners` is None as long as nobody says."""

    interpolation: Interpolation
    padding_mode: PaddingModes
    fill: str | None
    antialias: bool
    align_corners: bool | None


@dataclass(frozen=True)
class OutputOptions:
    """Size, format and quality of what is written, and the file that tells how; size None as long as nobody says.

    *crop* is the part of the input that is taken for it, *viewport* the part of the output that is made.
    """

    size: SizeRequest | CanonicalSize | None
    crop: Rectangle | None
    viewport: Rectangle | None
    format: str | None
    quality: int | None
    coverage: str | None
    save_params: Path | None

    @property
    def changes_more(self) -> bool:
        """Whether there is something to do without a transformation."""
        is_other = self.size not in (None, SizeRequest())
        return is_other or any(option is not None for option in (self.crop, self.viewport, self.format))


@dataclass(frozen=True)
class RunOptions:
    """How a folder is worked through."""

    recursive: bool
    jobs: int | None
    overwrite: bool
    skip_existing: bool
    dry_run: bool
    json: bool
    fail_fast: bool
    max_pixels: int


align_corners_option = sampling(
    "--align-corners/--no-align-corners",
    default=None,
    help="Whether -1 and 1 of normalised coordinates are the centres of the corner pixels, rather than their "
    "outer edges.  [default: the file's or the checkpoint's own, else no-align-corners]",
)

sampling_options = bundle(
    "sampling_options",
    SamplingOptions,
    sampling(
        "--interpolation",
        type=OneOf(Interpolation),
        default=DEFAULT_INTERPOLATION.value,
        show_default=True,
        help="How to read between pixels: the nearest one, or a blend of 4 (bilinear), 16 (bicubic) or 36 (lanczos); "
        "the last two keep more detail, and overshoot a little beside sharp edges.",
    ),
    sampling(
        "--padding-mode",
        type=Padding(),
        metavar="[fill|zeros|border|reflection|wrap]",
        default=DEFAULT_PADDING_MODE.value,
        show_default=True,
        help="What is read outside the image: the fill color, the nearest edge pixel (border), its mirror image "
        "(reflection), or the image over again (wrap). Under fill the image ends at the outer edges of its pixels, and "
        "an output pixel on the edge has its share of the color; under zeros the edge is blended with the color, as in "
        "PyTorch. Two modes, such as wrap,border for a panorama, are those beside the image, and above and below it.",
    ),
    sampling(
        "--fill",
        metavar="COLOR",
        help="Color outside the image under --padding-mode fill or zeros: a name, #rrggbb, 'r,g,b' or one gray "
        "level.  [default: black, transparent where there is alpha]",
    ),
    sampling(
        "--antialias/--no-antialias",
        default=DEFAULT_ANTIALIAS,
        show_default=True,
        help="Average all pixels that an output pixel stands for where the image shrinks, instead of reading only "
        "those next to one position. --interpolation nearest never averages.",
    ),
    align_corners_option,
)

no_draft_option = sampling(
    "--no-draft",
    is_flag=True,
    help="Decode every JPEG at its full size. By default one that shrinks everywhere to 1/7, 1/14 or 1/28 or less is "
    "decoded at 1/2, 1/4 or 1/8, which is faster and may change the result a little. The image that a --checkpoint "
    "looks at is never decoded smaller.",
)

nodata_option = sampling(
    "--nodata",
    type=MissingValue(),
    metavar="VALUE",
    help="The value of pixels without data in pictures of floats (TIFF), besides NaN. They have no part in what is "
    "read between pixels; where they would have more than half of the weight, the result is VALUE, and so is the "
    "outside unless --fill is given.",
)

SIZE_HELP = (
    "same is the frame of the input, wherever the picture was moved to; fit is just large enough for the whole moved "
    "picture; inner is the largest frame of the picture's proportions inside it, without fill. SCALE sets how many "
    "pixels the frame gets, its proportions kept: 50%, 800x (the width), x600 (the height) or 800x600 (a box, which "
    "never enlarges); a SCALE alone means same. WxH without a colon is exact: the frame is stretched to it, or, with "
    "--units pixel, it is a canvas of that many pixels."
)
crop_option = output(
    "--crop",
    type=PixelRectangle(),
    metavar="X,Y,W,H",
    help="Take this rectangle of the upright input for the picture. Everything else then works as if there were no "
    "pixels outside it; pixel 0,0 is its top left one.",
)
viewport_option = output(
    "--viewport",
    type=PixelRectangle(),
    metavar="X,Y,W,H",
    help="Compute and write only this rectangle of the output that --size describes; it may reach beyond it.",
)

output_options = bundle(
    "output_options",
    OutputOptions,
    output(
        "--size",
        type=OutputSize(has_canonical=True),
        metavar="[same|fit|inner|canonical][:SCALE]|WxH",
        help=f"Size of the output. {SIZE_HELP} canonical is the WxH that a --checkpoint was made for.  [default: that "
        "of a row of --params, fit with --corners, else same]",
    ),
    crop_option,
    viewport_option,
    output(
        "--format",
        metavar="EXT",
        help="Write this format, such as png, jpg, webp or tif.  [default: by DEST, else the source's]",
    ),
    output(
        "--quality",
        type=Whole(1, 100),
        metavar="1-100",
        help="Quality of JPEG, WebP and AVIF; other formats have none.  [default: 95]",
    ),
    output(
        "--coverage",
        metavar="DIR",
        help="Write how much of each output pixel lies inside the image, from 0 to 255, whatever the padding mode: a "
        "gray PNG in this folder for each output, of the same name.",
    ),
    output(
        "--save-params",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write what each image was warped by to a .jsonl file, a row each; --params does the same again.",
    ),
)

overwrite_option = run("--overwrite", is_flag=True, help="Replace files that exist.")
json_option = run("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
max_pixels_option = run(
    "--max-pixels",
    type=Whole(1),
    default=DEFAULT_MAX_PIXELS,
    metavar="N",
    help="Refuse to read and to make images of more pixels.  "
    f"[default: {DEFAULT_MAX_PIXELS // 2} to read, {DEFAULT_MAX_PIXELS} to make]",
)

run_options = bundle(
    "run_options",
    RunOptions,
    run("-r", "--recursive", is_flag=True, help="Go into sub-folders."),
    run(
        "-j",
        "--jobs",
        type=Whole(1),
        metavar="N",
        help="Images to work on at a time.  [default: one per usable core]",
    ),
    overwrite_option,
    run("--skip-existing", is_flag=True, help="Leave out images whose output exists."),
    run("-n", "--dry-run", is_flag=True, help="Say what would be done; write nothing."),
    run("--json", is_flag=True, help="Write one line of JSON per image to standard output."),
    run("--fail-fast", is_flag=True, help="Stop at the first image that fails."),
    max_pixels_option,
)


def check_fill_is_used(options: SamplingOptions) -> None:
    """Refuse a colour that no pixel would get."""
    if options.fill is not None and not options.padding_mode.takes_fill:
        message = (
            f"--fill is for --padding-mode fill and zeros, and {options.padding_mode} uses no color; leave one of "
            "them out"
        )
        raise click.UsageError(message, click.get_current_context())


def _set_verbosity(ctx: click.Context, _: click.Parameter, value: int) -> None:
    if value:
        ctx.ensure_object(Console).verbosity = value


def _set_quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Console).verbosity = QUIET


def verbosity_options(verbose_help: str) -> Decorator[Any]:
    """-q and -v, which act on the console and do not reach the command; what -v adds differs by command."""
    quiet = run(
        "-q",
        "--quiet",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_quiet,
        help="Report nothing but errors.",
    )
    verbose = run(
        "-v",
        "--verbose",
        count=True,
        is_eager=True,
        expose_value=False,
        callback=_set_verbosity,
        help=verbose_help,
    )

    def decorate(command: CallbackT) -> CallbackT:
        return quiet(verbose(command))

    return decorate
