"""How the work of the gradients is cut up, and the points of a tile.

The gradient to the input adds to the pixels around every point, one channel after the other, always in the order of
the points; the gradient to the grid reads the pixels around every point and sums over the channels. Neither depends
on how the work is shared out: shares differ in images, bands of rows or channels, and no two of them write to the
same position.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import FIRST, VALUES, GradientCall, GradientTask, Tile
from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import generate_row
from stnwarp.kernels.layout import Memory
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


@inline
def tiles_across(call: GradientCall) -> int:
    """Return how many tiles stand side by side in a band."""
    return (call.output_width + call.tile_columns - 1) // call.tile_columns


@inline
def tile_at(call: GradientCall, image: int, band: int, part: int) -> Tile:
    """Return tile `part` of a band of an image."""
    row, column = band * call.tile_lines, part * call.tile_columns
    lines, columns = (
        least(call.tile_lines, call.output_height - row),
        least(call.tile_columns, call.output_width - column),
    )
    return Tile(image, image * call.bands + band, row, column, lines, columns)


@inline
def point_count(tile: Tile) -> Any:
    """Return how many points a tile has."""
    return np.uintp(tile.lines * tile.columns)


@inline
def generate_tile(task: GradientTask, tile: Tile) -> None:
    """Set X and Y of the positions of a tile, not padded yet."""
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
    """Return whether `value` is neither NaN nor infinite."""
    return abs(value) < cast_like(value, np.inf)


@inline
def clear_non_finite(count: Any, values: Memory) -> None:
    """Set those of VALUES that are not finite to 0, until they are loaded again."""
    for k in range(count):
        value = load_pixels(values, VALUES + k)
        store_pixels(values, VALUES + k, value if is_finite(value) else cast_like(value, 0))


@inline
def half_count(count: Any) -> Any:
    """Return the distance in a tile between the two points processed together, number j and number j + half.

    Neighbours in a row add to the same pixels, and each would wait for the other's to be written. Of an odd `count`
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
