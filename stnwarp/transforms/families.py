"""The transformation families: parameter vectors to mappings and back, composed, inverted, applied to points.

Convention: reverse mapping; a transform takes normalised (x, y) of the output to those of the input.
Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 3.2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.conventions import parse_enum
from stnwarp.errors import ThetaError
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array, row_of_numbers

# How far a matrix may be from a family, relative to its largest entry, and still be read as one of it: a
# theta that went through float32 a few times passes.
FAMILY_TOLERANCE = 1e-6


class Family(StrEnum):
    """The families a matrix can belong to, each within the next, and its parameters."""

    TRANSLATION = "translation"  # tx, ty
    ATTENTION = "attention"  # s, tx, ty: isotropic scale and translation
    SIMILARITY = "similarity"  # scale, angle in radians, tx, ty
    AFFINE = "affine"  # a, b, tx, c, d, ty: theta row by row
    PROJECTIVE = "projective"  # eight numbers row by row, the ninth is 1


@dataclass(frozen=True, eq=False)
class MatrixTransform(Transform):
    """A transform by a matrix: affine, or projective when its last row is not (0, 0, 1).

    Args:
        theta: (2, 3) or (3, 3), finite; kept as a read-only (3, 3) float64 array.

    Raises:
        ShapeError: another shape.  ThetaError: a number that is not finite.
    """

    theta: Array

    def __post_init__(self) -> None:
        theta = matrices.as_matrix(self.theta)
        theta.setflags(write=False)
        object.__setattr__(self, "theta", theta)

    @classmethod
    def from_parameters(cls, family: Family, vector: ArrayLike) -> "MatrixTransform":
        """The transform of *family* with the parameters *vector*, in the order that Family lists.

        A positive angle turns the picture counter-clockwise as seen on screen (in a square picture:
        normalised coordinates have no aspect ratio). Projective takes nine numbers as well as eight.

        Raises:
            ThetaError: the wrong count of numbers, or one that is not finite.
        """
        family = parse_enum(Family, family, "family")
        numbers = row_of_numbers(vector)
        counts = _COUNTS[family]
        if len(numbers) not in counts:
            wanted = " or ".join(str(count) for count in counts)
            raise ThetaError(f"{family} takes {wanted} numbers ({_NAMES[family]}), got {len(numbers)}")
        return cls(_BUILD[family](numbers))

    def parameters(self, family: Family) -> Array:
        """The parameter vector of this transform as one of *family*.

        Raises:
            ThetaError: the matrix is not of that family, by more than FAMILY_TOLERANCE of its largest entry.
        """
        family = parse_enum(Family, family, "family")
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            theta = self.theta / self.theta[2, 2]
            vector = np.array(_READ[family](theta))
            is_one = np.isfinite(theta).all() and _close(_BUILD[family](vector), theta)
        if not is_one:
            raise ThetaError(f"this theta is not {_WORDS[family]}; take a wider family, or its matrix")
        return vector

    @property
    def is_affine(self) -> bool:
        """Whether the last row is (0, 0, 1)."""
        return matrices.is_affine(self.theta)

    def map_points(self, points: ArrayLike) -> Array:
        """The input coordinates of output *points* (..., 2); on the horizon they are infinite or NaN."""
        return matrices.map_points(self.theta, points)

    def compose(self, other: "MatrixTransform") -> "MatrixTransform":
        """Warping by this transform and then by *other*, as one transform that samples once.

        In reverse mapping the later warp is asked first: its input is the output of this one.
        """
        return MatrixTransform(matrices.product(self.theta, other.theta))

    def inverse(self) -> "MatrixTransform":
        """The transform that undoes this one.

        Raises:
            SingularTransformError: by condition number; the picture is mapped onto a line or a point.
        """
        return MatrixTransform(matrices.invert(self.theta, "theta"))


def theta_from_numbers(numbers: Sequence[float]) -> MatrixTransform:
    """The transform that a row of numbers means: 2 a translation, 6 an affine theta, 8 or 9 a homography.

    Raises:
        ThetaError: any other count (named), or a number that is not finite (named, with its place).
    """
    values = row_of_numbers(numbers)
    family = _BY_COUNT.get(len(values))
    if family is None:
        raise ThetaError(
            f"theta must be 2 numbers (translation), 6 (affine), or 8 or 9 (homography), got {len(values)}"
        )
    return MatrixTransform.from_parameters(family, values)


def _close(built: Array, theta: Array) -> bool:
    allowed = FAMILY_TOLERANCE * float(np.abs(theta[:2, :2]).max())
    return bool(np.all(np.abs(built - theta) <= allowed))


def _similarity(numbers: Sequence[float] | Array) -> Array:
    scale, angle, tx, ty = numbers
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cosine, -sine, tx], [sine, cosine, ty], [0.0, 0.0, 1.0]])


def _polar(twice_cosine: float, twice_sine: float) -> tuple[float, float]:
    return math.hypot(twice_cosine, twice_sine) / 2, math.atan2(twice_sine, twice_cosine)


def _projective(numbers: Sequence[float] | Array) -> Array:
    return np.array([*numbers, 1.0][:9]).reshape(3, 3)


_BY_COUNT = {2: Family.TRANSLATION, 6: Family.AFFINE, 8: Family.PROJECTIVE, 9: Family.PROJECTIVE}
_COUNTS = {
    Family.TRANSLATION: (2,),
    Family.ATTENTION: (3,),
    Family.SIMILARITY: (4,),
    Family.AFFINE: (6,),
    Family.PROJECTIVE: (8, 9),
}
_NAMES = {
    Family.TRANSLATION: "tx, ty",
    Family.ATTENTION: "s, tx, ty",
    Family.SIMILARITY: "scale, angle in radians, tx, ty",
    Family.AFFINE: "a b tx c d ty, theta row by row",
    Family.PROJECTIVE: "theta row by row, last = 1",
}
_WORDS = {
    Family.TRANSLATION: "a translation",
    Family.ATTENTION: "an attention transform",
    Family.SIMILARITY: "a similarity",
    Family.AFFINE: "affine",
    Family.PROJECTIVE: "a homography with a last number other than 0",
}
_BUILD: dict[Family, Callable[[Sequence[float] | Array], Array]] = {
    Family.TRANSLATION: lambda v: matrices.shift(v[0], v[1]),
    Family.ATTENTION: lambda v: np.array([[v[0], 0.0, v[1]], [0.0, v[0], v[2]], [0.0, 0.0, 1.0]]),
    Family.SIMILARITY: _similarity,
    Family.AFFINE: lambda v: np.array([[*v[:3]], [*v[3:]], [0.0, 0.0, 1.0]]),
    Family.PROJECTIVE: _projective,
}
_READ: dict[Family, Callable[[Array], list[float]]] = {
    Family.TRANSLATION: lambda t: [t[0, 2], t[1, 2]],
    Family.ATTENTION: lambda t: [(t[0, 0] + t[1, 1]) / 2, t[0, 2], t[1, 2]],
    Family.SIMILARITY: lambda t: [*_polar(t[0, 0] + t[1, 1], t[1, 0] - t[0, 1]), t[0, 2], t[1, 2]],
    Family.AFFINE: lambda t: [*t[:2].ravel()],
    Family.PROJECTIVE: lambda t: [*t.ravel()[:8]],
}
