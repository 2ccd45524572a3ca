"""Options whose values are numbers: read strictly, because what is guessed wrongly warps wrongly."""

import math
import re
from typing import Any

import click

from stnwarp.text import truncate_repr

_PAIRS = {")": "(", "]": "["}
_BRACKETS = re.compile(r"[()\[\]]")
_LARGEST = 10**18 - 1  # whole number: what PyTorch and NumPy take, and more than anything here has
_LARGEST_FLOAT = (2 - 2**-24) * 2.0**127  # beyond, 32 bits round to infinity
_QUOTES = "put quotes round numbers separated by spaces"


def parse_numbers(text: str, *, brackets: bool = False) -> tuple[float, ...]:
    """The finite numbers of *text*, parted by commas or spaces, with *brackets* in () and [] too.

    Raises ValueError that names what is no number; an empty place beside a comma is none.
    """
    if brackets:
        _check_brackets(text)
        text = _BRACKETS.sub(" ", text)
    if "," not in text and not text.strip():
        return ()
    places = [place.split() for place in text.split(",")]
    if not all(places):
        raise ValueError(f"{truncate_repr(text)} has an empty place beside a comma; give each number, and {_QUOTES}")
    return tuple(_finite(word) for words in places for word in words)


def _check_brackets(text: str) -> None:
    """ValueError unless every bracket of *text* has its other half."""
    opened: list[str] = []
    for bracket in _BRACKETS.findall(text):
        if bracket not in _PAIRS:
            opened.append(bracket)
        elif not opened or opened.pop() != _PAIRS[bracket]:
            raise ValueError(f"{truncate_repr(text)} has a {bracket!r} that closes nothing")
    if opened:
        raise ValueError(f"{truncate_repr(text)} has a {opened[-1]!r} that is not closed")


def _finite(word: str) -> float:
    try:
        # float() also takes 1_000 and the digits of other scripts, which nobody means here.
        number = float(word) if word.isascii() and "_" not in word else None
    except ValueError:
        number = None
    if number is None:
        raise ValueError(f"{truncate_repr(word)} is not a number")
    if not math.isfinite(number):
        raise ValueError(f"{truncate_repr(word)} is not a finite number")
    return number


class Numbers(click.ParamType[tuple[float, ...]]):
    """A value made of numbers, of which there may be as many as *counts* says."""

    name = "numbers"
    brackets = False

    def __init__(self, *counts: int) -> None:
        self.counts = counts

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers of *value*; anything else fails with the part that is wrong."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = parse_numbers(value, brackets=self.brackets)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if len(numbers) not in self.counts:
            self.fail(f"{truncate_repr(value)} holds {self._count(len(numbers))}", param, ctx)
        return numbers

    def _count(self, found: int) -> str:
        """How many numbers were *found*, and how many there should be."""
        held = f"{found} number{'' if found == 1 else 's'}"
        *others, last = map(str, self.counts)
        wanted = f"{', '.join(others)} or {last}" if others else last
        advice = f"; {_QUOTES}" if 0 < found < min(self.counts) else ""
        return f"{held}; {wanted} {'is' if self.counts == (1,) else 'are'} needed{advice}"


class PastedNumbers(Numbers):
    """Numbers that are often pasted with the brackets of a program or of coordinates round them."""

    brackets = True


class Scale(Numbers):
    """One or two factors, neither of them zero."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The factors; zero would leave nothing of the picture."""
        factors = super().convert(value, param, ctx)
        if 0 in factors:
            self.fail(f"a factor of 0 leaves nothing of the picture, got {truncate_repr(value)}", param, ctx)
        return factors


class Shear(Numbers):
    """One or two angles in degrees, each less than a right angle."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The angles; at 90 degrees the sheared picture is infinitely long."""
        angles = super().convert(value, param, ctx)
        if any(abs(angle) >= 90 for angle in angles):
            self.fail(f"a shear must lie between -90 and 90 degrees, got {truncate_repr(value)}", param, ctx)
        return angles


class Amount(click.ParamType[float]):
    """One number, 0 or more."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in *value*."""
        if isinstance(value, float):
            return value
        try:
            number = _finite(value.strip())
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if number < 0:
            self.fail(f"{truncate_repr(value)} is less than 0", param, ctx)
        return number


class MissingValue(click.ParamType[float]):
    """A number that floats of 32 bits hold, or nan."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in *value*."""
        if isinstance(value, float):
            return value
        if value.strip().lower() == "nan":
            return math.nan
        try:
            number = _finite(value.strip())
        except ValueError as error:
            self.fail(f"{error}; give a number, or nan", param, ctx)
        if abs(number) > _LARGEST_FLOAT:
            self.fail(f"{truncate_repr(value)} is more than floats of 32 bits hold", param, ctx)
        return number


class Whole(click.ParamType[int]):
    """A whole number from *low* to *high*, or upwards."""

    name = "integer"

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number in *value*."""
        if isinstance(value, int):
            return value
        number = int(value) if re.fullmatch(r"\s*[+-]?0*[0-9]{1,18}\s*", value) else None
        if number is None or not self.low <= number <= (_LARGEST if self.high is None else self.high):
            is_large = number is None and re.fullmatch(r"\s*[+]?[0-9]+\s*", value) is not None
            high = _LARGEST if is_large and self.high is None else self.high
            what = f"of at least {self.low}" if high is None else f"from {self.low} to {high}"
            self.fail(f"{truncate_repr(value)} is not a whole number {what}", param, ctx)
        return number
