"""One panel: the picture or its stand-in, the lines and points of the grid, the frame's outline."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing import palette
from stnwarp.drawing.axes import axes
from stnwarp.drawing.lattice import Lattice, Positions, pieces_inside, torn
from stnwarp.drawing.pictures import Range, picture
from stnwarp.drawing.scene import Block, Box, Dot, Item, Path, Point
from stnwarp.drawing.style import Style
from stnwarp.drawing.view import View, image_bounds


@dataclass(frozen=True, eq=False)
class Ground:
    """What a panel shows beneath the grid: an image of *size* (height, width), or its stand-in."""

    size: tuple[int, int]
    matrix: NDArray[np.float64]  # normalised coordinates to pixel positions
    image: NDArray[Any] | None
    shown: Range


@dataclass(frozen=True, eq=False)
class Net:
    """The drawn part of a grid in pixel positions of one panel.

    *lines* come with the number of pieces between two drawn points: first those along the rows, then those
    along the columns of *lattice*; *points* is (rows, cols, 2).
    """

    lattice: Lattice
    colours: tuple[tuple[str, ...], ...]
    points: Positions
    lines: tuple[tuple[Positions, int], ...]
    frame: tuple[Positions, ...]


def ground_items(ground: Ground, view: View, style: Style) -> Iterator[Item]:
    """The backdrop, then the image with its edge."""
    sheet = view.place_bounds(image_bounds(ground.size))
    yield Block(view.box, palette.BACKDROP)
    if ground.image is not None:
        yield picture(ground.image, ground.shown, sheet)
    else:
        yield Block(sheet, palette.SHEET)
        yield from axes(view, ground.matrix, style.number, style.rule)
    edge = _visible(sheet, 4 * style.edge).outline
    yield Path(edge, palette.HALO, style.edge + style.seam)
    yield Path(edge, palette.EDGE, style.edge)


def _visible(box: Box, least: float) -> Box:
    """*box*, made at least so large about its middle: far from its frame an image is a dot."""
    width, height = max(box.width, least), max(box.height, least)
    return Box(box.x - (width - box.width) / 2, box.y - (height - box.height) / 2, width, height)


def net_items(net: Net, view: View, style: Style) -> Iterator[Item]:
    """The lines, the frame, then the points that *view* shows."""
    yield from _line_items(net, view, style)
    yield from _frame_items(net, view, style)
    radius = style.radius(spacing(net, view), max(_steps(net), default=math.inf) * view.scale)
    ring = style.ring * radius
    rim = _on_the_frame(net, view, radius)
    for colour, centre in visible_points(net, view):
        if colour in rim:  # a ring would break the frame's line
            yield Dot(centre, radius - ring, 0.0, colour, palette.HALO)
        else:
            yield Dot(centre, radius, ring, colour, palette.HALO)


def _on_the_frame(net: Net, view: View, radius: float) -> set[str]:
    """The colours of the outermost points where these, half an output pixel within the frame, touch it."""
    dense = max(float(np.diff(drawn).max(initial=1)) for drawn in (net.lattice.rows, net.lattice.cols))
    if spacing(net, view) / dense / 2 > radius:
        return set()
    return {*net.colours[0], *net.colours[-1], *(row[0] for row in net.colours), *(row[-1] for row in net.colours)}


def visible_points(net: Net, view: View) -> Iterator[tuple[str, Point]]:
    """Colour and place of every drawn point that lies in the panel."""
    for colours, row in zip(net.colours, view.place(net.points).tolist(), strict=True):
        for colour, (x, y) in zip(colours, row, strict=True):
            if view.box.contains((x, y)):  # False for NaN
                yield colour, (x, y)


def frame_visible(net: Net, view: View) -> bool:
    """Whether the panel shows any of the outline."""
    return any(pieces_inside(view.place(side), torn(side), view.box) for side in net.frame)


def spacing(net: Net, view: View) -> float:
    """The typical distance of neighbouring points on the canvas; infinite where there are none."""
    return min(_steps(net), default=math.inf) * view.scale


def _steps(net: Net) -> list[float]:
    """The median distances of neighbouring points, along columns and along rows, in pixels."""
    steps = [np.hypot(*np.moveaxis(np.diff(net.points, axis=axis), -1, 0)).ravel() for axis in (0, 1)]
    return [float(np.median(step[np.isfinite(step)])) for step in steps if np.isfinite(step).any()]


def _line_items(net: Net, view: View, style: Style) -> Iterator[Item]:
    rows, cols = len(net.lattice.rows), len(net.lattice.cols)
    ends = [[(net.colours[r][c], net.colours[r][c + 1]) for c in range(cols - 1)] for r in range(rows)]
    ends += [[(net.colours[r][c], net.colours[r + 1][c]) for r in range(rows - 1)] for c in range(cols)]
    for (line, pieces), colours in zip(net.lines, ends, strict=True):
        placed, broken = view.place(line), torn(line)
        for index, (first, _) in enumerate(colours):
            part = slice(index * pieces, (index + 1) * pieces)
            for points in pieces_inside(placed[part.start : part.stop + 1], broken[part], view.box):
                yield Path(points, first, style.line)


def _frame_items(net: Net, view: View, style: Style) -> Iterator[Item]:
    """The outline, dark on a light seam; all of the seam first, lest one side's cut into the next."""
    outline: list[tuple[Point, ...]] = []
    for side in net.frame:
        outline.extend(pieces_inside(view.place(side), torn(side), view.box))
    for points in outline:
        yield Path(points, palette.HALO, style.frame + style.seam)
    for points in outline:
        yield Path(points, palette.INK, style.frame)
