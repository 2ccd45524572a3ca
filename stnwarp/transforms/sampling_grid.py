"""Sampling grids as transforms: a mapping that is known at the pixels of one output only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ParameterError, ShapeError, SingularTransformError
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array


@dataclass(frozen=True, eq=False)
class SamplingGrid(Transform):
    """A transform given point by point: where each output pixel reads, for one output size.

    Args:
        grid: (H', W', 2), last axis (x, y), normalised input coordinates; float32 and float64 are kept as
            they are and not copied, other numbers become float64. NaN and infinity count as outside the
            image.
        align_corners: what -1 and 1 mean in it, centres (True) or outer edges of the corner pixels.

    Raises:
        ShapeError: another shape, or not real numbers.
    """

    grid: NDArray[np.floating]
    align_corners: bool = DEFAULT_ALIGN_CORNERS

    def __post_init__(self) -> None:
        given = _as_floating(self.grid)
        if given.ndim != 3 or given.shape[2] != 2 or given.size == 0:
            raise ShapeError(f"a sampling grid must have shape (height, width, 2), got {given.shape}")
        object.__setattr__(self, "grid", np.ascontiguousarray(given))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the output this grid is for."""
        return (int(self.grid.shape[0]), int(self.grid.shape[1]))

    def map_points(self, points: ArrayLike) -> Array:
        """Raise ParameterError: a grid is not known between its points."""
        raise ParameterError("a sampling grid holds only its own points; use theta where other points are wanted")

    def inverse(self) -> "SamplingGrid":
        """Raise SingularTransformError: a grid has no inverse."""
        raise SingularTransformError("a sampling grid cannot be inverted; use the theta it was made from")


def _as_floating(grid: ArrayLike) -> NDArray[np.floating]:
    if isinstance(grid, np.ndarray):
        native = grid.dtype.newbyteorder("=")
        if native in (np.float32, np.float64):
            return grid.astype(native, copy=False)
    return matrices.as_floats(grid, "a sampling grid")
