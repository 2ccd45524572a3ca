"""How long the sides of a picture can be: by the format that it is written in, and by the rows that Pillow can pack."""

from stnwarp.errors import ImageError
from stnwarp.images.formats import FORMATS, longest_side
from stnwarp.images.modes import WRITTEN_MODES

# Bits of a pixel where a row of them is encoded or decoded, which Pillow counts in 32 bits and rounds.
_BITS = {"1": 1, "L": 8, "P": 8, "LA": 16, "La": 16, "PA": 16, "I;16": 16, "RGB": 24, "YCbCr": 24}
_MOST_BITS = 32
_PACKED = {"LA", "RGB", "F"}  # arrays that are copied into an image, row by row; others are taken as they lie


def longest_row(mode: str) -> int:
    """The pixels in the longest row that Pillow can encode and decode in *mode*."""
    return (2**31 - 1) // _BITS.get(mode, _MOST_BITS) - 7


def check_sides(format: str, mode: str | None, size: tuple[int, int]) -> None:
    """Refuse to write a picture of *size* (height, width) as *format*, if it would be too long for that.

    Without *mode*, because that is not yet known, only the format itself is asked. Raises ImageError in words.
    """
    too_long = _too_long(format, mode, size)
    if too_long is None:
        return
    height, width = size
    others = [name for name in FORMATS if name != format and _is_possible(name, mode, size)]
    advice = f"write it as {', '.join(others)}" if others else "no format holds more; make it smaller"
    raise ImageError(f"an output of {width}x{height} pixels: {too_long}; {advice}")


def _is_possible(format: str, mode: str | None, size: tuple[int, int]) -> bool:
    return (mode is None or mode in WRITTEN_MODES[format]) and _too_long(format, mode, size) is None


def _too_long(format: str, mode: str | None, size: tuple[int, int]) -> str | None:
    """What is too long for *format*, and how long it can be."""
    width = size[1]
    longest = longest_side(format)
    if longest is not None and max(size) > longest:
        return f"the {'width' if width > longest else 'height'} of a {format} is at most {longest:,}"
    row = None if mode is None else _longest_row(format, mode)
    if row is not None and width > row:
        return f"the width in mode {mode} is at most {row:,}"
    return None


def _longest_row(format: str, mode: str) -> int:
    written = longest_row(WRITTEN_MODES[format][mode])
    return min(written, longest_row(mode)) if mode in _PACKED else written
