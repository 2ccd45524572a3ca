"""The gradient of the grid generator: that to a sampling grid -> that to theta."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.arrays import floats_of
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ShapeError
from stnwarp.grid import regular_axis

_AT_ONCE = 2**16  # numbers of a gradient that are turned to float64 at a time: 512 KiB


def affine_grid_backward(
    grad_grid: ArrayLike, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS
) -> NDArray[np.floating]:
    """The gradient to theta of `affine_grid`.

    Summed in float64 and rounded once to grad_grid's own float type.

    Args:
        grad_grid: (N, H, W, 2) with size (N, C, H, W), or (H, W, 2) with (H, W): of the loss to the grid. For volumes
            (N, D, H, W, 3) with (N, C, D, H, W), or (D, H, W, 3) with (D, H, W).
        size: as it was given to `affine_grid`.
        align_corners: as it was given to `affine_grid`.

    Returns:
        (N, 2, 3) or (2, 3), for volumes (N, 3, 4) or (3, 4), of grad_grid's dtype.

    Raises:
        ShapeError: grad_grid and size do not fit together.  DtypeError: grad_grid is not of floats.
    """
    given = floats_of(grad_grid, "grad_grid")
    sides, rank = _grid_sides(given, size), given.shape[-1]
    if given.size == 0:
        return np.zeros((*given.shape[: -rank - 1], rank, rank + 1), given.dtype)
    axes = [regular_axis(side, align_corners) for side in reversed(sides)]  # x first
    totals = _sum_rows(given, axes[0])  # (..., H, rank, 2): of the gradient times x, and of the gradient
    gradient = np.empty((*given.shape[: -rank - 1], rank, rank + 1))
    others = tuple(range(-rank, -1))  # the axes that rows are counted on
    gradient[..., 0], gradient[..., rank] = totals[..., 0].sum(others), totals[..., 1].sum(others)
    for axis in range(1, rank):
        places = axes[axis].reshape(-1, *(1,) * axis)
        gradient[..., axis] = (totals[..., 1] * places).sum(others)
    return gradient.astype(given.dtype, copy=False)


def _grid_sides(given: NDArray[np.generic], size: Sequence[int]) -> tuple[int, ...]:
    """(H, W) or (D, H, W), as *size* and the shape of *given* agree."""
    asked = tuple(size)
    sides = asked[2:] if len(asked) > 3 else asked
    batch = asked[:1] if len(asked) > 3 else ()
    if given.dtype.kind != "f" or len(sides) not in (2, 3) or given.shape != (*batch, *sides, len(sides)):
        found = f"shape {given.shape} of {given.dtype} for size {asked}"
        raise ShapeError(f"grad_grid must have the shape of the grid that size makes, got {found}")
    return sides


def _sum_rows(given: NDArray[np.generic], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row (..., W, rank), and each of its components, the sums over W of it times *x* and of it alone."""
    rank = given.shape[-1]
    rows = np.ascontiguousarray(given).reshape(-1, len(x), rank)
    weights = np.stack((x, np.ones_like(x)), axis=-1)
    totals = np.empty((len(rows), rank, 2))
    step = max(_AT_ONCE // len(x), 1)
    for first in range(0, len(rows), step):
        some = slice(first, first + step)
        for component in range(rank):
            np.matmul(rows[some, :, component].astype(np.float64), weights, out=totals[some, component])
    return totals.reshape(*given.shape[:-2], rank, 2)
