"""The families of transforms: one row each of `MATRIX_FAMILIES`, and the thin plate spline beside them.

A row is plain Python over numbers, NumPy arrays or PyTorch tensors alike, so that everything that deals with families
(parameters, checkpoints, training) reads the same row.

Convention: reverse mapping, normalised (x, y), x to the right, y down; theta is row by row.
Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 3.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

from stnwarp.conventions import Family
from stnwarp.errors import ParameterError

# Parameters or entries: floats for one transform, or tensors (N,) for N of them. Functions is a module with cos, sin,
# hypot and atan2 for them: math, or torch.
Values: TypeAlias = Sequence[Any]
Functions: TypeAlias = Any


class ParameterKind(Enum):
    """What a parameter stands for, which decides how a network bounds it and which motions it can express."""

    SHIFT = auto()  # of the centre, normalised
    SCALE = auto()  # a positive factor; networks learn its logarithm
    ANGLE = auto()  # in radians
    LINEAR = auto()  # an entry of the linear part of theta
    PERSPECTIVE = auto()  # an entry of the last row of theta
    POINT = auto()  # a coordinate of a spline's point, normalised


@dataclass(frozen=True)
class MatrixFamily:
    """One family of matrices.

    Args:
        phrase: what a matrix of the family is called in an error message.
        order: the parameters in words, in their order, for an error message.
        parameters: names and kinds, in their order; a scale comes first, and there is one at the most.
        shapes: of a network's output, the batch axis left out, that hold the parameters; those of one axis are also
            the counts that `MatrixTransform.from_parameters` takes.
        theta_counts: how many numbers in a row, with no family named, are taken for it.
        build: parameters to the first six entries of theta, or all nine.
        read: the nine entries of a theta whose last one is 1 to the parameters of the matrix of the family nearest
            to it, or the matrix itself where it is one of the family.
    """

    phrase: str
    order: str
    parameters: dict[str, ParameterKind]
    shapes: tuple[tuple[int, ...], ...]
    build: Callable[[Values, Functions], Values]
    read: Callable[[Values, Functions], Values]
    theta_counts: tuple[int, ...] = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """How many numbers may be given for the parameters."""
        return tuple(shape[0] for shape in self.shapes if len(shape) == 1)


def parameters_of(family: Family, control_points: tuple[int, int] | None = None) -> dict[str, ParameterKind]:
    """Return the names and kinds of the parameters of `family`, in their order.

    Args:
        family: any.
        control_points: (rows, columns) of a thin plate spline, and of nothing else.

    Raises:
        ParameterError: control points missing or not wanted.
    """
    if (family is Family.THIN_PLATE_SPLINE) != (control_points is not None):
        hint = "tps needs control_points, (rows, cols)" if control_points is None else f"{family} has no control points"
        raise ParameterError(f"{hint}, got {control_points}")
    if control_points is None:
        return MATRIX_FAMILIES[family].parameters
    points = range(control_points[0] * control_points[1])
    return {f"{axis}{point}": ParameterKind.POINT for point in points for axis in "xy"}


def _build_translation(values: Values, functions: Functions) -> Values:
    tx, ty = values
    return 1.0, 0.0, tx, 0.0, 1.0, ty


def _read_translation(theta: Values, functions: Functions) -> Values:
    return theta[2], theta[5]


def _build_attention(values: Values, functions: Functions) -> Values:
    scale, tx, ty = values
    return scale, 0.0, tx, 0.0, scale, ty


def _read_attention(theta: Values, functions: Functions) -> Values:
    return (theta[0] + theta[4]) / 2, theta[2], theta[5]


def _build_similarity(values: Values, functions: Functions) -> Values:
    scale, angle, tx, ty = values
    cosine, sine = scale * functions.cos(angle), scale * functions.sin(angle)
    return cosine, -sine, tx, sine, cosine, ty


def _read_similarity(theta: Values, functions: Functions) -> Values:
    cosine, sine = theta[0] + theta[4], theta[3] - theta[1]  # twice each
    return functions.hypot(cosine, sine) / 2, functions.atan2(sine, cosine), theta[2], theta[5]


def _build_affine(values: Values, functions: Functions) -> Values:
    return values


def _read_affine(theta: Values, functions: Functions) -> Values:
    return theta[:6]


def _build_projective(values: Values, functions: Functions) -> Values:
    return (*values, 1.0)[:9]


def _read_projective(theta: Values, functions: Functions) -> Values:
    return theta[:8]


_SHIFT, _SCALE, _LINEAR = ParameterKind.SHIFT, ParameterKind.SCALE, ParameterKind.LINEAR
_AFFINE = {"a": _LINEAR, "b": _LINEAR, "tx": _SHIFT, "c": _LINEAR, "d": _LINEAR, "ty": _SHIFT}

# Narrow families come before the wider ones that hold them: a matrix is described by the first it belongs to, and an
# output of a network without metadata is taken for the first that it has the shape of.
MATRIX_FAMILIES: dict[Family, MatrixFamily] = {
    Family.TRANSLATION: MatrixFamily(
        phrase="a translation",
        order="tx, ty",
        parameters={"tx": _SHIFT, "ty": _SHIFT},
        shapes=((2,),),
        theta_counts=(2,),
        build=_build_translation,
        read=_read_translation,
    ),
    Family.ATTENTION: MatrixFamily(
        phrase="an attention transform",
        order="s, tx, ty",
        parameters={"s": _SCALE, "tx": _SHIFT, "ty": _SHIFT},
        shapes=((3,),),
        build=_build_attention,
        read=_read_attention,
    ),
    Family.SIMILARITY: MatrixFamily(
        phrase="a similarity",
        order="scale, angle in radians, tx, ty",
        parameters={"scale": _SCALE, "angle": ParameterKind.ANGLE, "tx": _SHIFT, "ty": _SHIFT},
        shapes=((4,),),
        build=_build_similarity,
        read=_read_similarity,
    ),
    Family.AFFINE: MatrixFamily(
        phrase="affine",
        order="a b tx c d ty, theta row by row",
        parameters=_AFFINE,
        shapes=((6,), (2, 3)),
        theta_counts=(6,),
        build=_build_affine,
        read=_read_affine,
    ),
    Family.PROJECTIVE: MatrixFamily(
        phrase="a homography with a last number other than 0",
        order="theta row by row, last = 1",
        parameters={**_AFFINE, "g": ParameterKind.PERSPECTIVE, "h": ParameterKind.PERSPECTIVE},
        shapes=((8,), (9,), (3, 3)),
        theta_counts=(8, 9),
        build=_build_projective,
        read=_read_projective,
    ),
}
FAMILY_OF_COUNT = {count: family for family, row in MATRIX_FAMILIES.items() for count in row.theta_counts}
