"""Sampling of volumes of any dtype, channel count and layout, one channel of a block of points at a time."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.layout import ZEROS, Memory
from stnwarp.kernels.simd.memory import load_points, load_source, round_and_store, store_output, unsigned_stride
from stnwarp.kernels.volumes.coordinates import (
    block_of,
    generate_points,
    locate_corners,
    locate_nearest,
    output_offset,
    pad_points,
)
from stnwarp.kernels.volumes.corners import compute_deltas, copy_corners, mix_along_x, mix_rows
from stnwarp.kernels.volumes.layout import FAR, FIRST, NEAR, VolumeCall


@kernel
def trilinear_blocks(
    source: Memory,
    output: Memory,
    call: VolumeCall,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Sample blocks [start, stop) of points, counted through all volumes.

    source, output and grid are flat; positions, offsets, weights and voxels are the thread's own work space.
    """
    for index in range(start, stop):
        volume, point, count = block_of(call, index)
        generate_points(call, grid, volume, point, count, positions)
        if call.padding != ZEROS:
            pad_points(call, grid, count, positions)
        locate_corners(call, volume, count, positions, offsets, weights)
        compute_deltas(count, offsets)
        for channel in range(call.channels):
            copy_corners(source, channel * call.channel_stride, offsets, voxels, count)
            first = output_offset(call, volume, channel, point)
            for k in range(np.uintp(count)):
                rows = mix_along_x(voxels, weights, NEAR, FAR, k)
                round_and_store(output, first + k, mix_rows(rows, weights, NEAR, FAR, NEAR, FAR, k))


@kernel
def nearest_voxel_blocks(
    source: Memory,
    output: Memory,
    call: VolumeCall,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Copy the nearest voxels, or 0 outside; arguments as in `trilinear_blocks`."""
    for index in range(start, stop):
        volume, point, count = block_of(call, index)
        generate_points(call, grid, volume, point, count, positions)
        if call.padding != ZEROS:
            pad_points(call, grid, count, positions)
        inside = locate_nearest(call, volume, count, positions, offsets, weights)
        for channel in range(call.channels):
            shift, first = unsigned_stride(channel * call.channel_stride), output_offset(call, volume, channel, point)
            for k in range(np.uintp(count)):
                at = np.uintp(load_points(offsets, FIRST + k)) + shift
                store_output(output, first + k, load_source(source, at))
            if inside < count:
                _clear_outside(output, weights, first, count)


@inline
def _clear_outside(output: Memory, weights: Memory, first: Any, count: int) -> None:
    for k in range(np.uintp(count)):
        if load_points(weights, NEAR + k) == 0:
            round_and_store(output, first + k, 0.0)
