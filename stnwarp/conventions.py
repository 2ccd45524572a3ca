"""The conventions of the whole project: enums, defaults, and the convention in words.

Normalised coordinates run over [-1, 1], x to the right, y down. With ``align_corners=False`` -1 and 1 are the outer
edges of the corner pixels, with True their centres. theta maps output coordinates to input coordinates. Pixel centres
are at integers and pixel (0, 0) is the top-left one.

This module loads nothing but the standard library, so that the command line can describe its options without NumPy.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from stnwarp.errors import ParameterError

DEFAULT_ALIGN_CORNERS = False

# Pillow's own error level (twice its warning level of 89,478,485 pixels), for the input and for the output.
DEFAULT_MAX_PIXELS = 178_956_970


class Interpolation(StrEnum):
    """How the sampler reads between pixels."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class PaddingMode(StrEnum):
    """What the sampler reads outside the image."""

    ZEROS = "zeros"
    BORDER = "border"
    REFLECTION = "reflection"
    WRAP = "wrap"


class Units(StrEnum):
    """The coordinates a theta is written in."""

    NORMALIZED = "normalized"
    PIXEL = "pixel"


class ParameterFamily(StrEnum):
    """What the parameters of a transform can be: those of a matrix's families, or a thin plate spline's points."""

    TRANSLATION = "translation"
    ATTENTION = "attention"
    SIMILARITY = "similarity"
    AFFINE = "affine"
    PROJECTIVE = "projective"
    THIN_PLATE_SPLINE = "tps"  # x0 y0 x1 y1 ...: where each control point is read, row by row


class BeyondLimit(StrEnum):
    """What becomes of an image whose transformation goes beyond a limit."""

    CLAMP = "clamp"
    LEAVE = "leave"


DEFAULT_INTERPOLATION = Interpolation.BILINEAR
DEFAULT_PADDING_MODE = PaddingMode.ZEROS

DIRECTION = "output to input"  # the only direction theta and grids have; files that carry a transformation say it

# Names that ONNX's GridSample (opset 20 and later) gives to the modes.
_ONNX_MODES = {"linear": "bilinear", "cubic": "bicubic"}

_LONGEST_TOLD = 60  # characters of a value that a message repeats

_E = TypeVar("_E", bound=StrEnum)


def suggestion(name: str, known: Iterable[str]) -> str:
    """A ' (did you mean ...?)' for a misspelt *name*, or nothing."""
    close = get_close_matches(name[:_LONGEST_TOLD].lower(), list(known), n=1)
    return f" (did you mean {str(close[0])!r}?)" if close else ""


def shortened(value: object) -> str:
    """*value* as Python writes it, for a message of one line: what somebody else's file holds may be of any length."""
    written = repr(value)
    return written if len(written) <= _LONGEST_TOLD else f"{written[: _LONGEST_TOLD - 3]}..."


def elide(text: str, longest: int) -> str:
    """*text* of at most so many characters, the middle left out where it has more."""
    return text if len(text) <= longest else f"{text[: longest // 2]} ... {text[5 - longest + longest // 2 :]}"


def member(enum: type[_E], name: str, what: str) -> _E:
    """The member of *enum* called *name*; ParameterError names the choices."""
    try:
        return enum(name)
    except ValueError:
        choices = ", ".join(enum)
        raise ParameterError(
            f"{what} must be one of {choices}, got {shortened(name)}{suggestion(str(name), enum)}"
        ) from None


@lru_cache(maxsize=32)  # asked for every small image
def interpolation(name: str) -> Interpolation:
    """The interpolation called *name*, by torch's, ONNX's or our spelling."""
    return member(Interpolation, _ONNX_MODES.get(name, name), "interpolation")


@lru_cache(maxsize=32)
def padding_mode(name: str) -> PaddingMode:
    """The padding mode called *name*."""
    return member(PaddingMode, name, "padding_mode")
