"""What the kernels hand to each other: the numbers of a call, and the work space for one block of points.

Rows are processed in blocks of at most BLOCK output pixels, so that coordinates, offsets and weights stay in the
first-level cache and no grid is ever stored. Codes of enums are defined here because Numba freezes globals into the
compiled code; a test compares them with the enums.

The work space of a thread is four arrays. Their parts are BLOCK long and start at the constants below:

- positions, float64 or float32: X and Y, the continuous pixel indices in the input; for gradients, from SLOPES on, the
  derivative of each with respect to the index before padding; for sampling, how much of each output pixel lies inside
  (COVERAGE), see `coverage`;
- offsets, int64: of the upper left neighbour (FIRST), and from there to the right one (RIGHT) and the lower one (DOWN);
  STEP is a table for affine maps, see `neighbours.tabulate_steps`, and PREFETCH what is asked for under them, see
  `prefetch`;
- weights, float32 or float64: of the left, right, upper and lower neighbours (LEFT_WEIGHT, ...), and the fill's share
  (OUTSIDE_WEIGHT). A neighbour outside the image has weight 0 and an offset inside: it can be read without harm.
  STEP_X and STEP_Y belong to the table;
- pixels, uint32: packed output pixels, and from UPPER_NEIGHBOURS and LOWER_NEIGHBOURS on two integers a pixel, its
  neighbours.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 256
CHUNK = 16  # pixels whose neighbours are gathered while those of the chunk before are blended
X, Y, SLOPES = np.uintp(0), np.uintp(BLOCK), np.uintp(2 * BLOCK)
COVERAGE = np.uintp(2 * BLOCK)
FIRST, RIGHT, DOWN = np.uintp(0), np.uintp(BLOCK), np.uintp(2 * BLOCK)
LEFT_WEIGHT, RIGHT_WEIGHT, UPPER_WEIGHT = np.uintp(0), np.uintp(BLOCK), np.uintp(2 * BLOCK)
LOWER_WEIGHT, OUTSIDE_WEIGHT = np.uintp(3 * BLOCK), np.uintp(4 * BLOCK)
STEP, STEP_X, STEP_Y = np.uintp(3 * BLOCK), np.uintp(5 * BLOCK), np.uintp(6 * BLOCK)
PREFETCH = np.uintp(4 * BLOCK)
UPPER_NEIGHBOURS, LOWER_NEIGHBOURS = np.uintp(BLOCK), np.uintp(3 * BLOCK)

# Kernels of many taps part offsets and weights in their own way, see `taps`: for blocks of at most TAP_BLOCK positions.
TAP_BLOCK = 64
TAP_OFFSETS, TAP_WEIGHTS = 16 * TAP_BLOCK, 38 * TAP_BLOCK + 1
# Footprints lie in windows of at most so many pixels a side: see `footprints.LONGEST`.
LONGEST_SIDE = 104
FAR = 2.0**30  # pixels: no footprint is made of a position beyond
# Squared singular values up to here are those of a picture that does not shrink: a rotation's are off by rounding.
NO_SHRINKING = 1.0 + 2.0**-20

ZEROS, FILL, BORDER, REFLECTION, WRAP = 0, 1, 2, 3, 4  # padding modes; those from BORDER on read a pixel everywhere
AFFINE, PROJECTIVE, GRID, GRID_FLOAT32, AFFINE_JOINED, GRID_WITH_JACOBIANS = (
    0,
    1,
    2,
    3,
    4,
    5,
)  # mappings, see `coordinates`
INSIDE, OUTSIDE, PARTIAL, UNKNOWN, FADING = 0, 1, 2, 3, 4  # where the positions of a block lie, see `regions`


# What a kernel reads or writes: an address in compiled code, a flat array where kernels run in Python.
Memory = NDArray[Any]


class SampleCall(NamedTuple):
    """What a call asks for: the mapping and padding by their codes; sizes and strides in elements, not bytes.

    The padding modes of both axes are alike, or none of them is zeros.
    """

    mapping: int
    padding: int  # of the columns
    padding_y: int  # of the rows
    align_corners: int
    height: int
    width: int
    channels: int
    image_stride: int
    row_stride: int
    column_stride: int
    channel_stride: int
    origin: int  # the element that pixel (0, 0) of the first image has in its first channel
    output_height: int
    output_width: int
    output_image_stride: int
    output_row_stride: int
    output_column_stride: int
    output_channel_stride: int
    last_uint64: int  # the last element at which eight bytes of the input can be read
    joined_width: int  # of the rows that one row of the output joins: its own where it is one
    grid_stride: int  # points from the grid of one image to that of the next: 0 if all share one


class Level(NamedTuple):
    """A picture to sum over: the input itself, or the means of boxes of 2^number pixels a side; strides in elements."""

    number: int
    height: int
    width: int
    image_stride: int
    row_stride: int
    column_stride: int
    channel_stride: int
    origin: int
    margin: int  # boxes that exist beyond each edge


class SampleTask(NamedTuple):
    """What a kernel of sampling works with: flat memory, the numbers of a call, and a thread's own workspace."""

    source: Memory
    output: Memory
    call: SampleCall
    matrices: Memory  # (9 * images,), row by row, output pixel (x, y, 1) to input pixel
    grid: Memory  # (2 * points,), x before y, normalised; four numbers a point may follow, see `jacobian`
    fill: Memory  # (channels,), in the type of the weights; of the pixels where they are copied
    rim: Memory  # uint64, a bit for each output pixel, see `rim`; empty where kernels find out by themselves
    positions: Memory
    offsets: Memory
    weights: Memory
    pixels: Memory


class Block(NamedTuple):
    """Output pixels that are worked on at once: `length` of them, from (row, column) of an image on."""

    image: int
    row: int
    column: int
    length: int


# The columns that part a row into regions, see `regions.row_edges`.
Edges = tuple[int, int, int, int]
Bounds = tuple[float, float, float]  # of a region, see `regions`

Workspace = tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating], NDArray[np.uint32]]


def make_workspace(position_type: type[np.floating], weight_type: type[np.floating]) -> Workspace:
    """Make positions, offsets, weights and pixels for one thread; positions and weights of the types given."""
    positions, offsets = (
        aligned_zeros(3 * BLOCK, position_type),
        aligned_zeros(max(4 * BLOCK + 3, TAP_OFFSETS), np.int64),
    )
    return (
        positions,
        offsets,
        aligned_zeros(max(7 * BLOCK, TAP_WEIGHTS), weight_type),
        aligned_zeros(5 * BLOCK, np.uint32),
    )


FootprintWorkspace = tuple[NDArray[np.float64], NDArray[np.float64]]
_FOOTPRINT_PARTS, _OFFSET_PARTS, _NUMBER_PARTS = 8, 6, 14  # a test compares them


def make_footprint_workspace() -> FootprintWorkspace:
    """Make positions and footprints for one thread."""
    return aligned_zeros(3 * BLOCK, np.float64), aligned_zeros(_FOOTPRINT_PARTS * TAP_BLOCK, np.float64)


def make_window_workspace(weights: type[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Make offsets and numbers of the windows around footprints for one thread."""
    return aligned_zeros(_OFFSET_PARTS * TAP_BLOCK, np.int64), aligned_zeros(_NUMBER_PARTS * TAP_BLOCK, weights)


def aligned_zeros(count: int, dtype: type[Any]) -> NDArray[Any]:
    """Make zeros that begin with a cache line: vectors as wide as a line would otherwise touch two each."""
    line = 64
    memory = np.zeros(count * np.dtype(dtype).itemsize + line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : memory.size - line + start].view(dtype)
