"""One line of a parameter file, checked key by key.

What is wrong with a file is a ParameterFileError. A number that is not finite, and an inverse that does not exist, are
no fault of the file: the row is kept with an error, and its image fails alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError, ParameterFileError, ThetaError
from stnwarp.files.strict_json import parse_json
from stnwarp.params.rows import KEYS, Row
from stnwarp.text import suggestion, truncate_repr
from stnwarp.transform_files import Direction
from stnwarp.transform_files.content import read_convention
from stnwarp.transform_files.json_files import crop_of, size_of
from stnwarp.transforms import Transform, from_fields, theta_from_numbers

TRANSFORMS = ("theta", "points", "inverse", "compose")

_KNOWN = (*KEYS[:1], *TRANSFORMS, *KEYS[1:])
_TUPLES: dict[str, Callable[[Any, str], tuple[Any, ...]]] = {
    "crop": crop_of,
    "input_size": size_of,
    "output_size": size_of,
}
_COUNTS = (2, 6, 8, 9)
_SHAPES = ((3, 3), (3, 3, 3))  # lengths of the rows of a theta


def row_of(line: bytes, image: str | None = None) -> Row:
    """The row that *line* is; with *image*, the name it is known to have.

    Raises:
        ParameterFileError: the line is not one; the message begins with the column or the key.
    """
    fields = _object(line)
    _refuse_unknown(fields)
    name = image or image_name(fields.get("image"))
    said = _convention(fields)
    transform, error = _transform(fields, is_whole=b"null" not in line)
    _check_convention(said, fields)
    return Row(
        name,
        transform,
        limited=_limited(fields.get("limited")),
        asked=_typed(fields, "asked", dict, "an object"),
        copied=_typed(fields, "copied", bool, "true or false") or False,
        error=error,
        **said,
    )


def image_name(value: Any) -> str:
    """*value* as a path below the folder that is named; ParameterFileError for one that leads out of it."""
    if value is None:
        raise ParameterFileError("no key 'image', the name of the image below the folder")
    if not isinstance(value, str) or not value:
        raise ParameterFileError(f"image: must be the name of a file, got {truncate_repr(value)}")
    if "\0" in value:
        raise ParameterFileError(f"image: {truncate_repr(value)} cannot be a file name")
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if value.startswith("/") or not parts or ".." in parts:
        raise ParameterFileError(f"image: {truncate_repr(value)} leads out of the folder; give its path below it")
    return "/".join(parts)


def _object(line: bytes) -> dict[str, Any]:
    document = parse_json(line, is_line=True)
    if not isinstance(document, dict):
        raise ParameterFileError('column 1: must be an object such as {"image": "a.png", "theta": [...]}')
    return document


def _refuse_unknown(fields: Mapping[str, Any]) -> None:
    for key in fields:
        if key not in _KNOWN:
            hint = suggestion(key, _KNOWN)
            raise ParameterFileError(f"unknown key {truncate_repr(key)}{hint}; known are {', '.join(_KNOWN)}")


def _convention(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Units, align_corners, direction, crop and sizes, as far as they are told."""
    tuples = {key: convert(fields[key], key) for key, convert in _TUPLES.items() if key in fields}
    try:
        return read_convention({**fields, **tuples})
    except ParameterFileError:
        raise
    except ParameterError as error:  # one that does not know of files
        raise ParameterFileError(str(error)) from None


def _check_convention(said: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Refuse pixels and the other direction for what is no matrix."""
    if "theta" in fields:
        return
    if said.get("units") is Units.PIXEL:
        raise ParameterFileError("units: only a theta can be in pixels")
    if said.get("direction") is Direction.INPUT_TO_OUTPUT:
        raise ParameterFileError(f"direction: only a theta can be {Direction.INPUT_TO_OUTPUT!s}")


def _transform(fields: Mapping[str, Any], is_whole: bool) -> tuple[Transform | None, str | None]:
    """The transform, or why this image has none; *is_whole*: null stands nowhere in the line."""
    given = [key for key in TRANSFORMS if key in fields]
    if isinstance(fields.get("error"), str) and not given:
        return None, f"failed when the file was made: {fields['error']}"
    if len(given) != 1:
        held = " and ".join(given) or "none"
        raise ParameterFileError(f"must hold one of {', '.join(TRANSFORMS)}, holds {held}")
    if fields.get("error") is not None:
        raise ParameterFileError(f"error: cannot stand beside {given[0]}; drop one of them")
    try:
        return _read(given[0], fields[given[0]] if is_whole else _with_nan(fields[given[0]])), None
    except ThetaError as error:
        return None, str(error)
    except ParameterError as error:
        raise ParameterFileError(f"{given[0]}: {error}") from None


def _read(key: str, value: Any) -> Transform:
    if key != "theta" or not isinstance(value, list):
        return from_fields({key: value})
    if any(isinstance(entry, list) for entry in value):
        return from_fields({key: _square(value)})
    if len(value) not in _COUNTS:
        raise ParameterError(f"must be 2, 6, 8 or 9 numbers, or 2 or 3 rows of 3, got {len(value)} numbers")
    for entry in value:
        if isinstance(entry, bool) or not isinstance(entry, (int, float)):
            raise ParameterError(f"must be numbers, got {truncate_repr(entry)} among them")
    return theta_from_numbers([_as_float(entry) for entry in value])


def _square(rows: list[Any]) -> list[Any]:
    """*rows* unless they are no matrix that a theta can be."""
    if tuple(len(row) if isinstance(row, list) else 0 for row in rows) not in _SHAPES:
        raise ParameterError("must be 2, 6, 8 or 9 numbers, or 2 or 3 rows of 3")
    return rows


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of 400 digits
        return float("inf")


def _with_nan(value: Any) -> Any:
    """*value* with NaN for null, because JSON has no other word for it."""
    if isinstance(value, list):
        return [_with_nan(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _with_nan(entry) for key, entry in value.items()}
    return float("nan") if value is None else value


def _limited(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ParameterFileError(f"limited: must be a list of words, got {truncate_repr(value)}")
    return tuple(value)


def _typed(fields: Mapping[str, Any], key: str, kind: Callable[..., Any], what: str) -> Any:
    value = fields.get(key)
    if value is not None and type(value) is not kind:
        raise ParameterFileError(f"{key}: must be {what}, got {truncate_repr(value)}")
    return value
