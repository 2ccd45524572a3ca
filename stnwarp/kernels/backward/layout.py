"""What the kernels of the gradients hand to each other: numbers of a call, slices of its work, a workspace.

Points are worked off in tiles of at most BLOCK, row by row within a tile. A strip of one row would leave the cache and
the page table of the processor behind: the input of a turned strip lies on hundreds of rows, of which little is read.

The work space of a thread is four arrays. Their parts are BLOCK long and start at the constants below:

- positions, float64 or float32: X, Y and SLOPES as in `kernels.layout`;
- offsets, int64: of the first pixel that is read, or a code of `neighbours` (FIRST); where taps are padded one by
  one, of up to four columns (COLUMN_OFFSETS) and four rows (ROW_OFFSETS); lists of the points for which that is so
  (IRREGULAR_POINTS), and of those around which something is not finite (NON_FINITE_POINTS);
- weights, of the images' type: sixteen parts, which the kernels name;
- values, of the images' type: a channel of the gradient to the output (VALUES), and the sums over channels of the
  gradients to the positions (SUM_X, SUM_Y). They are accessed as the kind `pixels` of `simd.memory`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.kernels.layout import (
    BLOCK,
    LONGEST_SIDE,
    Level,
    Memory,
    SampleCall,
    aligned_zeros,
    make_footprint_workspace,
    make_window_workspace,
)

FIRST, COLUMN_OFFSETS, ROW_OFFSETS, IRREGULAR_POINTS, NON_FINITE_POINTS = (
    np.uintp(part * BLOCK) for part in (0, 1, 5, 9, 10)
)
VALUES, SUM_X, SUM_Y = (np.uintp(part * BLOCK) for part in range(3))
TILE_WIDTH = 64


class GradientCall(NamedTuple):
    """What a call asks for: mapping and padding by their codes; sizes and strides in elements, not bytes.

    The gradient to the input has the input's strides; those of the output are its gradient's.
    """

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
    origin: int  # the element that pixel (0, 0) of the first image has in its first channel
    output_height: int
    output_width: int
    output_image_stride: int
    output_row_stride: int
    output_column_stride: int
    output_channel_stride: int
    tile_lines: int
    tile_columns: int
    bands: int  # of tiles, in each image
    grid_stride: int  # points from the grid of one image to that of the next: 0 if all share one


class WorkSlice(NamedTuple):
    """What one run of a kernel is to do, for some images and bands of tiles.

    That is the gradient to the input for channels [first_channel, last_channel), which may be none, and the gradient to
    the grid or the matrices if wants_grid is 1.
    """

    first_image: int
    last_image: int
    first_band: int
    last_band: int
    first_channel: int
    last_channel: int
    wants_grid: int


class Tile(NamedTuple):
    """Output pixels: `lines` rows of `columns` pixels from (row, column) of an image on, in a band of tiles."""

    image: int
    band: int  # counted through all images
    row: int
    column: int
    lines: int
    columns: int


class GradientTask(NamedTuple):
    """What a kernel of the gradients works with: flat memory, numbers of the call, and a thread's own workspace.

    source and gradient (to the output) are read. to_source is added to, and so must start at zero; to_grid is described
    in `sums`. Of the gradients that are not wanted there is no memory.
    """

    source: Memory
    gradient: Memory
    to_source: Memory
    to_grid: Memory
    call: GradientCall
    slice: WorkSlice
    matrices: Memory
    grid: Memory
    positions: Memory
    offsets: Memory
    weights: Memory
    values: Memory


class ShareTask(NamedTuple):
    """What `measure_shares` works with."""

    call: SampleCall
    matrices: Memory
    grid: Memory
    shares: Memory  # (pixels of the outputs,), float64
    positions: Memory
    footprints: Memory


class FootprintGradientTask(NamedTuple):
    """What `footprint_gradients` works with; what it shares with an `AntialiasTask` is called the same.

    to_source and to_grid are added to. Bands of the slice are rows of the output.
    """

    source: Memory  # of the level
    gradient: Memory  # to the output
    to_source: Memory  # laid out as source
    to_grid: Memory  # float64: as the grid, or (9 * rows,) for matrices, see `sums`
    call: SampleCall  # of the input itself; strides of the output are those of its gradient
    level: Level
    slice: WorkSlice
    matrices: Memory
    grid: Memory
    rows: Memory
    positions: Memory
    footprints: Memory
    offsets: Memory
    numbers: Memory  # float64
    taps: Memory  # int64, the pixels of a footprint that have a weight
    weights: Memory  # float64, theirs, and from `footprints.SLOPES_X` and `SLOPES_Y` on how these change
    values: Memory  # float64, SUM_X and SUM_Y


class BoxGradientTask(NamedTuple):
    """What `spread_boxes` works with; see `forward.layout.BoxTask`."""

    boxes: Memory  # the gradient to them
    to_source: Memory
    level: Level  # of the source
    height: int
    width: int
    margin: int
    channels: int
    side: int
    padding: int
    align_corners: int
    sums: Memory  # float64, one for each column


GradientWorkspace = tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating], NDArray[np.floating]]


def make_gradient_workspace(positions: type[np.floating], weights: type[np.floating]) -> GradientWorkspace:
    """Make positions, offsets, weights and values for one thread."""
    parts = ((4, positions), (11, np.int64), (16, weights), (3, weights))
    first, second, third, fourth = (aligned_zeros(count * BLOCK, dtype) for count, dtype in parts)
    return first, second, third, fourth


def make_footprint_gradient_workspace() -> tuple[NDArray[Any], ...]:
    """Make positions, footprints, offsets, numbers, taps, weights and values for one thread."""
    taps = LONGEST_SIDE * LONGEST_SIDE
    return (
        *make_footprint_workspace(),
        *make_window_workspace(np.float64),
        aligned_zeros(taps, np.int64),
        aligned_zeros(3 * taps, np.float64),
        aligned_zeros(3 * BLOCK, np.float64),
    )


def tiling(output_height: int, output_width: int) -> tuple[int, int, int]:
    """Return the numbers of a call that say how an output of this size is tiled: lines, columns, bands."""
    columns = min(TILE_WIDTH if output_height > 1 else BLOCK, output_width)
    lines = min(BLOCK // columns, output_height)
    return lines, columns, -(-output_height // lines)
