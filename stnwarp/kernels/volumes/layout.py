"""What the kernels of volumes hand to each other: the numbers of a call, and the work space for one block of points.

As in two dimensions the work is done in blocks of at most BLOCK points, but here an output is one long row of points,
each volume's from 0 on, and the only mapping is a grid, (3 * points,) with x before y before z, normalised. Axes are
counted in this order, too; Y and Z are the way from a part of the work space for x to those for y and z.

The work space of a thread is four arrays. Their parts are BLOCK long, one for each axis where an axis has its own:

- positions, float32 or float64: the continuous voxel index on each axis, and from SLOPES on d(padded index) / d(index);
- offsets, int64: of the first neighbour (FIRST), from a neighbour to the next one on each axis (STEPS on), and
  from the first neighbour of the point before to that of this one (DELTAS; for the block's first point FIRST);
- weights, float32 or float64: of the nearer neighbours on each axis (NEAR on) and of the farther ones (FAR on), and
  d(weight) / d(padded index) of both (NEAR_SLOPE on, FAR_SLOPE on). A neighbour outside has 0 for all that and an
  offset inside: it can be read without harm. For gradients, d(loss) / d(padded index) summed over the channels (SUMS
  on);
- voxels, of the volumes' type: the neighbours in one channel, in four rows that are ROW apart; in each of them the
  nearer ones along x, and RIGHT behind these the farther ones.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.kernels.layout import BLOCK

Y, Z = np.uintp(BLOCK), np.uintp(2 * BLOCK)
SLOPES = np.uintp(3 * BLOCK)
FIRST, STEPS, DELTAS = np.uintp(0), np.uintp(BLOCK), np.uintp(4 * BLOCK)
NEAR, FAR = np.uintp(0), np.uintp(3 * BLOCK)
NEAR_SLOPE, FAR_SLOPE, SUMS = np.uintp(6 * BLOCK), np.uintp(9 * BLOCK), np.uintp(12 * BLOCK)
RIGHT, ROW = np.uintp(BLOCK), np.uintp(2 * BLOCK)


class VolumeCall(NamedTuple):
    """What a call asks for: the mapping, GRID or GRID_FLOAT32, and the padding by their codes; sizes, and strides in
    elements, of the input.

    points is how many each volume is read at; the output is (volumes, channels, points) without gaps.
    """

    mapping: int
    padding: int
    align_corners: int
    channels: int
    depth: int
    height: int
    width: int
    points: int
    volume_stride: int
    channel_stride: int
    slice_stride: int
    row_stride: int
    column_stride: int
    origin: int  # the element of voxel (0, 0, 0) of the first volume in its first channel
    grid_stride: int  # points from the grid of one volume to that of the next: 0 if all share one


VolumeWorkspace = tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating], NDArray[np.generic]]


def make_volume_workspace(
    positions: type[np.floating], weights: type[np.floating], voxels: np.dtype[np.generic]
) -> VolumeWorkspace:
    """Make a work space for one thread, with arrays of these types."""
    offsets = np.empty(5 * BLOCK, np.int64)
    return np.empty(6 * BLOCK, positions), offsets, np.empty(15 * BLOCK, weights), np.empty(8 * BLOCK, voxels)
