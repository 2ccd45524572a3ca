"""Specs: from the size of one image to the transform and the output size for it.

What a user asks for once ("turn by 17 degrees, fit") is another theta for every image size. A spec holds
what was asked; resolve() answers for one image. align_corners says what the normalised coordinates of the
answer mean.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError
from stnwarp.transforms import matrices
from stnwarp.transforms.absence import Absence, Frames
from stnwarp.transforms.absence_search import absence_of
from stnwarp.transforms.advice import numbers_advice, units_advice
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.moves import Move, check_clockwise, check_quad, forward_matrix, quad_matrix
from stnwarp.transforms.output_size import SizeMode, SizeRequest, fit
from stnwarp.transforms.pixels import frame_matrix, theta_from_pixel_matrix
from stnwarp.transforms.reference_size import of_another_size, of_other_proportions

NORMALISED_EXTENT = "between -1 and 1"

Size = tuple[int, int]


@dataclass(frozen=True)
class ImageWarp:
    """What one image is warped by, the (height, width) of the result, and what the user should hear about it."""

    transform: Transform
    size: Size
    warnings: tuple[str, ...] = ()


class WarpSpec(Protocol):
    """What was asked for, whatever the image."""

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """The transform and the output size for an image of *input_size* (height, width).

        Raises:
            SingularTransformError: an inverse is needed and there is none.
            ParameterError: a size that this spec cannot give.
        """

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """What is likely to be the reason that nothing of a picture comes out, or what to do: a clause of one line.

        *frames* are those that the spec was placed in; *file* is what says its numbers and their units, if that is
        a file.
        """


@dataclass(frozen=True)
class ThetaSpec:
    """A theta in normalised coordinates: the same for images of any size.

    An exact size samples the same frame more or less densely, as affine_grid does; fit keeps the pixels' own
    size. *made_for* is the size of the image that theta was made for, where it is known: one of other
    proportions is stretched differently, which is a warning.

    Raises:
        SingularTransformError: *inverse* of a transform that has none.
    """

    transform: MatrixTransform
    inverse: bool = False
    made_for: Size | None = None
    _theta: MatrixTransform = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_theta", self.transform.inverse() if self.inverse else self.transform)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        warnings = of_other_proportions(self.made_for, input_size)
        if request.mode is not SizeMode.FIT:
            return ImageWarp(self._theta, request.exact_or(input_size), warnings)
        reverse = frame_matrix(self._theta.theta, input_size, align_corners)
        image_warp = _fit_moves(reverse, matrices.invert(reverse, "theta"), input_size, align_corners)
        return replace(image_warp, warnings=warnings)

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        if absence is Absence.OUTSIDE and makes_something(
            lambda: PixelMatrixSpec(self.transform.theta, self.inverse), frames
        ):
            return units_advice("theta", Units.PIXEL, file)
        return numbers_advice("theta", absence, NORMALISED_EXTENT, file)


@dataclass(frozen=True, eq=False)
class PixelMatrixSpec:
    """A matrix in pixels, (2, 3) or (3, 3), from output pixel index to input pixel index.

    An exact size is a canvas of that many pixels, like OpenCV's dsize: nothing is stretched to it. The matrix
    is taken at its word for an image of any size: the same pixels are read, and nothing is stretched. What was
    made to turn about the centre of one size does not do so in another, though, so that any size but
    *made_for*, where it is known, is a warning.

    Raises:
        ShapeError, ThetaError: another shape, or numbers that are not finite.
        SingularTransformError: *inverse* of a matrix that has none.
    """

    matrix: Array
    inverse: bool = False
    made_for: Size | None = None
    _reverse: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = matrices.as_matrix(self.matrix, "the pixel matrix")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "_reverse", matrices.invert(matrix, "the pixel matrix") if self.inverse else matrix)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        return replace(
            self._place(input_size, request, align_corners), warnings=of_another_size(self.made_for, input_size)
        )

    def _place(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        if request.mode is SizeMode.FIT:
            forward = self.matrix if self.inverse else matrices.invert(self.matrix, "the pixel matrix")
            return _fit_moves(self._reverse, forward, input_size, align_corners)
        return _image_warp(self._reverse, input_size, request.exact_or(input_size), align_corners)

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        if absence is Absence.OUTSIDE and makes_something(
            lambda: ThetaSpec(MatrixTransform(self.matrix), self.inverse), frames
        ):
            return units_advice("theta", Units.NORMALIZED, file)
        return numbers_advice("theta", absence, f"from pixel {extent_text(frames.input_size)}", file)


@dataclass(frozen=True)
class MovesSpec:
    """Moves of the picture, in order, about its centre.

    An exact size samples the frame of the input's size more or less densely.
    """

    moves: tuple[Move, ...]
    inverse: bool = False

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        forward = forward_matrix(self.moves, input_size)
        reverse = matrices.invert(forward, "the mix of moves")
        if self.inverse:
            forward, reverse = reverse, forward
        if request.mode is SizeMode.FIT:
            return _fit_moves(reverse, forward, input_size, align_corners)
        image_warp = _image_warp(reverse, input_size, input_size, align_corners)
        return ImageWarp(image_warp.transform, request.exact_or(input_size))

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        if absence is Absence.OUTSIDE:
            return "it was moved out of the frame; --size fit follows it"
        if absence is Absence.BETWEEN:
            return "it was made too small; give a larger --scale, or --size fit, which follows it"
        return "it was enlarged too far; give a smaller --scale"


@dataclass(frozen=True, eq=False)
class CornersSpec:
    """Four corners in the input, clockwise from the top left, that become the corners of the output.

    Corners are pixel centres on both sides. Fit gives the output the mean length of the quad's opposite
    sides. Inverse puts the whole picture into the quad, on a canvas of the input's size, of an exact size, or
    one that fits. Counter-clockwise corners mirror the picture, and are taken with *allow_mirror* alone.

    Raises:
        ShapeError: not four points.  ParameterError: a quad that is not convex, or three of its corners on a
            line, or counter-clockwise ones.
    """

    corners: Array
    inverse: bool = False
    allow_mirror: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "corners", check_quad(self.corners))
        if not self.allow_mirror:
            check_clockwise(self.corners)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        if self.inverse:
            forward = quad_matrix(self.corners, input_size)
            return PixelMatrixSpec(forward, inverse=True).resolve(input_size, request, align_corners)
        size = self._own_size() if request.mode is SizeMode.FIT else request.exact_or(input_size)
        return _image_warp(quad_matrix(self.corners, size), input_size, size, align_corners)

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        if self.inverse:
            return "the corners lie outside the output, or too close together or too far apart; --size fit follows them"
        return f"the corners are pixels of the input, which lies from {extent_text(frames.input_size)}"

    def _own_size(self) -> Size:
        sides = np.roll(self.corners, -1, axis=0) - self.corners
        top, right, bottom, left = (float(length) for length in np.hypot(sides[:, 0], sides[:, 1]))
        # Centres that lie n pixels apart belong to n + 1 pixels: the quad of a whole image gives its own
        # size.
        return _whole((right + left) / 2) + 1, _whole((top + bottom) / 2) + 1


def makes_something(spec: Callable[[], WarpSpec], frames: Frames) -> bool:
    """Whether another *spec* would make something of a picture that nothing came of in *frames*."""
    try:
        image_warp = spec().resolve(frames.input_size, SizeRequest(), frames.align_corners)
    except ParameterError:
        return False
    return absence_of(image_warp.transform, replace(frames, output_size=image_warp.size)) is None


def extent_text(size: Size) -> str:
    """From which pixel to which an input of *size* lies."""
    return f"0,0 to {size[1] - 1},{size[0] - 1}"


def _whole(length: float) -> int:
    return math.floor(length + 0.5)


def _image_warp(reverse: Array, input_size: Size, output_size: Size, align_corners: bool) -> ImageWarp:
    theta = theta_from_pixel_matrix(reverse, input_size, output_size, align_corners)
    return ImageWarp(MatrixTransform(theta), output_size)


def _fit_moves(reverse: Array, forward: Array, input_size: Size, align_corners: bool) -> ImageWarp:
    matrix, size = fit(reverse, forward, input_size)
    return _image_warp(matrix, input_size, size, align_corners)
