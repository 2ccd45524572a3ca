"""What the kernels hand to each other: the numbers of a call, and the work space for one block of points.

Rows are worked off in blocks of at most BLOCK output pixels, so that coordinates, offsets and weights stay in the
first-level cache and no grid is ever stored. Codes of enums are defined here because Numba freezes globals into the
compiled code; a test compares them with the enums.

The work space of a thread is four arrays. Their parts are BLOCK long and start at the constants below:

- places, float64: X and Y, the continuous pixel indices in the input;
- offsets, int64: of the upper left neighbour (FIRST), and from there to the right one (RIGHT) and the lower one (DOWN);
- weights, float32 or float64: of the left, right, upper and lower neighbours (LEFT_WEIGHT, ...), and the fill's share
  (OUTSIDE_WEIGHT). A neighbour outside the image has weight 0 and an offset inside: it can be read without harm;
- pixels, uint32: packed output pixels.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 256
X, Y = np.uintp(0), np.uintp(BLOCK)
FIRST, RIGHT, DOWN = np.uintp(0), np.uintp(BLOCK), np.uintp(2 * BLOCK)
LEFT_WEIGHT, RIGHT_WEIGHT, UPPER_WEIGHT = np.uintp(0), np.uintp(BLOCK), np.uintp(2 * BLOCK)
LOWER_WEIGHT, OUTSIDE_WEIGHT = np.uintp(3 * BLOCK), np.uintp(4 * BLOCK)

ZEROS, BORDER, REFLECTION = 0, 1, 2  # padding modes
AFFINE, PROJECTIVE, GRID, GRID_FLOAT32 = 0, 1, 2, 3  # mappings
INSIDE, OUTSIDE, RIM, UNKNOWN = 0, 1, 2, 3  # where the places of a block lie


class Call(NamedTuple):
    """What a call asks for: the mapping and padding by their codes; sizes and strides in elements, not bytes."""

    mapping: int
    padding: int
    align_corners: int
    height: int
    width: int
    channels: int
    image_stride: int
    row_stride: int
    column_stride: int
    channel_stride: int
    output_height: int
    output_width: int
    output_image_stride: int
    output_row_stride: int
    output_column_stride: int
    output_channel_stride: int


# What a kernel reads or writes: an address in compiled code, a flat array where kernels run in Python.
Memory = NDArray[Any]

# The columns that part a row into regions, see `regions.row_edges`.
Edges = tuple[int, int, int, int]

WorkSpace = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.floating], NDArray[np.uint32]]


def work_space(weight_type: type[np.floating]) -> WorkSpace:
    """Fresh places, offsets, weights (of *weight_type*) and pixels for one thread."""
    places, offsets = np.empty(2 * BLOCK, np.float64), np.empty(3 * BLOCK, np.int64)
    return places, offsets, np.empty(5 * BLOCK, weight_type), np.empty(BLOCK, np.uint32)
