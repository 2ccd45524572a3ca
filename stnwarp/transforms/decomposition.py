"""Measure how far a transform moves a picture: its turn, scale, stretch and shift, its perspective, and its corners.

Convention: the transform is in reverse mapping and normalised; the measures are of the picture's motion, in its own
pixels, counter-clockwise positive as seen on screen.
"""

import math
from typing import NamedTuple

import numpy as np

from stnwarp.transforms.base import Transform
from stnwarp.transforms.frame import Frame
from stnwarp.transforms.matrices import MAX_CONDITION, Array, is_affine
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.spline_solver import control_points, nearest_affine
from stnwarp.transforms.splines import ThinPlateSpline

_ROUNDING = 1e-9  # relative above 1
_SAMPLES = 17  # of each side of the frame, for a transform that is known by its points alone


class Decomposition(NamedTuple):
    """What an affine transform does to a picture; NaN or infinite where it squeezes it onto a line or a point."""

    angle: float  # degrees, counter-clockwise
    scale: float  # 2: twice as large
    stretch: float  # how much longer one direction gets than the one across it
    shift: float  # from the input's middle to where the output's middle is read, the larger of x and y, normalised

    @property
    def is_regular(self) -> bool:
        """Whether the picture keeps an extent."""
        return self.stretch <= MAX_CONDITION


def tolerance(end: float) -> float:
    """Return what rounding may add to a measure that is limited to `end`."""
    return _ROUNDING * max(1.0, abs(end))


def affine_part(transform: Transform) -> Array:
    """Find the affine transform (3, 3) nearest to `transform`; NaN or infinite where there is none.

    Of a matrix it has the slopes and the place at the middle of the output, of a spline it is the nearest to its
    points, and of any other transform the nearest to a lattice of points of the frame.

    Raises:
        ParameterError: a sampling grid, which knows no points but its own.
    """
    if isinstance(transform, MatrixTransform):
        return _at_the_middle(transform.theta)
    if isinstance(transform, ThinPlateSpline):
        return nearest_affine(transform.points)
    return _fit_affine(control_points(_SAMPLES, _SAMPLES).reshape(-1, 2), transform)


def decompose(affine: Array, source: Frame, output: Frame) -> Decomposition:
    """Measure how `affine` moves a picture of the frame `source` on a canvas of the frame `output`."""
    with np.errstate(all="ignore"):
        pixels = source.spans[:, np.newaxis] * affine[:2, :2] / output.spans
        shift = float(np.abs(affine[:2, 2]).max())
        largest = float(np.abs(pixels).max())
        (a, b), (c, d) = (pixels / largest).tolist()
    if not math.isfinite(a + b + c + d):
        return Decomposition(math.nan, math.nan, math.nan, shift)
    # The nearest rotation or, of a mirrored picture, reflection; and the singular values in closed form.
    upright, mirrored = math.hypot(a + d, c - b), math.hypot(a - d, b + c)
    longer, shorter = (upright + mirrored) / 2, abs(upright - mirrored) / 2
    if not longer <= MAX_CONDITION * shorter:
        return Decomposition(math.nan, math.inf, math.inf, shift)
    angle = math.atan2(c - b, a + d) if upright > mirrored else _smaller_turn(math.atan2(b + c, d - a))
    return Decomposition(math.degrees(angle), 1 / (largest * math.sqrt(longer * shorter)), longer / shorter, shift)


def perspective(transform: Transform) -> float:
    """Measure how many times as far away one corner of the output is as another; 1 for all but homographies."""
    x, y = depth_slopes(transform).tolist()
    steepness = abs(x) + abs(y)
    return (1 + steepness) / (1 - steepness) if steepness < 1.0 else math.inf


def depth_slopes(transform: Transform) -> Array:
    """Return how a homography's depth grows along x and y, where it is 1 in the middle; 0 for all else."""
    if not isinstance(transform, MatrixTransform) or transform.is_affine:
        return np.zeros(2)
    with np.errstate(all="ignore"):
        return np.asarray(transform.theta[2, :2] / transform.theta[2, 2])


def corner_displacement(transform: Transform, frame: Frame) -> float:
    """Measure how far `transform` moves the corners of a picture at most, in pixels, where input and output are alike.

    The corners are those of the frame, -1 and 1. Where a transform is not affine, it may leave the corners and move
    what lies between; then all of a lattice over the frame counts. What leads nowhere is infinitely far.

    Raises:
        ParameterError: a sampling grid, which knows no points but its own.
    """
    affine = isinstance(transform, MatrixTransform) and is_affine(transform.theta)
    side = 2 if affine else _SAMPLES
    shape = transform.shape if isinstance(transform, ThinPlateSpline) else (2, 2)
    return max(_displacement(transform, control_points(*sides), frame) for sides in ((side, side), shape))


def _displacement(transform: Transform, points: Array, frame: Frame) -> float:
    with np.errstate(all="ignore"):
        motion = (transform.map_points(points) - points) * frame.pixel_from_normalised.diagonal()[:2]
        farthest = float(np.hypot(motion[..., 0], motion[..., 1]).max())
    return math.inf if math.isnan(farthest) else farthest


def _smaller_turn(angle: float) -> float:
    # Mirrored left to right and turned by half a turn is mirrored top to bottom.
    return angle - math.copysign(math.pi, angle) if abs(angle) > math.pi / 2 else angle


def _at_the_middle(theta: Array) -> Array:
    affine = theta.copy()
    with np.errstate(all="ignore"):
        affine /= theta[2, 2]
        affine[:2, :2] -= np.outer(affine[:2, 2], affine[2, :2])
    affine[2] = (0.0, 0.0, 1.0)
    return affine


def _fit_affine(points: Array, transform: Transform) -> Array:
    """Fit by least squares over those of `points` that `transform` maps to finite ones."""
    images = transform.map_points(points)
    known = np.isfinite(images).all(axis=1)
    affine = np.eye(3)
    if known.sum() < 3:
        affine[:2] = np.nan
        return affine
    basis = np.column_stack((points[known], np.ones(int(known.sum()))))
    affine[:2] = np.linalg.lstsq(basis, images[known])[0].T
    return affine
