"""The arrow from one output pixel to the point of the input it is read at."""

import math
from collections.abc import Iterator

from stnwarp.drawing import palette
from stnwarp.drawing.panel import Net, spacing, visible_points
from stnwarp.drawing.scene import Box, Dot, Item, Path, Point
from stnwarp.drawing.style import Style
from stnwarp.drawing.view import View

_BOW = 0.09  # how far the arrow bends, as a share of its length
_STEPS = 64
_HEAD = 5.5  # the arrow head's length in line widths


def pointer(source: tuple[Net, View], target: tuple[Net, View], image: Box, style: Style) -> Iterator[Item]:
    """Both points emphasised and a bent arrow from right to left; nothing where no point is visible.

    *image* is where the input lies on the canvas.
    """
    ends = _chosen(source, target, image)
    if ends is None:
        return
    colour, tail, tip = ends
    radii = [1.6 * style.radius(1.5 * spacing(net, view)) for net, view in (target, source)]
    clear = [1.2 * radius + 1.2 * style.frame for radius in radii]
    yield from _arrow(_curve(tail, tip, clear, upward=_middle(source[1].box, tail, tip) <= 0), style)
    for centre, radius in zip((tail, tip), radii, strict=True):
        yield Dot(centre, radius + style.seam / 2, style.seam / 2, palette.INK, palette.HALO)
        yield Dot(centre, radius, 0.4 * radius, colour, palette.INK)


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


def _curve(start: Point, end: Point, clear: list[float], upward: bool) -> tuple[Point, ...]:
    """A line from right to left, bent up or down, that stays *clear* of its two ends."""
    length = math.dist(start, end)
    bow = 2 * _BOW * (length if upward else -length)
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


def _arrow(curve: tuple[Point, ...], style: Style) -> Iterator[Item]:
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
