"""Arrows and words for a frame that the input's panel does not show: it lies elsewhere, or all around."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing import palette
from stnwarp.drawing.lettering import fitted
from stnwarp.drawing.pointer import arrow
from stnwarp.drawing.scene import Anchor, Block, Box, Item, Point
from stnwarp.drawing.style import Style

_REACH = 0.16  # an arrow's length, as a share of the panel's shorter side
_INSET = 0.03  # and its tip's distance from the rim
_NEGLIGIBLE = 1e-3  # a part of the way this much shorter than the other is not worth a word


@dataclass(frozen=True)
class Afar:
    """Where the frame lies as seen from the image: the *way* to it, or *around* it; *words* are long to short."""

    words: tuple[str, ...]
    way: Point | None = None
    around: bool = False


def whereabouts(grid: NDArray[Any], matrix: NDArray[np.float64], size: tuple[int, int]) -> Afar:
    """Where the corners of *grid* lie from the middle of the image of *size* (height, width).

    *matrix* takes normalised coordinates to pixel positions.
    """
    corners = grid[[0, 0, -1, -1], [0, -1, -1, 0]].astype(np.float64)
    extent = np.array(size[::-1], np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        away = corners * matrix.diagonal()[:2] + matrix[:2, 2] - (extent - 1) / 2
        span = np.ptp(away, axis=0)
    if not (np.isfinite(away).all() and np.isfinite(span).all()):
        return Afar(("frame is not finite",))
    if _surrounds(away):
        counts = np.maximum(grid.shape[1::-1], 2)  # from centre to centre is one step less than the frame
        times = f"{float(np.max(span / extent * (counts / (counts - 1)))):.3g} times"
        words = (f"frame surrounds the image, {times} its size", f"frame: {times} as large", f"{times} as large")
        return Afar(words, around=True)
    x, y = (away / 4).sum(axis=0).tolist()
    return Afar(_in_words(x, y), way=(x, y) if x or y else None)


def _surrounds(corners: NDArray[np.float64]) -> bool:
    """Whether the origin lies within a quad: all four corners turn the same way around it."""
    unit = corners / max(float(np.abs(corners).max()), np.finfo(np.float64).tiny)
    after = np.roll(unit, -1, axis=0)
    turns = unit[:, 0] * after[:, 1] - unit[:, 1] * after[:, 0]
    return bool(np.all(turns > 0) or np.all(turns < 0))


def _in_words(x: float, y: float) -> tuple[str, ...]:
    """The way (x, y) in words, the longer part first."""
    parts = [(abs(x), "left" if x < 0 else "right", "to the "), (abs(y), "up" if y < 0 else "down", "")]
    parts = [part for part in sorted(parts, reverse=True) if part[0] > _NEGLIGIBLE * max(abs(x), abs(y))]
    long = " and ".join(f"{_pixels(length)} {to}{word}" for length, word, to in parts)
    short = ", ".join(f"{_pixels(length)} {word}" for length, word, _ in parts)
    return (f"frame lies {long}", f"frame: {short}", short) if parts else ("frame lies in the middle",)


def _pixels(length: float) -> str:
    return f"{length:.3g} px" if not 1 <= length < 1e6 else f"{round(length)} px"


def afar_items(afar: Afar, panel: Box, style: Style) -> Iterator[Item]:
    """An arrow to the rim of *panel*, or one to each of its corners, and the words where none points."""
    reach = _REACH * min(panel.width, panel.height)
    corners = [(x * panel.width, y * panel.height) for x in (-1, 1) for y in (-1, 1)]
    for way in corners if afar.around else [afar.way] if afar.way else []:
        yield from arrow(_to_the_rim(panel, way, reach), style)
    letter = style.number
    downward = afar.way is not None and afar.way[1] > abs(afar.way[0])
    baseline = panel.y + 1.6 * letter if downward else panel.bottom - 0.9 * letter
    at = (panel.x + panel.width / 2, baseline)
    room = panel.width - (2 * reach if afar.around else letter)
    for label in fitted(afar.words, room, letter, at, palette.INK, Anchor.MIDDLE):
        yield Block(label.box.grown(0.3 * letter), palette.PAPER)
        yield label


def _to_the_rim(panel: Box, direction: Point, length: float) -> tuple[Point, ...]:
    """A line of *length* that ends at the rim of *panel*, on the way from its middle in *direction*."""
    angle = math.atan2(direction[1], direction[0])
    x, y = math.cos(angle), math.sin(angle)
    inset = _INSET * min(panel.width, panel.height)
    sides = (panel.width / 2 - inset, abs(x)), (panel.height / 2 - inset, abs(y))
    far = min(room / part for room, part in sides if part > 0)
    middle = panel.x + panel.width / 2, panel.y + panel.height / 2
    steps = (far - length, far - length / 2, far)
    return tuple((middle[0] + step * x, middle[1] + step * y) for step in steps)
