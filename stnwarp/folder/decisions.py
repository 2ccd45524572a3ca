"""What is done with one image once its spec is known: it is placed, held to limits, or left as it is.

Convention: sizes are (height, width); transforms are normalised, output to input.
"""

from dataclasses import dataclass, replace

import numpy as np

from stnwarp.conventions import BeyondLimit
from stnwarp.folder.guides import Guidance
from stnwarp.folder.settings import Settings
from stnwarp.parallel import cache_calls
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.transforms import (
    Absence,
    CornersSpec,
    Frame,
    ImageWarp,
    LimitResult,
    Limits,
    MatrixTransform,
    PixelMatrixSpec,
    Transform,
    TransformSpec,
    WarpSpec,
    absence_warning,
    corner_displacement,
    through_viewport,
    tolerance,
    with_focal_length,
)

Size = tuple[int, int]

_SAME = SizeRequest()
_IDENTITY = TransformSpec(MatrixTransform(np.eye(3)))
_RESULTS = 32  # of limits: a folder has one transform, or one for each image, and few sizes


@dataclass(frozen=True)
class Decision:
    """What is done with one image of *input_size*, or with a *crop* of that size, which is taken for the image.

    *image_warp* is what it is warped by. *asked* is the transform that a guard put the one of *image_warp* in place
    of, None if none did. *limited* says which limits that one went beyond. *copied*: the pixels stay as they are;
    *image_warp* is the identity, and nothing is resampled. *absence* is what makes nothing of the picture, if
    anything does, and *advice* what to do about it. *draft* is what the sides of the image are divided by as it is
    decoded.
    """

    image_warp: ImageWarp
    input_size: Size
    crop: Rectangle | None = None
    asked: Transform | None = None
    limited: tuple[str, ...] = ()
    copied: bool = False
    absence: Absence | None = None
    advice: str = ""
    draft: int = 1

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should hear about it."""
        if self.absence is None:
            return self.image_warp.warnings
        return (*self.image_warp.warnings, absence_warning(self.absence, self.advice))


def decide(
    guidance: Guidance, input_size: Size, settings: Settings, focal_length_35mm: float | None = None
) -> Decision:
    """What is done with an image of *input_size*, cropped already, for which *guidance* has been found.

    *focal_length_35mm* is that of its camera, if its EXIF says it.

    Raises:
        ParameterError: the spec cannot place it, see `WarpSpec.resolve`, or the viewport lies where nothing is known.
    """
    guidance = replace(guidance, spec=with_focal_length(guidance.spec, focal_length_35mm))
    decision = _decide_canvas(guidance, input_size, settings)
    canvas = decision.image_warp
    shown = through_viewport(canvas, settings.viewport, Frame(input_size, settings.align_corners))
    return replace(
        decision,
        image_warp=shown,
        crop=guidance.crop or settings.crop,
        copied=decision.copied and shown is canvas,
    )


def _decide_canvas(guidance: Guidance, input_size: Size, settings: Settings) -> Decision:
    """The same for the whole output, whatever of it is to be made."""
    request = guidance.size or settings.size
    image_warp = guidance.spec.resolve(input_size, request, settings.align_corners)
    if guidance.copied:
        return Decision(image_warp, input_size, copied=image_warp.size == input_size)
    kept, beyond = _limited(guidance, image_warp, input_size, request, settings)
    left = bool(beyond) and settings.guards.beyond is BeyondLimit.LEAVE
    if left or _is_small(kept, input_size, settings):
        still = replace(_IDENTITY.resolve(input_size, request, settings.align_corners), warnings=image_warp.warnings)
        copied = still.size == input_size
        return Decision(still, input_size, asked=image_warp.transform, limited=beyond, copied=copied)
    return Decision(kept, input_size, asked=image_warp.transform if beyond else None, limited=beyond)


def _limited(
    guidance: Guidance, image_warp: ImageWarp, input_size: Size, request: SizeRequest, settings: Settings
) -> tuple[ImageWarp, tuple[str, ...]]:
    """*image_warp*, or what the limits leave of it; and what was beyond them, in words."""
    limits, align_corners = settings.guards.limits, settings.align_corners
    if limits is None:
        return image_warp, ()
    if _is_canvas(guidance.spec, request):
        canvas = guidance.spec.resolve(input_size, request.frame, align_corners)
        found = _apply(limits, canvas.transform, input_size, canvas.size, align_corners)
        return (replace(image_warp, transform=found.transform) if found.beyond else image_warp), found.beyond
    # Sampled at another density the frame is the same, and one that was fitted has to be fitted again.
    same_size_warp = guidance.spec.resolve(input_size, _SAME, align_corners)
    output_size = guidance.canvas or same_size_warp.size
    found = _apply(limits, same_size_warp.transform, input_size, output_size, align_corners)
    if not found.beyond:
        return image_warp, ()
    again = TransformSpec(found.transform).resolve(input_size, request, align_corners)
    return replace(again, warnings=image_warp.warnings), found.beyond


@cache_calls(_RESULTS)
def _apply(
    limits: Limits, transform: Transform, input_size: Size, output_size: Size, align_corners: bool
) -> LimitResult:
    """Apply `limits`, once for all images of one size that have one transform."""
    return limits.apply(transform, input_size, output_size, align_corners)


def _is_canvas(spec: WarpSpec, request: SizeRequest) -> bool:
    """Whether the pixels of an output of the size asked for are as large as the input's."""
    if isinstance(spec, CornersSpec):
        return request.mode is not SizeMode.INNER
    return isinstance(spec, PixelMatrixSpec) and request.mode is SizeMode.EXACT


def _is_small(image_warp: ImageWarp, input_size: Size, settings: Settings) -> bool:
    """Whether the move is not worth a resample, where nothing else asks for one."""
    threshold = settings.guards.skip_below
    if threshold is None or image_warp.size != input_size:
        return False
    moved = corner_displacement(image_warp.transform, Frame(input_size, settings.align_corners))
    return moved <= threshold + tolerance(threshold)
