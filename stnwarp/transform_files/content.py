"""The fields of transform files, whatever their format, and which combinations make sense.

Convention: a size is (height, width) here; theta, grid and points are as the file has them, in its units and
direction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from numpy.typing import NDArray

from stnwarp.conventions import DIRECTION, Units, parse_enum
from stnwarp.errors import ParameterError, ParameterFileError
from stnwarp.rectangle import Rectangle, check_crop
from stnwarp.text import size_text, suggestion, truncate_repr
from stnwarp.transforms.families import FAMILY_OF_COUNT

FORMAT_VERSION = 1
KEYS = (
    "kind",
    "theta",
    "grid",
    "points",
    "units",
    "align_corners",
    "direction",
    "crop",
    "input_size",
    "output_size",
    "version",
)

_LONGEST = 2**31 - 1

Size = tuple[int, int]


class Kind(StrEnum):
    """The kinds of transformation that a file can hold."""

    THETA = "theta"
    GRID = "grid"
    TPS = "tps"


ARRAY_KEYS = {Kind.THETA: "theta", Kind.GRID: "grid", Kind.TPS: "points"}


class Direction(StrEnum):
    """The direction of a theta in a file; the first is that of theta everywhere else."""

    OUTPUT_TO_INPUT = DIRECTION
    INPUT_TO_OUTPUT = "input to output"


@dataclass(frozen=True, eq=False)
class Content:
    """The checked content of a transform file; None for what the file does not say.

    crop: the part of an image that is the input; input_size is that of the part.
    """

    kind: Kind
    array: NDArray[Any]  # theta (2, 3) or (3, 3) or a row of numbers, or grid (H', W', 2), or points (rows, cols, 2)
    units: Units | None = None
    align_corners: bool | None = None
    direction: Direction | None = None
    crop: Rectangle | None = None
    input_size: Size | None = None
    output_size: Size | None = None


def assemble(fields: Mapping[str, Any]) -> Content:
    """Check the `fields` of a file, in which theta, grid and points are arrays and sizes are pairs by now.

    Raises ParameterFileError for what is unknown, missing or contradictory.
    """
    refuse_unknown(fields)
    kind = kind_of(fields)
    values = read_convention(fields)
    content = Content(kind=kind, array=_ARRAYS[kind](fields[ARRAY_KEYS[kind]]), **values)
    _refuse_contradictions(content)
    return content


def read_convention(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Check and return units, align_corners, direction, crop and sizes among `fields`.

    Sizes are pairs by now, the crop is (x, y, width, height). It gives the input_size, if that is not among them.
    """
    values = {key: check(fields[key]) for key, check in _CHECKS.items() if key in fields}
    values.pop("version", None)
    crop: Rectangle | None = values.get("crop")
    if crop is not None and values.setdefault("input_size", crop.size) != crop.size:
        of_input, of_crop = size_text(values["input_size"]), size_text(crop.size)
        raise ParameterFileError(f"input_size is {of_input}, but the crop, which is the input, is {of_crop}")
    return values


def refuse_unknown(keys: Mapping[str, Any]) -> None:
    """Raise ParameterFileError for the first key that no transform file has."""
    for key in keys:
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise ParameterFileError(f"unknown key {truncate_repr(key)}{suggestion(key, KEYS)}; known are {known}")


def kind_of(fields: Mapping[str, Any]) -> Kind:
    """Return the kind of a file with `fields`; ParameterFileError for none, several, or a contradictory kind."""
    given = [kind for kind, key in ARRAY_KEYS.items() if key in fields]
    if len(given) != 1:
        held = f"both {' and '.join(ARRAY_KEYS[kind] for kind in given)}" if given else "neither"
        raise ParameterFileError(f"must hold one of {', '.join(ARRAY_KEYS.values())}, holds {held}")
    if "kind" in fields and parse_enum(Kind, fields["kind"], "kind") is not given[0]:
        raise ParameterFileError(f"kind says {fields['kind']}, but the file holds {_HELD[given[0]]}")
    return given[0]


def _refuse_contradictions(content: Content) -> None:
    if content.kind is Kind.THETA:
        return
    if content.direction is Direction.INPUT_TO_OUTPUT:
        of_grid, of_points = "an input to output one cannot be inverted", "leave it out and invert the spline in use"
        way_out = of_grid if content.kind is Kind.GRID else of_points
        raise ParameterFileError(f"{_HELD[content.kind]} has the direction {DIRECTION!r}; {way_out}")
    if content.kind is Kind.TPS:
        return
    own = content.array.shape[:2]
    if content.output_size not in (None, own):
        height, width = content.output_size or own
        raise ParameterFileError(f"output_size is {width}x{height}, but the grid is {own[1]}x{own[0]} (width x height)")


def real_numbers(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Return `array` if it holds real numbers; else raise ParameterFileError, which names its shape."""
    if array.dtype.kind not in "iuf":
        raise ParameterFileError(f"{what} must be real numbers, got {array.dtype} of shape {array.shape}")
    return array


def _theta(array: NDArray[Any]) -> NDArray[Any]:
    real_numbers(array, "theta")
    if array.shape not in ((2, 3), (3, 3)) and (array.ndim != 1 or array.size not in FAMILY_OF_COUNT):
        expected = "2x3 or 3x3, or a row of 2, 6, 8 or 9 numbers"
        raise ParameterFileError(f"theta must be {expected}, got shape {array.shape}")
    return array


def _grid(array: NDArray[Any]) -> NDArray[Any]:
    real_numbers(array, "grid")
    if array.ndim != 3 or array.shape[2] != 2 or 0 in array.shape:
        raise ParameterFileError(f"grid must have shape (height, width, 2), got {array.shape}")
    return array


def _points(array: NDArray[Any]) -> NDArray[Any]:
    real_numbers(array, "points")
    if array.ndim != 3 or array.shape[2] != 2 or min(array.shape[:2]) < 2:
        raise ParameterFileError(
            f"points must have shape (rows, cols, 2), at least 2 rows and 2 columns, got {array.shape}"
        )
    return array


def _size(value: tuple[Any, Any], key: str) -> Size:
    height, width = value
    if not all(type(side) is int and 1 <= side <= _LONGEST for side in value):
        found = f"width {truncate_repr(width)} and height {truncate_repr(height)}"
        raise ParameterFileError(f"{key} must be whole numbers from 1 to {_LONGEST}, got {found}")
    return height, width


def _crop(value: Sequence[Any]) -> Rectangle:
    if not all(type(number) is int for number in value):
        raise ParameterFileError(f"crop must be whole numbers, got {truncate_repr(list(value))}")
    try:
        crop = Rectangle(*value)
        check_crop(crop)
    except ParameterError as error:
        raise ParameterFileError(f"crop: {error}") from None
    return crop


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ParameterFileError(f"align_corners must be true or false, got {truncate_repr(value)}")
    return value


def _version(value: object) -> int:
    if type(value) is not int or not 1 <= value <= FORMAT_VERSION:
        raise ParameterFileError(
            f"version must be {FORMAT_VERSION}, got {truncate_repr(value)}; a newer stnwarp may read this file"
        )
    return value


_HELD = {Kind.THETA: "a theta", Kind.GRID: "a grid", Kind.TPS: "points, those of a thin plate spline"}
_ARRAYS: dict[Kind, Callable[[NDArray[Any]], NDArray[Any]]] = {
    Kind.THETA: _theta,
    Kind.GRID: _grid,
    Kind.TPS: _points,
}
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "units": lambda value: parse_enum(Units, value, "units"),
    "align_corners": _boolean,
    "direction": lambda value: parse_enum(Direction, value, "direction"),
    "crop": _crop,
    "input_size": lambda value: _size(value, "input_size"),
    "output_size": lambda value: _size(value, "output_size"),
    "version": _version,
}
