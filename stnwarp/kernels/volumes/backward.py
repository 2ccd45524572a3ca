"""The gradients of sampling volumes: to the grid by reading around every point, to the input by adding around it.

The two passes know nothing of each other. The first one is shared out by blocks of points, the second one by planes
(the channels of the volumes), so that no two shares write to the same position; within a plane the order is always that
of the points. So the result does not depend on how many shares there are.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.coordinates import pixels_per_unit
from stnwarp.kernels.layout import BLOCK, Memory
from stnwarp.kernels.simd.memory import load_points, load_source, store_output, store_points, unsigned_stride
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_to_weight, greatest, least, multiply_unless_zero
from stnwarp.kernels.volumes.coordinates import (
    axis_size,
    block_of,
    generate_points,
    locate_corners,
    locate_nearest,
    output_offset,
    pad_points,
)
from stnwarp.kernels.volumes.corners import compute_deltas, copy_corners, mix_along_x, mix_rows
from stnwarp.kernels.volumes.layout import (
    FAR,
    FAR_SLOPE,
    FIRST,
    NEAR,
    NEAR_SLOPE,
    SLOPES,
    STEPS,
    SUMS,
    VolumeCall,
    Y,
    Z,
)


@kernel
def trilinear_grid_blocks(
    source: Memory,
    output_gradient: Memory,
    grid_gradient: Memory,
    call: VolumeCall,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Set the gradient to the grid for blocks [start, stop) of points, counted through all volumes.

    output_gradient is (volumes, channels, points) and grid_gradient like the grid, both without gaps; the others are
    as in `forward.trilinear_blocks`.
    """
    for index in range(start, stop):
        volume, point, count = block_of(call, index)
        _locate_block(call, grid, volume, point, count, positions, offsets, weights)
        compute_deltas(count, offsets)
        for channel in range(call.channels):
            copy_corners(source, channel * call.channel_stride, offsets, voxels, count)
            first = output_offset(call, volume, channel, point)
            _add_slopes(output_gradient, first, weights, voxels, count)
        _store_gradient(call, grid_gradient, np.uintp(volume * call.points + point), count, positions, weights)


@inline
def _locate_block(
    call: VolumeCall,
    grid: Memory,
    volume: int,
    point: int,
    count: int,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
) -> None:
    """Locate the neighbours of a block's points, and clear their sums."""
    generate_points(call, grid, volume, point, count, positions)
    pad_points(call, grid, count, positions)
    locate_corners(call, volume, count, positions, offsets, weights)
    for axis in range(3):
        for k in range(np.uintp(count)):
            store_points(weights, SUMS + np.uintp(axis * BLOCK) + k, cast_to_weight(weights, 0))


@inline
def _add_slopes(output_gradient: Memory, first: Any, weights: Memory, voxels: Memory, count: int) -> None:
    """Add one channel's share to SUMS: the slope along one axis, mixed along the other two."""
    for k in range(np.uintp(count)):
        gradient = load_source(output_gradient, first + k)
        slopes = mix_along_x(voxels, weights, NEAR_SLOPE, FAR_SLOPE, k)
        rows = mix_along_x(voxels, weights, NEAR, FAR, k)
        slope_x = mix_rows(slopes, weights, NEAR, FAR, NEAR, FAR, k)
        slope_y = mix_rows(rows, weights, NEAR_SLOPE, FAR_SLOPE, NEAR, FAR, k)
        slope_z = mix_rows(rows, weights, NEAR, FAR, NEAR_SLOPE, FAR_SLOPE, k)
        _add(weights, SUMS + k, gradient, slope_x)
        _add(weights, SUMS + Y + k, gradient, slope_y)
        _add(weights, SUMS + Z + k, gradient, slope_z)


@inline
def _add(points: Memory, at: Any, gradient: Any, slope: Any) -> None:
    store_points(points, at, add_unless_zero(load_points(points, at), gradient, slope))


@inline
def _store_gradient(
    call: VolumeCall, grid_gradient: Memory, first: Any, count: int, positions: Memory, weights: Memory
) -> None:
    """Store SUMS times the slopes of padding and of the way from coordinates to voxels."""
    for axis in range(3):
        part = np.uintp(axis * BLOCK)
        scale = pixels_per_unit(cast_to_weight(grid_gradient, 1), axis_size(call, axis), call.align_corners)
        for k in range(np.uintp(count)):
            value = (
                multiply_unless_zero(load_points(weights, SUMS + part + k), load_points(positions, SLOPES + part + k))
                * scale
            )
            store_output(
                grid_gradient, np.uintp(3) * (first + k) + np.uintp(axis), cast_to_weight(grid_gradient, value)
            )


@kernel
def trilinear_input_planes(
    input_gradient: Memory,
    output_gradient: Memory,
    call: VolumeCall,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Add the gradient to the input for planes [start, stop): channels, counted through all volumes.

    The call's strides are those of input_gradient, which is all 0 before; the others are as in `trilinear_grid_blocks`.
    """
    for volume in range(start // call.channels, (stop - 1) // call.channels + 1):
        for point in range(0, call.points, BLOCK):
            count = least(BLOCK, call.points - point)
            _locate_block(call, grid, volume, point, count, positions, offsets, weights)
            for plane in range(greatest(start, volume * call.channels), least(stop, (volume + 1) * call.channels)):
                shift = (plane - volume * call.channels) * call.channel_stride
                first = np.uintp(plane * call.points + point)
                _scatter(input_gradient, output_gradient, offsets, weights, shift, first, count)


@inline
def _scatter(
    input_gradient: Memory,
    output_gradient: Memory,
    offsets: Memory,
    weights: Memory,
    shift: int,
    first: Any,
    count: int,
) -> None:
    for k in range(np.uintp(count)):
        gradient = load_source(output_gradient, first + k)
        at, down = load_points(offsets, FIRST + k) + shift, load_points(offsets, STEPS + Y + k)
        back = at + load_points(offsets, STEPS + Z + k)
        near, far = load_points(weights, NEAR + Y + k), load_points(weights, FAR + Y + k)
        front = multiply_unless_zero(gradient, load_points(weights, NEAR + Z + k))
        behind = multiply_unless_zero(gradient, load_points(weights, FAR + Z + k))
        _scatter_along_x(input_gradient, at, multiply_unless_zero(front, near), offsets, weights, k)
        _scatter_along_x(input_gradient, at + down, multiply_unless_zero(front, far), offsets, weights, k)
        _scatter_along_x(input_gradient, back, multiply_unless_zero(behind, near), offsets, weights, k)
        _scatter_along_x(input_gradient, back + down, multiply_unless_zero(behind, far), offsets, weights, k)


@inline
def _scatter_along_x(input_gradient: Memory, at: Any, gradient: Any, offsets: Memory, weights: Memory, k: Any) -> None:
    right = load_points(offsets, STEPS + k)
    _add_output(input_gradient, np.uintp(at), gradient, load_points(weights, NEAR + k))
    _add_output(input_gradient, np.uintp(at + right), gradient, load_points(weights, FAR + k))


@inline
def _add_output(output: Memory, at: Any, gradient: Any, weight: Any) -> None:
    store_output(
        output, at, add_unless_zero(output[at], gradient, weight)
    )  # the load is not tagged: it may read what was just stored


@kernel
def nearest_input_planes(
    input_gradient: Memory,
    output_gradient: Memory,
    call: VolumeCall,
    grid: Memory,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    voxels: Memory,
    start: int,
    stop: int,
) -> None:
    """Add the gradient to the input for planes [start, stop) under nearest."""
    for volume in range(start // call.channels, (stop - 1) // call.channels + 1):
        for point in range(0, call.points, BLOCK):
            count = least(BLOCK, call.points - point)
            generate_points(call, grid, volume, point, count, positions)
            pad_points(call, grid, count, positions)
            locate_nearest(call, volume, count, positions, offsets, weights)
            for plane in range(greatest(start, volume * call.channels), least(stop, (volume + 1) * call.channels)):
                shift = unsigned_stride((plane - volume * call.channels) * call.channel_stride)
                first = np.uintp(plane * call.points + point)
                for k in range(np.uintp(count)):
                    gradient, weight = load_source(output_gradient, first + k), load_points(weights, NEAR + k)
                    _add_output(input_gradient, np.uintp(load_points(offsets, FIRST + k)) + shift, gradient, weight)
