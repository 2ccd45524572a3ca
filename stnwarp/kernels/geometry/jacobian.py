"""The local Jacobian d(input position) / d(output position) of an output pixel, and the horizon of a homography.

It is exact for matrices. Under GRID_WITH_JACOBIANS it comes behind the points of the grid, of which there is one; under
other grids it is central differences, one-sided at the edge of the grid, and 0 along an axis of one point. Positions
are continuous pixel indices.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import pixels_per_unit
from stnwarp.kernels.layout import AFFINE, AFFINE_JOINED, GRID_WITH_JACOBIANS, PROJECTIVE, Block, Memory
from stnwarp.kernels.simd.memory import load_source

Jacobian = tuple[float, float, float, float]


@inline
def jacobian_at(task: Any, block: Block, k: Any, x: float, y: float) -> Jacobian:
    """Return the Jacobian, row by row, at pixel `k` of a block, whose position is (x, y)."""
    call = task.call
    if (call.mapping == AFFINE) | (call.mapping == AFFINE_JOINED):
        return affine_jacobian(task.matrices, block.image)
    if call.mapping == PROJECTIVE:
        return projective_jacobian(task.matrices, block, k, x, y)
    return grid_jacobian(call, task.grid, block, k)


@inline
def projective_jacobian(matrices: Memory, block: Block, k: Any, x: float, y: float) -> Jacobian:
    """Return that of pixel `k` of a block under a homography, whose position is (x, y): (dX - x dW) / W."""
    m, scale = np.uintp(block.image * 9), 1.0 / depth_at(matrices, block, k)
    wx, wy = matrices[m + np.uintp(6)], matrices[m + np.uintp(7)]
    xx, xy = (matrices[m] - x * wx) * scale, (matrices[m + np.uintp(1)] - x * wy) * scale
    return xx, xy, (matrices[m + np.uintp(3)] - y * wx) * scale, (matrices[m + np.uintp(4)] - y * wy) * scale


@inline
def affine_jacobian(matrices: Memory, image: int) -> Jacobian:
    """Return that of all pixels of an image under an affine map."""
    m = np.uintp(image * 9)
    return matrices[m], matrices[m + np.uintp(1)], matrices[m + np.uintp(3)], matrices[m + np.uintp(4)]


@inline
def depth_at(matrices: Memory, block: Block, k: Any) -> float:
    """Return the third homogeneous coordinate of pixel `k` of a block under a homography, positive in front."""
    m = np.uintp(block.image * 9)
    start = matrices[m + np.uintp(7)] * np.float64(block.row) + matrices[m + np.uintp(8)]
    return matrices[m + np.uintp(6)] * np.float64(block.column + np.int64(k)) + start  # type: ignore[no-any-return]


@inline
def is_beyond_horizon(task: Any, block: Block, k: Any) -> bool:
    """Return whether pixel `k` of a block lies beyond the horizon of a homography."""
    return (task.call.mapping == PROJECTIVE) and not depth_at(task.matrices, block, k) > 0.0


@inline
def grid_jacobian(call: Any, grid: Memory, block: Block, k: Any) -> Jacobian:
    """Return that of a point of a grid, whose rows may be joined."""
    if call.mapping == GRID_WITH_JACOBIANS:
        return jacobian_behind_grid(call, grid, block, k)
    width, point = call.joined_width, block.row * call.output_width + block.column + np.int64(k)
    row, column = point // width, point % width
    first = block.image * call.grid_stride + point
    left, right = (-1 if column > 0 else 0), (1 if column < width - 1 else 0)
    up, down = (-width if row > 0 else 0), (width if (row + 1) * width < call.output_height * call.output_width else 0)
    per_column, per_row = (0.5 if right - left == 2 else 1.0), (0.5 if down - up == 2 * width else 1.0)
    unit_x = pixels_per_unit(0.0, call.width, call.align_corners)
    unit_y = pixels_per_unit(0.0, call.height, call.align_corners)
    return (
        grid_difference(grid, first + left, first + right, 0, per_column * unit_x),
        grid_difference(grid, first + up, first + down, 0, per_row * unit_x),
        grid_difference(grid, first + left, first + right, 1, per_column * unit_y),
        grid_difference(grid, first + up, first + down, 1, per_row * unit_y),
    )


@inline
def jacobian_behind_grid(call: Any, grid: Memory, block: Block, k: Any) -> Jacobian:
    """Return the Jacobian that is stored for pixel `k` of a block."""
    points = call.output_height * call.output_width
    at = np.uintp(2 * points + 4 * (block.row * call.output_width + block.column + np.int64(k)))
    xx, xy = np.float64(load_source(grid, at)), np.float64(load_source(grid, at + np.uintp(1)))
    yx, yy = np.float64(load_source(grid, at + np.uintp(2))), np.float64(load_source(grid, at + np.uintp(3)))
    return xx, xy, yx, yy


@inline
def grid_difference(grid: Memory, before: Any, after: Any, axis: int, scale: float) -> float:
    """Return by how much a coordinate of a grid differs between two points, times `scale`."""
    last, first = load_source(grid, np.uintp(2 * after + axis)), load_source(grid, np.uintp(2 * before + axis))
    return (np.float64(last) - np.float64(first)) * scale
