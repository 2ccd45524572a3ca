"""What a checkpoint says about itself: what its network wants to see, and what its numbers mean.

It is kept as JSON under the key "stnwarp" of the ONNX file's metadata. A size is (height, width) here, and an object
with width and height in the JSON; control points are (rows, columns), and an object with those.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, DIRECTION, Family, Units, parse_enum
from stnwarp.errors import CheckpointError, ParameterError
from stnwarp.files.strict_json import parse_json
from stnwarp.localisation import values
from stnwarp.localisation.values import Size
from stnwarp.text import suggestion, truncate_repr
from stnwarp.transforms import parameters_of

METADATA_KEY = "stnwarp"
FORMAT_VERSION = 1

_LONGEST = 2**22  # characters; what a training run says about itself is long at times


class Layout(StrEnum):
    """The order of the axes of a network's input."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class ColourMode(StrEnum):
    """What a network's channels are."""

    L = "L"
    RGB = "RGB"

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(self)


class Fit(StrEnum):
    """How an image is laid on a network's input."""

    STRETCH = "stretch"  # its whole frame on the whole input, whatever its proportions
    PAD = "pad"  # its proportions kept, centred, background around it


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a localisation network takes and gives.

    Convention:
        The numbers describe a mapping of normalised output to normalised input coordinates (x, y). With
        ``fit="stretch"`` the frames are those of the image and of the output themselves; with ``"pad"`` they are
        those frames with the background around them, of the proportions of *input_size*.

    Args:
        family: what the numbers are.
        input_size: (height, width) of the picture that the network sees.
        control_points: (rows, columns) of a thin plate spline; None for the other families.
        layout: the order of the input's axes.
        mode: L, one channel of luma, or RGB.
        value_range: what black and full scale become, before *mean* and *std*.
        mean: subtracted from that, one number or one for each channel.
        std: what the rest is divided by, one number or one for each channel.
        align_corners: what -1 and 1 mean: centres (True) or outer edges of the corner pixels.
        fit: how an image is laid on the input.
        background: from 0 to 1, what lies behind transparency and around a padded image.
        output_size: (height, width) of the canonical output; None for one of the image's own size.
        constraints: how the network holds its numbers back, in words.
        description: what the network is for.
        trained: how it was trained; anything that JSON can hold.
        version: of the format.

    Raises:
        ParameterError: a value that cannot be, its key named.
    """

    family: Family
    input_size: Size
    control_points: Size | None = None
    layout: Layout = Layout.NCHW
    mode: ColourMode = ColourMode.L
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    align_corners: bool = DEFAULT_ALIGN_CORNERS
    fit: Fit = Fit.STRETCH
    background: float = 0.0
    output_size: Size | None = None
    constraints: str | None = None
    description: str = ""
    trained: Mapping[str, Any] = field(default_factory=dict)
    version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        for key, check in _CHECKS.items():
            object.__setattr__(self, key, check(getattr(self, key), key))
        is_spline = self.family is Family.THIN_PLATE_SPLINE
        if is_spline != (self.control_points is not None):
            what = "needs control_points" if is_spline else "has no control_points; leave them out"
            raise ParameterError(f"family {self.family} {what}")
        for key in ("mean", "std"):
            count = len(getattr(self, key))
            if count not in (1, self.mode.channels):
                raise ParameterError(f"{key} has {count} numbers; mode {self.mode} takes one, or one for each channel")

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of the network's numbers, in their order."""
        return tuple(parameters_of(self.family, self.control_points))

    def to_json(self) -> str:
        """The text that is kept in the checkpoint."""
        fields = {key: getattr(self, key) for key in _CHECKS}
        for key in _PAIRS:
            fields[key] = _written_pair(fields[key], key)
        return json.dumps(_fixed(self) | fields, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Metadata":
        """The metadata in the *text* that `to_json` wrote; all keys but family and input_size may be missing.

        Raises:
            CheckpointError: not JSON, a newer version, an unknown key, or a value that cannot be, each named.
        """
        try:
            fields = _object(text)
            _check_keys(fields)
            fixed = {key: fields.pop(key) for key in _FIXED if key in fields}
            metadata = cls(**{key: _read_pair(value, key) for key, value in fields.items()})
            _check_fixed(fixed, metadata)
        except ParameterError as error:
            raise CheckpointError(f"its metadata cannot be used: {error}") from None
        return metadata


def _fixed(metadata: Metadata) -> dict[str, Any]:
    """What the file says for its reader, and is not free to say otherwise."""
    return {
        "parameters": list(metadata.parameter_names),
        "units": str(Units.NORMALIZED),
        "direction": DIRECTION,
    }


def _object(text: str) -> dict[str, Any]:
    if len(text) > _LONGEST:
        raise ParameterError(f"has {len(text):,} characters; the limit is {_LONGEST:,}")
    fields = parse_json(text, is_finite=True)
    if not isinstance(fields, dict):
        raise ParameterError("must be a JSON object")
    return fields


def _check_keys(fields: Mapping[str, Any]) -> None:
    if "version" in fields:  # before the keys: a newer version may have keys that are not known here
        values.version(fields["version"], "version", FORMAT_VERSION)
    known = (*_CHECKS, *_FIXED)
    for key in fields:
        if key not in known:
            raise ParameterError(
                f"unknown key {truncate_repr(key)}{suggestion(key, known)}; known are {', '.join(known)}"
            )
    for key in ("family", "input_size"):
        if key not in fields:
            raise ParameterError(f"it has no {key!r}")


def _check_fixed(said: Mapping[str, Any], metadata: Metadata) -> None:
    for key, expected in _fixed(metadata).items():
        if key in said and said[key] != expected:
            raise ParameterError(f"{key} must be {json.dumps(expected)[:80]}, got {json.dumps(said[key])[:80]}")


def _written_pair(pair: Size | None, key: str) -> dict[str, int] | None:
    return None if pair is None else dict(zip(_PAIRS[key], pair, strict=True))


def _read_pair(value: Any, key: str) -> Any:
    """An object such as {"width": 28, "height": 28} as (height, width); anything else as it is."""
    if key not in _PAIRS or value is None:
        return value
    names = _PAIRS[key]
    if not isinstance(value, dict) or set(value) != set(names):
        example = json.dumps(dict.fromkeys(names, 28))
        raise ParameterError(f"{key} must be an object such as {example}, got {json.dumps(value)[:60]}")
    return value[names[0]], value[names[1]]


def _trained(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ParameterError(f"{key} must be an object, got {repr(value)[:60]}")
    try:
        return dict(json.loads(json.dumps(dict(value), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"{key} must be what JSON can hold ({str(error)[:80]})") from None


def _one_of(enum: type[StrEnum]) -> Callable[[Any, str], StrEnum]:
    return lambda value, key: parse_enum(enum, values.text(value, key), key)


_PAIRS = {
    "input_size": ("height", "width"),
    "output_size": ("height", "width"),
    "control_points": ("rows", "columns"),
}
_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "version": lambda value, key: values.version(value, key, FORMAT_VERSION),
    "family": _one_of(Family),
    "control_points": values.control_points,
    "input_size": values.input_size,
    "layout": _one_of(Layout),
    "mode": _one_of(ColourMode),
    "value_range": values.value_range,
    "mean": values.numbers,
    "std": values.divisors,
    "align_corners": values.boolean,
    "fit": _one_of(Fit),
    "background": values.share,
    "output_size": values.optional_size,
    "constraints": values.optional_text,
    "description": values.text,
    "trained": _trained,
}
_FIXED = ("parameters", "units", "direction")
