"""Specs: from the size of one image to the transform and the output size for it.

What a user asks for once ("turn by 17 degrees, fit") is another theta for every image size. A spec holds
the request; resolve() answers it for one image size, once for all images of that size. align_corners says
what the normalised coordinates of the answer mean.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError
from stnwarp.parallel import cache_calls
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.transforms import matrices
from stnwarp.transforms.absence import Absence, WarpFrames
from stnwarp.transforms.absence_search import absence_of
from stnwarp.transforms.advice import numbers_advice, units_advice
from stnwarp.transforms.base import Transform
from stnwarp.transforms.frame import Frame, Size
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.moves import Move, forward_matrix
from stnwarp.transforms.output_size import fit_frame, inner_frame
from stnwarp.transforms.pixels import frame_matrix, theta_from_pixel_matrix
from stnwarp.transforms.reference_size import proportion_warnings, size_warnings

NORMALISED_EXTENT = "between -1 and 1"
ANSWERS = 32  # kept for each kind of spec: a folder has one spec and few sizes


@dataclass(frozen=True)
class ImageWarp:
    """The transform of one image, the (height, width) of its result, and warnings and notes for the user."""

    transform: Transform
    size: Size
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class WarpSpec(Protocol):
    """A requested warp, whatever the image."""

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """Return the transform and the output size for an image of `input_size` (height, width).

        Raises:
            SingularTransformError: an inverse is needed and there is none.
            ParameterError: a size that this spec cannot give.
        """

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """Say why nothing of a picture is likely to come out, or what to do about it, in a clause of one line.

        `frames` are those that the spec was resolved for; `file` is the one with its numbers and their units, if
        they are in a file.
        """


@dataclass(frozen=True)
class ThetaSpec:
    """A theta in normalised coordinates: the same for images of any size.

    An exact size samples the same frame more or less densely, as affine_grid does; fit and inner keep the pixels'
    own size, unless they have a scale.

    Args:
        transform: output to input, normalised.
        inverse: use the inverse of `transform`.
        reference_size: (height, width) of the image that theta was made for, where it is known: one of other
            proportions is stretched differently, which is a warning.

    Raises:
        SingularTransformError: `inverse` of a transform that has none.
    """

    transform: MatrixTransform
    inverse: bool = False
    reference_size: Size | None = None
    _reverse: MatrixTransform = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reverse", self.transform.inverse() if self.inverse else self.transform)

    @cache_calls(ANSWERS)
    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        warnings = proportion_warnings(self.reference_size, input_size)
        if request.mode not in _FRAMES:
            return ImageWarp(self._reverse, request.output_size(input_size), warnings)
        frame = Frame(input_size, align_corners)
        reverse = frame_matrix(self._reverse.theta, frame)
        return replace(_framed(reverse, matrices.invert(reverse, "theta"), frame, request), warnings=warnings)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        if absence is Absence.OUTSIDE and shows_picture(
            lambda: PixelMatrixSpec(self.transform.theta, self.inverse), frames
        ):
            return units_advice("theta", Units.PIXEL, file)
        return numbers_advice("theta", absence, NORMALISED_EXTENT, file)


@dataclass(frozen=True, eq=False)
class PixelMatrixSpec:
    """A matrix in pixels, (2, 3) or (3, 3), from output pixel index to input pixel index.

    An exact size is a canvas of that many pixels, like OpenCV's dsize: nothing is stretched to it. Same with a scale
    samples the canvas of the input's size more or less densely. The matrix means the same pixels in an image of any
    size. One that turns about the centre of one size does not do so in another, though, so that any size but
    `reference_size`, where it is known, is a warning.

    Args:
        matrix: as above.
        inverse: use the inverse of `matrix`.
        reference_size: (height, width) of the image that the matrix was made for.

    Raises:
        ShapeError, ThetaError: another shape, or numbers that are not finite.
        SingularTransformError: `inverse` of a matrix that has none.
    """

    matrix: Array
    inverse: bool = False
    reference_size: Size | None = None
    _reverse: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = matrices.as_matrix(self.matrix, "the pixel matrix")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "_reverse", matrices.invert(matrix, "the pixel matrix") if self.inverse else matrix)

    @cache_calls(ANSWERS)
    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        frame = Frame(input_size, align_corners)
        warnings = size_warnings(self.reference_size, input_size)
        if request.mode in _FRAMES:
            return replace(_framed(self._reverse, self._forward, frame, request), warnings=warnings)
        canvas = request.frame.output_size(input_size)
        image_warp = matrix_warp(self._reverse, frame, canvas)
        return ImageWarp(image_warp.transform, request.output_size(canvas), warnings)

    @cached_property
    def _forward(self) -> Array:
        return self.matrix if self.inverse else matrices.invert(self.matrix, "the pixel matrix")

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        if absence is Absence.OUTSIDE and shows_picture(
            lambda: ThetaSpec(MatrixTransform(self.matrix), self.inverse), frames
        ):
            return units_advice("theta", Units.NORMALIZED, file)
        return numbers_advice("theta", absence, f"from pixel {extent_text(frames.source.size)}", file)


@dataclass(frozen=True)
class MovesSpec:
    """Moves of the picture, in order, about its centre.

    An exact size samples the frame of the input's size more or less densely.

    Args:
        moves: as above.
        inverse: undo them.
        center: the pixel (x, y) of the input that all but shifts keep in place, instead of its centre.
    """

    moves: tuple[Move, ...]
    inverse: bool = False
    center: tuple[float, float] | None = None

    @cache_calls(ANSWERS)
    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        reverse, forward = self._matrices(input_size)
        frame = Frame(input_size, align_corners)
        if request.mode in _FRAMES:
            return _framed(reverse, forward, frame, request)
        image_warp = matrix_warp(reverse, frame, input_size)
        return ImageWarp(image_warp.transform, request.output_size(input_size))

    @cache_calls(ANSWERS)
    def _matrices(self, input_size: Size) -> tuple[Array, Array]:
        """Return the reverse and the forward matrix, in pixels."""
        forward = forward_matrix(self.moves, input_size, self.center)
        reverse = matrices.invert(forward, "the mix of moves")
        return (forward, reverse) if self.inverse else (reverse, forward)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        if absence is Absence.OUTSIDE:
            return "it was moved out of the frame; --size fit follows it"
        if absence is Absence.BETWEEN:
            return "it was made too small; give a larger --scale, or --size fit, which follows it"
        return "it was enlarged too far; give a smaller --scale"


def shows_picture(spec: Callable[[], WarpSpec], frames: WarpFrames) -> bool:
    """Whether another `spec` would show something of a picture of which nothing is in the output of `frames`."""
    source = frames.source
    try:
        image_warp = spec().resolve(source.size, SizeRequest(), source.align_corners)
    except ParameterError:
        return False
    return absence_of(image_warp.transform, replace(frames, output=source.with_size(image_warp.size))) is None


def extent_text(size: Size) -> str:
    """Say from which pixel to which an input of `size` lies."""
    return f"0,0 to {size[1] - 1},{size[0] - 1}"


def matrix_warp(reverse: Array, frame: Frame, output_size: Size) -> ImageWarp:
    """Warp an image of `frame` by `reverse`, a matrix in pixels."""
    theta = theta_from_pixel_matrix(reverse, frame.size, output_size, frame.align_corners)
    return ImageWarp(MatrixTransform(theta), output_size)


def _framed(reverse: Array, forward: Array, frame: Frame, request: SizeRequest) -> ImageWarp:
    """Warp an image of `frame` by `reverse`, the inverse of `forward`, to the output's frame of `request`."""
    output = _FRAMES[request.mode](reverse, forward, frame.size)
    size = request.output_size(output.size)
    return matrix_warp(matrices.product(reverse, output.sampled_at(size)), frame, size)


_FRAMES = {SizeMode.FIT: fit_frame, SizeMode.INNER: inner_frame}
