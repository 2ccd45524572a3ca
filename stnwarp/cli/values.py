"""The kinds of value options take, beside numbers. No NumPy here: a typo is told at once."""

import re
from enum import StrEnum
from typing import Any

import click

from stnwarp.text import suggestion, truncate_repr

_SIZE = re.compile(r"\s*(\d{1,18})\s*[xX×]\s*(\d{1,18})\s*", re.ASCII)


class Size(click.ParamType[str | tuple[int, int]]):
    """WxH as (height, width), or one of the *words*, in any case."""

    name = "size"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | tuple[int, int]:
        """The word, or (height, width) of a text such as 640x480."""
        if isinstance(value, tuple):
            return value
        word = value.strip().lower()
        if word in self.words:
            return str(word)
        match = _SIZE.fullmatch(value)
        choices = " or ".join(filter(None, [", ".join(self.words), "WxH such as 640x480 (width x height)"]))
        if match is None:
            self.fail(f"{truncate_repr(value)} is not a size{suggestion(word, self.words)}: give {choices}", param, ctx)
        width, height = map(int, match.groups())
        if width < 1 or height < 1:
            self.fail(f"{truncate_repr(value)} has no pixels: give {choices}", param, ctx)
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
            self.fail(
                f"{truncate_repr(value)} is not one of {choices}{suggestion(str(value), self.choices)}", param, ctx
            )


class Flip(StrEnum):
    """Which way a picture is mirrored."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    BOTH = "both"
