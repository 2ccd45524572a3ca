"""What the kernels of the gradients hand to each other, and how their work is cut up.

The gradient to the input adds to the pixels around every point, one channel after the other, always in the order of
the points; the gradient to the grid reads the pixels around every point and sums over the channels. Neither depends
on how the work is shared out: shares differ in images, bands of rows or channels, and no two of them write to the
same position.

Points are worked off in tiles of at most BLOCK, row by row within a tile. A strip of one row would leave the cache and
the page table of the processor behind: the input of a turned strip lies on hundreds of rows, of which little is read.

The work space of a thread is four arrays. Their parts are BLOCK long and start at the constants below:

- positions, float64 or float32: X, Y and SLOPES as in `layout`;
- offsets, int64: of the first pixel that is read, or a code of `neighbours` (FIRST); and, where taps are
  folded one by one, of up to four columns (COLUMNS) and four rows (ROWS); and lists of the points for which that is so
  (IRREGULAR_POINTS), and of those around which something is not finite (NON_FINITE_POINTS);
- weights, of the images' type: sixteen parts, which the kernels name;
- values, of the images' type: a channel of the gradient to the output (VALUES), and the sums over channels of the
  gradients to the positions (SUM_X, SUM_Y). They are accessed as the kind `pixels` of `simd.memory`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import generate_row
from stnwarp.kernels.layout import BLOCK, Memory, aligned_zeros
from stnwarp.kernels.simd.memory import (
    load_pixels,
    load_points,
    load_source,
    prefetch_output,
    prefetch_source,
    store_pixels,
    unsigned_stride,
)
from stnwarp.kernels.simd.mixed_precision import cast_like, least

FIRST, COLUMNS, ROWS, IRREGULAR_POINTS, NON_FINITE_POINTS = (np.uintp(part * BLOCK) for part in (0, 1, 5, 9, 10))
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


GradientWorkspace = tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating], NDArray[np.floating]]


def make_gradient_workspace(positions: type[np.floating], weights: type[np.floating]) -> GradientWorkspace:
    """Fresh positions, offsets, weights and values for one thread."""
    parts = ((4, positions), (11, np.int64), (16, weights), (3, weights))
    first, second, third, fourth = (aligned_zeros(count * BLOCK, dtype) for count, dtype in parts)
    return first, second, third, fourth


def tiling(output_height: int, output_width: int) -> tuple[int, int, int]:
    """The last three numbers of a call, for an output of this size."""
    columns = min(TILE_WIDTH if output_height > 1 else BLOCK, output_width)
    lines = min(BLOCK // columns, output_height)
    return lines, columns, -(-output_height // lines)


@inline
def tiles_across(call: GradientCall) -> int:
    """How many tiles stand side by side in a band."""
    return (call.output_width + call.tile_columns - 1) // call.tile_columns


@inline
def tile_at(call: GradientCall, image: int, band: int, part: int) -> Tile:
    """Tile *part* of a band of an image."""
    row, column = band * call.tile_lines, part * call.tile_columns
    lines, columns = (
        least(call.tile_lines, call.output_height - row),
        least(call.tile_columns, call.output_width - column),
    )
    return Tile(image, image * call.bands + band, row, column, lines, columns)


@inline
def point_count(tile: Tile) -> Any:
    """How many points a tile has."""
    return np.uintp(tile.lines * tile.columns)


@inline
def generate_tile(task: GradientTask, tile: Tile) -> None:
    """Set X and Y of *positions*, not folded yet."""
    call, positions = task.call, task.positions
    for line in range(tile.lines):
        begin = np.uintp(line * tile.columns)
        generate_row(
            call, task.matrices, task.grid, tile.image, tile.row + line, tile.column, tile.columns, begin, positions
        )


@inline
def load_values(task: GradientTask, tile: Tile, channel: int) -> Any:
    """Set VALUES to a channel of the gradient to the output.

    Returns:
        How many of them are NaN or infinite: multiplied by a weight of 0 they would not vanish.
    """
    call, values = task.call, task.values
    base = tile.image * call.output_image_stride + channel * call.output_channel_stride
    step, non_finite = np.uintp(call.output_column_stride), np.int32(0)
    for line in range(tile.lines):
        first = base + (tile.row + line) * call.output_row_stride + tile.column * call.output_column_stride
        at, to = np.uintp(first), VALUES + np.uintp(line * tile.columns)
        for k in range(np.uintp(tile.columns)):
            value = load_source(task.gradient, at + k * step)
            # As wide as float32, so that it vectorises with it.
            non_finite = np.int32(non_finite + np.int32(not is_finite(value)))
            store_pixels(values, to + k, value)
    return non_finite


@inline
def is_finite(value: Any) -> Any:
    """Whether *value* is neither NaN nor infinite."""
    return abs(value) < cast_like(value, np.inf)


@inline
def clear_non_finite(count: Any, values: Memory) -> None:
    """Set those of VALUES that are not finite to 0, until they are loaded again."""
    for k in range(count):
        value = load_pixels(values, VALUES + k)
        store_pixels(values, VALUES + k, value if is_finite(value) else cast_like(value, 0))


@inline
def half_count(count: Any) -> Any:
    """The distance in a tile between the two points processed together, number j and number j + half.

    Neighbours in a row add to the same pixels, and each would wait for the other's to be written. Of an odd *count*
    the last j has no partner, so that there must be a point after the last which is nowhere.
    """
    return (count + np.uintp(1)) // np.uintp(2)


_CACHED_ELEMENTS = 2**16  # of an image that stay in the cache without being prefetched


@inline
def prefetch_channel(task: GradientTask, channel: int, count: Any) -> None:
    """Ask for the lines around a tile's points that a share needs of a channel; nothing if the image is small.

    One point in two is enough, and where FIRST is a code, a line of no use does no harm.
    """
    call, part, offsets = task.call, task.slice, task.offsets
    if call.channels * call.height * call.width <= _CACHED_ELEMENTS or channel >= call.channels:
        return
    shift, down = unsigned_stride(channel * call.channel_stride), unsigned_stride(call.row_stride)
    scatters = part.first_channel <= channel < part.last_channel
    for k in range(np.uintp(0), count, np.uintp(2)):
        at = np.uintp(load_points(offsets, FIRST + np.uintp(k))) + shift
        if part.wants_grid != 0:
            prefetch_source(task.source, at)
            prefetch_source(task.source, at + down)
        if scatters:
            prefetch_output(task.to_source, at)
            prefetch_output(task.to_source, at + down)


@inline
def differentiate_tiles(task: GradientTask, differentiate: Callable[[GradientTask, Tile], None]) -> None:
    """Do a slice of the work, tile by tile: set the positions of each and call `differentiate`."""
    part = task.slice
    for image in range(part.first_image, part.last_image):
        for band in range(part.first_band, part.last_band):
            for number in range(tiles_across(task.call)):
                tile = tile_at(task.call, image, band, number)
                generate_tile(task, tile)
                differentiate(task, tile)
