"""Transforms by a matrix: to and from the parameters of a family, composed, inverted, applied to points.

Convention: reverse mapping; a transform takes normalised (x, y) of the output to those of the input.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.conventions import Family, parse_enum
from stnwarp.errors import ParameterError, ThetaError
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.families import FAMILY_OF_COUNT, MATRIX_FAMILIES, MatrixFamily
from stnwarp.transforms.matrices import Array, row_of_numbers

# How far a matrix may be from a family, relative to its largest entry, and still be read as one of it: a
# theta that went through float32 a few times passes.
FAMILY_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class MatrixTransform(Transform):
    """A transform by a matrix: affine, or projective when its last row is not (0, 0, 1).

    Args:
        theta: (2, 3) or (3, 3), finite; kept as a read-only (3, 3) float64 array.
        front: the sign, 1 or -1, that the third homogeneous coordinate has in front of the horizon of a homography; 0
            where that is the one in the middle of the output, of which a viewport may show another part.

    Raises:
        ShapeError: another shape.  ThetaError: a number that is not finite.
    """

    theta: Array
    front: int = field(default=0, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        theta = matrices.as_matrix(self.theta)
        theta.setflags(write=False)
        object.__setattr__(self, "theta", theta)

    @classmethod
    def from_parameters(cls, family: Family, vector: ArrayLike) -> "MatrixTransform":
        """Make the transform of `family` with the parameters `vector`, in the order of `MATRIX_FAMILIES`.

        A positive angle turns the picture counter-clockwise as seen on screen (in a square picture:
        normalised coordinates have no aspect ratio). Projective takes nine numbers as well as eight.

        Raises:
            ThetaError: the wrong count of numbers, or one that is not finite.
            ParameterError: an unknown family, or one that is no matrix.
        """
        row = _row_of(family)
        numbers = row_of_numbers(vector)
        if len(numbers) not in row.counts:
            wanted = " or ".join(map(str, row.counts))
            raise ThetaError(f"{family} takes {wanted} numbers ({row.order}), got {len(numbers)}")
        return cls(_build(row, numbers))

    def parameters(self, family: Family) -> Array:
        """Read this transform as one of `family`: its parameter vector.

        Raises:
            ThetaError: the matrix is not of that family, by more than FAMILY_TOLERANCE of its largest entry.
            ParameterError: an unknown family, or one that is no matrix.
        """
        row = _row_of(family)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            theta = self.theta / self.theta[2, 2]
            vector = np.array(row.read(theta.ravel(), math), dtype=np.float64)
            belongs = np.isfinite(theta).all() and _is_close(_build(row, vector.tolist()), theta)
        if not belongs:
            raise ThetaError(f"this theta is not {row.phrase}; take a wider family, or its matrix")
        return vector

    def narrowest_family(self) -> tuple[Family, Array]:
        """Find the first family that this transform belongs to, and its parameters there.

        A homography whose last number is 0 belongs to none: it is projective, by its nine numbers.
        """
        for family in MATRIX_FAMILIES:
            try:
                return family, self.parameters(family)
            except ThetaError:
                continue
        return Family.PROJECTIVE, self.theta.ravel()

    @property
    def is_affine(self) -> bool:
        """Whether the last row is (0, 0, 1)."""
        return matrices.is_affine(self.theta)

    def map_points(self, points: ArrayLike) -> Array:
        """Map output `points` (..., 2) to the input; on the horizon the result is infinite or NaN."""
        return matrices.map_points(self.theta, points)

    def compose(self, other: "MatrixTransform") -> "MatrixTransform":
        """Combine warping by this transform and then by `other` into one transform that samples once.

        In reverse mapping the later warp comes first: its input is the output of this one.
        """
        return MatrixTransform(matrices.product(self.theta, other.theta))

    def inverse(self) -> "MatrixTransform":
        """Return the transform that undoes this one.

        Raises:
            SingularTransformError: by condition number; the picture is mapped onto a line or a point.
        """
        return MatrixTransform(matrices.invert(self.theta, "theta"))


def theta_from_numbers(numbers: Sequence[float]) -> MatrixTransform:
    """Make the transform that a row of numbers means: 2 a translation, 6 an affine theta, 8 or 9 a homography.

    Raises:
        ThetaError: any other count (named), or a number that is not finite (named, with its place).
    """
    values = row_of_numbers(numbers)
    family = FAMILY_OF_COUNT.get(len(values))
    if family is None:
        raise ThetaError(
            f"theta must be 2 numbers (translation), 6 (affine), or 8 or 9 (homography), got {len(values)}"
        )
    return MatrixTransform.from_parameters(family, values)


def _row_of(family: Family) -> MatrixFamily:
    row = MATRIX_FAMILIES.get(parse_enum(Family, family, "family"))
    if row is None:
        raise ParameterError(f"the family {family} is no matrix; use ThinPlateSpline")
    return row


def _build(row: MatrixFamily, numbers: Sequence[float]) -> Array:
    return np.array((*row.build(numbers, math), 0.0, 0.0, 1.0)[:9]).reshape(3, 3)


def _is_close(matrix: Array, theta: Array) -> bool:
    allowed = FAMILY_TOLERANCE * float(np.abs(theta[:2, :2]).max())
    return bool(np.all(np.abs(matrix - theta) <= allowed))
