"""Which part of the plane a panel shows, and where a pixel position lies on the canvas."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing.scene import Box

_REACH = 2.0  # a frame is always followed this many image sides away from the image
_HINT = 0.6  # and where it goes on beyond that, this much surrounding shows that it does
_WHOLE = 8.0  # a finite frame is shown whole where that takes no more image sides than this
_MOST = 60.0  # or than this, where most of its points could not be seen otherwise
_ENOUGH = 0.75  # share of the points that need not be looked for farther away
_SMALLEST = 4.0  # canvas units that the image's longer side keeps
_RIM = 0.35  # image sides around an image whose frame lies out of sight, for the arrows that point to it
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


def widened(bounds: Bounds, points: NDArray[np.float64], finite: bool, room: float) -> Bounds:
    """*bounds* of an image, widened to show *points* (N, 2), some of them NaN, as far as is sensible.

    *finite* points belong to a frame without a gap, which may be shown whole; *room* is the panel's width.
    """
    usable = points[np.isfinite(points).all(axis=-1)]
    if not len(usable):
        return bounds
    near = _near(bounds, usable)
    whole = _around(bounds, usable)
    sides = _longer(whole) / _longer(bounds)
    enough = len(near) >= _ENOUGH * len(usable)
    if finite and sides <= min(_WHOLE if enough else _MOST, room / _SMALLEST):
        return whole
    return _extended(bounds, near) if len(near) else _rimmed(bounds)


def _longer(bounds: Bounds) -> float:
    return max(bounds[2] - bounds[0], bounds[3] - bounds[1])


def _around(bounds: Bounds, points: NDArray[np.float64]) -> Bounds:
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return min(bounds[0], low[0]), min(bounds[1], low[1]), max(bounds[2], high[0]), max(bounds[3], high[1])


def _rimmed(bounds: Bounds) -> Bounds:
    rim = _RIM * _longer(bounds)
    return bounds[0] - rim, bounds[1] - rim, bounds[2] + rim, bounds[3] + rim


def _near(bounds: Bounds, points: NDArray[np.float64]) -> NDArray[np.float64]:
    left, top, right, bottom = bounds
    side = _longer(bounds)
    return points[
        (points[:, 0] >= left - _REACH * side)
        & (points[:, 0] <= right + _REACH * side)
        & (points[:, 1] >= top - _REACH * side)
        & (points[:, 1] <= bottom + _REACH * side)
    ]


def _extended(bounds: Bounds, points: NDArray[np.float64]) -> Bounds:
    """*bounds* with *points*, and where these go on too far, a hint of surroundings that shows that they do."""
    left, top, right, bottom = bounds
    side = _longer(bounds)
    low, high = points.min(axis=0), points.max(axis=0)
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
