"""From points of a grid to the voxels that are read: positions, padding, neighbours and weights."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import edge_inset, pixels_per_unit
from stnwarp.kernels.geometry.padding import AxisPositions, pad_axis
from stnwarp.kernels.layout import BLOCK, GRID_FLOAT32, WRAP, ZEROS, Memory
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, least
from stnwarp.kernels.volumes.layout import (
    FAR,
    FAR_SLOPE,
    FIRST,
    NEAR,
    NEAR_SLOPE,
    SLOPES,
    STEPS,
    VolumeCall,
    Y,
    Z,
)


@inline
def block_of(call: VolumeCall, index: int) -> tuple[int, int, int]:
    """Return volume, first point and number of points of block `index`, counted through all volumes."""
    blocks = (call.points + BLOCK - 1) // BLOCK
    point = index % blocks * BLOCK
    return index // blocks, point, least(BLOCK, call.points - point)


@inline
def output_offset(call: VolumeCall, volume: int, channel: int, point: int) -> Any:
    """Return the element offset of a point in one channel of an output, or of the gradient to one."""
    return np.uintp((volume * call.channels + channel) * call.points + point)


@inline
def axis_size(call: VolumeCall, axis: int) -> int:
    """Return how many voxels the input has along `axis`."""
    return call.width if axis == 0 else (call.height if axis == 1 else call.depth)


@inline
def axis_stride(call: VolumeCall, axis: int) -> int:
    """Return how many elements lie between neighbours along `axis`."""
    return call.column_stride if axis == 0 else (call.row_stride if axis == 1 else call.slice_stride)


@inline
def generate_points(call: VolumeCall, grid: Memory, volume: int, point: int, count: int, positions: Memory) -> None:
    """Set the continuous voxel indices, not padded yet, of `count` points from `point` on."""
    if call.mapping == GRID_FLOAT32:
        _generate_in(np.float32(0), call, grid, volume, point, count, positions)
    else:
        _generate_in(np.float64(0), call, grid, volume, point, count, positions)


@inline
def _generate_in(
    number: Any, call: VolumeCall, grid: Memory, volume: int, point: int, count: int, positions: Memory
) -> None:
    """Set them in the type of `number`: float32 for float32 volumes and grids, where torch computes in it too."""
    first = np.uintp(3 * (volume * call.grid_stride + point))
    for k in range(np.uintp(count)):
        at = first + np.uintp(3) * k
        x, y = cast_like(number, load_source(grid, at)), cast_like(number, load_source(grid, at + np.uintp(1)))
        z = cast_like(number, load_source(grid, at + np.uintp(2)))
        store_points(positions, k, _to_voxel(x, call.width, call.align_corners))
        store_points(positions, Y + k, _to_voxel(y, call.height, call.align_corners))
        store_points(positions, Z + k, _to_voxel(z, call.depth, call.align_corners))


@inline
def _to_voxel(coordinate: Any, size: int, align_corners: int) -> Any:
    """Convert a normalised coordinate to a continuous voxel index, rounded as torch does; not as in `to_pixel`."""
    moved = (coordinate + cast_like(coordinate, 1)) * pixels_per_unit(coordinate, size, align_corners)
    return moved - edge_inset(coordinate, align_corners)


@inline
def pad_points(call: VolumeCall, grid: Memory, count: int, positions: Memory) -> None:
    """Move the indices into the volume as the padding mode says, and set the slopes: 1 under zeros."""
    for axis in range(3):
        part = np.uintp(axis * BLOCK)
        pad_axis(call, grid, AxisPositions(axis_size(call, axis), call.padding, part, count, positions, SLOPES), 1, 1)
        if call.padding == ZEROS:
            for k in range(np.uintp(count)):
                store_points(positions, SLOPES + part + k, cast_to_weight(positions, 1))


@inline
def locate_corners(
    call: VolumeCall, volume: int, count: int, positions: Memory, offsets: Memory, weights: Memory
) -> None:
    """Set offsets and weights of the eight neighbours of any positions, NaN and infinity included."""
    base = call.origin + volume * call.volume_stride
    for k in range(np.uintp(count)):
        store_points(offsets, FIRST + k, base)
    for axis in range(3):
        _locate_axis(call, axis, count, positions, offsets, weights)


@inline
def _locate_axis(call: VolumeCall, axis: int, count: int, positions: Memory, offsets: Memory, weights: Memory) -> None:
    part, stride, size = np.uintp(axis * BLOCK), axis_stride(call, axis), axis_size(call, axis)
    wraps = call.padding == WRAP
    before, first, last = (
        cast_to_weight(positions, -1),
        cast_to_weight(positions, 0),
        cast_to_weight(positions, size - 1),
    )
    stop = cast_to_weight(positions, size if wraps else size - 1)  # what lies before this has its farther neighbour
    for k in range(np.uintp(count)):
        position = load_points(positions, part + k)
        near, across = np.floor(position), cast_to_weight(weights, position - np.floor(position))
        has_near, has_far = (near >= first) & (near <= last), (near >= before) & (near < stop)
        zero, one = cast_like(across, 0), cast_like(across, 1)
        store_points(weights, NEAR + part + k, one - across if has_near else zero)
        store_points(weights, FAR + part + k, across if has_far else zero)
        slope = zero if wraps & (size == 1) else one  # both neighbours are then the same voxel
        store_points(weights, NEAR_SLOPE + part + k, -slope if has_near else zero)
        store_points(weights, FAR_SLOPE + part + k, slope if has_far else zero)
        far = near + cast_like(near, 1) if near < last else first  # the first one again only where it wraps around
        near = near if has_near else first
        far = far if has_far else near
        store_points(offsets, FIRST + k, load_points(offsets, FIRST + k) + np.int64(near) * stride)
        store_points(offsets, STEPS + part + k, (np.int64(far) - np.int64(near)) * stride)


@inline
def locate_nearest(
    call: VolumeCall, volume: int, count: int, positions: Memory, offsets: Memory, weights: Memory
) -> int:
    """Set the offset of the nearest voxel, halves to even, and the weight NEAR: 0 where it lies outside, else 1.

    Returns:
        How many lie inside.
    """
    zero = cast_to_weight(positions, 0)
    x_stop, y_stop, z_stop = (
        cast_to_weight(positions, call.width),
        cast_to_weight(positions, call.height),
        cast_to_weight(positions, call.depth),
    )
    base, inside_count = call.origin + volume * call.volume_stride, 0
    for k in range(np.uintp(count)):
        x, y = np.rint(load_points(positions, k)), np.rint(load_points(positions, Y + k))
        z = np.rint(load_points(positions, Z + k))
        if call.padding == WRAP:
            x, y, z = (x if x < x_stop else zero), (y if y < y_stop else zero), (z if z < z_stop else zero)
        inside = (x >= zero) & (x < x_stop) & (y >= zero) & (y < y_stop) & (z >= zero) & (z < z_stop)
        x, y, z = (x if inside else zero), (y if inside else zero), (z if inside else zero)
        inside_count += inside
        store_points(weights, NEAR + k, cast_to_weight(weights, 1 if inside else 0))
        offset = base + np.int64(z) * call.slice_stride + np.int64(y) * call.row_stride
        store_points(offsets, FIRST + k, offset + np.int64(x) * call.column_stride)
    return inside_count
