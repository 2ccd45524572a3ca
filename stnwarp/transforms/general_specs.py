"""Specs of any transform in normalised coordinates, and of sampling grids.

Convention: as in `specs`.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from stnwarp.errors import ParameterError
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.transforms.absence import Absence, WarpFrames
from stnwarp.transforms.advice import numbers_advice
from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import between_edges, compose
from stnwarp.transforms.frame import Frame, Size
from stnwarp.transforms.inner_frame import largest_square
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.output_size import square_frame
from stnwarp.transforms.pixels import theta_from_pixel_matrix
from stnwarp.transforms.reference_size import proportion_warnings
from stnwarp.transforms.sampling_grid import SamplingGrid
from stnwarp.transforms.specs import NORMALISED_EXTENT, ImageWarp, ThetaSpec


@dataclass(frozen=True)
class GridSpec:
    """A sampling grid: it has its own output size, and no inverse. `reference_size` is as in `ThetaSpec`."""

    grid: SamplingGrid
    inverse: bool = False
    reference_size: Size | None = None

    def __post_init__(self) -> None:
        if self.inverse:
            self.grid.inverse()

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`; the grid is converted to `align_corners`, and reads the same pixels."""
        height, width = self.grid.size
        if request != SizeRequest() and request.size != self.grid.size:
            raise ParameterError(f"a sampling grid gives the size it was made for, {width}x{height}; leave --size out")
        warnings = proportion_warnings(self.reference_size, input_size)
        if self.grid.align_corners == align_corners:
            return ImageWarp(self.grid, self.grid.size, warnings)
        pixels = Frame(input_size, self.grid.align_corners).pixel_from_normalised
        change = Frame(input_size, align_corners).normalised_from_pixel @ pixels
        # Axis by axis, not as a matrix product: a coordinate that is not finite says nothing about the other one.
        points = (self.grid.grid * np.diagonal(change)[:2] + change[:2, 2]).astype(self.grid.grid.dtype)
        return ImageWarp(SamplingGrid(points, align_corners), self.grid.size, warnings)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        return numbers_advice("the grid", absence, NORMALISED_EXTENT, file)


@dataclass(frozen=True)
class TransformSpec:
    """Any transform in normalised coordinates, for images of any size; for a matrix the same as `ThetaSpec`.

    An exact size samples the same frame more or less densely. Only a matrix can be fitted: where a spline leaves a
    picture is not known beyond its frame. Inner is the largest frame within that of such a transform. `reference_size`
    is as in `ThetaSpec`.

    Raises:
        SingularTransformError: `inverse` of a transform that has none.
    """

    transform: Transform
    inverse: bool = False
    reference_size: Size | None = None
    _reverse: Transform = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reverse", self.transform.inverse() if self.inverse else self.transform)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        if isinstance(self._reverse, MatrixTransform):
            spec = ThetaSpec(self._reverse, reference_size=self.reference_size)
            return spec.resolve(input_size, request, align_corners)
        if isinstance(self._reverse, SamplingGrid):
            return GridSpec(self._reverse, reference_size=self.reference_size).resolve(
                input_size, request, align_corners
            )
        if request.mode is SizeMode.FIT:
            raise ParameterError(
                "size fit is for matrices, and this transform bends the picture; give same, inner or WxH"
            )
        warnings = proportion_warnings(self.reference_size, input_size)
        if request.mode is SizeMode.INNER:
            return replace(_inner(self._reverse, Frame(input_size, align_corners), request), warnings=warnings)
        return ImageWarp(self._reverse, request.output_size(input_size), warnings)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        if isinstance(self.transform, MatrixTransform):
            return ThetaSpec(self.transform, self.inverse).advice(absence, frames, file)
        return numbers_advice("the transformation", absence, NORMALISED_EXTENT, file)


def _inner(transform: Transform, frame: Frame, request: SizeRequest) -> ImageWarp:
    """Warp an image of `frame` by `transform` to the largest part of the output's frame that is without fill."""
    output = square_frame(largest_square(between_edges(transform, frame, frame)), frame.size)
    size = request.output_size(output.size)
    part = theta_from_pixel_matrix(output.sampled_at(size), frame.size, size, frame.align_corners)
    return ImageWarp(compose(transform, MatrixTransform(part)), size)
