"""Transform files as JSON text: read strictly, with the place of what is wrong."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import ParameterFileError
from stnwarp.files.strict_json import parse_json, without_mark
from stnwarp.text import truncate_repr
from stnwarp.transform_files.content import refuse_unknown


def fields_of_json(text: bytes) -> dict[str, Any]:
    """Read the fields of a JSON transform file from its `text`; a bare list is a theta.

    Raises ParameterFileError with line and column for text that is not JSON in UTF-8.
    """
    return fields_of_document(parse_json(without_mark(text)))


def fields_of_document(document: Any) -> dict[str, Any]:
    """Convert the value of a JSON transform file to its fields."""
    if isinstance(document, list):
        document = {"theta": document}
    if not isinstance(document, dict):
        raise ParameterFileError('must hold an object such as {"theta": [...]} or a list of numbers')
    refuse_unknown(document)
    converters = {
        "theta": numbers,
        "grid": numbers,
        "points": numbers,
        "crop": crop_of,
        "input_size": size_of,
        "output_size": size_of,
    }
    return {key: converters[key](value, key) if key in converters else value for key, value in document.items()}


def numbers(value: Any, what: str) -> NDArray[Any]:
    """Convert nested lists to an array; null is NaN, for which JSON has no other word.

    All but a grid is short enough to look at entry by entry: true is not 1 there.
    """
    try:
        array = np.array(value, dtype=None if what == "grid" else object)
    except ValueError:
        raise ParameterFileError(f"the rows of {what} differ in length") from None
    if array.dtype != object:
        return array
    return np.array([_number(entry, what) for entry in array.ravel().tolist()]).reshape(array.shape)


def _number(value: Any, what: str) -> float:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParameterFileError(f"{what} must be numbers, got {truncate_repr(str(value))} among them")
    try:
        return float(value)
    except OverflowError:
        return np.inf


def size_of(value: Any, what: str) -> tuple[Any, Any]:
    """Convert an object of width and height to (height, width), which are not yet checked."""
    if not isinstance(value, dict) or set(value) != {"width", "height"}:
        raise ParameterFileError(f'{what} must be {{"width": W, "height": H}}, got {json.dumps(value)[:60]}')
    return value["height"], value["width"]


def crop_of(value: Any, what: str) -> tuple[Any, Any, Any, Any]:
    """Convert an object of x, y, width and height to these four, which are not yet checked."""
    if not isinstance(value, dict) or set(value) != {"x", "y", "width", "height"}:
        form = '{"x": X, "y": Y, "width": W, "height": H}'
        raise ParameterFileError(f"{what} must be {form}, got {json.dumps(value)[:60]}")
    return value["x"], value["y"], value["width"], value["height"]
