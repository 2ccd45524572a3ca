"""The numbers a localisation network gives: how many of them each family has, and their names."""

import math
from collections.abc import Sequence

from stnwarp.conventions import ParameterFamily

_NAMES: dict[ParameterFamily, tuple[str, ...]] = {
    ParameterFamily.TRANSLATION: ("tx", "ty"),
    ParameterFamily.ATTENTION: ("s", "tx", "ty"),
    ParameterFamily.SIMILARITY: ("scale", "angle", "tx", "ty"),
    ParameterFamily.AFFINE: ("a", "b", "tx", "c", "d", "ty"),
    ParameterFamily.PROJECTIVE: ("a", "b", "tx", "c", "d", "ty", "g", "h"),
}
_BY_SHAPE: dict[tuple[int, ...], ParameterFamily] = {
    (2,): ParameterFamily.TRANSLATION,
    (3,): ParameterFamily.ATTENTION,
    (4,): ParameterFamily.SIMILARITY,
    (6,): ParameterFamily.AFFINE,
    (2, 3): ParameterFamily.AFFINE,
    (8,): ParameterFamily.PROJECTIVE,
    (9,): ParameterFamily.PROJECTIVE,
    (3, 3): ParameterFamily.PROJECTIVE,
}


def parameter_names(family: ParameterFamily, control_points: tuple[int, int] | None = None) -> tuple[str, ...]:
    """The names of the numbers of *family*, in their order; *control_points* is (rows, columns) of a spline."""
    if control_points is None:
        return _NAMES[family]
    return tuple(f"{axis}{point}" for point in range(control_points[0] * control_points[1]) for axis in "xy")


def family_of_shape(shape: Sequence[int]) -> ParameterFamily | None:
    """What an output of *shape*, the batch axis left out, is taken for; None where nothing has that shape."""
    family = _BY_SHAPE.get(tuple(shape))
    if family is None and control_points_of_shape(shape) is not None:
        return ParameterFamily.THIN_PLATE_SPLINE
    return family


def control_points_of_shape(shape: Sequence[int]) -> tuple[int, int] | None:
    """The rows and columns of control points that an output (2K,), (K, 2) or (rows, columns, 2) has room for.

    Without rows and columns of their own the points must make a square.
    """
    count = math.prod(shape)
    if len(shape) == 3 and shape[2] == 2:
        return (shape[0], shape[1]) if min(shape[:2]) >= 2 else None
    side = math.isqrt(count // 2)
    if 2 * side * side != count or side < 2 or (len(shape) == 2 and shape[1] != 2) or len(shape) > 2:
        return None
    return side, side


def fits_family(shape: Sequence[int], family: ParameterFamily, control_points: tuple[int, int] | None) -> bool:
    """Whether an output of *shape*, the batch axis left out, holds the numbers of *family*."""
    if control_points is None:
        return _BY_SHAPE.get(tuple(shape)) is family
    rows, columns = control_points
    return tuple(shape) in {(2 * rows * columns,), (rows * columns, 2), (rows, columns, 2)}
