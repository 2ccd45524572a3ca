"""The spec of four corners in the input, such as those of a page in a photograph."""

from dataclasses import dataclass, replace

from stnwarp.parallel import cache_calls
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.transforms.absence import Absence, WarpFrames
from stnwarp.transforms.aspect_ratio import check_aspect, check_focal_length, page_size
from stnwarp.transforms.frame import Frame, Size
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.moves import check_clockwise, check_quad, quad_matrix
from stnwarp.transforms.specs import ANSWERS, ImageWarp, PixelMatrixSpec, WarpSpec, extent_text, matrix_warp


@dataclass(frozen=True, eq=False)
class CornersSpec:
    """Four corners in the input, clockwise from the top left, that become the corners of the output.

    Corners are pixel centres on both sides, whatever the size of the output. Fit gives the output the aspect ratio of a
    page in a photograph, see `aspect_ratio.page_size`. Inner is the largest frame within the whole picture, moved so
    that the quad is of the size that fit gives it. The inverse puts the whole picture into the quad, on a canvas of the
    input's size, of an exact size, or one that fits. Counter-clockwise corners mirror the picture, and need
    `allow_mirror`.

    Args:
        corners: (4, 2) in (x, y), pixels of the input.
        inverse, allow_mirror: as above.
        aspect: width / height of an output that fits; estimated from the corners where it is None.
        focal_length_35mm: of the camera, in mm on 35 mm film, as EXIF has it; for that estimate.

    Raises:
        ShapeError: not four points.  ParameterError: a quad that is not convex, or three of its corners on a
            line, or counter-clockwise ones; an aspect ratio or a focal length that cannot be one.
    """

    corners: Array
    inverse: bool = False
    allow_mirror: bool = False
    aspect: float | None = None
    focal_length_35mm: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "corners", check_quad(self.corners))
        if not self.allow_mirror:
            check_clockwise(self.corners)
        if self.aspect is not None:
            check_aspect(self.aspect)
        if self.focal_length_35mm is not None:
            check_focal_length(self.focal_length_35mm)

    @cache_calls(ANSWERS)
    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        if self.inverse:
            forward = quad_matrix(self.corners, input_size)
            return PixelMatrixSpec(forward, inverse=True).resolve(input_size, request, align_corners)
        size, notes = input_size, tuple[str, ...]()
        if request.mode in (SizeMode.FIT, SizeMode.INNER):
            size, note = page_size(self.corners, input_size, self.aspect, self.focal_length_35mm)
            notes = (note,)
        if request.mode is SizeMode.INNER:
            image_warp = PixelMatrixSpec(quad_matrix(self.corners, size)).resolve(input_size, request, align_corners)
        else:
            size = request.output_size(size)
            image_warp = matrix_warp(quad_matrix(self.corners, size), Frame(input_size, align_corners), size)
        return replace(image_warp, notes=notes)

    @cache_calls(ANSWERS)
    def with_focal_length(self, focal_length_35mm: float) -> "CornersSpec":
        """Return the spec for photographs of this focal length, which is the same object for all of them."""
        return replace(self, focal_length_35mm=focal_length_35mm)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        if self.inverse:
            return "the corners lie outside the output, or too close together or too far apart; --size fit follows them"
        return f"the corners are pixels of the input, which lies from {extent_text(frames.source.size)}"


def with_focal_length(spec: WarpSpec, focal_length_35mm: float | None) -> WarpSpec:
    """Return `spec` for a photograph of this focal length, in mm on 35 mm film; None if it is not known.

    Corners alone depend on it.
    """
    if focal_length_35mm is None or not isinstance(spec, CornersSpec):
        return spec
    return spec.with_focal_length(focal_length_35mm)
