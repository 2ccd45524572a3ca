"""The frame of an image: its size, and what -1 and 1 are in it.

Convention: pixel centres are at integers, pixel (0, 0) the top-left one; -1 and 1 are the outer edges of the corner
pixels (align_corners=False) or their centres (True). Sizes are (height, width), points (x, y).

With align_corners=True an axis of one pixel has no length: every pixel index on it is coordinate 0, and every
coordinate on it is pixel 0, as in torch and ONNX.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import ShapeError
from stnwarp.transforms.matrices import Array

Size = tuple[int, int]


class Axis(NamedTuple):
    """One axis of a frame."""

    span: float  # pixels that one normalised unit is long
    centre: float  # pixel index of coordinate 0

    @property
    def unit(self) -> float:
        """How long one pixel is in normalised units; 0 on an axis without length."""
        return 1.0 / self.span if self.span else 0.0


def axis_of(side: int, align_corners: bool) -> Axis:
    """Return the axis of a frame along which it has `side` pixels, 1 at the least."""
    outside = 1 if align_corners else 0  # half a pixel at each end lies beyond -1 and 1
    return Axis((side - outside) / 2, (side - 1) / 2)


def axes_of(size: Size, align_corners: bool) -> tuple[Axis, Axis]:
    """Return the axes x and y of a `Frame`, without one: for small images to make it takes too long.

    Raises:
        ShapeError: a size below one pixel.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ShapeError(f"a size must be at least one pixel each way, got {width}x{height} (width x height)")
    return axis_of(width, align_corners), axis_of(height, align_corners)


@dataclass(frozen=True)
class Frame:
    """The size of an image with the meaning of its normalised coordinates.

    Args:
        size: (height, width) in pixels, 1 at the least.
        align_corners: whether -1 and 1 are the centres of the corner pixels (True) or their outer edges.

    Raises:
        ShapeError: a size below one pixel.
    """

    size: Size
    align_corners: bool

    def __post_init__(self) -> None:
        axes_of(self.size, self.align_corners)  # refuses what is no size

    def with_size(self, size: Size) -> "Frame":
        """Return the frame of an image of another `size` under the same convention."""
        return replace(self, size=size)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The axes x and y, in this order."""
        return axes_of(self.size, self.align_corners)

    @property
    def axes_with_length(self) -> tuple[Axis, Axis]:
        """The axes x and y, one without length taken to be as long as its pixel.

        So a picture one pixel wide can be measured, and a matrix in pixels keeps its inverse.
        """
        x, y = self.axes
        return Axis(x.span or 0.5, x.centre), Axis(y.span or 0.5, y.centre)

    @property
    def spans(self) -> Array:
        """How many pixels a normalised unit is long along x and y, (2,), as `axes_with_length` has them."""
        return np.array([axis.span for axis in self.axes_with_length])

    @property
    def edge_shares(self) -> tuple[float, float]:
        """Where 1 lies along x and y, as a share of the way from the middle to the outer edge; above 0."""
        if not self.align_corners:
            return 1.0, 1.0
        height, width = self.size
        return max(width - 1, 1) / max(width, 2), max(height - 1, 1) / max(height, 2)

    @property
    def pixel_from_normalised(self) -> Array:
        """The (3, 3) matrix from normalised coordinates (x, y, 1) to pixel index."""
        x, y = self.axes
        return np.array([[x.span, 0.0, x.centre], [0.0, y.span, y.centre], [0.0, 0.0, 1.0]])

    @property
    def normalised_from_pixel(self) -> Array:
        """The (3, 3) matrix from pixel index (x, y, 1) to normalised coordinates."""
        x, y = self.axes
        return np.array([[x.unit, 0.0, -x.centre * x.unit], [0.0, y.unit, -y.centre * y.unit], [0.0, 0.0, 1.0]])

    def to_pixels(self, points: NDArray[Any]) -> NDArray[Any]:
        """Convert normalised `points` (..., 2) to pixels; far outside they may become infinite."""
        return _scale_and_shift(points, self.pixel_from_normalised)

    def to_normalised(self, points: NDArray[Any]) -> NDArray[Any]:
        """Convert `points` (..., 2) in pixels to normalised coordinates; NaN for infinite ones on a one-pixel axis."""
        return _scale_and_shift(points, self.normalised_from_pixel)


def _scale_and_shift(points: NDArray[Any], matrix: Array) -> NDArray[Any]:
    # Axis by axis, not as a matrix product: a coordinate that is not finite says nothing about the other one.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(points * matrix.diagonal()[:2] + matrix[:2, 2])
