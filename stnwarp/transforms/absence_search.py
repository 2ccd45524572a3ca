"""Find warps whose output shows nothing of the picture, for any transform: of matrices exactly, else by samples.

Convention: as in `absence`. A lattice of the output's pixels is mapped; where none of them reads the picture, the
search goes on in the cells that could hold it.
"""

import numpy as np
from numpy.typing import NDArray

from stnwarp.transforms.absence import ONE_PLACE, Absence, WarpFrames, absence_of_matrix
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.sampling_grid import SamplingGrid

_COARSE, _FINE = 9, 65  # pixels along each side of a lattice
_BAND = 2**16  # points of a grid that are converted at a time

Indices = NDArray[np.intp]
Box = tuple[int, int, int, int]  # the first and the last row, the first and the last column


def absence_of(transform: Transform, frames: WarpFrames) -> Absence | None:
    """Find the reason that the output shows nothing of the picture; None where it shows something, or is unknown.

    Args:
        transform: any; of a sampling grid every point counts.
        frames: those of the warp.
    """
    if isinstance(transform, MatrixTransform):
        return absence_of_matrix(transform, frames)
    height, width = frames.output.size
    box = (0, height - 1, 0, width - 1)
    points = _read_points(transform, _lattice(box, _COARSE), frames)
    if not _inside(points, frames).any():
        outcome = _outside_or_between(transform, box, frames)
        if outcome is not None:
            return outcome
    if _collapse(points, frames) is None:
        return None
    return _collapse(_read_points(transform, _lattice(box, _FINE), frames), frames)


def _lattice(box: Box, side: int) -> tuple[Indices, Indices]:
    """Return the rows and columns of at most `side` by `side` pixels of `box`, its corners included."""
    top, bottom, left, right = box
    return _spread(top, bottom, side), _spread(left, right, side)


def _spread(first: int, last: int, side: int) -> Indices:
    return np.unique(np.linspace(first, last, min(side, last - first + 1)).round().astype(np.intp))


def _read_points(transform: Transform, lattice: tuple[Indices, Indices], frames: WarpFrames) -> Array:
    """Return where the pixels of `lattice` read the input, in pixels: (rows, columns, 2)."""
    rows, columns = lattice
    if isinstance(transform, SamplingGrid):
        points = transform.grid[rows[:, np.newaxis], columns].astype(np.float64)
    else:
        unit = frames.output.normalised_from_pixel
        x, y = np.meshgrid(columns * unit[0, 0] + unit[0, 2], rows * unit[1, 1] + unit[1, 2])
        with np.errstate(all="ignore"):
            points = transform.map_points(np.stack((x, y), axis=-1))
    return frames.source.to_pixels(points)


def _inside(points: Array, frames: WarpFrames) -> NDArray[np.bool_]:
    """Mark which of `points` (..., 2) read something of the picture."""
    return np.asarray(((points > -frames.reach) & (points < _ends(frames))).all(axis=-1))


def _ends(frames: WarpFrames) -> Array:
    height, width = frames.source.size
    return np.array([width, height]) - 1 + frames.reach


def _outside_or_between(transform: Transform, box: Box, frames: WarpFrames) -> Absence | None:
    """Return OUTSIDE or BETWEEN where no pixel reads the picture; None where one does, or that is unknown."""
    if isinstance(transform, SamplingGrid) and _any_inside(transform, frames):
        return None
    whole = box
    while True:
        lattice = _lattice(box, _FINE)
        points = _read_points(transform, lattice, frames)
        if _inside(points, frames).any():
            return None
        narrower = _narrow(points, lattice, frames)
        if narrower is None:
            return Absence.OUTSIDE if box == whole else Absence.BETWEEN
        if all(len(axis) == last - first + 1 for axis, first, last in zip(lattice, box[::2], box[1::2], strict=True)):
            return Absence.BETWEEN
        if narrower == box:
            return None
        box = narrower


def _any_inside(grid: SamplingGrid, frames: WarpFrames) -> bool:
    points = grid.grid.reshape(-1, 2)
    bands = (points[start : start + _BAND].astype(np.float64) for start in range(0, len(points), _BAND))
    return any(_inside(frames.source.to_pixels(band), frames).any() for band in bands)


def _narrow(points: Array, lattice: tuple[Indices, Indices], frames: WarpFrames) -> Box | None:
    """Return the box of the cells of `lattice` that could read the picture, judged by their corners; None if none."""
    wide = [np.concatenate((axis, axis[-1:])) for axis in lattice]  # a lattice of one line has cells as well
    padded = np.pad(points, ((0, 1), (0, 1), (0, 0)), mode="edge")
    corners = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
    with np.errstate(all="ignore"):
        low, high = (np.array(end.reduce(corners)) for end in (np.fmin, np.fmax))
        met = np.asarray(((high > -frames.reach) & (low < _ends(frames))).all(axis=-1))
    rows, columns = np.flatnonzero(met.any(axis=1)), np.flatnonzero(met.any(axis=0))
    if not len(rows):
        return None
    (top, bottom), (left, right) = (
        (int(axis[found[0]]), int(axis[found[-1] + 1])) for axis, found in zip(wide, (rows, columns), strict=True)
    )
    return top, bottom, left, right


def _collapse(points: Array, frames: WarpFrames) -> Absence | None:
    """Return POINT or LINE where all `points` lie on one; see `absence` for when that is no loss."""
    axes = [axis for axis in (0, 1) if frames.source.size[1 - axis] > 1]
    if min(frames.output.size) == 1 or not axes:
        return None
    known = points[np.isfinite(points).all(axis=-1)][:, axes]
    if len(known) < 2:
        return None
    with np.errstate(all="ignore"):
        centred = known - known.mean(axis=0)
    if not np.isfinite(centred).all():
        return None
    directions = np.linalg.svd(centred, full_matrices=False)[2]
    extents = np.ptp(centred @ directions.T, axis=0)
    if not extents[0] > ONE_PLACE:
        return Absence.POINT
    return Absence.LINE if len(axes) == 2 and not extents[-1] > ONE_PLACE else None
