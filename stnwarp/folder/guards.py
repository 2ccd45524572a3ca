"""What holds a transformation back: limits to it, and moves that are not worth a resample."""

import math
from dataclasses import dataclass

from stnwarp.conventions import BeyondLimit
from stnwarp.errors import ParameterError
from stnwarp.transforms import Limits


@dataclass(frozen=True)
class Guards:
    """What holds the transformations of a run back.

    *limits*: a transformation beyond them is clamped to them, or leaves the image alone. *skip_below*: a move of no
    corner of the picture by more than so many pixels is not worth a resample.

    Raises:
        ParameterError: *skip_below* is no number of pixels.
    """

    limits: Limits | None = None
    beyond: BeyondLimit = BeyondLimit.CLAMP
    skip_below: float | None = None

    def __post_init__(self) -> None:
        if self.skip_below is not None and not 0 <= self.skip_below < math.inf:
            raise ParameterError(f"skip_below must be a number of pixels, 0 or more, got {self.skip_below}")
