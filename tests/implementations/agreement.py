"""How near a peer's result must be to ours before the two count as the same work."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Results = Sequence[object]  # of one call: arrays, or whatever becomes one (Pillow's images, torch's tensors)


@dataclass(frozen=True)
class Agreement:
    """What may lie between a peer's result and ours, and why.

    A place that is wrong by d pixels makes a sample wrong by at most d times the steepest step between neighbouring
    pixels, along each axis, or makes another pixel the nearest one. So a coordinate's error is given in pixels, a
    value's own in the units of the samples.

    Attributes:
        why: the reason, in words.
        values: error of a sample itself; of float arrays, as a share of the largest sample.
        pixels: error of a coordinate, in pixels.
        per_pixel: error of a coordinate that grows with the image: a share of its longer side.
        share: the share of samples that may differ by more, as where a tie is rounded the other way.
        worst: how far these few may be off.
        is_rim_alike: whether the fill is blended in at the rim as by us; else only samples from inside are compared.
    """

    why: str
    values: float = 0.0
    pixels: float = 0.0
    per_pixel: float = 0.0
    share: float = 0.0
    worst: float = np.inf
    is_rim_alike: bool = True

    def coordinate_error(self, size: tuple[int, ...]) -> float:
        """How far a place in an image of *size* may be off, in pixels."""
        return self.pixels + self.per_pixel * max(size)

    def differences(self, ours: Results, theirs: Results, slack: "float | NDArray[np.floating]") -> list[str]:
        """What is wrong with *theirs*, result by result; *slack* is what coordinates excuse."""
        pairs = zip(map(as_array, ours), map(as_array, theirs), strict=True)
        found = [self._difference(one, other, slack) for one, other in pairs]
        return [difference for difference in found if difference]

    def _difference(self, ours: Array, theirs: Array, slack: "float | NDArray[np.floating]") -> str:
        if ours.shape != theirs.shape:
            return f"shape {theirs.shape} instead of {ours.shape}"
        unit = 1.0 if ours.dtype.kind == "u" else max(1.0, float(np.abs(theirs).max()))
        gap = np.abs(ours.astype(np.float64) - theirs)
        over = gap > self.values * unit + slack
        if over.mean() <= self.share and (gap <= np.maximum(self.worst * unit, slack)).all():
            return ""
        return f"{over.mean():.2%} of the samples differ by more than {self.why} explains, by up to {gap.max():.3g}"


def as_array(result: object) -> Array:
    """What an implementation returned, as an array."""
    return np.asarray(result.detach() if hasattr(result, "detach") else result)
