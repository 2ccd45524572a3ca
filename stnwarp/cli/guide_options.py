"""The options that give each image a transformation of its own, and what is told of networks without metadata."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from stnwarp.cli.numbers import Whole
from stnwarp.cli.sections import Decorator, bundle, network, transformation
from stnwarp.cli.values import OneOf, Size
from stnwarp.conventions import Family

_MOST_REPEATS = 100


@dataclass(frozen=True)
class ToldOptions:
    """What the user says of networks that do not say it themselves."""

    family: Family | None
    input_size: tuple[int, int] | None
    normalize: str | None

    @property
    def told(self) -> dict[str, Any]:
        """The same by the names that the library has for it."""
        return {"family": self.family, "input_size": self.input_size, "normalize": self.normalize}

    @property
    def given(self) -> str | None:
        """The first of the options that was given."""
        return next((f"--{name.replace('_', '-')}" for name, value in self.told.items() if value is not None), None)


@dataclass(frozen=True)
class GuideOptions(ToldOptions):
    """Where the transformation of each image comes from, if it has one of its own."""

    checkpoint: tuple[str, ...]
    repeat: int | None
    params: Path | None

    @property
    def kinds(self) -> dict[str, bool]:
        """The kinds of transformation there are here, and which of them was given."""
        return {"--checkpoint": bool(self.checkpoint), "--params": self.params is not None}


def _told_in(section: Callable[..., Decorator[Any]]) -> tuple[Decorator[Any], ...]:
    """The options of ToldOptions, in a *section* of a command's help."""
    return (
        section(
            "--family",
            type=OneOf(Family),
            help="What the numbers of a network are that does not say it itself.",
        ),
        section("--input-size", type=Size(), metavar="WxH", help="What size of image such a network takes."),
        section(
            "--normalize",
            metavar="HOW",
            help="What pixel values such a network takes: the ends of its range, such as 0..1 or -1..1; MEAN/STD of "
            "values from 0 to 1, one or three numbers each; or imagenet.  [default: 0..1]",
        ),
    )


told_options = bundle("told_options", ToldOptions, *_told_in(network))

guide_options = bundle(
    "guide_options",
    GuideOptions,
    transformation(
        "--checkpoint",
        multiple=True,
        metavar="NAME|FILE",
        help="Let a localisation network look at each image: the .onnx FILE of one, or the NAME of one that comes with "
        "stnwarp. It sees a small copy; the image itself is sampled once. Given several times, each one looks at "
        "what those before it have made.",
    ),
    transformation(
        "--repeat",
        type=Whole(1, _MOST_REPEATS),
        metavar="N",
        help="Let the networks look N times, each time at what they have made so far.  [default: 1]",
    ),
    *_told_in(transformation),
    transformation(
        "--params",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A row for each image, from a .jsonl file such as --save-params writes; its sizes count, too, unless "
        "--size is given.",
    ),
)


def check_guide(options: GuideOptions) -> None:
    """Raise UsageError for options of a network where there is none."""
    unused = "--repeat" if options.repeat is not None else options.given
    if unused is not None and not options.checkpoint:
        raise click.UsageError(f"{unused} is for --checkpoint; leave it out", click.get_current_context())
