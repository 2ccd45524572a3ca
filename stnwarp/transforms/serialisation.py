"""Transforms as plain numbers: from a row of parameters of any family, and to and from the fields of a record.

Fields are what JSON can hold, and come back to the last bit:
{"theta": 3 rows of 3}, {"points": rows of [x, y]} for a thin plate spline, {"inverse": {"points": ...}} for what
undoes one, {"compose": [...]} for several of these, in the order of the warps. All are normalised. A theta may also be
2 rows of 3, or a row of 2, 6, 8 or 9 numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.conventions import Family, parse_enum
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.text import suggestion, truncate_repr
from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import Composition
from stnwarp.transforms.families import FAMILY_OF_COUNT
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform, theta_from_numbers
from stnwarp.transforms.splines import SplineInverse, ThinPlateSpline


def transform_from_parameters(family: str, vector: ArrayLike, shape: tuple[int, int] | None = None) -> Transform:
    """Make the transform of `family`, any of Family, with the parameters `vector`.

    Args:
        family: translation (tx, ty), attention (s, tx, ty), similarity (scale, angle in radians, tx, ty), affine (six
            numbers row by row), projective (eight or nine), or tps (x0 y0 x1 y1 ... row by row).
        vector: one row of numbers.
        shape: (rows, cols) of a spline's control points; left out, there are as many rows as columns.

    Raises:
        ParameterError: an unknown family, or a shape for another one than tps.
        ThetaError: the wrong count of numbers, or one that is not finite.
    """
    known = parse_enum(Family, family, "family")
    if known is Family.THIN_PLATE_SPLINE:
        return ThinPlateSpline.from_parameters(vector, shape)
    if shape is not None:
        raise ParameterError(f"control points belong to the family tps, not to {known}; leave their shape out")
    return MatrixTransform.from_parameters(known, vector)


def as_fields(transform: Transform) -> dict[str, Any]:
    """Convert `transform` to fields that JSON can hold; `from_fields` gives it back to the last bit.

    Raises:
        ParameterError: a transform that a record has no room for, such as a sampling grid.
    """
    if isinstance(transform, MatrixTransform):
        return {"theta": transform.theta.tolist()}
    if isinstance(transform, ThinPlateSpline):
        return {"points": transform.points.tolist()}
    if isinstance(transform, SplineInverse):
        return {"inverse": as_fields(transform.spline)}
    if isinstance(transform, Composition):
        return {"compose": [as_fields(step) for step in transform.transforms]}
    raise ParameterError(f"a record has no room for a {type(transform).__name__}; keep it in a file of its own")


def from_fields(fields: Mapping[str, Any]) -> Transform:
    """Read the transform in `fields`, exactly one of theta, points, inverse and compose.

    Raises:
        ParameterError: fields that hold something else; the message names what.
    """
    return _read(fields, "a transform", _READERS)


def _read(fields: Any, what: str, readers: Mapping[str, Callable[[Any], Transform]]) -> Transform:
    known = ", ".join(readers)
    if not isinstance(fields, Mapping):
        raise ParameterError(f"{what} must be an object with one of {known}, got {truncate_repr(str(fields))}")
    for key in fields:
        if key not in readers:
            raise ParameterError(
                f"{what} has an unknown key {truncate_repr(key)}{suggestion(str(key), readers)}; known are {known}"
            )
    if len(fields) != 1:
        raise ParameterError(f"{what} must have one of {known}, got {', '.join(map(str, fields)) or 'none'}")
    [(key, value)] = fields.items()
    return readers[key](value)


def _theta(value: Any) -> MatrixTransform:
    numbers = _numbers(value, "theta")
    if numbers.ndim != 1:
        return MatrixTransform(numbers)
    if numbers.size not in FAMILY_OF_COUNT:
        raise ShapeError(f"theta must be 2, 6, 8 or 9 numbers, or 2 or 3 rows of 3, got {numbers.size} numbers")
    return theta_from_numbers(numbers.tolist())


def _points(value: Any) -> ThinPlateSpline:
    return ThinPlateSpline(_numbers(value, "points"))


def _inverse(value: Any) -> Transform:
    return _read(value, "inverse", {"points": _points}).inverse()


def _composition(value: Any) -> Transform:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ParameterError(f"compose must be a list of transforms, got {truncate_repr(str(value))}")
    # Not compose(): the steps stay as they were written.
    return Composition(tuple(_read(step, f"step {number} of compose", _STEPS) for number, step in enumerate(value, 1)))


def _numbers(value: Any, what: str) -> Array:
    """Convert nested lists of numbers to an array; true is not 1 and a word is no number."""
    try:
        entries = np.array(value, dtype=object)
    except ValueError:
        raise ParameterError(f"the rows of {what} differ in length") from None
    return np.array([_number(entry, what) for entry in entries.ravel().tolist()]).reshape(entries.shape)


def _number(entry: Any, what: str) -> float:
    if isinstance(entry, bool) or not isinstance(entry, (int, float)):
        raise ParameterError(
            f"{what} must be numbers in rows of one length, got {truncate_repr(str(entry))} among them"
        )
    try:
        return float(entry)
    except OverflowError:
        return float("inf")


_STEPS: dict[str, Callable[[Any], Transform]] = {"theta": _theta, "points": _points, "inverse": _inverse}
_READERS = {**_STEPS, "compose": _composition}
