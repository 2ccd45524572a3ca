"""The neutral panel that stands in for an image: a sheet with normalised tick marks."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing import palette
from stnwarp.drawing.lettering import text_width
from stnwarp.drawing.scene import Anchor, Item, Label, Path, Point
from stnwarp.drawing.view import View

_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)  # beyond, only the zero is marked
_ROOM = (2.6 * 1.6, 2.4)  # letter sizes from one tick to the next: sideways, downwards
_OVERHANG = 1.0  # letter sizes that a number may stand out of the panel at its sides: the margin holds no more


def axes(view: View, matrix: NDArray[np.float64], letter: float, line: float) -> Iterator[Item]:
    """Rules through *view* at round normalised coordinates, numbered below it and to its left.

    *matrix* takes normalised coordinates to pixel positions; *letter* is the size of the numbers.
    """
    box = view.box
    for tick, x in _ticks(view, matrix, 0, letter):
        yield Path(((x, box.y), (x, box.bottom)), palette.RULE, line)
        number = _number(tick, (x, box.bottom + 1.25 * letter), letter, Anchor.MIDDLE)
        if max(box.x - number.box.x, number.box.right - box.right) <= _OVERHANG * letter:
            yield number
    for tick, y in _ticks(view, matrix, 1, letter):
        yield Path(((box.x, y), (box.right, y)), palette.RULE, line)
        yield _number(tick, (box.x - 0.4 * letter, y + 0.35 * letter), letter, Anchor.END)


def _number(tick: float, at: Point, letter: float, anchor: Anchor) -> Label:
    text = f"{tick:g}"
    return Label(at, text, letter, palette.MUTED, anchor, text_width(text, letter))


def _ticks(view: View, matrix: NDArray[np.float64], axis: int, letter: float) -> list[tuple[float, float]]:
    """Round coordinates that *view* shows, with their places on the canvas, no closer than can be read."""
    unit = float(matrix[axis, axis]) * view.scale
    if unit == 0:  # an axis of one pixel under align_corners: every coordinate is that pixel
        return [(0.0, float(view.place(matrix[:2, 2])[axis]))]
    start, length = ((view.box.x, view.box.width), (view.box.y, view.box.height))[axis]
    zero = float(view.place(matrix[:2, 2])[axis])
    step = next((step for step in _STEPS if step * unit >= _ROOM[axis] * letter), None)
    if step is None:  # an axis of a few pixels beside one of thousands: numbers would tell nothing
        return [(0.0, zero)]
    first, last = np.ceil((start - zero) / unit / step), np.floor((start + length - zero) / unit / step)
    return [(float(n * step) + 0.0, float(zero + n * step * unit)) for n in np.arange(first, last + 1)]
