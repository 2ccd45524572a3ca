"""How the picture moves: turns, scales, shears, shifts and flips, in pixels and degrees about a point of it.

Convention: forward, from input pixel to output pixel, the way people speak of pictures; x to the right, y
down, angles counter-clockwise positive as seen on screen. The specs turn it into reverse mapping.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.conventions import parse_enum
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms.matrices import Array, as_floats, product, shift

# The sine of the flattest corner that a quad may have, and its shortest side in parts of the longest (or of a
# pixel); below them three corners as good as lie on a line.
_FLATTEST_CORNER = 1e-6
_FARTHEST_CORNER = 1e12  # pixels; the squares of larger ones would leave the range of float64 in the end


class MoveKind(StrEnum):
    """The named moves."""

    ROTATE = "rotate"
    SCALE = "scale"
    SHEAR = "shear"
    TRANSLATE = "translate"
    FLIP = "flip"


@dataclass(frozen=True)
class Move:
    """One move of the picture.

    Args:
        kind: which move.
        values: rotate: degrees; scale: one factor, or one for x and one for y, not 0 (negative ones mirror);
            shear: degrees along x, or along x and then along y, each between -90 and 90; translate: pixels to
            the right and down; flip: (1, 0) left-right, (0, 1) top-bottom, (1, 1) both.

    Raises:
        ParameterError: the wrong count of numbers, or one out of range.
    """

    kind: MoveKind
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        kind = parse_enum(MoveKind, self.kind, "a move")
        values = tuple(float(value) for value in self.values)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "values", values)
        counts = _COUNTS[kind]
        if len(values) not in counts:
            wanted = " or ".join(str(count) for count in counts)
            raise ParameterError(f"{kind} takes {wanted} number{'s' * (counts != (1,))}, got {len(values)}")
        for value in values:
            if not math.isfinite(value):
                raise ParameterError(f"{kind} got {value}; every number must be finite")
        _check_range(kind, values)


def _check_range(kind: MoveKind, values: tuple[float, ...]) -> None:
    if kind is MoveKind.SCALE and 0.0 in values:
        raise ParameterError("scale must not be 0; a picture without extent cannot be warped")
    if kind is MoveKind.SHEAR and any(abs(value) >= 90.0 for value in values):
        raise ParameterError(f"shear must lie between -90 and 90 degrees, got {', '.join(f'{v:g}' for v in values)}")
    if kind is MoveKind.FLIP and values not in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        raise ParameterError(f"flip must be 1,0 (left-right), 0,1 (top-bottom) or 1,1 (both), got {values}")


def forward_matrix(
    moves: Iterable[Move], input_size: tuple[int, int], center: tuple[float, float] | None = None
) -> Array:
    """Return the (3, 3) matrix from input pixel to output pixel of `moves` in order, on a canvas of `input_size`.

    Every move is about the centre of the canvas, or about `center`. Multiples of 90 degrees have entries 0, 1 and -1
    exactly, and with sizes of the same parity whole-pixel shifts.

    Args:
        moves: applied in the order given; none is the identity.
        input_size: (height, width) in pixels.
        center: a pixel (x, y) of the input, inside or outside of it.

    Raises:
        ParameterError: a matrix beyond float64.
    """
    height, width = input_size
    x, y = ((width - 1) / 2, (height - 1) / 2) if center is None else center
    steps = [_MATRIX[move.kind](move.values) for move in moves]
    matrix = product(shift(x, y), product(*reversed(steps)), shift(-x, -y))
    if not np.isfinite(matrix).all():
        raise ParameterError("the moves together go beyond what a number can hold; use smaller ones")
    return matrix


def quad_matrix(corners: ArrayLike, size: tuple[int, int]) -> Array:
    """Return the (3, 3) matrix from output pixel to input pixel that spreads a quad over the whole output.

    The corners are centres of pixels in the input, and land on the centres of the output's corner pixels.

    Args:
        corners: (4, 2) in (x, y): what goes to the top left, top right, bottom right and bottom left.
        size: (height, width) of the output. An axis of one pixel reads along the middle of the quad.

    Raises:
        ShapeError: not four points.  ParameterError: a quad that is not convex, or three of its corners on a
            line.

    Source: Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3 (square to quad).
    """
    matrix = _square_to_quad(check_quad(corners))
    height, width = size
    for column, last in ((0, width - 1), (1, height - 1)):
        if last > 0:
            matrix[:, column] /= last
        else:
            matrix[:, 2] += matrix[:, column] / 2
            matrix[:, column] = 0.0
    return matrix


def check_quad(corners: ArrayLike) -> Array:
    """Return `corners` as a (4, 2) float64 array; refuse quads that no homography can flatten."""
    quad = as_floats(corners, "corners")
    if quad.shape != (4, 2):
        raise ShapeError(f"corners must be four points (x, y), got shape {quad.shape}")
    if not np.abs(quad).max() <= _FARTHEST_CORNER:  # written so that NaN fails as well
        raise ParameterError(f"corners must be finite, within {_FARTHEST_CORNER:g} pixels, got {_quad_text(quad)}")
    sides = np.roll(quad, -1, axis=0) - quad
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    turns = _cross(np.roll(sides, 1, axis=0), sides)
    flattest = _FLATTEST_CORNER * np.roll(lengths, 1) * lengths
    if lengths.min() <= _FLATTEST_CORNER * max(1.0, lengths.max()) or np.any(np.abs(turns) <= flattest):
        raise ParameterError(f"three of the corners lie on a line: {_quad_text(quad)}; give the four corners of a quad")
    if not (np.all(turns > 0) or np.all(turns < 0)):
        raise ParameterError(
            f"the corners cross or turn inwards: {_quad_text(quad)}; give them clockwise from the top left"
        )
    return quad


def check_clockwise(quad: Array) -> None:
    """Raise ParameterError unless `quad`, a checked one, runs clockwise as seen on screen, where y points down."""
    following = np.roll(quad, -1, axis=0)
    if _cross(quad - quad[0], following - quad[0]).sum() < 0.0:  # twice the signed area
        raise ParameterError(
            f"the corners {_quad_text(quad)} run counter-clockwise, which mirrors the picture; "
            f"give them clockwise from the top left, or --allow-mirror"
        )


def _cross(first: Array, second: Array) -> Array:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])


def _quad_text(quad: Array) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in quad)


def _square_to_quad(quad: Array) -> Array:
    """Map the unit square, clockwise from (0, 0), to `quad`; exactly affine for a parallelogram."""
    first, second, third, fourth = quad
    along, across = second - third, fourth - third
    surplus = first - second + third - fourth
    area = _cross(along, across)
    g, h = _cross(surplus, across) / area, _cross(along, surplus) / area
    top = np.stack([second - first + g * second, fourth - first + h * fourth, first], axis=1)
    return np.vstack([top, [g, h, 1.0]])


def _cosine_sine(degrees: float) -> tuple[float, float]:
    """Return cosine and sine, exact at the multiples of 90 degrees and symmetric at those of 45."""
    turn = math.fmod(degrees, 360.0)
    quarter = round(turn / 90.0)
    rest = turn - 90.0 * quarter  # exact: both are below 2**9 and the difference is smaller than either
    if abs(rest) == 45.0:
        cosine, sine = math.sqrt(0.5), math.copysign(math.sqrt(0.5), rest)
    else:
        cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    return [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][quarter % 4]


def _tangent(degrees: float) -> float:
    cosine, sine = _cosine_sine(degrees)
    return sine / cosine


def _linear(a: float, b: float, c: float, d: float) -> Array:
    return np.array([[a, b, 0.0], [c, d, 0.0], [0.0, 0.0, 1.0]])


def _rotate(values: tuple[float, ...]) -> Array:
    cosine, sine = _cosine_sine(values[0])
    return _linear(cosine, sine, -sine, cosine)  # y points down: this turns counter-clockwise on screen


def _scale(values: tuple[float, ...]) -> Array:
    return _linear(values[0], 0.0, 0.0, values[-1])


def _shear(values: tuple[float, ...]) -> Array:
    # A positive angle leans a standing line to the left and lifts the right end of a lying one.
    along_x = _linear(1.0, _tangent(values[0]), 0.0, 1.0)
    if len(values) == 1:
        return along_x
    return np.asarray(_linear(1.0, 0.0, -_tangent(values[1]), 1.0) @ along_x)


def _translate(values: tuple[float, ...]) -> Array:
    return shift(values[0], values[1])


def _flip(values: tuple[float, ...]) -> Array:
    return _linear(-1.0 if values[0] else 1.0, 0.0, 0.0, -1.0 if values[1] else 1.0)


_COUNTS = {
    MoveKind.ROTATE: (1,),
    MoveKind.SCALE: (1, 2),
    MoveKind.SHEAR: (1, 2),
    MoveKind.TRANSLATE: (2,),
    MoveKind.FLIP: (2,),
}
_MATRIX: dict[MoveKind, Callable[[tuple[float, ...]], Array]] = {
    MoveKind.ROTATE: _rotate,
    MoveKind.SCALE: _scale,
    MoveKind.SHEAR: _shear,
    MoveKind.TRANSLATE: _translate,
    MoveKind.FLIP: _flip,
}
