"""How much of an output pixel lies inside the picture: what the padding mode fill leaves of it.

The picture reaches from -0.5 to n - 0.5 on each axis. An output pixel is the unit square, which the local Jacobian
takes to a parallelogram in the input; its coverage is the share of the parallelogram's area that lies inside.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.jacobian import is_beyond_horizon, jacobian_at
from stnwarp.kernels.layout import COVERAGE, FILL, PROJECTIVE, Block, X, Y
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight, greatest, least

_FLAT = 1e-12  # square pixels: a parallelogram without an area is inside where its middle is

# Pixels: a parallelogram that reaches no farther beyond the edge lies inside. Rounding puts it there.
TOLERANCE = 2.0**-40

_ENDLESS = 2.0**60


@inline
def axes_that_fade(call: Any) -> int:
    """Return the axes on which the picture fades into the fill: 1 for columns, 2 for rows, or their sum."""
    return (call.padding == FILL) + 2 * (call.padding_y == FILL)  # type: ignore[no-any-return]


@inline
def measure_coverage(task: Any, block: Block, axes: int) -> None:
    """Set COVERAGE of a block, whose positions are known and not yet padded; 0 beyond the horizon of a homography.

    The picture ends on `axes`: 1 for columns, 2 for rows, or their sum.
    """
    positions, bounds = task.positions, picture_bounds(task.call, axes)
    for k in range(np.uintp(block.length)):
        x, y = np.float64(load_points(positions, X + k)), np.float64(load_points(positions, Y + k))
        share = 0.0
        if not is_beyond_horizon(task, block, k):
            share = coverage((x, y), jacobian_at(task, block, k, x, y), bounds)
        store_points(positions, COVERAGE + k, cast_to_weight(positions, share))


@inline
def hide_beyond_horizon(task: Any, block: Block) -> None:
    """Move the positions of a block that lie beyond the horizon of a homography out of the picture."""
    if task.call.mapping == PROJECTIVE:
        for k in range(np.uintp(block.length)):
            if is_beyond_horizon(task, block, k):
                store_points(task.positions, X + k, cast_to_weight(task.positions, np.nan))


@inline
def picture_bounds(call: Any, axes: int) -> tuple[float, float, float, float]:
    """Return the left, right, upper and lower edge of the picture, which has no end on axes that are not of `axes`."""
    left, right = (-0.5, np.float64(call.width) - 0.5) if axes & 1 != 0 else (-_ENDLESS, _ENDLESS)
    top, bottom = (-0.5, np.float64(call.height) - 0.5) if axes & 2 != 0 else (-_ENDLESS, _ENDLESS)
    return left, right, top, bottom


@inline
def coverage(position: Any, jacobian: Any, bounds: Any) -> float:
    """Return the share of the pixel at `position` (x, y) within `bounds`; `jacobian` is row by row."""
    (x, y), (xx, xy, yx, yy) = position, jacobian
    if not abs(x) + abs(y) < np.inf:
        return 0.0
    left, right, top, bottom = bounds[0] - x, bounds[1] - x, bounds[2] - y, bounds[3] - y
    reach_x, reach_y = 0.5 * (abs(xx) + abs(xy)) - TOLERANCE, 0.5 * (abs(yx) + abs(yy)) - TOLERANCE
    if (-reach_x >= left) & (reach_x <= right) & (-reach_y >= top) & (reach_y <= bottom):
        return 1.0
    area = abs(xx * yy - xy * yx)
    if not ((area > _FLAT) & (area < np.inf)):
        return 1.0 if (left <= 0.0) & (right >= 0.0) & (top <= 0.0) & (bottom >= 0.0) else 0.0
    # Once around the parallelogram, from corner to corner: the area is the integral of y dx, where x is inside, of a y
    # that is clamped to what is inside.
    inside, from_x, from_y = 0.0, -0.5 * (xx + xy), -0.5 * (yx + yy)
    for corner in range(4):
        side_x = xx if corner % 2 == 0 else xy
        side_y = yx if corner % 2 == 0 else yy
        to_x = from_x + side_x if corner < 2 else from_x - side_x
        to_y = from_y + side_y if corner < 2 else from_y - side_y
        begin, end = _clamp(from_x, left, right), _clamp(to_x, left, right)
        if begin != end:
            slope = (to_y - from_y) / (to_x - from_x)
            first, last = from_y + (begin - from_x) * slope, from_y + (end - from_x) * slope
            inside += (end - begin) * _mean_clamped(least(first, last), greatest(first, last), top, bottom)
        from_x, from_y = to_x, to_y
    share = abs(inside) / area
    return share if share < 1.0 else 1.0


@inline
def _clamp(number: Any, low: Any, high: Any) -> Any:
    return least(greatest(number, low), high)


@inline
def _mean_clamped(first: Any, last: Any, low: Any, high: Any) -> Any:
    """Return the mean of what all numbers from `first` to `last` become when they are clamped."""
    begin, end = _clamp(first, low, high), _clamp(last, low, high)
    if not last > first:
        return begin
    before = low * (least(last, low) - first) if first < low else 0.0
    after = high * (last - greatest(first, high)) if last > high else 0.0
    return (before + 0.5 * (end - begin) * (end + begin) + after) / (last - first)
