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
from stnwarp.kernels.geometry.coverage import coverage
from stnwarp.kernels.layout import AFFINE, FAR, PROJECTIVE, TAP_BLOCK, Block, Memory, SampleCall, X, Y
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import greatest
from stnwarp.kernels.simd.square_root import square_root

# J row by row, and in its place the inverse of what J becomes; how far the footprint reaches on either axis for a
# kernel that reaches one output pixel; the level, -1 where the interpolation itself is left alone; what the result has
# of the kernel in output pixels, and not of the interpolation itself; the coverage, see `coverage`.
XX, XY, YX, YY, REACH_X, REACH_Y, LEVEL, SHARE, COVERAGE = (np.uintp(part * TAP_BLOCK) for part in range(9))
_SHAPE_PARTS = 8
FOOTPRINT_PARTS = 9

FINEST = 3.5
LONGEST = 32.0

# Squared singular values up to here are those of a picture that does not shrink: a rotation's are off by rounding.
_NO_SHRINKING = 1.0 + 2.0**-20
# Up to here the interpolation and the kernel in output pixels are mixed: their axes may differ.
_HANDOVER = 1.25


@inline
def measure_footprints(task: Any, block: Block, reach: int) -> None:
    """Set all parts of the footprints of a block, whose positions are known, for a kernel that reaches so far.

    `task` is one of `forward.layout`. Under affine maps all have one shape.
    """
    call, footprints, count = task.call, task.footprints, block.length
    if call.mapping == AFFINE:
        load_affine(task, block.image)
        _repeat(footprints, 0, 4, count)
    elif call.mapping == PROJECTIVE:
        _differentiate_projection(task.matrices, block, task.positions, footprints)
    else:
        _differentiate_grid(call, task.grid, block, footprints)
    if task.fades != 0:
        _measure_coverage(task, block)
    if call.mapping == AFFINE:
        measure_shapes(call, 1, reach, task.antialiases, footprints)
        _repeat(footprints, 0, _SHAPE_PARTS, count)
    else:
        measure_shapes(call, count, reach, task.antialiases, footprints)
    _include_edge(task, reach, count)


@inline
def load_affine(task: Any, image: int) -> None:
    """Set J of the first footprint to that of an affine map."""
    m = np.uintp(image * 9)
    store_points(task.footprints, XX, task.matrices[m])
    store_points(task.footprints, XY, task.matrices[m + np.uintp(1)])
    store_points(task.footprints, YX, task.matrices[m + np.uintp(3)])
    store_points(task.footprints, YY, task.matrices[m + np.uintp(4)])


@inline
def _repeat(footprints: Memory, first: int, stop: int, count: int) -> None:
    """Copy parts [first, stop) of the first footprint to the others."""
    for part in range(first, stop):
        number = load_points(footprints, np.uintp(part * TAP_BLOCK))
        for k in range(np.uintp(count)):
            store_points(footprints, np.uintp(part * TAP_BLOCK) + k, number)


@inline
def _measure_coverage(task: Any, block: Block) -> None:
    """Set COVERAGE from J, which is still in its place; 0 beyond the horizon of a homography."""
    call, footprints, m = task.call, task.footprints, np.uintp(block.image * 9)
    wx, wy, w0 = 0.0, 0.0, 1.0
    if call.mapping == PROJECTIVE:
        wx, wy, w0 = task.matrices[m + np.uintp(6)], task.matrices[m + np.uintp(7)], task.matrices[m + np.uintp(8)]
    middle = wx * (0.5 * np.float64(call.output_width - 1)) + wy * (0.5 * np.float64(call.output_height - 1)) + w0
    start = wy * np.float64(block.row) + w0
    for k in range(np.uintp(block.length)):
        x, y = load_points(task.positions, X + k), load_points(task.positions, Y + k)
        xx, xy = load_points(footprints, XX + k), load_points(footprints, XY + k)
        yx, yy = load_points(footprints, YX + k), load_points(footprints, YY + k)
        w = wx * np.float64(block.column + np.int64(k)) + start
        share = 0.0
        if (w > 0.0) == (middle > 0.0):
            share = coverage((x, y), (xx, xy, yx, yy), call.width, call.height, task.polygon)
        store_points(footprints, COVERAGE + k, share)


@inline
def _include_edge(task: Any, reach: int, count: int) -> None:
    """Set LEVEL to 0 where the edge of the picture makes a difference, and to -1 far away."""
    call, footprints = task.call, task.footprints
    low, right, bottom = np.float64(reach - 1), np.float64(call.width - reach), np.float64(call.height - reach)
    for k in range(np.uintp(count)):
        x, y = load_points(task.positions, X + k), load_points(task.positions, Y + k)
        level = load_points(footprints, LEVEL + k)
        if task.fades != 0:
            whole = (load_points(footprints, COVERAGE + k) == 1.0) & (x >= low) & (x <= right)
            level = level if (level >= 0.0) | (whole & (y >= low) & (y <= bottom)) else 0.0
        store_points(footprints, LEVEL + k, level if (abs(x) < FAR) & (abs(y) < FAR) else -1.0)


@inline
def _differentiate_projection(matrices: Memory, block: Block, positions: Memory, footprints: Memory) -> None:
    """Set J: where x = X / W, dx = (dX - x dW) / W."""
    m = np.uintp(block.image * 9)
    xx, xy, yx, yy = matrices[m], matrices[m + np.uintp(1)], matrices[m + np.uintp(3)], matrices[m + np.uintp(4)]
    wx, wy, w0 = matrices[m + np.uintp(6)], matrices[m + np.uintp(7)], matrices[m + np.uintp(8)]
    start = wy * np.float64(block.row) + w0
    for k in range(np.uintp(block.length)):
        x, y = load_points(positions, X + k), load_points(positions, Y + k)
        scale = 1.0 / (wx * np.float64(block.column + np.int64(k)) + start)
        store_points(footprints, XX + k, (xx - x * wx) * scale)
        store_points(footprints, XY + k, (xy - x * wy) * scale)
        store_points(footprints, YX + k, (yx - y * wx) * scale)
        store_points(footprints, YY + k, (yy - y * wy) * scale)


@inline
def _differentiate_grid(call: SampleCall, grid: Memory, block: Block, footprints: Memory) -> None:
    """Set J by central differences, one-sided at the edge of the grid; 0 along an axis of one point."""
    unit_x = pixels_per_unit(0.0, call.width, call.align_corners)
    unit_y = pixels_per_unit(0.0, call.height, call.align_corners)
    width, height = call.output_width, call.output_height
    line = block.image * call.grid_stride + block.row * width
    up = line - width if block.row > 0 else line
    down = line + width if block.row < height - 1 else line
    per_row = 0.5 if (block.row > 0) & (block.row < height - 1) else 1.0
    for k in range(np.uintp(block.length)):
        column = block.column + np.int64(k)
        left = column - 1 if column > 0 else column
        right = column + 1 if column < width - 1 else column
        per_column = 0.5 if right - left == 2 else 1.0
        _store_difference(grid, line + left, line + right, per_column * unit_x, 0, footprints, XX + k)
        _store_difference(grid, line + left, line + right, per_column * unit_y, 1, footprints, YX + k)
        _store_difference(grid, up + column, down + column, per_row * unit_x, 0, footprints, XY + k)
        _store_difference(grid, up + column, down + column, per_row * unit_y, 1, footprints, YY + k)


@inline
def _store_difference(
    grid: Memory, first: Any, last: Any, scale: float, axis: int, footprints: Memory, at: Any
) -> None:
    before = load_source(grid, np.uintp(2 * first + axis))
    after = load_source(grid, np.uintp(2 * last + axis))
    store_points(footprints, at, (after - before) * scale)


@inline
def measure_shapes(call: SampleCall, count: int, reach: int, antialiases: int, footprints: Memory) -> None:
    """Set all parts but COVERAGE from J, for a kernel that reaches so many output pixels.

    The larger principal axis u in the input and v = transpose(J) u / s1 in the output; the other ones are
    perpendicular. The inverse is v u' / s1 + v2 u2' / s2.
    """
    most, highest = LONGEST / np.float64(reach), _highest_level(call)
    for k in range(np.uintp(count)):
        xx, xy = load_points(footprints, XX + k), load_points(footprints, XY + k)
        yx, yy = load_points(footprints, YX + k), load_points(footprints, YY + k)
        in_x, in_y, mixed = xx * xx + xy * xy, yx * yx + yy * yy, xx * yx + xy * yy
        difference = in_x - in_y
        root = square_root(difference * difference + 4.0 * mixed * mixed)
        square = 0.5 * (in_x + in_y + root)
        if (antialiases == 0) | (not ((square > _NO_SHRINKING) & (square < np.inf))):
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
    """The level at which a box is as long as the picture."""
    side, level = 1.0, 0.0
    while side < greatest(np.float64(call.width), np.float64(call.height)):
        side, level = 2.0 * side, level + 1.0
    return level


@inline
def _store_footprint(footprints: Memory, k: Any, u: Any, v: Any, s: Any, side: float) -> None:
    """Set the inverse, and how far the footprint reaches, from its axes; *side* is the sign of the determinant."""
    (ux, uy), (vx, vy), (s1, s2) = u, v, s
    wx, wy = -side * vy, side * vx  # the other axis in the output, and (-uy, ux) in the input
    store_points(footprints, XX + k, vx * ux / s1 - wx * uy / s2)
    store_points(footprints, XY + k, vx * uy / s1 + wx * ux / s2)
    store_points(footprints, YX + k, vy * ux / s1 - wy * uy / s2)
    store_points(footprints, YY + k, vy * uy / s1 + wy * ux / s2)
    store_points(footprints, REACH_X + k, abs(ux * s1 * vx - uy * s2 * wx) + abs(ux * s1 * vy - uy * s2 * wy))
    store_points(footprints, REACH_Y + k, abs(uy * s1 * vx + ux * s2 * wx) + abs(uy * s1 * vy + ux * s2 * wy))
