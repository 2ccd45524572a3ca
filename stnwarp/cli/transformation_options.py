"""The options that say what happens to the picture. They reach a command as one value."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from stnwarp.cli.numbers import Numbers, PastedNumbers, Scale, Shear
from stnwarp.cli.sections import GIVEN, Decorator, bundle, transformation
from stnwarp.cli.values import Aspect, Flip, OneOf
from stnwarp.conventions import Units

MoveValue = tuple[float, ...] | Flip

MOVES = ("rotate", "scale", "shear", "translate", "flip")


@dataclass(frozen=True)
class TransformationOptions:
    """What was asked for, still in the user's words; `moves` in the order typed."""

    theta: tuple[float, ...] | None
    units: Units | None
    moves: tuple[tuple[str, MoveValue], ...]
    center: tuple[float, float] | None
    corners: tuple[float, ...] | None
    aspect: float | None
    allow_mirror: bool
    transform: Path | None
    inverse: bool


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
    type=PastedNumbers(2, 6, 8, 9),
    metavar="NUMBERS",
    help="Where each output point is read in the input: 6 numbers 'a b tx c d ty' (affine, row by row), "
    "2 'tx ty' (translation), or 9 or 8 (projective; the 9th is 1). Commas or spaces between; brackets "
    "do not matter.",
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
        help="Slant the picture along x, its top to the left for a positive angle; and then along y if there "
        "is a second angle, its right side up for a positive one.",
    ),
    transformation(
        "--translate",
        type=Numbers(2),
        multiple=True,
        metavar="DX,DY",
        help="Move the picture by so many pixels to the right and down. Under --size fit, which follows the "
        "picture, this cannot be seen.",
    ),
    transformation(
        "--flip",
        type=OneOf(Flip),
        multiple=True,
        help="Mirror the picture left-right, top-bottom or both.",
    ),
    transformation(
        "--center",
        type=Numbers(2),
        metavar="X,Y",
        help="The pixel of the input that --rotate, --scale, --shear and --flip keep in place.  [default: its centre]",
    ),
)

_other_kinds = (
    transformation(
        "--corners",
        type=PastedNumbers(8),
        metavar='"X,Y X,Y X,Y X,Y"',
        help="Four pixels of the input, clockwise from the top left: this quad fills the output. Without --size it is "
        "fitted, in the proportions of a page that is photographed so.",
    ),
    transformation(
        "--aspect",
        type=Aspect(),
        metavar="W:H|PAPER",
        help="Width to height of the page within --corners: two numbers such as 3:2, or a4, a4-landscape, letter or "
        "letter-landscape.  [default: estimated, with the focal length in the EXIF or, where there is none, by the "
        "corners alone; -v says how]",
    ),
    transformation(
        "--allow-mirror", is_flag=True, help="Take --corners that run counter-clockwise, which mirror the picture."
    ),
    transformation(
        "--transform",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A theta, a thin plate spline or a sampling grid from a .json, .npy or .npz file.",
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
