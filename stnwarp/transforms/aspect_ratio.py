"""The aspect ratio of a page in a photograph, estimated from its corners, and the size that a flat page gets.

Convention: pixel indices (x, y) with centres at integers, x to the right, y down; sizes are (height, width); an aspect
ratio is width / height; focal lengths are in pixels unless their name says otherwise.
"""

import math
from dataclasses import dataclass

import numpy as np

from stnwarp.errors import ParameterError
from stnwarp.transforms.frame import Size
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.moves import quad_matrix

_FILM_DIAGONAL = math.hypot(36.0, 24.0)  # mm, of a frame of 35 mm film
_FOCAL_RANGE = (0.5, 3.0)  # of lenses, in longer sides of the picture; vanishing points that say otherwise are noise
_ASPECT_RANGE = (1e-3, 1e3)
_PARALLEL = 1e-9  # how much nearer one corner of a parallelogram may be than another, by rounding alone


@dataclass(frozen=True)
class AspectEstimate:
    """An aspect ratio, width / height, and the focal length in pixels that gave it, None where none was needed.

    `source` says in words where it comes from.
    """

    ratio: float
    source: str
    focal_length: float | None = None

    def describe(self) -> str:
        """Say it in a clause of one line."""
        pixels = "" if self.focal_length is None else f" of {self.focal_length:.0f} pixels"
        return f"aspect ratio {self.ratio:.4g}, {self.source}{pixels}"


def estimate_aspect(quad: Array, input_size: Size, focal_length_35mm: float | None = None) -> AspectEstimate:
    """Estimate the aspect ratio of the rectangle that a pinhole camera sees as `quad`.

    Its pixels are square, and its principal point is the middle of the picture. The focal length is the one told; else
    the one under which the sides meet at right angles, where that is one of 0.5 to 3 times the longer side of the
    picture; else as long as that side. The sides of a parallelogram, whose distance from the camera is the same all
    over, have the ratio themselves, whatever the focal length.

    Args:
        quad: (4, 2), convex, in (x, y): top left, top right, bottom right and bottom left of the rectangle.
        input_size: (height, width) of the whole photograph.
        focal_length_35mm: focal length in mm of the camera with the same diagonal angle of view on 35 mm film, as in
            EXIF's FocalLengthIn35mmFilm.

    Source: Zhang and He, Whiteboard scanning and image enhancement, Digital Signal Processing 17, 2007, section 4.
    """
    height, width = input_size
    matrix = quad_matrix(quad - np.array([(width - 1) / 2, (height - 1) / 2]), (2, 2))
    # The unit vectors of the rectangle as the camera sees them, up to one factor: K (r1 W, r2 H) in Zhang and He.
    across, down = matrix[:, 0], matrix[:, 1]
    if max(abs(across[2]), abs(down[2])) <= _PARALLEL:
        return AspectEstimate(_length(across, 1.0) / _length(down, 1.0), "that of the sides of a parallelogram")
    focal_length, source = _focal_length(across, down, input_size, focal_length_35mm)
    return AspectEstimate(_length(across, focal_length) / _length(down, focal_length), source, focal_length)


def page_size(
    quad: Array, input_size: Size, aspect: float | None = None, focal_length_35mm: float | None = None
) -> tuple[Size, str]:
    """Return the (height, width) that the page within `quad` gets when it is flat, and where it comes from, in words.

    It is as wide as the longer of the top and the bottom, and as high as the longer of the left and the right side;
    then one of the two is enlarged to the aspect ratio.

    Args:
        quad: as in `estimate_aspect`; its corners are the centres of the corner pixels of the output.
        input_size: (height, width) of the whole photograph.
        aspect: width / height of the output; estimated where it is None.
        focal_length_35mm: as in `estimate_aspect`.
    """
    sides = np.roll(quad, -1, axis=0) - quad
    top, right, bottom, left = (float(length) for length in np.hypot(sides[:, 0], sides[:, 1]))
    width, height = max(top, bottom), max(left, right)
    # Centres that lie n pixels apart belong to n + 1 pixels: the quad of a whole picture gives its own size.
    if aspect is not None:
        width, height = _enlarge(width + 1, height + 1, aspect)
        return (round(height), round(width)), f"aspect ratio {aspect:.4g}, as it was given"
    estimate = estimate_aspect(quad, input_size, focal_length_35mm)
    width, height = _enlarge(width, height, estimate.ratio)
    return (round(height) + 1, round(width) + 1), estimate.describe()


def check_aspect(aspect: float) -> None:
    """Raise ParameterError unless `aspect` is width / height of something that can be a page."""
    low, high = _ASPECT_RANGE
    if not low <= aspect <= high:  # written so that NaN fails as well
        raise ParameterError(f"an aspect ratio must lie between {low:g} and {high:g}, got {aspect:g}")


def check_focal_length(focal_length: float) -> None:
    """Raise ParameterError unless `focal_length` is finite and more than 0."""
    if not 0.0 < focal_length < math.inf:
        raise ParameterError(f"a focal length must be finite and more than 0, got {focal_length:g}")


def _focal_length(across: Array, down: Array, input_size: Size, focal_length_35mm: float | None) -> tuple[float, str]:
    if focal_length_35mm is not None:
        return focal_length_35mm / _FILM_DIAGONAL * math.hypot(*input_size), "by the EXIF's focal length"
    longer_side = float(max(input_size))
    lowest, highest = (side * longer_side for side in _FOCAL_RANGE)
    # Where one pair of sides stays parallel there is but one vanishing point, and the square is anything.
    depths = float(across[2] * down[2])
    square = -float(across[0] * down[0] + across[1] * down[1]) / depths if depths else math.inf
    if lowest**2 <= square <= highest**2:
        return math.sqrt(square), "by the vanishing points' focal length"
    return longer_side, "by an assumed focal length"


def _length(direction: Array, focal_length: float) -> float:
    x, y, depth = (float(entry) for entry in direction)
    return math.hypot(x / focal_length, y / focal_length, depth)


def _enlarge(width: float, height: float, ratio: float) -> tuple[float, float]:
    return max(width, height * ratio), max(height, width / ratio)
