"""The eight voxels around each point of a block: copied side by side first, then mixed by their weights.

The loop that copies goes from point to point by the way between them, not by each point's own offset. The compiler can
not know where the next point lies before it was at this one, and so it reads one voxel after the other. Otherwise it
would use gather instructions, and on processors where these are slower than the loads they stand for that takes twice
the time. The loop that mixes runs over contiguous memory and is vectorised.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, multiply_unless_zero
from stnwarp.kernels.volumes.layout import DELTAS, FIRST, RIGHT, ROW, STEPS, Y, Z


@inline
def compute_deltas(count: int, offsets: Memory) -> None:
    """Set DELTAS of a block by FIRST."""
    before = np.int64(0)
    for k in range(np.uintp(count)):
        first = load_points(offsets, FIRST + k)
        store_points(offsets, DELTAS + k, first - before)
        before = first


@inline
def copy_corners(source: Memory, shift: int, offsets: Memory, voxels: Memory, count: int) -> None:
    """Copy the neighbours of a block's points to `voxels`, in the channel that lies `shift` behind the first one."""
    at = np.int64(shift)
    for k in range(np.uintp(count)):
        at += load_points(offsets, DELTAS + k)
        right, down = load_points(offsets, STEPS + k), load_points(offsets, STEPS + Y + k)
        back = at + load_points(offsets, STEPS + Z + k)
        _copy_row(source, at, right, voxels, k)
        _copy_row(source, at + down, right, voxels, ROW + k)
        _copy_row(source, back, right, voxels, ROW + ROW + k)
        _copy_row(source, back + down, right, voxels, ROW + ROW + ROW + k)


@inline
def _copy_row(source: Memory, at: Any, right: Any, voxels: Memory, to: Any) -> None:
    store_points(voxels, to, load_source(source, np.uintp(at)))
    store_points(voxels, RIGHT + to, load_source(source, np.uintp(at + right)))


@inline
def mix_along_x(voxels: Memory, weights: Memory, near: Any, far: Any, k: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four rows around point `k` of the block, each mixed by the parts `near` and `far` of the weights."""
    left, right = load_points(weights, near + k), load_points(weights, far + k)
    return (
        _mix_row(voxels, k, left, right),
        _mix_row(voxels, ROW + k, left, right),
        _mix_row(voxels, ROW + ROW + k, left, right),
        _mix_row(voxels, ROW + ROW + ROW + k, left, right),
    )


@inline
def _mix_row(voxels: Memory, at: Any, near: Any, far: Any) -> Any:
    return _mix(load_points(voxels, at), load_points(voxels, RIGHT + at), near, far)


@inline
def mix_rows(
    rows: tuple[Any, Any, Any, Any], weights: Memory, near_y: Any, far_y: Any, near_z: Any, far_z: Any, k: Any
) -> Any:
    """Mix rows along y and then along z, by these parts of the weights."""
    near, far = load_points(weights, near_y + Y + k), load_points(weights, far_y + Y + k)
    front, behind = _mix(rows[0], rows[1], near, far), _mix(rows[2], rows[3], near, far)
    return _mix(front, behind, load_points(weights, near_z + Z + k), load_points(weights, far_z + Z + k))


@inline
def _mix(near_value: Any, far_value: Any, near: Any, far: Any) -> Any:
    return add_unless_zero(multiply_unless_zero(near_value, near), far_value, far)
