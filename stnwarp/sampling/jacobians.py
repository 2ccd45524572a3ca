"""The local Jacobians of splines on a sampling grid, exact where they make a difference.

Convention: positions in pixels; a Jacobian is that of the input position by the output position, row by row.
"""

import numpy as np
from numpy.typing import NDArray

from stnwarp.sampling.grid_generator import regular_axis
from stnwarp.transforms import Transform
from stnwarp.transforms.frame import axes_of
from stnwarp.transforms.slopes import slopes_at

_BAND_POINTS = 2**16
# Differences of neighbouring points are off by some per cent at the most: beyond these bounds they tell that the exact
# Jacobian would make no difference.
_NEARLY_SHRINKS = 0.8  # of the larger singular value
_MARGIN = 4.0  # pixels, and half-sides of a footprint: neither interpolation nor footprint reach the edge from there


def grid_with_jacobians(
    transform: Transform, grid: NDArray[np.floating], input_size: tuple[int, int], align_corners: bool
) -> NDArray[np.float64]:
    """Return the sampling grid (H, W, 2) of `transform`, and behind it the Jacobians at its points, (6 * H * W,).

    Where a picture of `input_size` neither shrinks nor ends they are those of differences, which take less time.
    """
    numbers = np.empty(3 * grid.size)
    numbers[: grid.size] = grid.reshape(-1)
    found = numbers[grid.size :].reshape(*grid.shape[:2], 4)
    height, width, _ = grid.shape
    step = max(1, _BAND_POINTS // width)
    for top in range(0, height, step):
        first, last = max(top - 1, 0), min(top + step + 1, height)
        differences = _differences(grid[first:last], input_size, align_corners)[top - first : top - first + step]
        found[top : top + step] = differences
    rows, columns = np.nonzero(_matters(found, grid, input_size, align_corners))
    for start in range(0, len(rows), _BAND_POINTS):
        band = rows[start : start + _BAND_POINTS], columns[start : start + _BAND_POINTS]
        axes = regular_axis(width, align_corners)[band[1]], regular_axis(height, align_corners)[band[0]]
        slopes = slopes_at(transform, np.stack(axes, axis=1), grid[band].astype(np.float64))
        found[band] = (slopes * _scale(input_size, (height, width), align_corners)).reshape(-1, 4)
    return numbers


def _scale(input_size: tuple[int, int], size: tuple[int, int], align_corners: bool) -> NDArray[np.float64]:
    """Return what slopes in normalised coordinates are multiplied by, (2, 2)."""
    spans = [axis.span for axis in axes_of(input_size, align_corners)]
    units = [axis.unit for axis in axes_of(size, align_corners)]
    return np.outer(spans, units)


def _differences(band: NDArray[np.floating], input_size: tuple[int, int], align_corners: bool) -> NDArray[np.float64]:
    """Return the Jacobians of some rows of a grid by central differences; NaN along an axis of one point."""
    spans = np.array([axis.span for axis in axes_of(input_size, align_corners)])
    found = np.full((*band.shape[:2], 2, 2), np.nan)
    with np.errstate(all="ignore"):
        for axis in (0, 1):
            if band.shape[axis] > 1:
                found[..., 1 - axis] = np.gradient(band * spans, axis=axis)
    return found.reshape(*band.shape[:2], 4)


def _matters(
    jacobians: NDArray[np.float64], grid: NDArray[np.floating], input_size: tuple[int, int], align_corners: bool
) -> NDArray[np.bool_]:
    """Return where the Jacobian makes a difference, (H, W): where the picture shrinks, and near its edge."""
    near = np.zeros(grid.shape[:2], np.bool_)
    with np.errstate(all="ignore"):
        squares = (jacobians**2).sum(axis=-1)  # at least the larger singular value's
        for axis, (x, side) in enumerate(zip(axes_of(input_size, align_corners), input_size[::-1], strict=True)):
            positions = grid[..., axis] * x.span + x.centre
            reach = _MARGIN * (1.0 + np.sqrt(squares))
            near |= ~((positions > reach) & (positions < side - 1 - reach))
        near |= ~(squares < _NEARLY_SHRINKS**2)
    return near
