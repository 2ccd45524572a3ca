"""Limits to how far a transform may move a picture: report in words what is beyond them, and bring it back.

Convention: the transform is in reverse mapping and normalised; limits speak of the picture, in its own pixels, so that
an angle is an angle in a picture that is not square.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stnwarp.errors import ParameterError, SingularTransformError, ThetaError
from stnwarp.term_list import Range, TermGrammar
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import compose
from stnwarp.transforms.decomposition import (
    Decomposition,
    affine_part,
    decompose,
    depth_slopes,
    perspective,
    tolerance,
)
from stnwarp.transforms.frame import Frame, Size
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.splines import ThinPlateSpline

_LEAST = {"stretch": 1.0, "shift": 0.0, "perspective": 1.0}  # of no motion at all; these have no lower limit
_TERMS = ("angle", "scale", "stretch", "shift", "perspective")
_LINEAR = {"angle", "scale", "stretch"}
_SINGULAR = "singular: the picture is squeezed onto a line or a point"
_NO_MIDDLE = "singular: the middle of the output is read from nowhere"
_GRAMMAR = TermGrammar(_TERMS, frozenset(_LEAST), "limit", "the limit", "such as angle=45,scale=0.5..2,shift=0.3")


class LimitResult(NamedTuple):
    """The transform within the limits, and in words what was beyond them; the original transform if nothing was."""

    transform: Transform
    beyond: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """The limits to how far a transform may move a picture; None for no limit. The ends of a range are allowed.

    All but perspective are judged by the affine part: of a matrix its slopes and its place at the middle of the
    output, of a spline the affine transform nearest to its points.

    Args:
        angle: from and to how many degrees the picture may turn, counter-clockwise positive as seen on screen,
            within -180 to 180. It is the angle of the nearest rotation; in a mirrored picture, of what turns it
            besides mirroring it left to right or top to bottom, whichever makes it smaller.
        scale: from and to how many times as large the picture may get, both above 0; 2 is twice as wide and high.
        stretch: how many times as long one direction of the picture may get as the one across it, by shear or by
            unequal scales; 1 is not at all.
        shift: how far from the middle of the input the middle of the output may be read, along x and along y each;
            1 is half the width, or half the height.
        perspective: how many times as far away as another corner of the output one may be, for homographies; 1 is
            not at all.

    Raises:
        ParameterError: a number that is not finite, ends in the wrong order, or a value out of a term's own range.
    """

    angle: Range | None = None
    scale: Range | None = None
    stretch: float | None = None
    shift: float | None = None
    perspective: float | None = None

    def __post_init__(self) -> None:
        for term in _TERMS:
            if (given := self._range(term)) is not None:
                _check(term, *given)

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Read limits such as 'angle=45,scale=0.5..2,shift=0.3': terms of Limits, each with a number or LOW..HIGH.

        angle=45 means -45..45 and scale=2 means 0.5..2; stretch, shift and perspective take the largest value.

        Raises:
            ParameterError: an unknown term, one given twice, or what is no number; the term is named.
        """
        return cls(**_GRAMMAR.parse(text))

    def apply(self, transform: Transform, input_size: Size, output_size: Size, align_corners: bool) -> LimitResult:
        """Bring `transform` within the limits, and report what of it was beyond them.

        What is beyond is brought to the nearest value allowed, by moving the picture as a whole: the bending of a
        spline and the perspective of a homography stay relative to their affine part. A transform within the limits
        comes back as it is. One that has no usable affine part, because it squeezes the picture onto a line or a
        point, is replaced by the smallest move allowed.

        Args:
            transform: any but a sampling grid.
            input_size: (height, width) of the picture.
            output_size: (height, width) of the canvas whose pixels are as large as the picture's: the input's size
                for a transform in normalised coordinates, however densely it is sampled afterwards, and the result's
                own size where that was fitted to the picture.
            align_corners: what -1 and 1 are.

        Raises:
            ParameterError: a sampling grid, which knows no points but its own.
        """
        source, output = Frame(input_size, align_corners), Frame(output_size, align_corners)
        affine = affine_part(transform)
        motion = decompose(affine, source, output)
        measures = motion._asdict() | {"perspective": perspective(transform)}
        beyond = [term for term in _TERMS if not self._allows(term, measures[term])]
        if not beyond:
            return LimitResult(transform, ())
        with np.errstate(all="ignore"):
            clamped = self._clamp(beyond, affine, motion, source, output)
            slopes = self._clamp_slopes(transform, "perspective" in beyond)
            changed = _replace_affine(transform, affine, clamped, slopes)
        return LimitResult(changed, self._describe(beyond, measures, affine, motion))

    def _describe(
        self, beyond: list[str], measures: dict[str, float], affine: Array, motion: Decomposition
    ) -> tuple[str, ...]:
        """Say which of `measures` are `beyond`, or why they cannot be measured."""
        unknown = {term for term in beyond if math.isnan(measures[term]) or (term in _LINEAR and not motion.is_regular)}
        words = [
            f"{term} {measures[term]:.4g} is beyond {self._range_text(term)}" for term in beyond if term not in unknown
        ]
        if unknown:
            words.insert(0, _SINGULAR if np.isfinite(affine).all() else _NO_MIDDLE)
        return tuple(words)

    def _range(self, term: str) -> Range | None:
        given = getattr(self, term)
        return given if given is None or term not in _LEAST else (_LEAST[term], given)

    def _range_text(self, term: str) -> str:
        low, high = self._range(term) or (0.0, 0.0)
        return f"{high:g}" if term in _LEAST else f"{low:g}..{high:g}"

    def _allows(self, term: str, value: float) -> bool:
        """Whether `value` is within the range of `term`; NaN is within none."""
        given = self._range(term)
        if given is None:
            return True
        low, high = given
        return low - tolerance(low) <= value <= high + tolerance(high)

    def _nearest(self, term: str, value: float) -> float:
        """Return `value`, or the end of the range of `term` that is nearest to it."""
        low, high = self._range(term) or (value, value)
        if term == "angle" and not low <= value <= high:  # nearest on the circle
            return low if abs(math.remainder(value - low, 360.0)) < abs(math.remainder(value - high, 360.0)) else high
        return min(max(value, low), high)

    def _clamp(self, beyond: list[str], affine: Array, motion: Decomposition, source: Frame, output: Frame) -> Array:
        """Bring the terms of `affine` that are `beyond` to what is allowed."""
        clamped = affine.copy()
        linear = _LINEAR.intersection(beyond)
        if not np.isfinite(affine).all() or (linear and not motion.is_regular):
            pixels = _turn(self._nearest("angle", 0.0)) / self._nearest("scale", 1.0)
            clamped[:2, :2] = pixels * output.spans / source.spans[:, np.newaxis]
        elif linear:
            clamped[:2, :2] = self._clamp_linear(affine, motion, source, output)
            rest = decompose(clamped, source, output)
            if not all(self._allows(term, getattr(rest, term)) for term in _LINEAR):
                # A nearly singular matrix keeps rounding errors the first time; what is left is regular.
                clamped[:2, :2] = self._clamp_linear(clamped, rest, source, output)
        farthest = math.inf if self.shift is None else self.shift
        clamped[:2, 2] = np.clip(np.where(np.isfinite(affine[:2, 2]), affine[:2, 2], 0.0), -farthest, farthest)
        return clamped

    def _clamp_linear(self, affine: Array, motion: Decomposition, source: Frame, output: Frame) -> Array:
        """Bring angle, scale and stretch of `affine`, which has the `motion`, to what is allowed: (2, 2)."""
        pixels = source.spans[:, np.newaxis] * affine[:2, :2] / output.spans
        mirrored = np.linalg.det(pixels) < 0.0  # first mirrored and then turned, the reading turns the other way
        turn = _turn((self._nearest("angle", motion.angle) - motion.angle) * (-1 if mirrored else 1))
        less = _stretch_by(pixels, self._nearest("stretch", motion.stretch) / motion.stretch)
        clamped = turn @ pixels @ less * (motion.scale / self._nearest("scale", motion.scale))
        return np.asarray(clamped * output.spans / source.spans[:, np.newaxis])

    def _clamp_slopes(self, transform: Transform, beyond: bool) -> Array:
        """Return the slopes of a homography's depth, less steep if `beyond` the limit; 0 if they are infinite."""
        slopes = depth_slopes(transform)
        if not np.isfinite(slopes).all():
            return np.zeros(2)
        if not beyond or self.perspective is None:
            return slopes
        return np.asarray(slopes * ((self.perspective - 1) / (self.perspective + 1) / np.abs(slopes).sum()))


def _check(term: str, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ParameterError(f"the limit {term} must be finite, got {low:g}..{high:g}")
    if term == "angle" and max(abs(low), abs(high)) > 180.0:
        raise ParameterError(f"the limit angle lies within -180..180 degrees, got {low:g}..{high:g}")
    if term == "scale" and min(low, high) <= 0.0:
        raise ParameterError(f"the limit scale must be above 0, got {low:g}..{high:g}; 1 is the picture's own size")
    if term in _LEAST and high < low:
        raise ParameterError(f"the limit {term} must be at least {low:g}, got {high:g}")
    if high < low:
        raise ParameterError(f"the limit {term} must be LOW..HIGH, got {low:g}..{high:g}; change them round")


def _turn(degrees: float) -> Array:
    """Return the reverse matrix of a picture's counter-clockwise turn, in pixels."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _stretch_by(pixels: Array, ratio: float) -> Array:
    """Return the symmetric matrix that makes the stretch of `pixels` (2, 2) `ratio` times as large, without scaling."""
    if ratio == 1.0:
        return np.eye(2)
    (a, b), (c, d) = pixels / np.abs(pixels).max()
    direction = math.atan2(2 * (a * b + c * d), a * a + c * c - b * b - d * d) / 2
    axes = _turn(math.degrees(direction))
    return np.asarray(axes * (math.sqrt(ratio), 1 / math.sqrt(ratio)) @ axes.T)


def _replace_affine(transform: Transform, affine: Array, clamped: Array, slopes: Array) -> Transform:
    """Put `clamped` in place of the affine part of `transform`, and `slopes` in place of its depth's slopes."""
    try:
        if isinstance(transform, MatrixTransform):
            depth = np.eye(3)
            depth[2, :2] = slopes
            return MatrixTransform(matrices.product(clamped, depth))
        change = MatrixTransform(matrices.product(clamped, matrices.invert(affine)))
        if isinstance(transform, ThinPlateSpline):
            return ThinPlateSpline(change.map_points(transform.points))
        return compose(change, transform)
    except (SingularTransformError, ThetaError):
        return MatrixTransform(clamped)
