"""The shapes of a localisation network's output, and the families that they hold the parameters of."""

import math
from collections.abc import Sequence

from stnwarp.conventions import Family
from stnwarp.transforms import MATRIX_FAMILIES


def family_of_shape(shape: Sequence[int]) -> Family | None:
    """Guess the family of an output of `shape`, the batch axis left out; None where no family has that shape."""
    for family, row in MATRIX_FAMILIES.items():
        if tuple(shape) in row.shapes:
            return family
    return None if control_points_of_shape(shape) is None else Family.THIN_PLATE_SPLINE


def control_points_of_shape(shape: Sequence[int]) -> tuple[int, int] | None:
    """Return the (rows, columns) of control points that an output (2K,), (K, 2) or (rows, columns, 2) holds.

    Without rows and columns of their own the points must make a square; None where `shape` holds no control points.
    """
    count = math.prod(shape)
    if len(shape) == 3 and shape[2] == 2:
        return (shape[0], shape[1]) if min(shape[:2]) >= 2 else None
    side = math.isqrt(count // 2)
    if 2 * side * side != count or side < 2 or (len(shape) == 2 and shape[1] != 2) or len(shape) > 2:
        return None
    return side, side


def fits_family(shape: Sequence[int], family: Family, control_points: tuple[int, int] | None) -> bool:
    """Whether an output of `shape`, the batch axis left out, holds the parameters of `family`."""
    if control_points is None:
        return tuple(shape) in MATRIX_FAMILIES[family].shapes
    rows, columns = control_points
    return tuple(shape) in {(2 * rows * columns,), (rows * columns, 2), (rows, columns, 2)}
