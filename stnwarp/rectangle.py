"""Rectangles of whole pixels, of an input or an output.

Convention: (x, y) is the index of the top left pixel; sizes are (height, width). No NumPy here: the command line reads
rectangles before that is loaded.
"""

import re
from dataclasses import dataclass

from stnwarp.errors import ParameterError
from stnwarp.text import size_text, truncate_repr

_FARTHEST = 10**12
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")


@dataclass(frozen=True)
class Rectangle:
    """The pixels from (x, y) on, `width` across and `height` down.

    Raises:
        ParameterError: no pixels, or a number beyond 1e12.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1:
            raise ParameterError(f"a rectangle must have at least one pixel each way, got {self}")
        if max(abs(self.x), abs(self.y), self.width, self.height) > _FARTHEST:
            raise ParameterError(f"a rectangle must lie within {_FARTHEST:g} pixels, got {self}")

    @classmethod
    def parse(cls, text: str) -> "Rectangle":
        """Read 'X,Y,WIDTH,HEIGHT'; commas or spaces between.

        Raises:
            ParameterError: anything else, the text named.
        """
        words = [part.strip() for part in text.split(",")] if "," in text else text.split()
        if len(words) != 4 or not all(_NUMBER.fullmatch(word) for word in words):
            raise ParameterError(
                f"{truncate_repr(text)} is not a rectangle: give X,Y,WIDTH,HEIGHT, whole numbers such as 10,20,640,480"
            )
        return cls(*map(int, words))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    def lies_in(self, size: tuple[int, int]) -> bool:
        """Whether all of its pixels are those of an image of `size` (height, width)."""
        height, width = size
        return self.x >= 0 and self.y >= 0 and self.x + self.width <= width and self.y + self.height <= height

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


def check_crop(crop: Rectangle | None) -> None:
    """Raise ParameterError if `crop` lies within no picture, however large that may be."""
    if crop is not None and min(crop.x, crop.y) < 0:
        raise ParameterError(f"the crop {crop} begins before the picture, whose first pixel is 0,0")


def crop_size(size: tuple[int, int], crop: Rectangle | None) -> tuple[int, int]:
    """Return the size of what `crop` leaves of a picture of `size`; all of it if it is None.

    Raises:
        ParameterError: the crop goes beyond the picture.
    """
    if crop is None:
        return size
    if not crop.lies_in(size):
        raise ParameterError(f"the crop {crop} goes beyond the picture, which is {size_text(size)} pixels")
    return crop.size
