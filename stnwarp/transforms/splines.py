"""Thin plate splines: a regular grid of control points over the output, and where each of them reads the input.

Convention: reverse mapping; control points and the places they are read from are normalised (x, y), x to the right,
y down. The control points are the corners of the frame, -1 and 1, and what lies evenly between.
Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 3.2 and appendix; Bookstein, Principal Warps:
Thin-Plate Splines and the Decomposition of Deformations, 1989.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.errors import ShapeError, ThetaError
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array, row_of_numbers
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.newton import solve
from stnwarp.transforms.spline_solver import LEAST, coefficients, control_points, nearest_affine

_BLOCK_NUMBERS = 2**17  # a table of this many distances, one for each point and control point, stays in the cache
_FARTHEST = 1e12  # frames away from the middle; the squares of larger numbers would leave the range of float64
_SAMPLES = 33  # places along each axis whose images are known when the inverse looks for a start
_BINS = 64
_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class ThinPlateSpline(Transform):
    """The smoothest mapping that takes each control point to a given point of the input.

    Between and beyond the control points it bends as little as it can; where the places are an affine image of the
    control points it is that affine mapping. It may fold, and read one place of the input several times.

    Args:
        points: (rows, cols, 2), at least 2 by 2, finite and within 1e12: where in the input each control point of
            `control_points(rows, cols)` is read, normalised (x, y); kept as a read-only float64 array.

    Raises:
        ShapeError: another shape, or more than MAX_CONTROL_POINTS points.
        ThetaError: a number that is not finite, or beyond 1e12.
    """

    points: Array
    _affine: Array = field(init=False, repr=False)  # (2, 3)
    _weights: Array = field(init=False, repr=False)  # (rows * cols, 2)

    def __post_init__(self) -> None:
        points = _check(self.points)
        points.setflags(write=False)
        affine, weights = coefficients(points)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "_affine", affine)
        object.__setattr__(self, "_weights", weights)

    @classmethod
    def from_parameters(cls, vector: ArrayLike, shape: tuple[int, int] | None = None) -> "ThinPlateSpline":
        """Make the spline of a row of numbers x0 y0 x1 y1 ..., control point by control point, row by row.

        Args:
            vector: two numbers for each control point.
            shape: (rows, cols); left out, there are as many rows as columns.

        Raises:
            ThetaError: a count of numbers that does not fit, or one that is not finite.
        """
        numbers = row_of_numbers(vector)
        side = math.isqrt(len(numbers) // 2)
        rows, cols = (side, side) if shape is None else shape
        if len(numbers) != 2 * rows * cols or not numbers:
            wanted = "8, 18, 32, 50, ... numbers" if shape is None else f"{2 * rows * cols} numbers"
            kind = "a square of control points" if shape is None else f"{rows} rows and {cols} columns"
            raise ThetaError(f"tps takes {wanted} for {kind} (x y of each, row by row), got {len(numbers)}")
        return cls(np.reshape(numbers, (rows, cols, 2)))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols) of the control points."""
        return (self.points.shape[0], self.points.shape[1])

    def parameters(self) -> Array:
        """Return the numbers that `from_parameters` takes: (2 rows cols,)."""
        return self.points.ravel().copy()

    def control_points(self) -> Array:
        """Return the points of the output that are mapped to `points`: (rows, cols, 2)."""
        return control_points(*self.shape)

    def affine_part(self) -> MatrixTransform:
        """Fit the affine transform nearest to `points` at the control points, by least squares."""
        return MatrixTransform(nearest_affine(self.points))

    def bend(self) -> float:
        """Measure how far `points` are from their affine part: the root of the mean square distance, normalised."""
        away = self.points - self.affine_part().map_points(self.control_points())
        return float(np.sqrt((away**2).sum(axis=-1).mean()))

    def folds(self) -> bool:
        """Whether somewhere in the frame the spline turns over, by its slopes at a lattice finer than its points."""
        rows, cols = (max(_SAMPLES, 4 * side - 3) for side in self.shape)
        x, y = np.meshgrid(np.linspace(-1.0, 1.0, cols), np.linspace(-1.0, 1.0, rows))
        _, slopes = self.slopes(np.stack((x, y), axis=-1).reshape(-1, 2))
        signs = np.sign(_determinants(slopes))
        return bool((signs != signs[0]).any() or not signs[0])

    def map_points(self, points: ArrayLike) -> Array:
        """Map output `points` (..., 2) to the input; NaN for a point that is not finite.

        Points are mapped in blocks, so that memory does not grow with their number times that of the control
        points.
        """
        given = matrices.as_points(points)
        mapped = given.reshape(-1, 2)
        for block in self._blocks(len(mapped)):
            mapped[block] = self._values(mapped[block])
        return mapped.reshape(given.shape)

    def slopes(self, points: Array) -> tuple[Array, Array]:
        """Return values (N, 2) and slopes (N, 2, 2) at `points` (N, 2): entry (i, j) is coordinate i's along axis j."""
        values, slopes = np.empty_like(points), np.empty((len(points), 2, 2))
        for block in self._blocks(len(points)):
            values[block], slopes[block] = self._values_and_slopes(points[block])
        return values, slopes

    def inverse(self) -> "SplineInverse":
        """Return the mapping that undoes this one, found numerically; see `SplineInverse`.

        Raises:
            SingularTransformError: the places lie on a line, or nearly so.
        """
        return SplineInverse(self)

    def _blocks(self, count: int) -> list[slice]:
        length = max(1, _BLOCK_NUMBERS // len(self._weights))
        return [slice(start, start + length) for start in range(0, count, length)]

    def _values(self, points: Array) -> Array:
        with np.errstate(all="ignore"):
            mapped = self._affine_values(points)
            if self._weights.any():  # an affine spline stays one to the last bit
                squares = self._distances(points)[2]
                squares *= np.log(squares + LEAST)
                mapped += self._weighted_sums(squares)
        return np.asarray(mapped)

    def _values_and_slopes(self, points: Array) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            across, along, squares = self._distances(points)
            logarithms = np.log(squares + LEAST)
            values = self._affine_values(points)
            values += self._weighted_sums(squares * logarithms)
            logarithms += 1.0
            slopes = np.empty((len(points), 2, 2))
            for axis, distances in enumerate((across, along)):
                slopes[:, :, axis] = 2 * self._weighted_sums(logarithms * distances) + self._affine[:, axis]
        return values, slopes

    def _affine_values(self, points: Array) -> Array:
        across, along, shift = self._affine.T
        return np.asarray(points[:, :1] * across + points[:, 1:] * along + shift)

    def _weighted_sums(self, table: Array) -> Array:
        """Sum `table` (N, rows, cols) times the weights: (N, 2).

        Not a matrix product, whose last bit depends on where a block ends.
        """
        flat = table.reshape(len(table), -1)
        sums = [np.einsum("nk,k->n", flat, np.ascontiguousarray(weights)) for weights in self._weights.T]
        return np.stack(sums, axis=1)

    def _distances(self, points: Array) -> tuple[Array, Array, Array]:
        """Measure distances from the control points: along x (N, 1, cols), y (N, rows, 1), squared (N, rows, cols)."""
        rows, cols = self.shape
        across = points[:, 0, np.newaxis, np.newaxis] - np.linspace(-1.0, 1.0, cols)
        along = points[:, 1, np.newaxis, np.newaxis] - np.linspace(-1.0, 1.0, rows)[:, np.newaxis]
        return across, along, across**2 + along**2


@dataclass(frozen=True, eq=False)
class SplineInverse(Transform):
    """The inverse of a thin plate spline, found point by point by Newton's method.

    A point that comes back is right: the spline takes it to the point asked for, within 1e-12 of the largest of its
    points. Of a spline that does not fold within the frame every point is found that the frame is read from, and
    what lies beyond as far as it does not fold there. Where it folds and reads a place of the input several times,
    one of those places in the output is found, never one on the turned-over side; a point that the spline reads
    nowhere is NaN, which counts as outside the image.

    Raises:
        SingularTransformError: the spline's points lie on a line, or nearly so.
    """

    spline: ThinPlateSpline
    _inverse_affine: Array = field(init=False, repr=False)  # (3, 3), the inverse of the affine part

    def __post_init__(self) -> None:
        affine = nearest_affine(self.spline.points)
        object.__setattr__(self, "_inverse_affine", matrices.invert(affine, "the affine part of the spline"))

    def inverse(self) -> ThinPlateSpline:
        """Return the spline itself."""
        return self.spline

    def map_points(self, points: ArrayLike) -> Array:
        """Map `points` (..., 2) of the input to those of the output that the spline takes there."""
        given = matrices.as_points(points)
        targets = given.reshape(-1, 2)
        found = self._solve(targets, self._samples.nearest(targets))
        lost = np.isnan(found[:, 0])
        found[lost] = self._solve(targets[lost], matrices.map_points(self._inverse_affine, targets[lost]))
        return found.reshape(given.shape)

    @cached_property
    def _samples(self) -> "_Samples":
        return _Samples.of(self.spline)

    def _solve(self, targets: Array, starts: Array) -> Array:
        tolerance = _TOLERANCE * max(1.0, float(np.abs(self.spline.points).max()))
        found = solve(self.spline.slopes, targets, starts, tolerance)
        _, slopes = self.spline.slopes(found)
        with np.errstate(invalid="ignore"):
            upright = _determinants(slopes) * np.linalg.det(self._inverse_affine[:2, :2]) > 0.0
        return np.where(upright[:, np.newaxis], found, np.nan)


def _check(points: ArrayLike) -> Array:
    given = matrices.as_floats(points, "the points of a spline")
    if given.ndim != 3 or given.shape[2] != 2:
        raise ShapeError(f"the points of a spline must have shape (rows, cols, 2), got {given.shape}")
    control_points(*given.shape[:2])
    for row, col, axis in np.argwhere(~(np.abs(given) <= _FARTHEST)):  # written so that NaN fails as well
        place = f"in row {row + 1}, column {col + 1}: {'xy'[axis]} = {given[row, col, axis]}"
        raise ThetaError(f"the spline has the point {place}; use finite numbers, within {_FARTHEST:g}")
    return given


class _Samples(NamedTuple):
    """A lattice of the frame, looked up by the bins over the bounding box of its image under a spline."""

    nearest_points: Array  # (bins of y, bins of x, 2): the sample whose image is nearest to the middle of each bin
    low: Array  # (2,), the corner of the bounding box
    extent: Array  # (2,)

    @classmethod
    def of(cls, spline: ThinPlateSpline) -> "_Samples":
        samples = control_points(_SAMPLES, _SAMPLES).reshape(-1, 2)
        images = spline.map_points(samples)
        low, extent = images.min(axis=0), np.ptp(images, axis=0)
        middles = [low[axis] + (np.arange(_BINS) + 0.5) / _BINS * extent[axis] for axis in (0, 1)]
        across = (images[:, 0] - middles[0][:, np.newaxis]) ** 2
        along = (images[:, 1] - middles[1][:, np.newaxis]) ** 2
        return cls(samples[[(across + row).argmin(axis=1) for row in along]], low, extent)

    def nearest(self, targets: Array) -> Array:
        """Return for each of `targets` a point of the frame that the spline reads near it, to begin a search at."""
        with np.errstate(invalid="ignore"):
            places = np.nan_to_num((targets - self.low) / self.extent * _BINS)
        bins = np.clip(places, 0, _BINS - 1).astype(np.intp)
        return np.asarray(self.nearest_points[bins[:, 1], bins[:, 0]])


def _determinants(slopes: Array) -> Array:
    return np.asarray(slopes[:, 0, 0] * slopes[:, 1, 1] - slopes[:, 0, 1] * slopes[:, 1, 0])
