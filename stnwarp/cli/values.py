"""The kinds of value options take, beside numbers. No NumPy here: a typo is told at once."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import click

from stnwarp.conventions import PaddingModes, padding_modes
from stnwarp.errors import ParameterError
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SIZES, SizeRequest, SizeScale
from stnwarp.text import suggestion, truncate_repr

CANONICAL = "canonical"
_SIZE = re.compile(r"\s*(\d{1,18})\s*[xX×]\s*(\d{1,18})\s*", re.ASCII)

_ASPECT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*:\s*(\d{1,9}(?:\.\d{1,9})?)\s*", re.ASCII)

PAPER_ASPECTS = {
    "a4": 210 / 297,
    "a4-landscape": 297 / 210,
    "letter": 8.5 / 11,
    "letter-landscape": 11 / 8.5,
}


class Size(click.ParamType[tuple[int, int]]):
    """WxH as (height, width)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(height, width) of a text such as 640x480."""
        if isinstance(value, tuple):
            return value
        match = _SIZE.fullmatch(value)
        if match is None:
            self.fail(f"{truncate_repr(value)} is not a size: give {SIZES}", param, ctx)
        width, height = map(int, match.groups())
        if width < 1 or height < 1:
            self.fail(f"{truncate_repr(value)} has no pixels: give {SIZES}", param, ctx)
        return height, width


@dataclass(frozen=True)
class CanonicalSize:
    """The size that a checkpoint was made for, or another one by *scale*."""

    scale: SizeScale | None = None


class OutputSize(click.ParamType[SizeRequest | CanonicalSize]):
    """The size of an output; *canonical* is one of its words only where there are checkpoints."""

    name = "size"

    def __init__(self, *, has_canonical: bool = False) -> None:
        self.has_canonical = has_canonical

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> SizeRequest | CanonicalSize:
        """The request in *value*."""
        if not isinstance(value, str):
            return cast("SizeRequest | CanonicalSize", value)
        word, colon, scale = value.strip().lower().partition(":")
        try:
            if self.has_canonical and word == CANONICAL:
                return CanonicalSize(SizeScale.parse(scale) if colon else None)
            return SizeRequest.parse(value, (CANONICAL,) if self.has_canonical else ())
        except ParameterError as error:
            self.fail(str(error), param, ctx)


class PixelRectangle(click.ParamType[Rectangle]):
    """X,Y,WIDTH,HEIGHT in whole pixels."""

    name = "rectangle"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rectangle:
        """The rectangle in *value*."""
        if isinstance(value, Rectangle):
            return value
        try:
            return Rectangle.parse(value)
        except ParameterError as error:
            self.fail(str(error), param, ctx)


class Aspect(click.ParamType[float]):
    """Width to height as W:H, or the name of a paper size, as width / height."""

    name = "aspect"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The ratio of a text such as 3:2, 210:297 or a4-landscape."""
        if isinstance(value, float):
            return value
        word = value.strip().lower()
        if word in PAPER_ASPECTS:
            return PAPER_ASPECTS[word]
        match = _ASPECT.fullmatch(value)
        width, height = map(float, match.groups()) if match else (0.0, 0.0)
        if width <= 0 or height <= 0:
            self.fail(
                f"{truncate_repr(value)} is not an aspect ratio{suggestion(word, list(PAPER_ASPECTS))}: give "
                f"{', '.join(PAPER_ASPECTS)} or W:H such as 3:2 (width to height)",
                param,
                ctx,
            )
        return width / height


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


class Padding(click.ParamType[PaddingModes]):
    """A padding mode for both axes, or one for each with a comma between."""

    name = "padding mode"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PaddingModes:
        """The modes called *value*."""
        if isinstance(value, PaddingModes):
            return value
        try:
            return padding_modes(value)
        except ParameterError as error:
            self.fail(str(error).removeprefix("padding_mode "), param, ctx)


class Flip(StrEnum):
    """Which way a picture is mirrored."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    BOTH = "both"
