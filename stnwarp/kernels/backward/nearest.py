"""The gradient of nearest-neighbour sampling to the input; that to the grid is zero and needs no kernel."""

from typing import Any

import numpy as np

from stnwarp.kernels.backward.neighbours import NOWHERE, complete_pair
from stnwarp.kernels.backward.tiles import (
    FIRST,
    VALUES,
    GradientCall,
    WorkSlice,
    generate_tile,
    half_count,
    load_values,
    point_count,
    prefetch_channel,
    tile_at,
    tiles_across,
)
from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.padding import pad_positions
from stnwarp.kernels.layout import WRAP, Memory, X, Y
from stnwarp.kernels.simd.memory import load_pixels, load_points, store_points, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import cast_like


@kernel
def nearest_gradients(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    to_grid: Memory,
    call: GradientCall,
    share: WorkSlice,
    matrices: Memory,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Do a share of the work; arguments as in `bilinear_gradients`, of which source and to_grid are left alone."""
    for image in range(share.first_image, share.last_image):
        for band in range(share.first_band, share.last_band):
            for part in range(tiles_across(call)):
                tile = tile_at(call, image, band, part)
                count = point_count(tile)
                generate_tile(call, tile, matrices, grid, positions)
                pad_positions(call, count, positions, 1)
                _locate(call, image, count, positions, offsets)
                prefetch_channel(source, to_source, call, share, share.first_channel, count, offsets)
                for channel in range(share.first_channel, share.last_channel):
                    prefetch_channel(source, to_source, call, share, channel + 1, count, offsets)
                    load_values(gradient, call, tile, channel, values)
                    shift = unsigned_stride(channel * call.channel_stride)
                    _scatter(to_source, shift, count, offsets, values)


@inline
def _locate(call: GradientCall, image: int, count: Any, positions: Memory, offsets: Memory) -> None:
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
