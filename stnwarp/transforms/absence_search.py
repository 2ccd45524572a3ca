"""What makes nothing of a picture, for any transform: a matrix exactly, any other by the places it takes pixels to.

Convention: as in `absence`. A lattice of the output's pixels is mapped; where none of them reads the picture, the cells
that could hold it are looked at more closely.
"""

import numpy as np
from numpy.typing import NDArray

from stnwarp.transforms.absence import ONE_PLACE, Absence, WarpFrames, absence_of_matrix
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.sampling_grid import SamplingGrid

_COARSE, _FINE = 9, 65  # pixels along each side of a lattice
_BAND = 2**16  # points of a grid that are looked at together

Indices = NDArray[np.intp]
Box = tuple[int, int, int, int]  # the first and the last row, the first and the last column


def absence_of(transform: Transform, frames: WarpFrames) -> Absence | None:
    """What makes nothing of a picture under *transform*; None where something comes out, or nothing is known.

    Args:
        transform: any; a sampling grid is looked at point by point.
        frames: of the warp.
    """
    if isinstance(transform, MatrixTransform):
        return absence_of_matrix(transform, frames)
    height, width = frames.output.size
    box = (0, height - 1, 0, width - 1)
    places = _places(transform, _lattice(box, _COARSE), frames)
    if not _inside(places, frames).any():
        miss = _miss(transform, box, frames)
        if miss is not None:
            return miss
    if _collapse(places, frames) is None:
        return None
    return _collapse(_places(transform, _lattice(box, _FINE), frames), frames)


def _lattice(box: Box, side: int) -> tuple[Indices, Indices]:
    """The rows and the columns of no more than *side* by *side* pixels of *box*, its corners included."""
    top, bottom, left, right = box
    return _spread(top, bottom, side), _spread(left, right, side)


def _spread(first: int, last: int, side: int) -> Indices:
    return np.unique(np.linspace(first, last, min(side, last - first + 1)).round().astype(np.intp))


def _places(transform: Transform, lattice: tuple[Indices, Indices], frames: WarpFrames) -> Array:
    """Where the pixels of *lattice* read the input, in pixels: (rows, columns, 2)."""
    rows, columns = lattice
    if isinstance(transform, SamplingGrid):
        points = transform.grid[rows[:, np.newaxis], columns].astype(np.float64)
    else:
        unit = frames.output.normalised_from_pixel
        x, y = np.meshgrid(columns * unit[0, 0] + unit[0, 2], rows * unit[1, 1] + unit[1, 2])
        with np.errstate(all="ignore"):
            points = transform.map_points(np.stack((x, y), axis=-1))
    return frames.source.to_pixels(points)


def _inside(places: Array, frames: WarpFrames) -> NDArray[np.bool_]:
    """Which of *places* (..., 2) read something of the picture."""
    return np.asarray(((places > -frames.reach) & (places < _ends(frames))).all(axis=-1))


def _ends(frames: WarpFrames) -> Array:
    height, width = frames.source.size
    return np.array([width, height]) - 1 + frames.reach


def _miss(transform: Transform, box: Box, frames: WarpFrames) -> Absence | None:
    """OUTSIDE or BETWEEN where no pixel reads the picture; None where one does, or where that cannot be said."""
    if isinstance(transform, SamplingGrid) and _any_inside(transform, frames):
        return None
    whole = box
    while True:
        lattice = _lattice(box, _FINE)
        places = _places(transform, lattice, frames)
        if _inside(places, frames).any():
            return None
        closer = _closer(places, lattice, frames)
        if closer is None:
            return Absence.OUTSIDE if box == whole else Absence.BETWEEN
        if all(len(axis) == last - first + 1 for axis, first, last in zip(lattice, box[::2], box[1::2], strict=True)):
            return Absence.BETWEEN
        if closer == box:
            return None
        box = closer


def _any_inside(grid: SamplingGrid, frames: WarpFrames) -> bool:
    points = grid.grid.reshape(-1, 2)
    bands = (points[start : start + _BAND].astype(np.float64) for start in range(0, len(points), _BAND))
    return any(_inside(frames.source.to_pixels(band), frames).any() for band in bands)


def _closer(places: Array, lattice: tuple[Indices, Indices], frames: WarpFrames) -> Box | None:
    """The pixels round the cells of *lattice* that could read the picture, by the box round their corners; if any."""
    wide = [np.concatenate((axis, axis[-1:])) for axis in lattice]  # a lattice of one line has cells as well
    padded = np.pad(places, ((0, 1), (0, 1), (0, 0)), mode="edge")
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


def _collapse(places: Array, frames: WarpFrames) -> Absence | None:
    """POINT or LINE where all *places* are one; see `absence` for when that is no loss."""
    axes = [axis for axis in (0, 1) if frames.source.size[1 - axis] > 1]
    if min(frames.output.size) == 1 or not axes:
        return None
    known = places[np.isfinite(places).all(axis=-1)][:, axes]
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
