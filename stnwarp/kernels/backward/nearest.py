"""The gradient of nearest-neighbour sampling to the input; that to the grid is zero and needs no kernel."""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.layout import FIRST, VALUES, GradientTask, Tile
from stnwarp.kernels.backward.neighbours import NOWHERE, complete_pair
from stnwarp.kernels.backward.tiles import differentiate_tiles, half_count, load_values, point_count, prefetch_channel
from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.layout import WRAP, Memory, X, Y
from stnwarp.kernels.simd.memory import load_pixels, load_points, store_points, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import cast_like


@kernel
def nearest_gradients(task: GradientTask) -> None:
    """Do a slice of the work, see `tiles`; source and to_grid are left alone."""
    differentiate_tiles(task, _differentiate)


@inline
def _differentiate(task: GradientTask, tile: Tile) -> None:
    call, part, count = task.call, task.slice, point_count(tile)
    pad_positions(call, task.grid, count, task.positions, 1)
    _locate(task, tile.image, count)
    prefetch_channel(task, part.first_channel, count)
    for channel in range(part.first_channel, part.last_channel):
        prefetch_channel(task, channel + 1, count)
        load_values(task, tile, channel)
        _scatter(task.to_source, unsigned_stride(channel * call.channel_stride), count, task.offsets, task.values)


@inline
def _locate(task: GradientTask, image: int, count: Any) -> None:
    call, positions, offsets = task.call, task.positions, task.offsets
    base = call.origin + image * call.image_stride
    for k in range(count):
        column, line = np.rint(load_points(positions, X + k)), np.rint(load_points(positions, Y + k))
        zero = cast_like(column, 0)
        if call.padding == WRAP:  # the pixel after the last one is the first
            column = column if column < cast_like(column, call.width) else zero
            line = line if line < cast_like(line, call.height) else zero
        inside = (column >= zero) & (column < cast_like(column, call.width)) & (line >= zero)
        inside &= line < cast_like(line, call.height)
        column, line = (column if inside else zero), (line if inside else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        store_points(offsets, FIRST + k, offset if inside else np.int64(NOWHERE))
    complete_pair(count, offsets)


@inline
def _scatter(to_source: Memory, shift: Any, count: Any, offsets: Memory, values: Memory) -> None:
    half = half_count(count)
    for number in range(half):
        for part in range(2):
            k = np.uintp(number) + half * np.uintp(part)
            first = load_points(offsets, FIRST + k)
            if first >= 0:
                to_source[np.uintp(first) + shift] += load_pixels(values, VALUES + k)
