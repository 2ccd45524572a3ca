"""The frames that a moved picture gives to its output: the smallest that holds it, and the largest within it.

Convention: positions are those of an output canvas whose pixels are as large as the picture's, centres at integers;
a frame is bounded by outer edges, half a pixel beyond the centres. Sizes are (height, width).
"""

from typing import NamedTuple

import numpy as np

from stnwarp.errors import ParameterError
from stnwarp.transforms.inner_frame import Square, highest_point
from stnwarp.transforms.matrices import Array, map_points

Size = tuple[int, int]

# A picture that sticks out of its canvas by less than this, in pixels, does so by rounding alone.
_SLACK = 1e-6
_GRAIN = 256.0
_ROUNDING = 1e-11  # relative, of the edges of an inner frame
_OTHERS = "give same or WxH"


class OutputFrame(NamedTuple):
    """A rectangle of the canvas: its top left corner and extent, both (2,) in (x, y), and its size in whole pixels."""

    low: Array
    extent: Array
    size: Size

    def sampled_at(self, size: Size) -> Array:
        """Return the (3, 3) matrix from the pixels of an output of `size` to those of the canvas, edges on edges."""
        height, width = size
        x_step, y_step = (self.extent / (width, height)).tolist()
        x, y = self.low.tolist()
        return np.array([[x_step, 0.0, x + x_step / 2], [0.0, y_step, y + y_step / 2], [0.0, 0.0, 1.0]])


def fit_frame(reverse: Array, forward: Array, input_size: Size) -> OutputFrame:
    """Find the smallest frame that holds the whole picture after its moves.

    Args:
        reverse: (3, 3), pixels of the canvas to those of the input; not looked at.
        forward: its inverse.
        input_size: (height, width) of the picture; its outer edges are what must fit.

    Returns:
        Where the moved picture is an upright rectangle, that rectangle, its size rounded half to even. Otherwise the
        picture's bounding box, enlarged to whole pixels: it lies in the middle of that, so that no margin is lopsided.

    Raises:
        ParameterError: a homography whose horizon crosses the picture.
    """
    del reverse
    if not _has_end(forward, input_size):
        raise ParameterError(
            f"size fit: the horizon of this homography crosses the picture, so it has no end; {_OTHERS}"
        )
    corners = _moved_corners(forward, input_size, "fit")
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    if _is_upright(corners):
        return OutputFrame(low, extent, _rounded(extent))
    return _whole_frame(low + extent / 2, np.maximum(np.ceil(extent - _SLACK), 1.0))


def inner_frame(reverse: Array, forward: Array, input_size: Size) -> OutputFrame:
    """Find the largest frame of the picture's proportions that lies within the moved picture.

    Where several are as large, it is the one in their middle. If the horizon of a homography crosses the picture, which
    then has no end, it lies within the canvas of the input's size as well. Where the moved picture is an upright
    rectangle its size is rounded half to even; otherwise it is reduced to whole pixels.

    Args:
        reverse: (3, 3), pixels of the canvas to those of the input.
        forward: its inverse.
        input_size: (height, width) of the picture.

    Raises:
        ParameterError: there is none.
    """
    if _has_end(forward, input_size):
        corners = _moved_corners(forward, input_size, "inner")
        inside = corners.mean(axis=0)
        low, extent = _largest_frame(_edge_forms(reverse, input_size, inside), inside, input_size)
        return OutputFrame(low, extent, _rounded(extent)) if _is_upright(corners) else _reduced(low, extent)
    middle = (np.array([input_size[1], input_size[0]]) - 1) / 2
    seen = reverse if reverse[2, :2] @ middle + reverse[2, 2] > 0.0 else -reverse
    forms = [_edge_forms(matrix, input_size, middle) for matrix in (seen, np.eye(3))]
    return _reduced(*_largest_frame(np.concatenate(forms), middle, input_size))


def _largest_frame(forms: Array, origin: Array, proportions: Size) -> tuple[Array, Array]:
    """Return the top left corner and the extent of the largest frame in which all `forms` are positive.

    `forms` are (N, 3), p x + q y + r, of places (x, y) round `origin`.
    """
    height, width = proportions
    half = np.array([width, height]) / max(proportions)
    slopes = np.hypot(forms[:, 0], forms[:, 1])
    is_line = slopes > 0.0  # or the same everywhere: an edge of the picture that is its horizon as well
    lines = forms[is_line] / slopes[is_line, np.newaxis]
    reach = float(np.abs(lines[:, 2]).max())
    rows = np.column_stack((-lines[:, :2], np.abs(lines[:, :2]) @ half))
    *place, size = reach * highest_point(rows, lines[:, 2] / reach, len(rows))
    if not size > 0.0 or (forms[~is_line, 2] < 0.0).any():
        raise ParameterError(f"size inner: no part of the output is without fill; {_OTHERS}")
    centre = origin + place
    low, high = (
        _snap(edge, reach + float(np.abs(origin).max())) for edge in (centre - size * half, centre + size * half)
    )
    return low, high - low


def square_frame(square: Square, canvas_size: Size) -> OutputFrame:
    """Convert `square`, between the outer edges of a canvas of `canvas_size`, to a frame of that canvas."""
    height, width = canvas_size
    sides = np.array([width, height])
    x, y, half = square
    return _reduced((np.array([x, y]) - half + 1.0) * sides / 2 - 0.5, half * sides)


def _is_upright(corners: Array) -> bool:
    """Whether `corners` are those of an upright rectangle."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool((np.minimum(corners - low, high - corners) < _SLACK).all())


def _whole_frame(middle: Array, extent: Array) -> OutputFrame:
    """Return the frame of an `extent` of whole pixels round `middle`."""
    width, height = extent.tolist()
    return OutputFrame(middle - extent / 2, extent, (int(height), int(width)))


def _reduced(low: Array, extent: Array) -> OutputFrame:
    """Reduce a frame to whole pixels, in its middle; one of less than a pixel keeps its extent."""
    whole = np.floor(extent + _SLACK)
    if whole.min() < 1.0:
        return OutputFrame(low, extent, _rounded(extent))
    return _whole_frame(low + extent / 2, whole)


def _rounded(extent: Array) -> Size:
    """Round (x, y) half to even, at least 1; what is a half but for rounding errors is one."""
    halves = np.rint(2 * extent)
    width, height = np.rint(np.where(np.abs(2 * extent - halves) < _SLACK, halves / 2, extent)).astype(object)
    return max(1, int(height)), max(1, int(width))


def _snap(edge: Array, reach: float) -> Array:
    near = np.rint(edge * _GRAIN) / _GRAIN
    return np.where(np.abs(edge - near) <= _ROUNDING * reach, near, edge)


def _edge_forms(reverse: Array, input_size: Size, origin: Array) -> Array:
    """Return (4, 3) forms p x + q y + r of places (x, y) round `origin` that are positive where the picture is read.

    The picture is read with a positive depth, unless `origin` is read within it with a negative one.
    """
    height, width = input_size
    x, y, depth = reverse
    forms = np.array([x + depth / 2, (width - 0.5) * depth - x, y + depth / 2, (height - 0.5) * depth - y])
    forms[:, 2] += forms[:, :2] @ origin
    return -forms if (forms[:, 2] < 0.0).all() else forms


def _depths(forward: Array, input_size: Size) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(_corners(input_size) @ forward[2, :2] + forward[2, 2])


def _has_end(forward: Array, input_size: Size) -> bool:
    """Whether the horizon of a homography does not cross the picture."""
    depths = _depths(forward, input_size)
    return not depths.min() <= 0.0 <= depths.max()


def _corners(input_size: Size) -> Array:
    height, width = input_size
    right, bottom = width - 0.5, height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def _moved_corners(forward: Array, input_size: Size, name: str) -> Array:
    moved = map_points(forward, _corners(input_size))
    with np.errstate(over="ignore", invalid="ignore"):
        endless = not np.isfinite(np.ptp(moved, axis=0)).all()
    if endless:
        raise ParameterError(f"size {name}: the moved picture is larger than any number; {_OTHERS}")
    return moved
