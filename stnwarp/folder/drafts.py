"""JPEGs that are decoded at a half, a quarter or an eighth, where their warp would average as many pixels anyway."""

from stnwarp.conventions import Interpolation
from stnwarp.folder.decisions import Decision
from stnwarp.folder.settings import Settings
from stnwarp.images.probe import ImageHeader
from stnwarp.transforms import Frame, least_shrink

FACTORS = (8, 4, 2)  # that libjpeg offers for little
LEAST_BOXES = 3.5  # FINEST of `kernels.geometry.footprints`: from there on the warp itself reads means of boxes
_ROUNDING = 1e-9  # relative, of the least shrink


def draft_factor(decision: Decision, header: ImageHeader, settings: Settings) -> int:
    """By what the sides of the image of *header* can be divided as it is decoded for *decision*; 1 if by nothing.

    Each pixel of a draft is the mean of a square of pixels, counted from the image's first pixel on. So the sides of
    the image have to be multiples of the factor, and those of a crop and where it lies, too: what the last squares of
    others are filled up with is the encoder's affair.
    """
    if not _takes_draft(decision, header, settings):
        return 1
    source = Frame(decision.input_size, settings.align_corners)
    image_warp = decision.image_warp
    most = least_shrink(image_warp.transform, source, source.with_size(image_warp.size)) / LEAST_BOXES
    numbers = [*header.size, *_crop_numbers(decision)]
    for factor in FACTORS:
        fits = not any(number % factor for number in numbers) and min(decision.input_size) > factor
        if fits and factor <= most * (1 + _ROUNDING):
            return factor
    return 1


def _takes_draft(decision: Decision, header: ImageHeader, settings: Settings) -> bool:
    """Whether anything but the geometry is against a draft."""
    averages = settings.antialias and settings.interpolation is not Interpolation.NEAREST
    return settings.draft and header.has_drafts and averages and not decision.copied


def _crop_numbers(decision: Decision) -> tuple[int, ...]:
    crop = decision.crop
    return () if crop is None else (crop.x, crop.y, crop.width, crop.height)
