"""The colour of `--fill`, told in words or numbers, for each mode of a picture."""

import math

from PIL import ImageColor

from stnwarp.errors import ParameterError
from stnwarp.images.picture import CHANNELS
from stnwarp.text import truncate_repr

_ADVICE = 'use a name such as "white", "#rrggbb", "r,g,b", one gray number, or "transparent"'


def default_fill(mode: str) -> tuple[float, ...]:
    """What is read outside a picture of *mode*: transparent black, or black."""
    return (0, 0, 0, 255) if mode == "CMYK" else (0,) * CHANNELS[mode]


def parse_fill(text: str, mode: str) -> tuple[float, ...]:
    """The colour called *text*, one number per channel of *mode*, in the unit of the picture's values.

    Text is a colour name or a hexadecimal or functional colour as CSS has them, one number (gray), or one per
    channel, separated by commas; numbers run to 255, or to 65535 in mode "I;16", and are free in mode "F". An
    alpha that is not told is full; in modes without alpha "transparent" means the default fill.

    Raises ParameterError naming the text.
    """
    stripped = text.strip()
    if stripped.lower() == "transparent":
        return default_fill(mode)
    numbers = _numbers(stripped)
    if numbers is None:
        return _from_name(stripped, mode)
    _check_range(numbers, text, mode)
    return _spread(numbers, text, mode)


def fill_range(mode: str) -> str:
    """Which numbers `parse_fill` takes in *mode*, in words."""
    if mode == "F":
        return "one finite number"
    channels, full = CHANNELS[mode], _full(mode)
    count = "one whole number" if channels == 1 else f"1 or {channels} whole numbers"
    return f"{count} from 0 to {full}"


def _full(mode: str) -> int:
    return 65535 if mode == "I;16" else 255


def _numbers(text: str) -> tuple[float, ...] | None:
    """The comma-separated numbers of *text*, integers where they are whole; None when it is not numbers."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    return tuple(int(value) if value.is_integer() else value for value in values)


def _check_range(numbers: tuple[float, ...], text: str, mode: str) -> None:
    if mode == "F":
        if not all(math.isfinite(value) for value in numbers):
            raise ParameterError(f"fill {truncate_repr(text)} is not finite")
        return
    full = _full(mode)
    if not all(isinstance(value, int) and 0 <= value <= full for value in numbers):
        raise ParameterError(
            f"fill {truncate_repr(text)} must be whole numbers from 0 to {full} for an image of mode {mode}"
        )


def _spread(numbers: tuple[float, ...], text: str, mode: str) -> tuple[float, ...]:
    """*numbers* as one value per channel of *mode*."""
    channels = CHANNELS[mode]
    if len(numbers) == channels:
        return numbers
    if len(numbers) == 1 and mode == "CMYK":
        return (0, 0, 0, 255 - numbers[0])
    if len(numbers) == 1:
        colours = channels - 1 if mode in {"LA", "RGBA"} else channels
        return numbers * colours + (255,) * (channels - colours)
    if len(numbers) in {3, 4} and all(isinstance(value, int) and value <= 255 for value in numbers):
        return _in_mode(_rgba(numbers), text, mode)
    wanted = "1" if channels == 1 else f"1 or {channels}"
    raise ParameterError(
        f"fill {truncate_repr(text)} has {len(numbers)} numbers, an image of mode {mode} needs {wanted}"
    )


def _rgba(numbers: tuple[float, ...]) -> tuple[int, int, int, int]:
    red, green, blue, alpha = (*(int(value) for value in numbers), 255)[:4]
    return red, green, blue, alpha


def _from_name(text: str, mode: str) -> tuple[float, ...]:
    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        raise ParameterError(f"fill {truncate_repr(text)} is not a colour: {_ADVICE}") from None
    return _in_mode(_rgba(colour), text, mode)


def _in_mode(rgba: tuple[int, int, int, int], text: str, mode: str) -> tuple[float, ...]:
    """An RGB colour with alpha as one value per channel of *mode*."""
    red, green, blue, alpha = rgba
    gray = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # ITU-R 601, as Pillow rounds it
    key = max(red, green, blue)
    by_mode: dict[str, tuple[float, ...]] = {
        "1": (255 * (gray >= 128),),
        "L": (gray,),
        "LA": (gray, alpha),
        "RGB": (red, green, blue),
        "RGBA": rgba,
        "I;16": (gray * 257,),
        "CMYK": (key - red, key - green, key - blue, 255 - key),
    }
    if mode not in by_mode:
        raise ParameterError(f"fill {truncate_repr(text)} is a colour, but an image of mode {mode} needs one number")
    return by_mode[mode]
