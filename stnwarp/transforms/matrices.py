"""Three by three matrices of homogeneous coordinates: check, multiply, invert them, apply them to points.

Nothing here knows whether the coordinates are normalised or pixels: theta and pixel matrices are alike.
"""

import math
from typing import Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.array_like import as_array
from stnwarp.errors import ShapeError, SingularTransformError, ThetaError

Array = NDArray[np.float64]

# The inverse of a matrix of this condition number has about six good digits left, some thousandths of a pixel
# in a large picture. What people warp with lies far below it, and a collapsed matrix far above.
MAX_CONDITION = 1e10

# Rounding errors that a product may have gathered, its factors' own included, in units of the last place of
# the numbers added up; a composition of a dozen turns stays below a tenth of it.
_ROUNDING = 64 * float(np.finfo(np.float64).eps)
_GRAIN = 256.0
_WHOLE = 2.0**51  # numbers between twice and four times this are whole, and next to each other

_IDENTITY = np.eye(3)

_WAY_OUT = "correct its numbers, or do without its inverse, which size fit needs, too"


def as_floats(values: ArrayLike, what: str) -> Array:
    """Copy `values` to a new float64 array; ShapeError where they are not real numbers."""
    array = as_array(values, what)
    try:
        if array.dtype.kind not in "biuf":
            # Integers beyond 64 bits arrive as objects; strings and complex numbers are refused.
            array = np.array([_real(value) for value in array.ravel()]).reshape(array.shape)
        return np.array(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"{what} must be an array of real numbers; give every row the same count") from None


def _real(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError
    try:
        return float(value)
    except OverflowError:  # an integer of 400 digits, from a file: reported as infinite, with its place
        return math.inf


class HasMatrix(Protocol):
    """A transform by a matrix, such as a `MatrixTransform`."""

    @property
    def theta(self) -> Array:
        """(2, 3) or (3, 3)."""


MatrixLike: TypeAlias = ArrayLike | HasMatrix


def matrix_of(values: MatrixLike, what: str = "theta") -> ArrayLike:
    """Return `values`, or the matrix of a transform given instead; ShapeError for a transform without one."""
    if not hasattr(values, "map_points"):
        return cast(ArrayLike, values)
    if not hasattr(values, "theta"):
        raise ShapeError(f"{what} must be a matrix, and a {type(values).__name__} has none")
    return cast(HasMatrix, values).theta


def as_matrix(values: MatrixLike, what: str = "theta") -> Array:
    """Copy `values`, (2, 3) or (3, 3), or with an axis of one before, to a new (3, 3) float64 array.

    An affine matrix comes back with the last row (0, 0, 1), whatever its scale was. A transform that has a matrix may
    be given for it.

    Raises:
        ShapeError: another shape, or not real numbers.
        ThetaError: an entry that is not finite, or a last row of zeros, which sends every point to infinity.
    """
    given = as_floats(matrix_of(values, what), what)
    if given.ndim == 3 and len(given) == 1:
        given = given[0]
    if given.shape not in ((2, 3), (3, 3)):
        raise ShapeError(f"{what} must have shape (2, 3) or (3, 3), got {given.shape}")
    # In plain numbers: NumPy's functions take longer than the nine numbers do, and small images wait for it.
    if not all(map(math.isfinite, given.ravel().tolist())):
        row, column = np.argwhere(~np.isfinite(given))[0]
        raise ThetaError(f"{what} holds {given[row, column]} in row {row + 1}, column {column + 1}; use finite numbers")
    matrix = _IDENTITY.copy()
    matrix[: len(given)] = given
    return _unit_scale(matrix, what)


def as_matrices(values: ArrayLike, what: str = "theta") -> Array:
    """Copy `values`, (N, 2, 3) or (N, 3, 3), as `as_matrix` does for each: (N, 3, 3)."""
    given = as_floats(values, what)
    if given.ndim != 3 or given.shape[1:] not in ((2, 3), (3, 3)):
        raise ShapeError(f"{what} must have shape (N, 2, 3) or (N, 3, 3), got {given.shape}")
    stack = np.tile(_IDENTITY, (len(given), 1, 1))
    stack[:, : given.shape[1]] = given
    plain = np.isfinite(stack).all(axis=(1, 2)) & (stack[:, 2] == _IDENTITY[2]).all(axis=1)
    for index in np.flatnonzero(~plain):
        stack[index] = as_matrix(stack[index], what)
    return stack


def _unit_scale(matrix: Array, what: str) -> Array:
    g, h, i = matrix[2].tolist()
    if g or h or i == 1.0:
        return matrix
    if i == 0.0:
        raise ThetaError(f"the last row of {what} is all zeros; it must be 0 0 1, or a homography's")
    with np.errstate(over="ignore"):
        scaled: Array = matrix / i
    if not np.isfinite(scaled).all():
        raise ThetaError(f"{what} is too large for its last number {i:g}; write it with a last number of 1")
    return scaled


def is_affine(matrix: Array) -> bool:
    """Whether the last row of `matrix` is (0, 0, 1)."""
    return bool(matrix[2, 0] == 0.0 and matrix[2, 1] == 0.0 and matrix[2, 2] == 1.0)


def shift(x: float, y: float) -> Array:
    """Return the (3, 3) matrix that adds (x, y) to a point."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def product(*factors: Array) -> Array:
    """Multiply (3, 3) matrices, and round entries to the multiple of 1/256 that they miss by rounding errors alone.

    Theta cannot hold a quarter turn of a 640x427 picture exactly (its entries are 640/427 and 427/640), so
    the way back to pixels returns 0.9999999999999999 for 1, and a warp would then blend neighbours where it
    should copy; turns of 30 and 60 degrees leave 1e-17 for 0. The error is bounded by the size of the terms
    added up, which tells a rounding error from an intended number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        exact, terms = np.eye(3), np.eye(3)
        for factor in factors:
            exact, terms = exact @ factor, terms @ np.abs(factor)
        return snap_all(exact, terms)


def snap_all(values: Array, terms: Array) -> Array:
    """Round those of `values` to a multiple of 1/256 that miss it by no more than the rounding errors of `terms`."""
    near = np.rint(values * _GRAIN) / _GRAIN
    return np.where(np.abs(values - near) <= _ROUNDING * terms, near, values) + 0.0


def snap(value: float, terms: float) -> float:
    """Do the same for one number."""
    scaled = value * _GRAIN
    if -_WHOLE < scaled < _WHOLE:
        near = (scaled + 3 * _WHOLE - 3 * _WHOLE) / _GRAIN  # rounded half to even, in half the time of round()
    elif math.isfinite(scaled):
        near = round(scaled) / _GRAIN
    else:
        return value
    return (near if abs(value - near) <= _ROUNDING * terms else value) + 0.0


def as_points(points: ArrayLike) -> Array:
    """Copy `points` to a new float64 array (..., 2); ShapeError for another shape."""
    given = as_floats(points, "points")
    if given.ndim == 0 or given.shape[-1] != 2:
        raise ShapeError(f"points must have shape (..., 2), last axis (x, y), got {given.shape}")
    return given


def map_points(matrix: Array, points: ArrayLike) -> Array:
    """Map `points` (..., 2), in (x, y), by `matrix`: (..., 2) float64.

    A point on the horizon of a homography comes out infinite or NaN, never as an error: outside any image.
    """
    given = as_points(points)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        mapped = given @ matrix[:2, :2].T + matrix[:2, 2]
        if not is_affine(matrix):
            mapped /= given @ matrix[2, :2, np.newaxis] + matrix[2, 2]
    return np.asarray(mapped)


def invert(matrix: Array, what: str = "the transform") -> Array:
    """Invert `matrix` (3, 3); exactly wherever the arithmetic of its entries is exact, as for quarter turns.

    Raises:
        SingularTransformError: the condition number, taken after rows and columns were scaled alike so that a
            large shift or a small scale does not count against a matrix, is above MAX_CONDITION.
    """
    if not np.isfinite(matrix).all():
        raise SingularTransformError(f"{what} cannot be inverted: its numbers are beyond float64; {_WAY_OUT}")
    linear = matrix.copy()
    affine = is_affine(matrix)
    if affine:
        linear[:2, 2] = 0.0  # a shift never makes a matrix singular, however far it goes
    with np.errstate(all="ignore"):
        scaled, rows, columns = _equilibrate(linear)
        condition = float(np.linalg.cond(scaled))
        if not condition <= MAX_CONDITION:  # written so that NaN fails as well
            raise _singular(what, condition)
        inverse = columns[:, np.newaxis] * _adjugate_inverse(scaled) * rows
        if affine:
            inverse[:2, 2] = -(inverse[:2, :2] @ matrix[:2, 2])
            inverse[2] = (0.0, 0.0, 1.0)  # the division may have left 0.9999999999999999
    if not np.isfinite(inverse).all():
        raise SingularTransformError(f"{what} cannot be inverted: its inverse is beyond float64; {_WAY_OUT}")
    return np.asarray(inverse + 0.0)  # adding zero turns -0.0 into 0.0


def _singular(what: str, condition: float) -> SingularTransformError:
    return SingularTransformError(
        f"{what} cannot be inverted: its condition number is {condition:.3g} (limit {MAX_CONDITION:.0e}); "
        f"it squeezes the picture onto a line or a point; {_WAY_OUT}"
    )


def _equilibrate(matrix: Array) -> tuple[Array, Array, Array]:
    """Scale rows and columns to about one; by powers of two, so that no entry is rounded."""
    scaled = matrix.copy()
    rows, columns = np.ones(3), np.ones(3)
    for _ in range(3):
        by_row = _reciprocal_power(np.abs(scaled).max(axis=1))
        scaled *= by_row[:, np.newaxis]
        by_column = _reciprocal_power(np.abs(scaled).max(axis=0))
        scaled *= by_column
        rows *= by_row
        columns *= by_column
    return scaled, rows, columns


def _reciprocal_power(sizes: Array) -> Array:
    _, exponents = np.frexp(sizes)
    return np.where(sizes > 0.0, np.ldexp(1.0, np.minimum(1 - exponents, 1000)), 1.0)


def _adjugate_inverse(matrix: Array) -> Array:
    # Cofactors rather than LU: as accurate at this size, and every step exact with entries 0, 1 and -1.
    first, second, third = matrix
    cofactors = np.array([np.cross(second, third), np.cross(third, first), np.cross(first, second)])
    return np.asarray(cofactors.T / (first @ cofactors[0]))


def row_of_numbers(values: ArrayLike) -> list[float]:
    """Return `values` as a list of finite numbers; ShapeError or ThetaError, which names the place."""
    vector = as_floats(values, "theta")
    if vector.ndim != 1:
        raise ShapeError(f"parameters must be one row of numbers, got shape {vector.shape}")
    for place in np.flatnonzero(~np.isfinite(vector)):
        raise ThetaError(f"number {place + 1} of theta is {vector[place]}; every number must be finite")
    return [float(value) for value in vector]
