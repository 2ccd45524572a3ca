"""The options that give each image a transformation of its own: a checkpoint, or a parameter file."""

from dataclasses import dataclass
from pathlib import Path

import click

from stnwarp.cli.numbers import Whole
from stnwarp.cli.sections import bundle, transformation
from stnwarp.cli.values import OneOf, Size
from stnwarp.conventions import ParameterFamily

_MOST_REPEATS = 100


@dataclass(frozen=True)
class GuideOptions:
    """Where the transformation of each image comes from, if it has one of its own."""

    checkpoint: tuple[str, ...]
    repeat: int | None
    family: ParameterFamily | None
    input_size: tuple[int, int] | None
    normalize: str | None
    params: Path | None

    @property
    def kinds(self) -> dict[str, bool]:
        """The kinds of transformation there are here, and which of them was given."""
        return {"--checkpoint": bool(self.checkpoint), "--params": self.params is not None}


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
    transformation(
        "--family",
        type=OneOf(ParameterFamily),
        help="What the numbers of a network are that does not say it itself.",
    ),
    transformation("--input-size", type=Size(), metavar="WxH", help="What size of image such a network takes."),
    transformation(
        "--normalize",
        metavar="HOW",
        help="What pixel values such a network takes: the ends of its range, such as 0..1 or -1..1; MEAN/STD of values "
        "from 0 to 1, one or three numbers each; or imagenet.  [default: 0..1]",
    ),
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
    given = {
        "--repeat": options.repeat,
        "--family": options.family,
        "--input-size": options.input_size,
        "--normalize": options.normalize,
    }
    unused = [flag for flag, value in given.items() if value is not None and not options.checkpoint]
    if unused:
        raise click.UsageError(f"{unused[0]} is for --checkpoint; leave it out", click.get_current_context())
