"""Find warps whose output shows nothing of the picture: no pixel reads it, or all pixels read one point or line.

Convention: reverse mapping; sizes are (height, width), positions pixel indices (x, y) with centres at integers. For
matrices the answer is exact: the part of the output that reads the picture is a polygon, bounded by the lines on which
the read point enters and leaves the picture, one polygon for each sign of a homography's third coordinate.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stnwarp.conventions import DEFAULT_INTERPOLATION, Interpolation
from stnwarp.transforms.frame import Frame
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.pixels import pixel_entries

Size = tuple[int, int]
Point = tuple[float, float]
Form = tuple[float, float, float]  # p, q, r of p x + q y + r, which is positive where something holds

ONE_PLACE = 1 / 256  # pixels; over less than this no 8-bit value changes by more than one

_ROUNDING = 2.5e-7  # relative; numbers that a network gave in float32 are rounded to a quarter of it
_SLACK = 1e-6  # pixels
# How far from the centre of an outer pixel something of it is read. The outer lobes of bicubic and lanczos are left
# out: what they alone let through is a trace.
_REACH = {Interpolation.NEAREST: 0.5 + _SLACK}
_FARTHER = 1 - _SLACK


class Absence(StrEnum):
    """The reason that an output shows nothing of the picture."""

    POINT = "point"  # every pixel of the output reads the same point
    LINE = "line"  # every pixel reads the same line
    OUTSIDE = "outside"  # every pixel reads outside the picture
    BETWEEN = "between"  # the picture is so small in the output that it falls between the pixels


@dataclass(frozen=True)
class WarpFrames:
    """The frames of the input and the output of a warp, under one convention, and the interpolation."""

    source: Frame
    output: Frame
    interpolation: Interpolation = DEFAULT_INTERPOLATION

    @property
    def reach(self) -> float:
        """How far beyond the centre of an outer pixel the picture is still read, in pixels."""
        return _REACH.get(self.interpolation, _FARTHER)


def absence_of_matrix(transform: MatrixTransform, frames: WarpFrames) -> Absence | None:
    """Find the reason that the output shows nothing of the picture; None where it shows something."""
    source, output = frames.source, frames.output
    matrix = pixel_entries(transform.theta, source.size, output.size, source.align_corners)
    if not all(map(math.isfinite, matrix)):  # it is read at places that are not numbers, which lie outside
        return Absence.OUTSIDE
    parts = [[form for form in _forms(matrix, sign, frames) if form != (0.0, 0.0, 1.0)] for sign in _signs(matrix)]
    if not any(_all_positive(forms, *pixel) for pixel in _sample_pixels(output.size) for forms in parts):
        polygons = [_polygon(forms, output.size) for forms in parts]
        if not any(polygons):
            return Absence.OUTSIDE
        if not any(map(_has_pixel, polygons, parts)):
            return Absence.BETWEEN
    return _collapse(matrix, transform, frames)


def _signs(matrix: Sequence[float]) -> tuple[float, ...]:
    """Return the signs that the third coordinate can have; that of an affine matrix is 1."""
    return (1.0,) if matrix[6] == matrix[7] == 0.0 and matrix[8] > 0.0 else (1.0, -1.0)


def _forms(matrix: Sequence[float], sign: float, frames: WarpFrames) -> Iterator[Form]:
    """Yield forms that are positive exactly where the picture is read with a third coordinate of `sign`."""
    reach, (height, width) = frames.reach, frames.source.size
    a, b, c, d, e, f, g, h, i = (sign * number for number in matrix)
    yield g, h, i
    for (p, q, r), last in (((a, b, c), width - 1), ((d, e, f), height - 1)):
        yield p + reach * g, q + reach * h, r + reach * i
        yield (last + reach) * g - p, (last + reach) * h - q, (last + reach) * i - r


def _all_positive(forms: Iterable[Form], x: float, y: float) -> bool:
    return all(p * x + q * y + r > 0.0 for p, q, r in forms)


def _sample_pixels(size: Size) -> Iterator[Point]:
    """Yield pixels all over an output, its middle first: nearly always one of them shows the picture."""
    bottom, right = size[0] - 1, size[1] - 1
    for down in (2, 1, 3, 0, 4):
        for along in (2, 1, 3, 0, 4):
            yield right * along // 4, bottom * down // 4


def _polygon(forms: Iterable[Form], size: Size) -> list[Point]:
    """Return the polygon where `forms` are positive in an output of `size`, without extent if the output has none."""
    bottom, right = size[0] - 1.0, size[1] - 1.0
    polygon = [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)]
    for form in forms:
        polygon = list(_clip(polygon, form))
    return polygon


def _clip(polygon: Sequence[Point], form: Form) -> Iterator[Point]:
    """Cut `polygon` down to where `form` is positive. Source: Sutherland and Hodgman, 1974."""
    p, q, r = form
    values = [p * x + q * y + r for x, y in polygon]
    for index, (x, y) in enumerate(polygon):
        value, before = values[index], values[index - 1]
        if (value > 0.0) != (before > 0.0):
            share = before / (before - value)
            x0, y0 = polygon[index - 1]
            yield x0 + share * (x - x0), y0 + share * (y - y0)
        if value > 0.0:
            yield x, y


def _has_pixel(polygon: Sequence[Point], forms: Sequence[Form]) -> bool:
    """Whether the centre of a pixel lies in `polygon`, where `forms` are positive; along rows or columns, if fewer."""
    if not polygon:
        return False
    columns, rows = (_whole_numbers(axis) for axis in zip(*polygon, strict=True))
    if len(columns) <= len(rows):
        return _line_has_pixel(np.array(columns), rows, [(q, p, r) for p, q, r in forms])
    return _line_has_pixel(np.array(rows), columns, forms)


def _whole_numbers(values: Sequence[float]) -> range:
    return range(math.ceil(min(values) - _SLACK), math.floor(max(values) + _SLACK) + 1)


def _line_has_pixel(lines: Array, positions: range, forms: Iterable[Form]) -> bool:
    """Whether `forms` are positive at one of `positions` on one of `lines`, their second coordinate."""
    low, high = np.full(len(lines), float(positions.start)), np.full(len(lines), float(positions.stop - 1))
    with np.errstate(all="ignore"):
        for p, q, r in forms:
            rest = q * lines + r
            if p > 0.0:
                low = np.maximum(low, -rest / p)
            elif p < 0.0:
                high = np.minimum(high, -rest / p)
            else:
                high = np.where(rest > 0.0, high, -np.inf)
        return bool((np.ceil(low) <= np.floor(high)).any())


def _collapse(matrix: Sequence[float], transform: MatrixTransform, frames: WarpFrames) -> Absence | None:
    """Return POINT or LINE if all of the output reads one; an output of one row or column always reads a line.

    A picture of one row or column is a line itself, and has no more than that to lose.
    """
    axes = [axis for axis in (0, 1) if frames.source.size[1 - axis] > 1]
    if min(frames.output.size) == 1 or not axes:
        return None
    edges = _edges(matrix, frames.output.size)
    if edges is None:
        return Absence.LINE if len(axes) == 2 and _is_singular(transform.theta) else None
    along, across = ([edge[axis] for axis in axes] for edge in edges)
    far = max(math.hypot(*along), math.hypot(*across), math.hypot(*map(sum, zip(along, across, strict=True))))
    if not far > ONE_PLACE:
        return Absence.POINT
    if len(axes) == 1:
        return None
    area = abs(along[0] * across[1] - along[1] * across[0])
    return Absence.LINE if not area > ONE_PLACE * far or _is_singular(transform.theta) else None


def _edges(matrix: Sequence[float], size: Size) -> tuple[Point, Point] | None:
    """Measure how far apart the corners of an output of `size` are read, along its top and across; None past one."""
    a, b, c, d, e, f, g, h, i = matrix
    bottom, right = size[0] - 1, size[1] - 1
    if g == h == 0.0:
        return (a * right, d * right), (b * bottom, e * bottom)
    corners = [(0, 0), (right, 0), (right, bottom), (0, bottom)]
    depths = [g * x + h * y + i for x, y in corners]
    if not (min(depths) > 0.0 or max(depths) < 0.0):
        return None
    x0, x1, x2, x3 = ((a * x + b * y + c) / w for (x, y), w in zip(corners, depths, strict=True))
    y0, y1, y2, y3 = ((d * x + e * y + f) / w for (x, y), w in zip(corners, depths, strict=True))
    # Those of the parallelogram with the same diagonals, which has the same area.
    return ((x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2), ((x2 - x1 + x3 - x0) / 2, (y2 - y1 + y3 - y0) / 2)


def _is_singular(theta: Array) -> bool:
    """Whether the determinant of `theta` is no more than the rounding errors of its terms, whatever its scale."""
    (a, b, c), (d, e, f), (g, h, i) = theta.tolist()
    terms = [a * e * i, b * f * g, c * d * h, -c * e * g, -b * d * i, -a * f * h]
    return not abs(sum(terms)) > _ROUNDING * sum(map(abs, terms))
