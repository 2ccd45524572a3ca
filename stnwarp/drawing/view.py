"""Which part of the plane a panel shows, and where a pixel position lies on the canvas."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing.scene import Box

_REACH = 2.0  # a frame is followed this many image sides away from the image
_HINT = 0.6  # and where it goes on beyond that, this much surrounding shows that it does
_MARGIN = 0.045  # empty share around what is shown, so that outlines do not stick to the panel's side

Bounds = tuple[float, float, float, float]  # left, top, right, bottom in pixel positions


@dataclass(frozen=True)
class View:
    """A panel: the pixel position (left, top) lies at the corner of *box*, *scale* canvas units per pixel."""

    box: Box
    left: float
    top: float
    scale: float

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel positions (..., 2) on the canvas."""
        origin = np.array([self.left, self.top])
        placed: NDArray[np.float64] = np.array([self.box.x, self.box.y]) + (points - origin) * self.scale
        return placed

    def place_bounds(self, bounds: Bounds) -> Box:
        """Where *bounds* lie on the canvas."""
        (x0, y0), (x1, y1) = self.place(np.array(bounds).reshape(2, 2)).tolist()
        return Box(x0, y0, x1 - x0, y1 - y0)


def image_bounds(size: tuple[int, int]) -> Bounds:
    """The outer edges of an image of *size* (height, width)."""
    return (-0.5, -0.5, size[1] - 0.5, size[0] - 0.5)


def widened(bounds: Bounds, points: NDArray[np.float64]) -> Bounds:
    """*bounds* of an image, widened to show *points* (N, 2), some of them NaN, as far as is sensible."""
    left, top, right, bottom = bounds
    side = max(right - left, bottom - top)
    near = points[
        (points[:, 0] >= left - _REACH * side)
        & (points[:, 0] <= right + _REACH * side)
        & (points[:, 1] >= top - _REACH * side)
        & (points[:, 1] <= bottom + _REACH * side)
    ]
    if not len(near):
        return bounds
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    return (
        left - _extension(left - low[0], side),
        top - _extension(top - low[1], side),
        right + _extension(high[0] - right, side),
        bottom + _extension(high[1] - bottom, side),
    )


def _extension(wanted: float, side: float) -> float:
    if wanted <= 0:
        return 0.0
    return float(wanted) if wanted <= _REACH * side else _HINT * side


def aspect(bounds: Bounds) -> float:
    """Width over height."""
    return (bounds[2] - bounds[0]) / (bounds[3] - bounds[1])


def view_of(bounds: Bounds, box: Box) -> View:
    """*bounds* with a margin, centred in *box*."""
    width, height = bounds[2] - bounds[0], bounds[3] - bounds[1]
    scale = min(box.width / width, box.height / height) * (1 - 2 * _MARGIN)
    middle_x, middle_y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    return View(box, middle_x - box.width / (2 * scale), middle_y - box.height / (2 * scale), scale)
