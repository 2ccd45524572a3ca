"""Exact slopes of transforms: by how much the place in the input moves with the point of the output.

Convention: normalised coordinates (x, y); entry (i, j) is coordinate i's slope along axis j.
"""

import numpy as np

from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import Composition
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.splines import SplineInverse, ThinPlateSpline


def has_slopes(transform: Transform) -> bool:
    """Return whether `slopes_at` knows the slopes of `transform`: matrices, splines, and compositions of these."""
    if isinstance(transform, Composition):
        return all(map(has_slopes, transform.transforms))
    return isinstance(transform, MatrixTransform | ThinPlateSpline | SplineInverse)


def slopes_at(transform: Transform, points: Array, values: Array) -> Array:
    """Return the slopes of `transform` at `points` (N, 2), which it maps to `values`: (N, 2, 2)."""
    if isinstance(transform, ThinPlateSpline):
        return transform.slopes(points)[1]
    if isinstance(transform, SplineInverse):
        a, b, c, d = np.moveaxis(transform.spline.slopes(values)[1].reshape(-1, 4), 1, 0)
        with np.errstate(all="ignore"):
            adjugate = np.stack((d, -b, -c, a), axis=1) / (a * d - b * c)[:, np.newaxis]
        return np.asarray(adjugate.reshape(-1, 2, 2))
    if isinstance(transform, Composition):
        return _slopes_of_steps(transform.transforms, points, values)
    if isinstance(transform, MatrixTransform):
        return _slopes_of_matrix(transform.theta, points, values)
    raise TypeError(f"the slopes of a {type(transform).__name__} are not known")


def _slopes_of_steps(steps: tuple[Transform, ...], points: Array, values: Array) -> Array:
    """Return the product of the slopes of `steps`, the last of which comes first."""
    slopes, place = np.eye(2), points
    for step in reversed(steps):
        after = values if step is steps[0] else step.map_points(place)
        slopes = slopes_at(step, place, after) @ slopes
        place = after
    return slopes


def _slopes_of_matrix(theta: Array, points: Array, values: Array) -> Array:
    """Return those of a homography: where x = X / W, dx = (dX - x dW) / W."""
    with np.errstate(all="ignore"):
        depths = points @ theta[2, :2] + theta[2, 2]
        numerators = theta[:2, :2] - values[:, :, np.newaxis] * theta[2, :2]
        return np.asarray(numerators / depths[:, np.newaxis, np.newaxis])
