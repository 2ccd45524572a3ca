"""Where each output pixel is read, in the form the kernels take, and which part of the input that can be.

Convention: matrices map output pixel index to input pixel index; grids hold normalised input coordinates.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp import conventions
from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.sampling.arrays import PADDING_CODES, Batch, Sides
from stnwarp.sampling.views import Region, View, flat_copy, region_copy, view_of
from stnwarp.transforms.frame import axis_of

_NOTHING = np.empty(0, np.float64)
# Numbers that are copied in the time that an output pixel takes longer: in kernels for everything, in
# `bilinear_uint8_strided`, and in the kernel that a copy would go through as well.
_GENERAL, _STRIDED, _SAME = 8, 4, 2
_PACKED = 4  # channels that are blended together, of bytes

_EXACT = 2.0**48  # times the unit that they are measured in, numbers are exact to a sixteenth of it
_REACH = 6  # pixels beyond a position: 3 that an interpolation reads, and some for rounding


class Mapping(NamedTuple):
    """Where each output pixel is read: see `stnwarp.kernels.geometry.coordinates`."""

    kind: int
    matrices: NDArray[np.float64]
    grid: NDArray[np.generic]
    padding: int  # of the columns
    padding_y: int  # of the rows
    align_corners: bool
    grid_stride: int  # points from the grid of one image to that of the next


def grid_mapping(grid: NDArray[np.generic], padding_mode: str, align_corners: bool, kind: int = layout.GRID) -> Mapping:
    """Return a mapping that reads positions from `grid`, (..., 2 or 3), of floats; the first axis may be broadcast."""
    grid = grid.astype(np.float32) if grid.dtype.char == "e" else grid
    shared = grid.ndim > 3 and len(grid) > 1 and grid.strides[0] == 0
    points = grid[:1] if shared else grid
    stride = 0 if shared else grid[:1].size // grid.shape[-1] if grid.ndim > 3 else 0
    return Mapping(kind, _NOTHING, flat_copy(points), *_padding_codes(padding_mode), align_corners, stride)


def spline_mapping(numbers: NDArray[np.float64], padding_mode: str, align_corners: bool) -> Mapping:
    """Return a mapping by the points of a grid and their Jacobians, see `stnwarp.sampling.jacobians`."""
    codes = _padding_codes(padding_mode)
    return Mapping(layout.GRID_WITH_JACOBIANS, _NOTHING, numbers, *codes, align_corners, 0)


def matrix_mapping(matrices: NDArray[np.float64], padding_mode: str, align_corners: bool) -> Mapping:
    """Return a mapping by `matrices`, (N, 3, 3), output pixel to input pixel; affine if all of them are."""
    affine = all(row == [0.0, 0.0, 1.0] for row in matrices[:, 2].tolist())
    kind = layout.AFFINE if affine else layout.PROJECTIVE
    flat = np.ascontiguousarray(matrices).reshape(-1)
    return Mapping(kind, flat, _NOTHING, *_padding_codes(padding_mode), align_corners, 0)


def entries_mapping(entries: list[float], padding_mode: str, align_corners: bool, front: float) -> Mapping:
    """Return `matrix_mapping` of one matrix, given by its nine entries.

    `front` has the sign of the third homogeneous coordinate in front of the horizon, for kernels the positive one; of
    an affine matrix it does not matter.
    """
    if not front > 0.0 and entries[6:] != [0.0, 0.0, 1.0]:
        entries = [-entry for entry in entries]
    kind = layout.AFFINE if entries[6:] == [0.0, 0.0, 1.0] else layout.PROJECTIVE
    return Mapping(kind, np.array(entries), _NOTHING, *_padding_codes(padding_mode), align_corners, 0)


def _padding_codes(padding_mode: str) -> tuple[int, int]:
    x, y = conventions.padding_modes(padding_mode)
    return PADDING_CODES[x], PADDING_CODES[y]


def resolve_source(
    source: Batch, pixels: NDArray[np.generic], output: Batch, mapping: Mapping, kind: Interpolation
) -> Batch:
    """Return `source`, a view, where kernels follow it in less time than a copy takes; else a copy of what is read."""
    dtype = output.flat.dtype
    follows = source.flat.size > 0 and pixels.dtype == dtype
    worth = _numbers_worth_a_copy(source, output, kind) if follows else None
    if worth == 0:
        return source
    region = source_region(mapping, source.shape[1:3], output.shape[1:3])
    numbers = math.prod(last - first + 1 for first, last in region) * source.shape[3]
    if worth is not None and numbers > worth * output.shape[1] * output.shape[2]:
        return source
    view = region_copy(pixels, region, dtype, planar=output.strides[2] != output.shape[3])
    return Batch(view.flat, source.shape, view.strides)  # type: ignore[arg-type]


def resolve_maps(
    maps: NDArray[np.generic], mapping: Mapping, output_size: Sequence[int], dtype: np.dtype[np.generic]
) -> View:
    """Return maps (N, C, axes...) where they lie if kernels can follow them, else what is read, copied as `dtype`."""
    view = view_of(maps) if maps.dtype == dtype else None
    if view is not None:
        return view
    region = source_region(mapping, maps.shape[2:], output_size)
    copy = region_copy(np.moveaxis(maps, 1, -1), region, dtype, planar=True)
    by_image, *strides, by_channel = copy.strides
    return View(copy.flat, (by_image, by_channel, *strides), 0)


def _numbers_worth_a_copy(source: Batch, output: Batch, kind: Interpolation) -> int:
    """Return how many copied values per output pixel cost as much as following `source`."""
    width, channels = source.shape[2:]
    _, by_row, by_column, by_channel = source.strides
    if kind not in (Interpolation.NEAREST, Interpolation.BILINEAR) and by_row < 0:  # whose loads take several rows
        return _GENERAL
    together = channels == 1 or by_channel == 1 or output.strides[2] == 1
    if together and (by_column == output.strides[2] or width == 1):
        return 0
    if whole_pixels(channels, source.strides, output.strides):
        if kind == Interpolation.NEAREST:
            return 0
        if kind == Interpolation.BILINEAR and output.flat.dtype == np.uint8 and channels <= _PACKED:
            return _STRIDED
    if kind == Interpolation.BILINEAR and output.flat.dtype in (np.uint16, np.float64):
        return _SAME
    return _GENERAL


def whole_pixels(channels: int, strides: Sides, output_strides: Sides) -> bool:
    """Return whether the channels of a pixel lie side by side, and in the output the pixels of a row too."""
    return output_strides[2] == channels and (channels == 1 or strides[3] == output_strides[3] == 1)


def source_region(mapping: Mapping, sides: Sequence[int], output_size: Sequence[int]) -> Region:
    """Return the pixels that `mapping` can read of inputs of `sides`, (height, width) or with a depth; at least one."""
    if mapping.kind in (layout.AFFINE, layout.PROJECTIVE):
        reaches = _matrix_reaches(mapping.matrices.reshape(-1, 3, 3), output_size)
    else:
        reaches = _grid_reaches(mapping, sides)
    repeats = [mode > layout.BORDER for mode in (mapping.padding_y, mapping.padding)]
    repeats = [repeats[0]] * (len(sides) - 2) + repeats
    return [_read_on_axis(*axis) for axis in zip(reaches, sides, repeats, strict=True)]


def _read_on_axis(reach: tuple[float, float], side: int, repeats: bool) -> tuple[int, int]:
    low, high = reach[0] - _REACH, reach[1] + _REACH
    if not low <= high or (repeats and (low < 0 or high > side - 1)):  # NaN: nothing is known
        return 0, side - 1
    return int(min(max(low, 0), side - 1)), int(min(max(high + 1, 0), side - 1))


def _matrix_reaches(matrices: NDArray[np.float64], output_size: Sequence[int]) -> list[tuple[float, float]]:
    """Return the least and the greatest row and column: where w keeps its sign they are those of the corners."""
    height, width = output_size
    corners = [(x, y) for y in (0.0, height - 1.0) for x in (0.0, width - 1.0)]
    rows: list[float] = []
    columns: list[float] = []
    for numbers in matrices.reshape(-1, 9).tolist():  # in plain numbers: a small image waits for it
        sign = -1.0 if numbers[8] < 0.0 else 1.0
        a, b, c, d, e, f, g, h, i = (sign * number for number in numbers)
        for x, y in corners:
            w = g * x + (h * y + i)
            terms = max(map(abs, (a * x, b * y, c, d * x, e * y, f, g * x, h * y, i)))
            if not w > 0.0 or not terms < _EXACT * w:  # what is left of terms that cancel may be wrong by pixels
                return [(math.nan, math.nan)] * 2
            rows.append((d * x + (e * y + f)) / w)
            columns.append((a * x + (b * y + c)) / w)
    return [(min(rows), max(rows)), (min(columns), max(columns))]


def _grid_reaches(mapping: Mapping, sides: Sequence[int]) -> list[tuple[float, float]]:
    """Return the same, by the least and the greatest coordinate of each axis."""
    grid = mapping.grid
    if mapping.kind == layout.GRID_WITH_JACOBIANS:
        grid = grid[: len(grid) // 3]
    points = grid.reshape(-1, len(sides))
    # Under zeros a point that is not a number reads nothing; under the others it reads one end of the axis.
    least, greatest = (np.fmin, np.fmax) if mapping.padding <= layout.FILL else (np.minimum, np.maximum)
    reaches: list[tuple[float, float]] = []
    for axis, side in enumerate(reversed(sides)):
        low, high = (float(end.reduce(points[:, axis])) for end in (least, greatest))
        span, centre = axis_of(side, mapping.align_corners)
        reaches.insert(0, (low * span + centre, high * span + centre))
    return reaches
