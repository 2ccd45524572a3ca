"""Entries of theta fixed to a value, the others free.

Source: the constraint masks of affine warps in DeepMind Sonnet (AffineWarpConstraints).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms.matrices import Array, as_floats

Entry = float | None
Row = tuple[Entry, Entry, Entry]


@dataclass(frozen=True)
class ThetaConstraints:
    """Which entries of theta (2, 3) are fixed, and to what.

    Args:
        mask: two rows of three; None leaves an entry free, a number fixes it.

    Raises:
        ShapeError: not two rows of three.  ParameterError: a number that is not finite.
    """

    mask: tuple[Row, Row]

    def __post_init__(self) -> None:
        rows = [tuple(None if entry is None else float(entry) for entry in row) for row in self.mask]
        if [len(row) for row in rows] != [3, 3]:
            raise ShapeError(f"a constraint mask has 2 rows of 3 entries, got {[len(row) for row in rows]}")
        if not all(entry is None or np.isfinite(entry) for row in rows for entry in row):
            raise ParameterError(f"a constraint fixes an entry to a number that is not finite: {rows}")
        object.__setattr__(self, "mask", tuple(rows))

    @classmethod
    def none(cls) -> "ThetaConstraints":
        """Leave every entry free."""
        return cls(((None, None, None), (None, None, None)))

    @classmethod
    def no_shear(cls) -> "ThetaConstraints":
        """Leave the scale and translation of each axis free; no rotation either."""
        return cls(((None, 0.0, None), (0.0, None, None)))

    @classmethod
    def no_translation(cls) -> "ThetaConstraints":
        """Leave the linear part free."""
        return cls(((None, None, 0.0), (None, None, 0.0)))

    @classmethod
    def translation_only(cls) -> "ThetaConstraints":
        """Leave tx and ty free."""
        return cls(((1.0, 0.0, None), (0.0, 1.0, None)))

    @classmethod
    def scale_only(cls) -> "ThetaConstraints":
        """Leave the scale of each axis free."""
        return cls(((None, 0.0, 0.0), (0.0, None, 0.0)))

    @property
    def free_count(self) -> int:
        """The number of free entries."""
        return sum(entry is None for entry in self._entries())

    def apply(self, theta: ArrayLike) -> Array:
        """Return a copy of `theta` (..., 2, 3) with the fixed entries at their values."""
        given = self._thetas(theta)
        free, fixed = self._free()
        return np.where(free, given, fixed)

    def expand(self, parameters: ArrayLike) -> Array:
        """Return the theta (..., 2, 3) whose free entries, row by row, are `parameters` (..., free_count)."""
        given = as_floats(parameters, "parameters")
        if given.ndim == 0 or given.shape[-1] != self.free_count:
            raise ShapeError(f"parameters must have shape (..., {self.free_count}), got {given.shape}")
        free, fixed = self._free()
        theta = np.broadcast_to(fixed, (*given.shape[:-1], 2, 3)).copy()
        theta[..., free] = given
        return theta

    def reduce(self, theta: ArrayLike) -> Array:
        """Return the free entries of `theta` (..., 2, 3), row by row: (..., free_count)."""
        free, _ = self._free()
        return self._thetas(theta)[..., free]

    def __and__(self, other: "ThetaConstraints") -> "ThetaConstraints":
        """Combine both constraints; ParameterError where they fix an entry to different values."""
        merged = [
            _both(index, a, b) for index, (a, b) in enumerate(zip(self._entries(), other._entries(), strict=True))
        ]
        return ThetaConstraints(((merged[0], merged[1], merged[2]), (merged[3], merged[4], merged[5])))

    def _entries(self) -> Iterator[Entry]:
        return (entry for row in self.mask for entry in row)

    def _free(self) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.bool_]], Array]:
        free = np.array([[entry is None for entry in row] for row in self.mask])
        fixed = np.array([[entry or 0.0 for entry in row] for row in self.mask])
        return free, fixed

    def _thetas(self, theta: ArrayLike) -> Array:
        given = as_floats(theta, "theta")
        if given.shape[-2:] != (2, 3):
            raise ShapeError(f"theta must have shape (..., 2, 3), got {given.shape}")
        return given


def _both(index: int, first: Entry, second: Entry) -> Entry:
    if first is not None and second is not None and first != second:
        row, column = divmod(index, 3)
        raise ParameterError(
            f"constraints fix row {row + 1}, column {column + 1} of theta to both {first} and {second}"
        )
    return second if first is None else first
