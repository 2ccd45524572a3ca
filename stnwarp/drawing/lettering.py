"""Texts that fit: Pillow's own embedded font, measured before it is placed.

The font knows ASCII and little more, so the drawings use nothing else.
"""

from collections.abc import Sequence
from functools import cache

from PIL import ImageFont

from stnwarp.drawing.scene import Anchor, Label, Point

_MEASURED_AT = 64.0  # large enough for hinting not to matter; lengths scale with the size
_SMALLEST = 0.75  # how far a text may shrink before it is left out


@cache
def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's embedded font at *size* pixels."""
    return ImageFont.load_default(size)


@cache
def text_width(text: str, size: float) -> float:
    """The length of *text* at *size*, in the same unit."""
    return font(_MEASURED_AT).getlength(text) * size / _MEASURED_AT


def fitted(
    texts: Sequence[str], room: float, size: float, at: Point, colour: str, anchor: Anchor = Anchor.START
) -> tuple[Label, ...]:
    """The first of *texts* (long to short) that fits into *room*; the last may shrink; none if none fits."""
    for text in texts:
        if text_width(text, size) <= room:
            return (Label(at, text, size, colour, anchor, text_width(text, size)),)
    shrunk = size * room / text_width(texts[-1], size)
    if shrunk < _SMALLEST * size:
        return ()
    return (Label(at, texts[-1], shrunk, colour, anchor, room),)
