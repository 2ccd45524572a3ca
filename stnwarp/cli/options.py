"""Options that commands share. Each bundle reaches the command as one value."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from stnwarp.cli.console import QUIET, Console
from stnwarp.cli.sections import GIVEN, Decorator, bundle, output, run, sampling, transformation
from stnwarp.cli.values import Flip, Numbers, OneOf, Scale, Shear, Size
from stnwarp.conventions import (
    DEFAULT_INTERPOLATION,
    DEFAULT_MAX_PIXELS,
    DEFAULT_PADDING_MODE,
    Interpolation,
    PaddingMode,
    Units,
)

CallbackT = TypeVar("CallbackT", bound=Callable[..., Any])
MoveValue = tuple[float, ...] | Flip

MOVES = ("rotate", "scale", "shear", "translate", "flip")


@dataclass(frozen=True)
class TransformationOptions:
    """What was asked for, still in the user's words; `moves` in the order typed."""

    theta: tuple[float, ...] | None
    units: Units | None
    moves: tuple[tuple[str, MoveValue], ...]
    corners: tuple[float, ...] | None
    transform: Path | None
    inverse: bool


@dataclass(frozen=True)
class SamplingOptions:
    """How pixels are read; `align_corners` is None as long as nobody says."""

    interpolation: Interpolation
    padding_mode: PaddingMode
    fill: str | None
    align_corners: bool | None


@dataclass(frozen=True)
class OutputOptions:
    """Size, format and quality of what is written."""

    size: str | tuple[int, int]
    format: str | None
    quality: int | None


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


def _moves_in_order(command: Callable[..., Any]) -> Callable[..., Any]:
    """Replace the five move options by one `moves`, in the order they were typed."""

    @functools.wraps(command)
    def with_moves(*arguments: Any, **values: Any) -> Any:
        queues = {name: iter(values.pop(name)) for name in MOVES}
        typed = click.get_current_context().meta[GIVEN]
        values["moves"] = tuple((name, next(queues[name])) for name in typed if name in queues)
        return command(*arguments, **values)

    return with_moves


_theta_option = transformation(
    "--theta",
    type=Numbers(2, 6, 8, 9),
    metavar="NUMBERS",
    help="Where each output point is read in the input: 6 numbers 'a b tx c d ty' (affine, row by row), "
    "2 'tx ty' (translation), or 9 or 8 (projective; the 9th is 1). Commas or spaces between.",
)

_move_options = (
    transformation(
        "--rotate",
        type=Numbers(1),
        multiple=True,
        metavar="DEG",
        help="Turn the picture about its centre, counter-clockwise as seen on screen. This and the next four "
        "can be mixed and repeated; they are applied in the order given.",
    ),
    transformation(
        "--scale",
        type=Scale(1, 2),
        multiple=True,
        metavar="S|SX,SY",
        help="Enlarge the picture about its centre by a factor, or by one per axis.",
    ),
    transformation(
        "--shear",
        type=Shear(1, 2),
        multiple=True,
        metavar="DEG[,DEG]",
        help="Slant the picture along x, and along y if there is a second angle.",
    ),
    transformation(
        "--translate",
        type=Numbers(2),
        multiple=True,
        metavar="DX,DY",
        help="Move the picture by so many pixels to the right and down.",
    ),
    transformation(
        "--flip",
        type=OneOf(Flip),
        multiple=True,
        help="Mirror the picture left-right, top-bottom or both.",
    ),
)

_other_kinds = (
    transformation(
        "--corners",
        type=Numbers(8),
        metavar='"X,Y X,Y X,Y X,Y"',
        help="Four pixels of the input, clockwise from the top left: this quad fills the output.",
    ),
    transformation(
        "--transform",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A theta or sampling grid from a .json, .npy or .npz file.",
    ),
    transformation("--inverse", is_flag=True, help="Undo the transformation instead of applying it."),
)


def transformation_options(units_help: str) -> Decorator[Any]:
    """Every way to say what happens to the picture; what --units means differs by command."""
    return bundle(
        "transformation_options",
        TransformationOptions,
        _theta_option,
        transformation("--units", type=OneOf(Units), help=units_help),
        *_move_options,
        *_other_kinds,
        _moves_in_order,
    )


align_corners_option = sampling(
    "--align-corners/--no-align-corners",
    default=None,
    help="Whether -1 and 1 of normalised coordinates are the centres of the corner pixels, rather than their "
    "outer edges.  [default: a transform file's own, else no-align-corners]",
)

sampling_options = bundle(
    "sampling_options",
    SamplingOptions,
    sampling(
        "--interpolation",
        type=OneOf(Interpolation),
        default=DEFAULT_INTERPOLATION.value,
        show_default=True,
        help="How to read between pixels.",
    ),
    sampling(
        "--padding-mode",
        type=OneOf(PaddingMode),
        default=DEFAULT_PADDING_MODE.value,
        show_default=True,
        help="What is read outside the image: the fill colour, the nearest edge pixel, or its mirror image.",
    ),
    sampling(
        "--fill",
        metavar="COLOR",
        help="Colour outside the image under --padding-mode zeros: a name, #rrggbb, 'r,g,b' or one gray "
        "level.  [default: black, transparent where there is alpha]",
    ),
    align_corners_option,
)

output_options = bundle(
    "output_options",
    OutputOptions,
    output(
        "--size",
        type=Size("same", "fit"),
        default="same",
        show_default=True,
        metavar="same|fit|WxH",
        help="Size of the output: the input's, large enough to hold the whole picture, or width x height.",
    ),
    output(
        "--format",
        metavar="EXT",
        help="Write this format, such as png, jpg, webp or tif.  [default: by DEST, else the source's]",
    ),
    output(
        "--quality",
        type=click.IntRange(1, 100),
        metavar="1-100",
        help="Quality of JPEG, WebP and AVIF.  [default: 95]",
    ),
)

overwrite_option = run("--overwrite", is_flag=True, help="Replace files that exist.")
json_option = run("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
max_pixels_option = run(
    "--max-pixels",
    type=click.IntRange(min=1),
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
        type=click.IntRange(min=1),
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


def _set_verbosity(ctx: click.Context, _: click.Parameter, value: int) -> None:
    if value:
        ctx.ensure_object(Console).verbosity = value


def _set_quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Console).verbosity = QUIET


def verbosity_options(command: CallbackT) -> CallbackT:
    """-q and -v, which act on the console and do not reach the command."""
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
        help="Report every image; twice (-vv): tracebacks of errors, too.",
    )
    return quiet(verbose(command))
