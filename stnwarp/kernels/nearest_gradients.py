"""The gradient of nearest-neighbour sampling to the input; that to the grid is zero and needs no kernel."""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import like
from stnwarp.kernels.blocks import WRAP, Memory, X, Y
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.gradient_neighbours import NOWHERE, end_odd
from stnwarp.kernels.gradient_tiles import (
    FIRST,
    VALUES,
    GradientCall,
    Share,
    half_of,
    load_values,
    place_tile,
    points_of,
    tile_at,
    tiles_across,
)
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import as_step, load_pixels, load_points, store_points
from stnwarp.kernels.prefetching import prefetch_channel


@kernel
def nearest_gradients(
    source: Memory,
    gradient: Memory,
    to_source: Memory,
    to_grid: Memory,
    call: GradientCall,
    share: Share,
    matrices: Memory,
    grid: Memory,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    values: Memory,
) -> None:
    """Do a share of the work; arguments as in `bilinear_gradients`, of which source and to_grid are left alone."""
    for image in range(share.first_image, share.last_image):
        for band in range(share.first_band, share.last_band):
            for part in range(tiles_across(call)):
                tile = tile_at(call, image, band, part)
                count = points_of(tile)
                place_tile(call, tile, matrices, grid, places)
                fold_places(call, count, places, 1)
                _locate(call, image, count, places, offsets)
                prefetch_channel(source, to_source, call, share, share.first_channel, count, offsets)
                for channel in range(share.first_channel, share.last_channel):
                    prefetch_channel(source, to_source, call, share, channel + 1, count, offsets)
                    load_values(gradient, call, tile, channel, values)
                    shift = as_step(channel * call.channel_stride)
                    _spread(to_source, shift, count, offsets, values)


@inlined
def _locate(call: GradientCall, image: int, count: Any, places: Memory, offsets: Memory) -> None:
    base = call.origin + image * call.image_stride
    for k in range(count):
        column, line = np.rint(load_points(places, X + k)), np.rint(load_points(places, Y + k))
        zero = like(column, 0)
        if call.padding == WRAP:  # the pixel after the last one is the first
            column = column if column < like(column, call.width) else zero
            line = line if line < like(line, call.height) else zero
        inside = (column >= zero) & (column < like(column, call.width)) & (line >= zero)
        inside &= line < like(line, call.height)
        column, line = (column if inside else zero), (line if inside else zero)
        offset = base + np.int64(line) * call.row_stride + np.int64(column) * call.column_stride
        store_points(offsets, FIRST + k, offset if inside else np.int64(NOWHERE))
    end_odd(count, offsets)


@inlined
def _spread(to_source: Memory, shift: Any, count: Any, offsets: Memory, values: Memory) -> None:
    half = half_of(count)
    for number in range(half):
        for part in range(2):
            k = np.uintp(number) + half * np.uintp(part)
            first = load_points(offsets, FIRST + k)
            if first >= 0:
                to_source[np.uintp(first) + shift] += load_pixels(values, VALUES + k)
