"""Specs of what a file does not say for itself: the place it is used in says what its numbers mean.

Convention: sizes are (height, width).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Units
from stnwarp.transforms import (
    NORMALISED_EXTENT,
    Absence,
    Frames,
    GridSpec,
    ImageWarp,
    SamplingGrid,
    SizeRequest,
    ThinPlateSpline,
    TransformSpec,
    extent_text,
    makes_something,
    normalised_from_pixel,
    numbers_advice,
    units_advice,
)

Size = tuple[int, int]

_LITTLE, _MOST = 1 / 16, 1 / 2  # shares of a grid
_SOME = 33  # points along each side of a grid by which a share is estimated


@dataclass(frozen=True, eq=False)
class BareGridRecipe:
    """A sampling grid whose file does not say what its numbers mean: the place it is used in does.

    *grid* is (H', W', 2), in pixels of the very input it is used on or normalised; *made_for* is as in GridSpec.
    """

    grid: NDArray[Any]
    units: Units
    made_for: Size | None = None

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        image_warp = self._spec(self.units, input_size, align_corners).resolve(input_size, request, align_corners)
        return replace(image_warp, warnings=(*image_warp.warnings, *self._doubts(input_size, align_corners)))

    def _spec(self, units: Units, input_size: Size, align_corners: bool) -> GridSpec:
        grid = normalised_numbers(self.grid, units, input_size, align_corners)
        return GridSpec(SamplingGrid(grid, align_corners), made_for=self.made_for)

    def _doubts(self, input_size: Size, align_corners: bool) -> tuple[str, ...]:
        """A warning where next to nothing of the input is read, and most of the output would be in pixels.

        The pixel positions of a whole picture are such a grid: a few of them lie between -1 and 1. Where none does,
        nothing of the picture comes out at all, which is told wherever that comes from.
        """
        if self.units is Units.PIXEL:
            return ()
        rows, columns = (_spread(side) for side in self.grid.shape[:2])
        some = self.grid[rows[:, np.newaxis], columns]
        normalised, in_pixels = (_share_within(some, units, input_size, align_corners) for units in Units)
        if normalised > _LITTLE or in_pixels < _MOST:
            return ()
        share = _share_within(self.grid, self.units, input_size, align_corners)
        if not 0 < share <= _LITTLE:
            return ()
        remedy = "if it is in pixels, say so by --units pixel, or by units in its file"
        return (f"only {100 * share:.2g} % of the grid lies within the picture; {remedy}",)

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        others = Units.NORMALIZED if self.units is Units.PIXEL else Units.PIXEL
        if absence is Absence.OUTSIDE and makes_something(lambda: BareGridRecipe(self.grid, others), frames):
            return units_advice("the grid", others, file)
        return numbers_advice("the grid", absence, _extent(self.units, frames.input_size), file)


@dataclass(frozen=True, eq=False)
class PixelSplineRecipe:
    """A thin plate spline in pixels of an input of *made_for*, whose file does not say what align_corners is.

    *points* is (rows, cols, 2); on another input they are scaled with it.
    """

    points: NDArray[Any]
    made_for: Size
    inverse: bool = False

    def __post_init__(self) -> None:
        self.normalised(DEFAULT_ALIGN_CORNERS)  # what cannot be used is refused at once

    def normalised(self, align_corners: bool) -> TransformSpec:
        """The same in normalised coordinates."""
        points = normalised_numbers(self.points, Units.PIXEL, self.made_for, align_corners)
        return TransformSpec(ThinPlateSpline(points), self.inverse, self.made_for)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See WarpSpec.place."""
        return self.normalised(align_corners).resolve(input_size, request, align_corners)

    def advice(self, absence: Absence, frames: Frames, file: str | None = None) -> str:
        """See WarpSpec.advice."""
        return numbers_advice("the spline", absence, _extent(Units.PIXEL, self.made_for), file)


def normalised_numbers(grid: NDArray[Any], units: Units, input_size: Size, align_corners: bool) -> NDArray[Any]:
    """*grid* (..., 2), in *units* of an input of *input_size*, in normalised coordinates."""
    if units is Units.NORMALIZED:
        return as_floating(grid)
    matrix = normalised_from_pixel(input_size, align_corners)
    with np.errstate(invalid="ignore"):  # infinite pixels on an axis of one pixel
        return np.asarray(grid * matrix.diagonal()[:2] + matrix[:2, 2])


def _spread(side: int) -> NDArray[np.intp]:
    """Some of the indices of a side, the same distance apart."""
    return np.linspace(0, side - 1, min(side, _SOME)).astype(np.intp)


def _share_within(grid: NDArray[Any], units: Units, input_size: Size, align_corners: bool) -> float:
    """How much of *grid*, meant in *units*, lies within an input of *input_size*."""
    within = np.abs(normalised_numbers(grid, units, input_size, align_corners)) <= 1.0
    return float(within.all(axis=-1).mean())


def _extent(units: Units, size: Size) -> str:
    """Where an input of *size* lies, in words."""
    return NORMALISED_EXTENT if units is Units.NORMALIZED else f"from pixel {extent_text(size)}"


def as_floating(grid: NDArray[Any]) -> NDArray[Any]:
    """*grid* as it is if it holds floats that a sampling grid can have, else as float64."""
    return grid if grid.dtype in (np.float32, np.float64) else grid.astype(np.float64)
