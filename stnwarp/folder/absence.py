"""Images of which nothing comes out: told by the geometry of the warp, and confirmed by its result."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stnwarp.folder.decisions import Decision
from stnwarp.folder.guides import Guidance
from stnwarp.folder.settings import Settings
from stnwarp.transforms import VIEWPORT_ADVICE, Absence, Frame, WarpFrames, absence_of

_FEW = 8  # rows that tell most pictures from a single colour


def with_absence(decision: Decision, guidance: Guidance, settings: Settings) -> Decision:
    """*decision*, made on *guidance*, with what makes nothing of the picture; a copy always has all of it."""
    if decision.copied:
        return decision
    image_warp = decision.image_warp
    source = Frame(decision.input_size, settings.align_corners)
    frames = WarpFrames(source, source.with_size(image_warp.size), settings.interpolation)
    absence = absence_of(image_warp.transform, frames)
    if absence is None:
        return decision
    if settings.viewport is not None:
        advice = VIEWPORT_ADVICE
    else:
        advice = guidance.advice or guidance.spec.advice(absence, frames, guidance.file)
    return replace(decision, absence=absence, advice=advice)


def confirmed(decision: Decision, result: NDArray[np.generic], settings: Settings) -> Decision:
    """*decision* without its absence if *result*, where all should be the fill, shows something after all."""
    nowhere = decision.absence in (Absence.OUTSIDE, Absence.BETWEEN)
    if nowhere and settings.padding_mode.takes_fill and not _is_one_colour(result):
        return replace(decision, absence=None)
    return decision


def _is_one_colour(image: NDArray[np.generic]) -> bool:
    """Whether all pixels of *image*, (H, W) or (H, W, C), are the same; a few rows are looked at first."""
    step = max(1, len(image) // _FEW)
    return _are(image[::step], image[0, 0]) and _are(image, image[0, 0])


def _are(pixels: NDArray[np.generic], value: NDArray[np.generic]) -> bool:
    """Whether *pixels* all have that *value*, be it NaN."""
    if pixels.dtype.kind == "f" and bool(np.isnan(value).any()):
        return bool(np.isnan(pixels).all())
    return bool((pixels == value).all())
