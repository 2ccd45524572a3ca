"""The values of the options of `stnwarp train` that no other command has."""

from typing import Any

import click

from stnwarp.cli.numbers import Numbers
from stnwarp.errors import ParameterError
from stnwarp.text import truncate_repr
from stnwarp.training.ranges import Ranges


class Amount(click.ParamType[float]):
    """A number from *low* to *high*; *low* itself is out of it where it is 0 and *zero* is not given."""

    name = "number"

    def __init__(self, high: float, *, zero: bool = False) -> None:
        self.high = high
        self.zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in *value*."""
        if isinstance(value, float):
            return value
        (number,) = Numbers(1).convert(value, param, ctx)
        if not (0 <= number <= self.high) or (number == 0 and not self.zero):
            least = "from 0" if self.zero else "above 0 and"
            self.fail(f"{truncate_repr(value)} is not a number {least} up to {self.high:g}", param, ctx)
        return number


class Share(Amount):
    """A share of the images, or `test` for the test set of an .npz, which becomes 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share in *value*."""
        return 0.0 if value == "test" else super().convert(value, param, ctx)


class RangesType(click.ParamType[Ranges]):
    """Ranges of random warps."""

    name = "ranges"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ranges:
        """The ranges in *value*."""
        if isinstance(value, Ranges):
            return value
        try:
            return Ranges.parse(value)
        except ParameterError as error:
            self.fail(str(error), param, ctx)
