"""The kinds of value options take. No NumPy here: a typo is told at once."""

import math
import re
from enum import StrEnum
from typing import Any

import click

from stnwarp.conventions import suggestion

_SIZE = re.compile(r"(\d{1,18})[xX×](\d{1,18})", re.ASCII)


def parse_numbers(text: str) -> tuple[float, ...]:
    """The finite numbers of *text*, parted by commas or spaces; ValueError names what is none."""
    words = text.replace(",", " ").split()
    return tuple(_finite(word) for word in words)


def _finite(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{word!r} is not a finite number")
    return number


class Numbers(click.ParamType[tuple[float, ...]]):
    """A value made of numbers, of which there may be as many as *counts* says."""

    name = "numbers"

    def __init__(self, *counts: int) -> None:
        self.counts = counts

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers of *value*; anything else fails with the part that is wrong."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = parse_numbers(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if len(numbers) not in self.counts:
            wanted = " or ".join(str(count) for count in self.counts)
            self.fail(f"{value!r} holds {len(numbers)} numbers, {wanted} are needed", param, ctx)
        return numbers


class Scale(Numbers):
    """One or two factors, neither of them zero."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The factors; zero would leave nothing of the picture."""
        factors = super().convert(value, param, ctx)
        if 0 in factors:
            self.fail(f"a factor of 0 leaves nothing of the picture, got {value!r}", param, ctx)
        return factors


class Shear(Numbers):
    """One or two angles in degrees, each less than a right angle."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The angles; at 90 degrees the sheared picture is infinitely long."""
        angles = super().convert(value, param, ctx)
        if any(abs(angle) >= 90 for angle in angles):
            self.fail(f"a shear must lie between -90 and 90 degrees, got {value!r}", param, ctx)
        return angles


class Size(click.ParamType[str | tuple[int, int]]):
    """WxH as (height, width), or one of the *words* as it stands."""

    name = "size"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | tuple[int, int]:
        """The word, or (height, width) of a text such as 640x480."""
        if isinstance(value, tuple) or value in self.words:
            return value  # type: ignore[no-any-return]
        match = _SIZE.fullmatch(value)
        choices = " or ".join([*self.words, "WxH such as 640x480 (width x height)"])
        if match is None:
            self.fail(f"{value!r} is not a size: give {choices}", param, ctx)
        width, height = map(int, match.groups())
        if width < 1 or height < 1:
            self.fail(f"{value!r} has no pixels: give {choices}", param, ctx)
        return height, width


class OneOf(click.Choice[str]):
    """One member of an enum by its value; a misspelt one is answered with the nearest."""

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__([member.value for member in enum])
        self.enum = enum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The member called *value*."""
        try:
            return self.enum(value)
        except ValueError:
            choices = ", ".join(self.enum)
            self.fail(f"{value!r} is not one of {choices}{suggestion(str(value), self.choices)}", param, ctx)


class Flip(StrEnum):
    """Which way a picture is mirrored."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    BOTH = "both"
