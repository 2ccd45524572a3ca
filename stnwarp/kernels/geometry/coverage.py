"""How much of an output pixel lies inside the picture: what the padding mode fill leaves of it.

The picture reaches from -0.5 to n - 0.5 on each axis. An output pixel is the unit square, which the local Jacobian
takes to a parallelogram in the input; its coverage is the share of the parallelogram's area that lies inside.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.memory import load_points, store_points

# A polygon has four corners, and one more for each edge that it is clipped at. Its memory holds two, x before y: one is
# clipped into the other.
_CORNERS = 8
POLYGON_NUMBERS = 4 * _CORNERS

_FLAT = 1e-12  # square pixels: a parallelogram without an area is inside where its middle is


@inline
def coverage(position: Any, jacobian: Any, width: int, height: int, polygon: Memory) -> float:
    """Return the share of the pixel at `position` (x, y) that lies inside; `jacobian` is row by row."""
    (x, y), (xx, xy, yx, yy) = position, jacobian
    right, bottom = width - 0.5, height - 0.5
    reach_x, reach_y = 0.5 * (abs(xx) + abs(xy)), 0.5 * (abs(yx) + abs(yy))
    if (x - reach_x >= -0.5) & (x + reach_x <= right) & (y - reach_y >= -0.5) & (y + reach_y <= bottom):
        return 1.0
    area = abs(xx * yy - xy * yx)
    if not area > _FLAT:
        return 1.0 if (x >= -0.5) & (x <= right) & (y >= -0.5) & (y <= bottom) else 0.0
    if not ((x + reach_x > -0.5) & (x - reach_x < right) & (y + reach_y > -0.5) & (y - reach_y < bottom)):
        return 0.0  # a NaN among them, too, of which no polygon can be made
    # In this order the corners go round; between two of them is an edge.
    _store(polygon, 0, 0, x - 0.5 * (xx + xy), y - 0.5 * (yx + yy))
    _store(polygon, 0, 1, x + 0.5 * (xx - xy), y + 0.5 * (yx - yy))
    _store(polygon, 0, 2, x + 0.5 * (xx + xy), y + 0.5 * (yx + yy))
    _store(polygon, 0, 3, x - 0.5 * (xx - xy), y - 0.5 * (yx - yy))
    count = _clip(polygon, 0, 4, 0, 1.0, -0.5)
    count = _clip(polygon, 1, count, 0, -1.0, -right)
    count = _clip(polygon, 0, count, 1, 1.0, -0.5)
    count = _clip(polygon, 1, count, 1, -1.0, -bottom)
    share = _area(polygon, count) / area
    return share if share < 1.0 else 1.0


@inline
def _store(polygon: Memory, half: int, corner: int, x: float, y: float) -> None:
    at = np.uintp(2 * (half * _CORNERS + corner))
    store_points(polygon, at, x)
    store_points(polygon, at + np.uintp(1), y)


@inline
def _load(polygon: Memory, half: int, corner: int) -> tuple[Any, Any]:
    at = np.uintp(2 * (half * _CORNERS + corner))
    return load_points(polygon, at), load_points(polygon, at + np.uintp(1))


@inline
def _clip(polygon: Memory, half: int, count: int, axis: int, sign: float, bound: float) -> int:
    """Copy the polygon in one half of the memory to the other, without what has `sign` * coordinate < `bound`.

    Source: Sutherland and Hodgman 1974. Returns the number of corners.
    """
    corners = 0
    from_x, from_y = _load(polygon, half, count - 1)
    for corner in range(count):
        x, y = _load(polygon, half, corner)
        depth = sign * (x if axis == 0 else y) - bound
        from_depth = sign * (from_x if axis == 0 else from_y) - bound
        if (depth < 0.0) != (from_depth < 0.0):
            cut = from_depth / (from_depth - depth)
            _store(polygon, 1 - half, corners, from_x + cut * (x - from_x), from_y + cut * (y - from_y))
            corners += 1
        if depth >= 0.0:
            _store(polygon, 1 - half, corners, x, y)
            corners += 1
        from_x, from_y = x, y
    return corners


@inline
def _area(polygon: Memory, count: int) -> float:
    """Return the area of the polygon in the first half of the memory."""
    twice, (x, y) = 0.0, _load(polygon, 0, 0)
    for corner in range(1, count - 1):
        ax, ay = _load(polygon, 0, corner)
        bx, by = _load(polygon, 0, corner + 1)
        twice += (ax - x) * (by - y) - (ay - y) * (bx - x)
    return 0.5 * abs(twice)
