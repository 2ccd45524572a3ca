"""What is done with one image once its recipe is known: it is placed, held to limits, or left as it is.

Convention: sizes are (height, width); transforms are normalised, output to input.
"""

from dataclasses import dataclass, replace

import numpy as np

from stnwarp.conventions import BeyondLimit
from stnwarp.folder.guides import Guidance
from stnwarp.folder.settings import Settings
from stnwarp.transforms import (
    Absence,
    CornersRecipe,
    MatrixTransform,
    PixelRecipe,
    Placed,
    Recipe,
    SizeMode,
    SizeRequest,
    Transform,
    TransformRecipe,
    absence_warning,
    corner_displacement,
    slack,
)

Size = tuple[int, int]

_SAME = SizeRequest()
_IDENTITY = TransformRecipe(MatrixTransform(np.eye(3)))


@dataclass(frozen=True)
class Decision:
    """What is done with one image of *input_size*.

    *placed* is what it is warped by. *asked* is the transform that a guard put the one of *placed* in place of, None
    if none did. *limited* says which limits that one went beyond. *copied*: the pixels stay as they are; *placed* is
    the identity, and nothing is resampled. *absence* is what makes nothing of the picture, if anything does, and
    *advice* what to do about it.
    """

    placed: Placed
    input_size: Size
    asked: Transform | None = None
    limited: tuple[str, ...] = ()
    copied: bool = False
    absence: Absence | None = None
    advice: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should hear about it."""
        if self.absence is None:
            return self.placed.warnings
        return (*self.placed.warnings, absence_warning(self.absence, self.advice))


def decide(guidance: Guidance, input_size: Size, settings: Settings) -> Decision:
    """What is done with an image of *input_size*, for which *guidance* has been found.

    Raises:
        ParameterError: the recipe cannot place it, see `Recipe.place`.
    """
    request = guidance.size or settings.size
    placed = guidance.recipe.place(input_size, request, settings.align_corners)
    if guidance.copied:
        return Decision(placed, input_size, copied=placed.size == input_size)
    kept, beyond = _limited(guidance, placed, input_size, request, settings)
    left = bool(beyond) and settings.guards.beyond is BeyondLimit.LEAVE
    if left or _is_small(kept, input_size, settings):
        still = replace(_IDENTITY.place(input_size, request, settings.align_corners), warnings=placed.warnings)
        return Decision(still, input_size, placed.transform, beyond, copied=still.size == input_size)
    return Decision(kept, input_size, placed.transform if beyond else None, beyond)


def _limited(
    guidance: Guidance, placed: Placed, input_size: Size, request: SizeRequest, settings: Settings
) -> tuple[Placed, tuple[str, ...]]:
    """*placed*, or what the limits leave of it; and what was beyond them, in words."""
    limits, align_corners = settings.guards.limits, settings.align_corners
    if limits is None:
        return placed, ()
    if _is_canvas(guidance.recipe, request):
        found = limits.apply(placed.transform, input_size, placed.size, align_corners)
        return (replace(placed, transform=found.transform) if found.beyond else placed), found.beyond
    # Sampled at another density the frame is the same, and one that was fitted has to be fitted again.
    frame = guidance.recipe.place(input_size, _SAME, align_corners)
    found = limits.apply(frame.transform, input_size, guidance.canvas or frame.size, align_corners)
    if not found.beyond:
        return placed, ()
    again = TransformRecipe(found.transform).place(input_size, request, align_corners)
    return replace(again, warnings=placed.warnings), found.beyond


def _is_canvas(recipe: Recipe, request: SizeRequest) -> bool:
    """Whether the pixels of an output of the size asked for are as large as the input's."""
    return isinstance(recipe, CornersRecipe) or (isinstance(recipe, PixelRecipe) and request.mode is SizeMode.EXACT)


def _is_small(placed: Placed, input_size: Size, settings: Settings) -> bool:
    """Whether the move is not worth a resample, where nothing else asks for one."""
    threshold = settings.guards.skip_below
    if threshold is None or placed.size != input_size:
        return False
    moved = corner_displacement(placed.transform, input_size, settings.align_corners)
    return moved <= threshold + slack(threshold)
