"""The options that hold a transformation back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from stnwarp.cli.numbers import Amount
from stnwarp.cli.sections import bundle, guard
from stnwarp.cli.values import OneOf
from stnwarp.conventions import BeyondLimit

if TYPE_CHECKING:
    from stnwarp.folder import Guards


@dataclass(frozen=True)
class GuardOptions:
    """What a transformation may do, still in the user's words."""

    limit: str | None
    beyond_limit: BeyondLimit | None
    skip_below: float | None

    @property
    def given(self) -> str | None:
        """The option that needs to know how a transformation moves the picture, if there is one."""
        if self.limit is not None:
            return "--limit"
        return None if self.skip_below is None else "--skip-below"


guard_options = bundle(
    "guard_options",
    GuardOptions,
    guard(
        "--limit",
        metavar="LIMITS",
        help="How far the picture may be moved, such as 'angle=45,scale=0.5..2,shift=0.3': an angle in degrees either "
        "way, a scale from..to, a shift of its middle in halves of its width and height; stretch and perspective are "
        "factors.",
    ),
    guard(
        "--beyond-limit",
        type=OneOf(BeyondLimit),
        help="Keep a move beyond the limit to it, or leave the image as it is.  [default: clamp]",
    ),
    guard(
        "--skip-below",
        type=Amount(),
        metavar="PIXELS",
        help="Copy an image that no corner would move by more than this, rather than resample it.",
    ),
)


def check_guards(options: GuardOptions) -> None:
    """Raise UsageError where one option is missing another."""
    if options.beyond_limit is not None and options.limit is None:
        raise click.UsageError("--beyond-limit is for --limit; leave it out", click.get_current_context())


def build_guards(options: GuardOptions) -> "Guards":
    """What *options* ask for; ParameterError for limits that cannot be read."""
    from stnwarp.folder import Guards
    from stnwarp.transforms import Limits

    limits = None if options.limit is None else Limits.parse(options.limit)
    return Guards(limits, options.beyond_limit or BeyondLimit.CLAMP, options.skip_below)
