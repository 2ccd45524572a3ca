"""From the options of a transformation to a spec. What needs no NumPy is checked before it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from stnwarp.cli.transformation_options import TransformationOptions
from stnwarp.cli.values import CanonicalSize, Flip
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Units
from stnwarp.errors import ParameterError
from stnwarp.size_request import SizeMode, SizeRequest

if TYPE_CHECKING:
    from stnwarp.rectangle import Rectangle
    from stnwarp.transforms import WarpSpec

_FLIP_AXES = {Flip.HORIZONTAL: (1.0, 0.0), Flip.VERTICAL: (0.0, 1.0), Flip.BOTH: (1.0, 1.0)}
_KINDS = ("--theta", "--rotate", "--scale", "--shear", "--translate", "--flip", "--corners", "--transform")
_ABOUT_A_POINT = ("rotate", "scale", "shear", "flip")
_NO_OTHERS: Mapping[str, bool] = {}


@dataclass(frozen=True)
class Asked:
    """What is to be done, and what is known of sizes, (height, width); None where nobody says.

    *align_corners* is the user's, the file's or the default. *file* is what says the units, if a file does. *crop* is
    the part of an image that the file called *name* is for. *default_size* is what --size is taken for where it is left
    out.
    """

    spec: "WarpSpec"
    align_corners: bool
    input_size: tuple[int, int] | None = None
    output_size: tuple[int, int] | None = None
    is_grid: bool = False
    file: str | None = None
    crop: "Rectangle | None" = None
    name: str = ""
    default_size: SizeRequest = field(default_factory=SizeRequest)


def check_transformation(
    options: TransformationOptions, *, required: bool, others: Mapping[str, bool] = _NO_OTHERS
) -> None:
    """Raise UsageError unless the options name one kind of transformation, or none where that is allowed.

    *others* are the kinds that a command has beside these, and whether they were given.
    """
    kinds = [*_kinds(options), *(name for name, is_given in others.items() if is_given)]
    *first, last = (*_KINDS, *others)
    hint = f"{', '.join(first)} or {last}"
    if len(kinds) > 1:
        raise click.UsageError(f"give one kind of transformation, not {' and '.join(kinds)}", _context())
    if options.center is not None and not any(name in _ABOUT_A_POINT for name, _ in options.moves):
        raise click.UsageError("--center is for --rotate, --scale, --shear and --flip; leave it out", _context())
    if not kinds and required:
        raise click.UsageError(f"no transformation given; give {hint}", _context())
    if options.allow_mirror and options.corners is None:
        raise click.UsageError("--allow-mirror is for --corners; leave it out", _context())
    if not kinds and options.inverse:
        raise click.UsageError(f"--inverse has nothing to undo; give {hint}", _context())


def check_units_are_used(options: TransformationOptions) -> None:
    """Raise UsageError where --units would be ignored: moves and corners are in pixels and degrees anyway."""
    if options.units is not None and options.theta is None and options.transform is None:
        raise click.UsageError("--units says how --theta or --transform is meant; leave it out", _context())


def check_aspect_is_used(options: TransformationOptions, size: SizeRequest | CanonicalSize | None) -> None:
    """Raise UsageError where --aspect would be ignored: it gives the *size* of a quad that fills its output."""
    if options.aspect is None:
        return
    if options.corners is None:
        raise click.UsageError("--aspect is for --corners; leave it out", _context())
    if options.inverse:
        raise click.UsageError("--aspect is of no use with --inverse, which fills no output; leave it out", _context())
    if size is not None and not (isinstance(size, SizeRequest) and size.mode in (SizeMode.FIT, SizeMode.INNER)):
        raise click.UsageError("--aspect is for --size fit; leave --aspect or --size out", _context())


def _context() -> click.Context | None:
    return click.get_current_context(silent=True)


def _kinds(options: TransformationOptions) -> list[str]:
    given = {
        "--theta": options.theta is not None,
        **{f"--{name}": True for name, _ in options.moves[:1]},
        "--corners": options.corners is not None,
        "--transform": options.transform is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def build_spec(options: TransformationOptions, align_corners: bool | None) -> Asked:
    """What *options* ask for."""
    if options.transform is not None:
        return _from_file(options, align_corners)
    chosen = DEFAULT_ALIGN_CORNERS if align_corners is None else align_corners
    if options.theta is not None:
        return Asked(_from_theta(options.theta, options.units, options.inverse), chosen)
    if options.corners is not None:
        default_size = SizeRequest() if options.inverse else SizeRequest(SizeMode.FIT)
        return Asked(_from_corners(options.corners, options), chosen, default_size=default_size)
    return Asked(_from_moves(options), chosen)


def _from_theta(numbers: tuple[float, ...], units: Units | None, inverse: bool) -> "WarpSpec":
    from stnwarp.transforms import PixelMatrixSpec, ThetaSpec, theta_from_numbers

    transform = theta_from_numbers(numbers)
    if units is Units.PIXEL:
        return PixelMatrixSpec(transform.theta, inverse)
    return ThetaSpec(transform, inverse)


def _from_corners(numbers: tuple[float, ...], options: TransformationOptions) -> "WarpSpec":
    import numpy as np

    from stnwarp.transforms import CornersSpec

    return CornersSpec(np.reshape(numbers, (4, 2)), options.inverse, options.allow_mirror, options.aspect)


def _from_moves(options: TransformationOptions) -> "WarpSpec":
    from stnwarp.transforms import Move, MoveKind, MovesSpec

    moves = tuple(
        Move(MoveKind(name), _FLIP_AXES[value] if isinstance(value, Flip) else value) for name, value in options.moves
    )
    return MovesSpec(moves, options.inverse, options.center)


def _from_file(options: TransformationOptions, align_corners: bool | None) -> Asked:
    from stnwarp.transform_files import Kind, load_transform

    assert options.transform is not None
    loaded = load_transform(options.transform, units=options.units or Units.NORMALIZED, inverse=options.inverse)
    return Asked(
        loaded.spec,
        agreed_align_corners(str(options.transform), loaded.align_corners, align_corners),
        loaded.input_size,
        loaded.output_size,
        is_grid=loaded.kind is Kind.GRID,
        file=str(options.transform) if loaded.has_units else None,
        crop=loaded.crop,
        name=str(options.transform),
    )


def agreed_crop(name: str, theirs: "Rectangle | None", ours: "Rectangle | None") -> "Rectangle | None":
    """The crop of the file called *name* or that of the user; ParameterError where both have one."""
    if theirs is not None and ours is not None:
        raise ParameterError(f"{name}: has a crop of its own; leave --crop out")
    return theirs or ours


def agreed_align_corners(name: str, theirs: bool | None, ours: bool | None) -> bool:
    """What -1 and 1 are by the file called *name* and by the user, None where it is not said; the default if nowhere.

    Raises:
        ParameterError: they say different things.
    """
    if None not in (theirs, ours) and theirs != ours:
        raise ParameterError(f"{name}: made with {_flag(theirs)}, not {_flag(ours)}; leave {_flag(ours)} out")
    known = theirs if ours is None else ours
    return DEFAULT_ALIGN_CORNERS if known is None else known


def _flag(align_corners: bool | None) -> str:
    return "--align-corners" if align_corners else "--no-align-corners"
