"""The arrow from one output pixel to the point of the input it is read at."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from stnwarp.drawing import palette
from stnwarp.drawing.lattice import pieces_inside
from stnwarp.drawing.panel import Net, spacing, visible_points
from stnwarp.drawing.scene import Box, Dot, Item, Path, Point
from stnwarp.drawing.style import Style
from stnwarp.drawing.view import View

_BOWS = (0.09, 0.06, 0.12, 0.03, 0.15, 0.0)  # how far the arrow may bend, as shares of its length
_STEPS = 64
_HEAD = 5.5  # the arrow head's length in line widths


def pointer(
    source: tuple[Net, View], target: tuple[Net, View], image: Box, numbers: Sequence[Box], style: Style
) -> Iterator[Item]:
    """Both points emphasised and a bent arrow from right to left; nothing where no point is visible.

    *image* is where the input lies on the canvas; the arrow bends around *numbers* where it can.
    """
    ends = _chosen(source, target, image)
    if ends is None:
        return
    colour, tail, tip = ends
    radii = [1.6 * style.radius(1.5 * spacing(net, view)) for net, view in (target, source)]
    clear = [1.2 * radius + 1.2 * style.frame for radius in radii]
    upward = _middle(source[1].box, tail, tip) <= 0
    bows = [bow if upward else -bow for bow in _BOWS] + [-bow if upward else bow for bow in _BOWS]
    curves = [_curve(tail, tip, clear, bow) for bow in bows]
    kept = [box.grown(_breadth(style)) for box in numbers]
    yield from arrow(min(curves, key=lambda curve: sum(_meets(curve, box) for box in kept)), style)
    for centre, radius in zip((tail, tip), radii, strict=True):
        yield Dot(centre, radius + style.seam / 2, style.seam / 2, palette.INK, palette.HALO)
        yield Dot(centre, radius, 0.4 * radius, colour, palette.INK)


def covered(arrows: Iterable[Item], box: Box, style: Style) -> bool:
    """Whether any of the lines of *arrows* runs through *box*."""
    kept = box.grown(_breadth(style))
    return any(isinstance(item, Path) and _meets(item.points, kept) for item in arrows)


def _breadth(style: Style) -> float:
    """Half of an arrow's shaft with its seam, and a little air."""
    return 0.6 * style.frame + 0.5 * style.seam


def _meets(line: Sequence[Point], box: Box) -> bool:
    return bool(pieces_inside(np.array(line), np.zeros(len(line) - 1, np.bool_), box))


def _chosen(source: tuple[Net, View], target: tuple[Net, View], image: Box) -> tuple[str, Point, Point] | None:
    """A colour with its places in output and input, where the arrow between them disturbs the least.

    That is a short arrow at half height; points beyond the image or on the output's rim are second choice.
    """
    places = dict(visible_points(*target))
    inner = {colour for row in target[0].colours[1:-1] for colour in row[1:-1]}
    choices = []
    for colour, place in visible_points(*source):
        length = _length(source[1].box, places[colour], place)
        choices.append((not image.contains(place), colour not in inner, length, colour, place))
    if not choices:
        return None
    *_, colour, place = min(choices)
    return colour, places[colour], place


def _length(panel: Box, tail: Point, tip: Point) -> float:
    """The arrow's length, and more for being off half height or covering one panel more than the other."""
    lopsided = abs((tail[0] - panel.right) - (panel.right - tip[0]))
    return math.dist(tail, tip) + abs(_middle(panel, tail, tip)) + 0.5 * lopsided


def _middle(panel: Box, tail: Point, tip: Point) -> float:
    """How far above the panel's middle an arrow runs."""
    return panel.y + panel.height / 2 - (tail[1] + tip[1]) / 2


def _curve(start: Point, end: Point, clear: list[float], bend: float) -> tuple[Point, ...]:
    """A line from right to left, *bend* times its length bent up (or down), that stays *clear* of its two ends."""
    length = math.dist(start, end)
    bow = 2 * bend * length
    across = (-(end[1] - start[1]) / length, (end[0] - start[0]) / length)
    middle = ((start[0] + end[0]) / 2 + bow * across[0], (start[1] + end[1]) / 2 + bow * across[1])
    first, last = clear[0] / length, 1 - clear[1] / length
    shares = (first + (last - first) * step / _STEPS for step in range(_STEPS + 1))
    return tuple(_on_curve(start, middle, end, share) for share in shares)


def _on_curve(start: Point, middle: Point, end: Point, t: float) -> Point:
    weights = (1 - t) ** 2, 2 * t * (1 - t), t**2
    x = weights[0] * start[0] + weights[1] * middle[0] + weights[2] * end[0]
    y = weights[0] * start[1] + weights[1] * middle[1] + weights[2] * end[1]
    return x, y


def arrow(curve: tuple[Point, ...], style: Style) -> Iterator[Item]:
    """The shaft as far as the head's base, the head, and the light seam beneath both."""
    width = 0.8 * style.frame
    shaft = tuple(point for point in curve if math.dist(point, curve[-1]) >= 0.8 * _HEAD * width)
    if len(shaft) < 2:
        return
    head = _head(shaft[-1], curve[-1], _HEAD * width)
    yield Path(shaft, palette.HALO, width + style.seam)
    yield Path((*head, head[0]), palette.HALO, style.seam)
    yield Path(shaft, palette.INK, width)
    yield Path(head, palette.INK, 0)


def _head(before: Point, tip: Point, length: float) -> tuple[Point, Point, Point]:
    reach = math.dist(tip, before)
    dx, dy = (tip[0] - before[0]) / reach, (tip[1] - before[1]) / reach
    base = (tip[0] - length * dx, tip[1] - length * dy)
    half = 0.4 * length
    return tip, (base[0] - half * dy, base[1] + half * dx), (base[0] + half * dy, base[1] - half * dx)
