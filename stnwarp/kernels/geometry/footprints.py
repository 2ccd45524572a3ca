"""Footprints: the parallelogram of input pixels that an output pixel stands for where the picture shrinks.

The local Jacobian J = d(input position) / d(output position) has the singular values s1 >= s2: along the two principal
axes of the footprint an output pixel is as long as so many input pixels. Where s1 exceeds 1, the kernel of an
interpolation is laid out in output pixels: (dx, dy) = inverse(J) (q - p) for an input pixel q around the position p.
Along an axis that does not shrink it would be narrower than the interpolation itself; there the singular value is
replaced by 1.

Where s2 is large, the same is done with means of boxes of 2^level pixels a side, of which s2 is at least FINEST long.
At most LONGEST boxes are taken to either side: beyond, the level follows s1, and along the other axis the result is
blurred. No box is longer than it takes to hold the picture: what lies further away is left out.

The work space is parted as the constants below say; its parts are TAP_BLOCK long.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coordinates import pixels_per_unit
from stnwarp.kernels.geometry.jacobian import (
    affine_jacobian,
    grid_difference,
    grid_jacobian,
    jacobian_behind_grid,
    projective_jacobian,
)
from stnwarp.kernels.layout import (
    AFFINE,
    FAR,
    GRID_WITH_JACOBIANS,
    NO_SHRINKING,
    PROJECTIVE,
    TAP_BLOCK,
    Block,
    Memory,
    SampleCall,
    X,
    Y,
)
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import greatest
from stnwarp.kernels.simd.square_root import square_root

# J row by row, and in its place the inverse of what J becomes; how far the footprint reaches on either axis for a
# kernel that reaches one output pixel; the level, -1 where the interpolation itself is left alone; what the result has
# of the kernel in output pixels, and not of the interpolation itself.
XX, XY, YX, YY, REACH_X, REACH_Y, LEVEL, SHARE = (np.uintp(part * TAP_BLOCK) for part in range(8))
FOOTPRINT_PARTS = 8

FINEST = 3.5
LONGEST = 32.0

# Up to here the interpolation and the kernel in output pixels are mixed: their axes may differ.
_HANDOVER = 1.25


@inline
def measure_footprints(task: Any, block: Block, reach: int) -> None:
    """Set all parts of the footprints of a block, whose positions are known, for a kernel that reaches so far.

    `task` is one of `forward.layout` or of `backward.layout`. Under affine maps all have one shape.
    """
    call, footprints = task.call, task.footprints
    if call.mapping == AFFINE:
        measure_affine(task, block.image, reach)
        for part in range(FOOTPRINT_PARTS):
            number = load_points(footprints, np.uintp(part * TAP_BLOCK))
            for k in range(np.uintp(block.length)):
                store_points(footprints, np.uintp(part * TAP_BLOCK) + k, number)
    else:
        differentiate_block(task, block)
        measure_shapes(call, block.length, reach, footprints)
    omit_far(task, block.length)


@inline
def omit_far(task: Any, count: int) -> None:
    """Set LEVEL of positions that are too far away, or not finite, to -1."""
    positions, footprints = task.positions, task.footprints
    for k in range(np.uintp(count)):
        near = (abs(load_points(positions, X + k)) < FAR) & (abs(load_points(positions, Y + k)) < FAR)
        store_points(footprints, LEVEL + k, load_points(footprints, LEVEL + k) if near else -1.0)


@inline
def measure_affine(task: Any, image: int, reach: int) -> None:
    """Set all parts of the first footprint to those of an affine map."""
    _store_jacobian(task.footprints, np.uintp(0), affine_jacobian(task.matrices, image))
    measure_shapes(task.call, 1, reach, task.footprints)


@inline
def differentiate_block(task: Any, block: Block) -> None:
    """Set J of a block; rows of grids are not joined."""
    positions, footprints, count = task.positions, task.footprints, np.uintp(block.length)
    if task.call.mapping == PROJECTIVE:
        for k in range(count):
            x, y = load_points(positions, X + k), load_points(positions, Y + k)
            _store_jacobian(footprints, k, projective_jacobian(task.matrices, block, k, x, y))
    elif task.call.mapping == GRID_WITH_JACOBIANS:
        for k in range(count):
            _store_jacobian(footprints, k, jacobian_behind_grid(task.call, task.grid, block, k))
    else:
        _differentiate_grid(task, block)


@inline
def _differentiate_grid(task: Any, block: Block) -> None:
    """Set J of a block: what lies between the ends of a row without a condition, for vectors."""
    call, grid, footprints = task.call, task.grid, task.footprints
    width, last = np.int64(call.output_width), block.length - 1
    per_row = 0.5 if (block.row > 0) & (block.row < call.output_height - 1) else 1.0
    unit_x = pixels_per_unit(0.0, call.width, call.align_corners)
    unit_y = pixels_per_unit(0.0, call.height, call.align_corners)
    first = block.image * call.grid_stride + block.row * width + block.column
    up, down = (width if block.row > 0 else 0), (width if block.row < call.output_height - 1 else 0)
    begin = np.uintp(1 if block.column == 0 else 0)
    end = np.uintp(last if block.column + last == width - 1 else block.length)
    for k in range(begin, end):
        point = first + np.int64(k)
        across = grid_difference(grid, point - 1, point + 1, 0, 0.5 * unit_x)
        along = grid_difference(grid, point - 1, point + 1, 1, 0.5 * unit_y)
        across_rows = grid_difference(grid, point - up, point + down, 0, per_row * unit_x)
        along_rows = grid_difference(grid, point - up, point + down, 1, per_row * unit_y)
        _store_jacobian(footprints, k, (across, across_rows, along, along_rows))
    if begin > 0:
        _store_jacobian(footprints, np.uintp(0), grid_jacobian(call, grid, block, np.uintp(0)))
    if end == last:
        _store_jacobian(footprints, end, grid_jacobian(call, grid, block, end))


@inline
def load_jacobian(footprints: Memory, k: Any) -> tuple[Any, Any, Any, Any]:
    """Return J of footprint `k`, row by row, before the inverse has come in its place."""
    xx, xy = load_points(footprints, XX + k), load_points(footprints, XY + k)
    return xx, xy, load_points(footprints, YX + k), load_points(footprints, YY + k)


@inline
def _store_jacobian(footprints: Memory, k: Any, jacobian: Any) -> None:
    xx, xy, yx, yy = jacobian
    store_points(footprints, XX + k, xx)
    store_points(footprints, XY + k, xy)
    store_points(footprints, YX + k, yx)
    store_points(footprints, YY + k, yy)


@inline
def shrinks(xx: float, xy: float, yx: float, yy: float) -> bool:
    """Return whether the larger singular value of a Jacobian exceeds 1."""
    square, _, _, _ = _largest_square(xx, xy, yx, yy)
    return square > NO_SHRINKING  # type: ignore[no-any-return]


@inline
def _largest_square(xx: float, xy: float, yx: float, yy: float) -> tuple[Any, Any, Any, Any]:
    """Return the square of the larger singular value, and what `measure_shapes` makes the axes from."""
    in_x, in_y, mixed = xx * xx + xy * xy, yx * yx + yy * yy, xx * yx + xy * yy
    difference = in_x - in_y
    root = square_root(difference * difference + 4.0 * mixed * mixed)
    return 0.5 * (in_x + in_y + root), root, difference, mixed


@inline
def measure_shapes(call: SampleCall, count: int, reach: int, footprints: Memory) -> None:
    """Set all parts from J, for a kernel that reaches so many output pixels.

    The larger principal axis u in the input and v = transpose(J) u / s1 in the output; the other ones are
    perpendicular. The inverse is v u' / s1 + v2 u2' / s2.
    """
    most, highest = LONGEST / np.float64(reach), _highest_level(call)
    for k in range(np.uintp(count)):
        xx, xy, yx, yy = load_jacobian(footprints, k)
        square, root, difference, mixed = _largest_square(xx, xy, yx, yy)
        if not ((square > NO_SHRINKING) & (square < np.inf)):
            _store_footprint(footprints, k, (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), 1.0)
            store_points(footprints, LEVEL + k, -1.0)
            store_points(footprints, SHARE + k, 0.0)
            continue
        s1, determinant = square_root(square), xx * yy - xy * yx
        s2 = abs(determinant) / s1
        ux = difference + root if difference >= 0.0 else 2.0 * mixed
        uy = 2.0 * mixed if difference >= 0.0 else root - difference
        length = square_root(ux * ux + uy * uy)
        ux, uy = (ux / length, uy / length) if length > 0.0 else (1.0, 0.0)
        vx, vy = (xx * ux + yx * uy) / s1, (xy * ux + yy * uy) / s1
        scale, level = 1.0, 0.0
        while (level < highest) & ((s2 * scale >= 2.0 * FINEST) | (s1 * scale > most)):
            scale, level = 0.5 * scale, level + 1.0
        s1, s2 = s1 * scale, s2 * scale
        share = (s1 - 1.0) / (_HANDOVER - 1.0) if (level == 0.0) & (s1 < _HANDOVER) else 1.0
        s1 = s1 if s1 < most else most
        s2 = s2 if s2 > 1.0 else 1.0
        s2 = s2 if s2 < s1 else s1
        side = 1.0 if determinant >= 0.0 else -1.0
        _store_footprint(footprints, k, (ux, uy), (vx, vy), (s1, s2), side)
        store_points(footprints, LEVEL + k, level)
        store_points(footprints, SHARE + k, share * share * (3.0 - 2.0 * share))


@inline
def _highest_level(call: SampleCall) -> float:
    """Return the level at which a box is as long as the picture."""
    side, level = 1.0, 0.0
    while side < greatest(np.float64(call.width), np.float64(call.height)):
        side, level = 2.0 * side, level + 1.0
    return level


@inline
def _store_footprint(footprints: Memory, k: Any, u: Any, v: Any, s: Any, side: float) -> None:
    """Set the inverse, and how far the footprint reaches, from its axes; `side` is the sign of the determinant."""
    (ux, uy), (vx, vy), (s1, s2) = u, v, s
    wx, wy = -side * vy, side * vx  # the other axis in the output, and (-uy, ux) in the input
    store_points(footprints, XX + k, vx * ux / s1 - wx * uy / s2)
    store_points(footprints, XY + k, vx * uy / s1 + wx * ux / s2)
    store_points(footprints, YX + k, vy * ux / s1 - wy * uy / s2)
    store_points(footprints, YY + k, vy * uy / s1 + wy * ux / s2)
    store_points(footprints, REACH_X + k, abs(ux * s1 * vx - uy * s2 * wx) + abs(ux * s1 * vy - uy * s2 * wy))
    store_points(footprints, REACH_Y + k, abs(uy * s1 * vx + ux * s2 * wx) + abs(uy * s1 * vy + ux * s2 * wy))
