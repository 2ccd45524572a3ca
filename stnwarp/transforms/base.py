"""The base class of every transform.

Convention: reverse mapping; a transform takes normalised (x, y) of the output to those of the input.
"""

from abc import ABC, abstractmethod

from numpy.typing import ArrayLike

from stnwarp.transforms.matrices import Array


class Transform(ABC):
    """A mapping of normalised output coordinates to normalised input coordinates."""

    @abstractmethod
    def map_points(self, points: ArrayLike) -> Array:
        """Map output `points` (..., 2), last axis (x, y), to the input; both normalised."""

    @abstractmethod
    def inverse(self) -> "Transform":
        """Return the mapping that undoes this one; SingularTransformError where there is none."""
