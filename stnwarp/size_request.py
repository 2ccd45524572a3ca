"""The requested size of an output: a frame and how densely it is sampled, or an exact size.

Convention: sizes are (height, width); texts are WIDTHxHEIGHT. No NumPy here: the command line reads sizes before that
is loaded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from stnwarp.errors import ParameterError
from stnwarp.text import suggestion, truncate_repr

Size = tuple[int, int]

SIZES = "WxH such as 640x480 (width x height)"
SCALES = "50%, 800x, x600 or 800x600"

_EXACT = re.compile(r"([0-9]{1,12})[x×]([0-9]{1,12})")
_SIDES = re.compile(r"([0-9]{1,12})?[x×]([0-9]{1,12})?")
_PERCENT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12})%")


class SizeMode(StrEnum):
    """What decides the output's frame, or its exact size."""

    SAME = "same"
    FIT = "fit"
    INNER = "inner"
    EXACT = "exact"


@dataclass(frozen=True)
class SizeScale:
    """How densely a frame is sampled, the proportions of its size being kept.

    Args:
        factor: how many times as wide and high the output is as the frame in pixels of its own.
        width: the width of the output; with `height` as well, the output is the largest that does not go beyond
            either, and never larger than the frame.
        height: the height of the output.

    Raises:
        ParameterError: none of them, a factor beside a side, or one that leaves no pixel.
    """

    factor: Fraction | None = None
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        sides = [side for side in (self.width, self.height) if side is not None]
        if (self.factor is None) is not bool(sides):
            raise ParameterError(f"a scale is a factor, or one or two sides, got {self}")
        if min(sides, default=self.factor or 0) <= 0:
            raise ParameterError(f"a scale must leave at least a pixel, got {self}")

    @classmethod
    def parse(cls, text: str) -> "SizeScale":
        """Read '50%', '800x' (a width), 'x600' (a height) or '800x600' (a box).

        Raises:
            ParameterError: anything else, the text named.
        """
        word = text.strip().lower()
        percent, sides = _PERCENT.fullmatch(word), _SIDES.fullmatch(word)
        if percent is None and (sides is None or not any(sides.groups())):
            raise ParameterError(f"{truncate_repr(text)} is not a scale: give {SCALES}")
        if not any(digit in word for digit in "123456789") or (sides and 0 in map(_number, sides.groups())):
            raise ParameterError(f"{truncate_repr(text)} leaves no pixels: give {SCALES}")
        if percent is not None:
            return cls(Fraction(percent[1]) / 100)
        assert sides is not None
        return cls(width=_number(sides[1]), height=_number(sides[2]))

    def output_size(self, frame_size: Size) -> Size:
        """Return the size of the output for a frame of `frame_size`; rounded half to even, at least one pixel."""
        factor = self._factor(*frame_size)
        height, width = (max(1, round(side * factor)) for side in frame_size)
        return height, width

    def _factor(self, height: int, width: int) -> Fraction:
        if self.factor is not None:
            return self.factor
        factors = [
            Fraction(side, own) for side, own in ((self.width, width), (self.height, height)) if side is not None
        ]
        return factors[0] if len(factors) == 1 else min(Fraction(1), *factors)


@dataclass(frozen=True)
class SizeRequest:
    """The requested size of the output.

    Args:
        mode: its frame is the input's own (SAME), that which holds the whole moved picture (FIT), or the largest one
            of the picture's proportions within it (INNER); or it has exactly `size` (EXACT).
        size: (height, width), with EXACT only.
        scale: how densely the frame is sampled, in any other mode; None for pixels of its own size.

    Raises:
        ParameterError: a size without EXACT or the other way round, a scale beside it, or a size without pixels.
    """

    mode: SizeMode = SizeMode.SAME
    size: Size | None = None
    scale: SizeScale | None = None

    def __post_init__(self) -> None:
        if (self.mode is SizeMode.EXACT) != (self.size is not None):
            raise ParameterError(f"a size belongs to the mode exact and to no other, got {self.mode} and {self.size}")
        if self.size is not None and self.scale is not None:
            raise ParameterError("an exact size has no scale")
        if self.size is not None and min(self.size) < 1:
            raise ParameterError(f"a size must be at least 1x1, got {self.size[1]}x{self.size[0]}")

    @classmethod
    def parse(cls, text: str, others: Sequence[str] = ()) -> "SizeRequest":
        """Read '[same|fit|inner][:SCALE]' or 'WxH', width first, as on the command line.

        A scale alone is one of `same`, but for WxH, which is exact: 'same:800x600' is a box, '800x600' a size.

        Args:
            text: as above.
            others: words that may stand for a frame but are read by the caller; messages name them, too.

        Raises:
            ParameterError: anything else, the text named.
        """
        word = "".join(text.split()).lower()
        exact = _EXACT.fullmatch(word)
        if exact is not None:
            width, height = map(int, exact.groups())
            if not (width and height):
                raise ParameterError(f"{truncate_repr(text)} has no pixels: give {SIZES}")
            return cls(SizeMode.EXACT, (height, width))
        frame, colon, scale = word.partition(":")
        if frame in FRAMES:
            return cls(SizeMode(frame), scale=SizeScale.parse(scale) if colon else None)
        if not colon and (_PERCENT.fullmatch(word) or _SIDES.fullmatch(word)):
            return cls(scale=SizeScale.parse(word))
        frames = (*FRAMES, *others)
        choices = f"[{'|'.join(frames)}][:SCALE], with SCALE {SCALES}, or {SIZES}"
        raise ParameterError(f"{truncate_repr(text)} is not a size{suggestion(frame, frames)}: give {choices}")

    @property
    def frame(self) -> "SizeRequest":
        """The same request without its scale."""
        return self if self.scale is None else SizeRequest(self.mode)

    def output_size(self, frame_size: Size) -> Size:
        """Return the exact size of the request, or the size of an output whose frame is of `frame_size`."""
        if self.size is not None:
            return self.size
        return frame_size if self.scale is None else self.scale.output_size(frame_size)


FRAMES = (SizeMode.SAME.value, SizeMode.FIT.value, SizeMode.INNER.value)


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
