"""The conventions of the whole project: enums, defaults, and the convention in words.

Normalised coordinates run over [-1, 1], x to the right, y down. With ``align_corners=False`` -1 and 1 are the outer
edges of the corner pixels, with True their centres. theta maps output coordinates to input coordinates. Pixel centres
are at integers and pixel (0, 0) is the top-left one.

This module loads nothing but the standard library, so that the command line can describe its options without NumPy.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

from stnwarp.errors import ParameterError
from stnwarp.text import suggestion, truncate_repr

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

    FILL = "fill"
    ZEROS = "zeros"
    BORDER = "border"
    REFLECTION = "reflection"
    WRAP = "wrap"

    @property
    def takes_fill(self) -> bool:
        """Whether a value that is given is read outside."""
        return self in (PaddingMode.FILL, PaddingMode.ZEROS)


class Units(StrEnum):
    """The coordinates a theta is written in."""

    NORMALIZED = "normalized"
    PIXEL = "pixel"


class Family(StrEnum):
    """The families of transforms, narrow ones first; their parameters are rows of `transforms.families`."""

    TRANSLATION = "translation"
    ATTENTION = "attention"  # isotropic scale and translation
    SIMILARITY = "similarity"
    AFFINE = "affine"
    PROJECTIVE = "projective"
    THIN_PLATE_SPLINE = "tps"  # no matrix: where each control point is read, x0 y0 x1 y1 ... row by row


class BeyondLimit(StrEnum):
    """What becomes of an image whose transformation goes beyond a limit."""

    CLAMP = "clamp"
    LEAVE = "leave"


DEFAULT_INTERPOLATION = Interpolation.BILINEAR
DEFAULT_PADDING_MODE = PaddingMode.FILL
DEFAULT_ANTIALIAS = True

DIRECTION = "output to input"  # the only direction theta and grids have; files that carry a transformation say it

# Names that ONNX's GridSample (opset 20 and later) gives to the modes.
_ONNX_MODES = {"linear": "bilinear", "cubic": "bicubic"}


_E = TypeVar("_E", bound=StrEnum)


def parse_enum(enum: type[_E], name: str, what: str) -> _E:
    """The member of *enum* called *name*; ParameterError names the choices."""
    try:
        return enum(name)
    except ValueError:
        choices = ", ".join(enum)
        raise ParameterError(
            f"{what} must be one of {choices}, got {truncate_repr(name)}{suggestion(str(name), enum)}"
        ) from None


@lru_cache(maxsize=32)  # asked for every small image
def interpolation(name: str) -> Interpolation:
    """The interpolation called *name*, by torch's, ONNX's or our spelling."""
    return parse_enum(Interpolation, _ONNX_MODES.get(name, name), "interpolation")


@lru_cache(maxsize=32)
def padding_mode(name: str) -> PaddingMode:
    """The padding mode called *name*."""
    return parse_enum(PaddingMode, name, "padding_mode")


class PaddingModes(NamedTuple):
    """The padding modes of columns and rows: what is read beside the image, and above and below it."""

    x: PaddingMode
    y: PaddingMode

    @property
    def takes_fill(self) -> bool:
        """Whether a value that is given is read outside."""
        return self.x.takes_fill or self.y.takes_fill

    @property
    def fades(self) -> bool:
        """Whether the image fades into the fill at an edge."""
        return PaddingMode.FILL in self

    def __str__(self) -> str:
        return str(self.x) if self.x is self.y else f"{self.x},{self.y}"


@lru_cache(maxsize=64)
def padding_modes(name: str) -> PaddingModes:
    """The padding modes called *name*: one for both axes, or two with a comma between, of columns and rows.

    Raises ParameterError naming the choices.
    """
    names = name.split(",") if isinstance(name, str) else [name]
    if len(names) > 2:
        raise ParameterError(f"padding_mode must be one mode, or two as in wrap,border, got {truncate_repr(name)}")
    modes = PaddingModes(padding_mode(names[0].strip()), padding_mode(names[-1].strip()))
    if modes.x is not modes.y and PaddingMode.ZEROS in modes:
        raise ParameterError("zeros is a padding mode for both axes; beside another one use fill")
    return modes
