"""The control points of thin plate splines, and the equations that a spline through given points solves.

Convention: control points are normalised (x, y) of the output, points those of the input, x to the right, y down.
Source: Bookstein, Principal Warps: Thin-Plate Splines and the Decomposition of Deformations, 1989.
"""

from functools import lru_cache

import numpy as np

from stnwarp.errors import ShapeError
from stnwarp.transforms import matrices
from stnwarp.transforms.matrices import Array

MAX_CONTROL_POINTS = 2048  # their equations take 34 MB and a second or two to solve
LEAST = 1e-300  # added to squared distances, so that the logarithm of 0 is finite

_AFFINE = 64 * float(np.finfo(np.float64).eps)  # bending as small as this, relative to the points, is rounding


def control_points(rows: int, cols: int) -> Array:
    """Return the control points of a spline: (rows, cols, 2), evenly over the output's frame, row by row.

    Raises:
        ShapeError: fewer than two of a side, or more than MAX_CONTROL_POINTS of them.
    """
    if min(rows, cols) < 2 or rows * cols > MAX_CONTROL_POINTS:
        limits = f"at least 2 rows and 2 columns, and at most {MAX_CONTROL_POINTS} points"
        raise ShapeError(f"control points must have {limits}, got {rows} rows and {cols} columns")
    x, y = np.meshgrid(np.linspace(-1.0, 1.0, cols), np.linspace(-1.0, 1.0, rows))
    return np.stack((x, y), axis=-1)


def nearest_affine(points: Array) -> Array:
    """Fit the affine matrix (3, 3) nearest to `points` (rows, cols, 2) at the control points, by least squares.

    Entries that miss a multiple of 1/256 by rounding errors alone are rounded to it, as everywhere.
    """
    controls = control_points(*points.shape[:2])
    affine = np.eye(3)
    # Over a regular grid x, y and 1 are orthogonal, so that each entry is a mean of its own.
    for column, basis in enumerate((controls[..., 0], controls[..., 1], np.ones(points.shape[:2]))):
        weights = basis[..., np.newaxis] / (basis**2).sum()
        terms = (np.abs(weights) * np.abs(points)).sum(axis=(0, 1))
        affine[:2, column] = matrices.snap_all((weights * points).sum(axis=(0, 1)), terms)
    return affine


def coefficients(points: Array) -> tuple[Array, Array]:
    """Solve for the affine coefficients (2, 3) and the weights (rows * cols, 2) of the spline through `points`."""
    shape = points.shape[:2]
    affine = nearest_affine(points)
    # Only what is not affine is solved for: an affine set of points gets exactly its affine mapping.
    bending = (points - matrices.map_points(affine, control_points(*shape))).reshape(-1, 2)
    if np.abs(bending).max() <= _AFFINE * np.abs(points).max():
        return affine[:2], np.zeros_like(bending)
    solution = _solver(*shape) @ bending
    return affine[:2] + solution[-3:].T, solution[:-3]


@lru_cache(maxsize=4)  # the control points are known once their number is, and few numbers are in use at a time
def _solver(rows: int, cols: int) -> Array:
    """Return the matrix from values at the control points to weights and affine coefficients x, y, 1: (K + 3, K)."""
    controls = control_points(rows, cols).reshape(-1, 2)
    count = len(controls)
    squares = ((controls[:, np.newaxis] - controls) ** 2).sum(axis=-1)
    equations = np.zeros((count + 3, count + 3))
    equations[:count, :count] = squares * np.log(squares + LEAST)
    equations[:count, count:] = np.column_stack((controls, np.ones(count)))
    equations[count:, :count] = equations[:count, count:].T
    solver = np.asarray(np.linalg.solve(equations, np.eye(count + 3, count)), dtype=np.float64)
    solver.setflags(write=False)
    return solver
