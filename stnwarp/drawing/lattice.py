"""The geometry of a sampling grid for the eye: the points to draw, the lines between them, the frame."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing.scene import Box, Point

Positions = NDArray[np.float64]

_FEWEST = 3  # points along a side that has at least as many
_UNEVEN = 3.0  # how much worse uneven steps look than as many points too few
_THINNING = (0.6, 1.5)  # the least and the most points along a side, as shares of the number asked for
_SUBSTEPS = 8  # how many pieces a curved line between two drawn points may have
_FRAME_STEPS = 96  # and a side of the frame
_STRAIGHT = 0.05  # canvas units that a line may bend before its inner points are kept
_FARTHEST = 1e7  # image sides; beyond this a position is as good as infinite


@dataclass(frozen=True, eq=False)
class Lattice:
    """The rows and columns of a grid that are drawn."""

    rows: NDArray[np.intp]
    cols: NDArray[np.intp]


def thinned(size: tuple[int, int], along: int) -> Lattice:
    """About *along* points on the longer side of *size* (height, width), as far apart on the other one."""
    longer = _drawn(max(size), along)
    steps = (longer - 1) / max(1, max(size) - 1)
    rows, cols = (longer if count == max(size) else _drawn(count, 1 + steps * (count - 1)) for count in size)
    return Lattice(_spread(size[0], rows), _spread(size[1], cols))


def _drawn(count: int, wanted: float) -> int:
    """How many of *count* indices to draw: about *wanted*, rather fewer or more than unevenly spaced."""
    least, most = (min(count, max(_FEWEST, round(share * wanted))) for share in _THINNING)

    def flaw(number: int) -> float:
        step, longer = (count - 1) / (number - 1), (count - 1) % (number - 1) / (number - 1)
        deviation = math.sqrt(longer * (1 - longer)) / step  # of the steps, which differ by one pixel at most
        return _UNEVEN * deviation + max(wanted - number, (number - wanted) / 2) / wanted

    return min(range(least, most + 1), key=flaw) if count > 1 else 1


def _spread(count: int, number: int) -> NDArray[np.intp]:
    """*number* of *count* indices: the first, the last, symmetric, and as far apart as one pixel allows."""
    spaced = np.floor(np.linspace(0, count - 1, number) + 0.5).astype(np.intp)
    half = number // 2
    spaced[number - half :] = count - 1 - spaced[:half][::-1]
    return spaced


def in_pixels(normalised: NDArray[np.floating], matrix: NDArray[np.float64]) -> Positions:
    """Normalised (..., 2) as pixel positions, by the axis-aligned *matrix*; NaN where (nearly) infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        normalised = normalised.astype(np.float64)
        usable = np.all(np.abs(normalised) < _FARTHEST, axis=-1, keepdims=True)
        return np.where(usable, normalised * matrix.diagonal()[:2] + matrix[:2, 2], np.nan)


def frame(grid: NDArray[np.floating], matrix: NDArray[np.float64]) -> list[Positions]:
    """The four sides, clockwise from the top, of the output's outer border in pixel positions of the input.

    The grid holds pixel centres; the border is half a pixel further out, continued from the grid.
    """
    height, width = grid.shape[:2]
    rows, cols = _ends_and_between(height), _ends_and_between(width)
    top = _beyond(*_outermost(in_pixels(grid[:3, cols], matrix)))
    bottom = _beyond(*_outermost(in_pixels(grid[-3:, cols][::-1], matrix)))
    left = _beyond(*_outermost(in_pixels(grid[rows, :3].swapaxes(0, 1), matrix)))
    right = _beyond(*_outermost(in_pixels(grid[rows, -3:].swapaxes(0, 1)[::-1], matrix)))
    sides = [_lengthened(side) for side in (top, right, bottom, left)]
    return _closed([sides[0], sides[1], sides[2][::-1], sides[3][::-1]])


def _ends_and_between(count: int) -> NDArray[np.intp]:
    """Up to a hundred indices; both ends with their neighbours, for a side is lengthened by half a step."""
    spaced = np.linspace(0, count - 1, min(count, _FRAME_STEPS)).round().astype(np.intp)
    ends = np.array([1, 2, count - 3, count - 2])
    return np.unique(np.concatenate([spaced, ends[(ends > 0) & (ends < count)]]))


def _outermost(lines: Positions) -> tuple[Positions, Positions, Positions]:
    """The first three of *lines*, the last of them again where there are fewer."""
    last = len(lines) - 1
    return lines[0], lines[min(1, last)], lines[min(2, last)]


def _beyond(first: Positions, second: Positions, third: Positions) -> Positions:
    """Half a step beyond *first*, coming from *third* and *second*, each (..., 2).

    As a homography goes on, (a + b t) / (1 + c t): near its horizon a straight continuation would be far off.
    """
    bend, step = first - 2 * second + third, 2 * (third - second)
    length = np.sum(step * step, axis=-1, keepdims=True)
    along = np.sum(bend * step, axis=-1, keepdims=True)
    c = np.divide(along, length, out=np.zeros_like(along), where=np.abs(along) < 0.5 * length)
    beyond: Positions = (first + (first - second * (1 - c)) / 2) / (1 + c / 2)
    return beyond


def _lengthened(side: Positions) -> Positions:
    """The same line half a step longer at both ends."""
    if len(side) < 2:
        return side
    start, end = _beyond(*_outermost(side)), _beyond(*_outermost(side[::-1]))
    return np.concatenate([start[None], side, end[None]])


def _closed(sides: list[Positions]) -> list[Positions]:
    """Neighbouring sides meet in one corner: the mean of both ends."""
    for before, after in zip(sides, sides[1:] + sides[:1], strict=True):
        corner = (before[-1] + after[0]) / 2
        before[-1], after[0] = corner, corner
    return sides


def grid_lines(grid: NDArray[np.floating], lattice: Lattice) -> Iterator[tuple[NDArray[np.floating], int]]:
    """The drawn rows, then the drawn columns, of *grid* at a few points between the drawn ones.

    Yields the line (n, 2) and how many pieces lie between two drawn points.
    """
    cols, pieces = _between(lattice.cols)
    for row in lattice.rows:
        yield grid[row, cols], pieces
    rows, pieces = _between(lattice.rows)
    for col in lattice.cols:
        yield grid[rows, col], pieces


def _between(drawn: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """The indices from the first to the last of *drawn*, as many between any two neighbours."""
    if len(drawn) == 1:
        return drawn, 1
    pieces = min(int(np.diff(drawn).min()), _SUBSTEPS)
    between = drawn[:-1, None] + np.diff(drawn)[:, None] * np.arange(pieces) // pieces
    return np.append(between.ravel(), drawn[-1]), pieces


def torn(line: Positions) -> NDArray[np.bool_]:
    """Which steps of a *line* (n, 2) are no line at all: into nothing, or through infinity and back.

    A perspective grid that crosses its horizon leaves on one side and comes back from the other: that step
    runs against both of its neighbours and is longer than they are.
    """
    steps = np.diff(line, axis=0)
    length = np.hypot(steps[:, 0], steps[:, 1])
    gone: NDArray[np.bool_] = np.isnan(length)
    against = np.sum(steps[1:] * steps[:-1], axis=1) < 0
    more_than_last, more_than_next = length[1:] > length[:-1], length[:-1] > length[1:]
    gone[1:-1] |= (against & more_than_last)[:-1] & (against & more_than_next)[1:]
    return gone


def pieces_inside(line: Positions, broken: NDArray[np.bool_], box: Box) -> list[tuple[Point, ...]]:
    """A *line* on the canvas, without its *broken* steps, cut to what lies in *box*."""
    found: list[list[Point]] = []
    for start, end, gone in zip(line[:-1].tolist(), line[1:].tolist(), broken.tolist(), strict=True):
        cut = None if gone else _cut(start, end, box)
        if cut is None:
            continue
        if found and found[-1][-1] == cut[0]:
            found[-1].append(cut[1])
        else:
            found.append([cut[0], cut[1]])
    return [_straightened(points) for points in found]


def _cut(start: list[float], end: list[float], box: Box) -> tuple[Point, Point] | None:
    """The part of a segment inside *box*: Liang and Barsky's way, one side after the other."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    enter, leave = 0.0, 1.0
    across = (-dx, start[0] - box.x), (dx, box.right - start[0])
    down = (-dy, start[1] - box.y), (dy, box.bottom - start[1])
    for outward, room in (*across, *down):
        if outward == 0:
            if room < 0:
                return None
        elif outward < 0:
            enter = max(enter, room / outward)
        else:
            leave = min(leave, room / outward)
    if enter > leave:
        return None
    return _along(start, end, enter), _along(start, end, leave)


def _along(start: list[float], end: list[float], share: float) -> Point:
    if share in (0.0, 1.0):  # exactly the end, so that neighbouring pieces are seen to join
        return (start[0], start[1]) if share == 0.0 else (end[0], end[1])
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def _straightened(points: list[Point]) -> tuple[Point, ...]:
    """Without the inner points where the line is straight anyway."""
    line = np.array(points)
    chord = line[-1] - line[0]
    length = float(np.hypot(*chord))
    offsets = (line - line[0]) @ np.array([-chord[1], chord[0]])
    if length > 0 and float(np.abs(offsets).max()) / length <= _STRAIGHT:
        return points[0], points[-1]
    return tuple(points)
