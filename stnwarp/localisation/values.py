"""Values of a checkpoint's metadata, checked one by one; the messages begin with the key."""

import math
from typing import Any

from stnwarp.errors import ParameterError
from stnwarp.text import truncate_repr

LONGEST_INPUT = 4096  # a side of what the network sees, which is meant to be a small copy
LONGEST_OUTPUT = 2**31 - 1
MOST_CONTROL_POINTS = 2048

Size = tuple[int, int]


def size(value: Any, key: str, longest: int = LONGEST_OUTPUT) -> Size:
    """Two whole numbers from 1 to *longest*: height and width."""
    sides = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= longest for side in sides):
        raise ParameterError(
            f"{key} must be height and width, whole numbers from 1 to {longest}, got {truncate_repr(value)}"
        )
    return sides[0], sides[1]


def input_size(value: Any, key: str) -> Size:
    """The same for what a network sees."""
    return size(value, key, LONGEST_INPUT)


def written(sides: Size) -> str:
    """A size as the command line has it."""
    return f"{sides[1]}x{sides[0]}"


def optional_size(value: Any, key: str) -> Size | None:
    """The same, or nothing."""
    return None if value is None else size(value, key)


def control_points(value: Any, key: str) -> Size | None:
    """Rows and columns of a thin plate spline's control points, or nothing."""
    if value is None:
        return None
    given = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(given) != 2 or not all(type(count) is int and count >= 2 for count in given):
        raise ParameterError(f"{key} must be rows and columns, whole numbers of at least 2, got {truncate_repr(value)}")
    if given[0] * given[1] > MOST_CONTROL_POINTS:
        raise ParameterError(f"{key} must be at most {MOST_CONTROL_POINTS} in all, got {given[0]} x {given[1]}")
    return given[0], given[1]


def number(value: Any, key: str) -> float:
    """A finite number; true is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParameterError(f"{key} must be numbers, got {truncate_repr(value)}")
    try:
        if math.isfinite(value):
            return float(value)
    except OverflowError:  # an integer of 400 digits
        pass
    raise ParameterError(f"{key} must be finite, got {truncate_repr(value)}")


def numbers(value: Any, key: str) -> tuple[float, ...]:
    """A row of finite numbers, three at the most."""
    if not isinstance(value, (tuple, list)) or not 1 <= len(value) <= 3:
        raise ParameterError(f"{key} must be a row of numbers, one for each channel, got {truncate_repr(value)}")
    return tuple(number(entry, key) for entry in value)


def divisors(value: Any, key: str) -> tuple[float, ...]:
    """The same, none of them zero."""
    given = numbers(value, key)
    if 0.0 in given:
        raise ParameterError(f"{key} must not be 0")
    return given


def value_range(value: Any, key: str) -> tuple[float, float]:
    """Two different numbers."""
    ends = numbers(value, key)
    if len(ends) != 2 or ends[0] == ends[1]:
        raise ParameterError(f"{key} must be two different numbers, got {truncate_repr(value)}")
    return ends[0], ends[1]


def share(value: Any, key: str) -> float:
    """A number from 0 to 1."""
    given = number(value, key)
    if not 0.0 <= given <= 1.0:
        raise ParameterError(f"{key} must lie in 0..1, got {given:g}")
    return given


def boolean(value: Any, key: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ParameterError(f"{key} must be true or false, got {truncate_repr(value)}")
    return value


def text(value: Any, key: str) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ParameterError(f"{key} must be text, got {truncate_repr(value)}")
    return value


def optional_text(value: Any, key: str) -> str | None:
    """The same, or nothing."""
    return None if value is None else text(value, key)


def version(value: Any, key: str, newest: int = 1) -> int:
    """A whole number up to *newest*."""
    if type(value) is not int or not 1 <= value <= newest:
        raise ParameterError(f"{key} must be {newest}, got {truncate_repr(value)}; a newer stnwarp may read this file")
    return value
