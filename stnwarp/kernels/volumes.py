"""Sampling of volumes of any dtype, channel count and layout, one channel of a block of points at a time."""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import ZEROS, Memory
from stnwarp.kernels.jit import inlined, kernel
from stnwarp.kernels.memory import as_step, load_points, load_source, store_output, store_rounded
from stnwarp.kernels.volume_blocks import FAR, FIRST, NEAR, VolumeCall
from stnwarp.kernels.volume_corners import copy_corners, measure_hops, mix_along_x, mix_rows
from stnwarp.kernels.volume_places import block_of, fold_points, locate_corners, locate_nearest, place_points


@kernel
def trilinear_blocks(
    source: Memory,
    output: Memory,
    call: VolumeCall,
    grid: Memory,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Sample blocks [start, stop) of points, counted through all volumes.

    source, output and grid are flat; places, offsets, weights and voxels are the thread's own work space.
    """
    for index in range(start, stop):
        volume, point, count = block_of(call, index)
        place_points(call, grid, volume, point, count, places)
        if call.padding != ZEROS:
            fold_points(call, count, places)
        locate_corners(call, volume, count, places, offsets, weights)
        measure_hops(count, offsets)
        for channel in range(call.channels):
            copy_corners(source, channel * call.channel_stride, offsets, voxels, count)
            first = _output_offset(call, volume, channel, point)
            for k in range(np.uintp(count)):
                rows = mix_along_x(voxels, weights, NEAR, FAR, k)
                store_rounded(output, first + k, mix_rows(rows, weights, NEAR, FAR, NEAR, FAR, k))


@inlined
def _output_offset(call: VolumeCall, volume: int, channel: int, point: int) -> Any:
    return np.uintp((volume * call.channels + channel) * call.points + point)


@kernel
def nearest_voxel_blocks(
    source: Memory,
    output: Memory,
    call: VolumeCall,
    grid: Memory,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Copy the nearest voxels, or 0 outside; arguments as in `trilinear_blocks`."""
    for index in range(start, stop):
        volume, point, count = block_of(call, index)
        place_points(call, grid, volume, point, count, places)
        if call.padding != ZEROS:
            fold_points(call, count, places)
        inside = locate_nearest(call, volume, count, places, offsets, weights)
        for channel in range(call.channels):
            shift, first = as_step(channel * call.channel_stride), _output_offset(call, volume, channel, point)
            for k in range(np.uintp(count)):
                at = np.uintp(load_points(offsets, FIRST + k)) + shift
                store_output(output, first + k, load_source(source, at))
            if inside < count:
                _clear_outside(output, weights, first, count)


@inlined
def _clear_outside(output: Memory, weights: Memory, first: Any, count: int) -> None:
    for k in range(np.uintp(count)):
        if load_points(weights, NEAR + k) == 0:
            store_rounded(output, first + k, 0.0)
