"""The requested size of a result, and the smallest canvas that holds a picture after its moves."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stnwarp.errors import ParameterError
from stnwarp.text import truncate_repr
from stnwarp.transforms.matrices import Array, map_points, product, shift

# A picture that sticks out of its canvas by less than this, in pixels, does so by rounding alone.
_SLACK = 1e-6

_EXACT = re.compile(r"([0-9]{1,12})[xX×]([0-9]{1,12})")


class SizeMode(StrEnum):
    """What decides the output's size."""

    SAME = "same"
    FIT = "fit"
    EXACT = "exact"


@dataclass(frozen=True)
class SizeRequest:
    """The requested size of the output: the input's (SAME), what holds the picture (FIT), or `size` (EXACT).

    Args:
        mode: which of them.
        size: (height, width), with EXACT only.
    """

    mode: SizeMode = SizeMode.SAME
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if (self.mode is SizeMode.EXACT) != (self.size is not None):
            raise ParameterError(f"a size belongs to the mode exact and to no other, got {self.mode} and {self.size}")
        if self.size is not None and min(self.size) < 1:
            raise ParameterError(f"a size must be at least 1x1, got {self.size[1]}x{self.size[0]}")

    @classmethod
    def parse(cls, text: str) -> "SizeRequest":
        """Read 'same', 'fit' or 'WxH' (width first, as on the command line).

        Raises:
            ParameterError: anything else, the text named.
        """
        word = text.strip().lower()
        if word in (SizeMode.SAME, SizeMode.FIT):
            return cls(SizeMode(word))
        match = _EXACT.fullmatch(word)
        if match is None:
            raise ParameterError(f"size must be same, fit or WIDTHxHEIGHT such as 640x480, got {truncate_repr(text)}")
        return cls(SizeMode.EXACT, (int(match[2]), int(match[1])))

    def exact_or(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the exact size of the request, or `size` if it has none."""
        return self.size or size


def fit(reverse: Array, forward: Array, input_size: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """Find the smallest canvas that holds the whole picture after its moves, and the reverse mapping from it.

    Args:
        reverse: (3, 3), output pixel to input pixel on any canvas.
        forward: its inverse; taken rather than computed, since one of the two is always the exact one.
        input_size: (height, width) of the picture; its outer frame, half a pixel beyond the centres, is what
            must fit.

    Returns:
        The reverse matrix for the new canvas, and the canvas's (height, width). The picture's bounding box
        lies in the middle of the canvas, so a quarter turn gets its whole pixels and any other turn no
        lopsided margin.

    Raises:
        ParameterError: a homography whose horizon crosses the picture.
    """
    low, high = _bounding_box(forward, input_size)
    extent = high - low
    width, height = (max(1, math.ceil(length - _SLACK)) for length in extent)
    margin = (np.array([float(width), float(height)]) - extent) / 2
    origin = low - margin + 0.5  # the centre of the canvas's pixel (0, 0), on the old canvas
    return product(reverse, shift(origin[0], origin[1])), (height, width)


def _bounding_box(forward: Array, input_size: tuple[int, int]) -> tuple[Array, Array]:
    height, width = input_size
    right, bottom = width - 0.5, height - 0.5
    frame = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    with np.errstate(over="ignore", invalid="ignore"):
        depths = frame @ forward[2, :2] + forward[2, 2]
    moved = map_points(forward, frame)
    if depths.min() <= 0.0 <= depths.max():
        raise ParameterError(
            "size fit: the horizon of this homography crosses the picture, so it has no end; give same or WxH"
        )
    low, high = moved.min(axis=0), moved.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        endless = not np.isfinite(high - low).all()
    if endless:
        raise ParameterError("size fit: the moved picture is larger than any number; give same or WxH")
    return low, high
