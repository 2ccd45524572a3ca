"""Specs of files that do not say what their numbers mean, which then depends on the image and on the options.

Convention: sizes are (height, width).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Units
from stnwarp.parallel import cache_calls
from stnwarp.transforms import (
    NORMALISED_EXTENT,
    Absence,
    Frame,
    GridSpec,
    ImageWarp,
    SamplingGrid,
    SizeRequest,
    ThinPlateSpline,
    TransformSpec,
    WarpFrames,
    extent_text,
    numbers_advice,
    shows_picture,
    units_advice,
)

Size = tuple[int, int]

_LITTLE, _MOST = 1 / 16, 1 / 2  # shares of a grid
_SOME = 33  # points along each side of a grid by which a share is estimated


@dataclass(frozen=True, eq=False)
class BareGridSpec:
    """A sampling grid whose file does not say what align_corners, or its units, are.

    `grid` is (H', W', 2), normalised or in pixels of the input that it is used on; `reference_size` is as in
    `GridSpec`.
    """

    grid: NDArray[Any]
    units: Units
    reference_size: Size | None = None

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        frame = Frame(input_size, align_corners)
        grid = SamplingGrid(normalised_numbers(self.grid, self.units, frame), align_corners)
        image_warp = GridSpec(grid, reference_size=self.reference_size).resolve(input_size, request, align_corners)
        return replace(image_warp, warnings=(*image_warp.warnings, *self._unit_warnings(frame)))

    def _unit_warnings(self, frame: Frame) -> tuple[str, ...]:
        """Warn where next to nothing of the input is read, and most of the output would be in pixels.

        The pixel positions of a whole picture are such a grid: a few of them lie between -1 and 1. Where none does,
        nothing of the picture comes out at all, for which there is a warning of its own.
        """
        if self.units is Units.PIXEL:
            return ()
        rows, columns = (_spread(side) for side in self.grid.shape[:2])
        some = self.grid[rows[:, np.newaxis], columns]
        normalised, in_pixels = (_share_within(some, units, frame) for units in Units)
        if normalised > _LITTLE or in_pixels < _MOST:
            return ()
        share = _share_within(self.grid, self.units, frame)
        if not 0 < share <= _LITTLE:
            return ()
        remedy = "if it is in pixels, say so by --units pixel, or by units in its file"
        return (f"only {100 * share:.2g} % of the grid lies within the picture; {remedy}",)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        others = Units.NORMALIZED if self.units is Units.PIXEL else Units.PIXEL
        if absence is Absence.OUTSIDE and shows_picture(lambda: BareGridSpec(self.grid, others), frames):
            return units_advice("the grid", others, file)
        return numbers_advice("the grid", absence, _extent(self.units, frames.source.size), file)


@dataclass(frozen=True, eq=False)
class PixelSplineSpec:
    """A thin plate spline in pixels of an input of `reference_size`, whose file does not say what align_corners is.

    `points` is (rows, cols, 2); on another input they are scaled with it.
    """

    points: NDArray[Any]
    reference_size: Size
    inverse: bool = False

    def __post_init__(self) -> None:
        self.to_normalised(DEFAULT_ALIGN_CORNERS)  # refuses at once what cannot be used

    @cache_calls(4)  # align_corners is the same for a whole folder
    def to_normalised(self, align_corners: bool) -> TransformSpec:
        """Return the same spline in normalised coordinates."""
        points = normalised_numbers(self.points, Units.PIXEL, Frame(self.reference_size, align_corners))
        return TransformSpec(ThinPlateSpline(points), self.inverse, self.reference_size)

    def resolve(self, input_size: Size, request: SizeRequest, align_corners: bool) -> ImageWarp:
        """See `WarpSpec.resolve`."""
        return self.to_normalised(align_corners).resolve(input_size, request, align_corners)

    def advice(self, absence: Absence, frames: WarpFrames, file: str | None = None) -> str:
        """See `WarpSpec.advice`."""
        return numbers_advice("the spline", absence, _extent(Units.PIXEL, self.reference_size), file)


def normalised_numbers(grid: NDArray[Any], units: Units, frame: Frame) -> NDArray[Any]:
    """Convert `grid` (..., 2), in `units` of an input of `frame`, to normalised coordinates."""
    return as_floating(grid) if units is Units.NORMALIZED else frame.to_normalised(grid)


def _spread(side: int) -> NDArray[np.intp]:
    """Choose some of the indices of a side, the same distance apart."""
    return np.linspace(0, side - 1, min(side, _SOME)).astype(np.intp)


def _share_within(grid: NDArray[Any], units: Units, frame: Frame) -> float:
    """Measure how much of `grid`, taken in `units`, lies within an input of `frame`."""
    within = np.abs(normalised_numbers(grid, units, frame)) <= 1.0
    return float(within.all(axis=-1).mean())


def _extent(units: Units, size: Size) -> str:
    """Say where an input of `size` lies."""
    return NORMALISED_EXTENT if units is Units.NORMALIZED else f"from pixel {extent_text(size)}"


def as_floating(grid: NDArray[Any]) -> NDArray[Any]:
    """Return `grid` as it is if a sampling grid can have its floats, else as float64."""
    return grid if grid.dtype in (np.float32, np.float64) else grid.astype(np.float64)
