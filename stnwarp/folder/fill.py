"""What has to be said about the fill: where its transparency is lost, and where black stands in for one not given."""

from collections.abc import Iterable

from stnwarp.conventions import PaddingMode
from stnwarp.errors import ParameterError
from stnwarp.folder.settings import Settings
from stnwarp.images.colour import parse_fill
from stnwarp.images.modes import FLATTENED, WRITTEN_MODES
from stnwarp.images.picture import Picture

_FULL = 255


def opaque_fill_warnings(picture: Picture, file_format: str, settings: Settings) -> tuple[str, ...]:
    """A warning where the fill that was given lets something through and the result cannot.

    *picture* is the one to be warped; if it has a palette, that has its entry for the fill by now.
    """
    is_used = picture.has_alpha or settings.padding_mode is PaddingMode.ZEROS
    if settings.fill is None or not is_used or not _lets_through(settings.fill, picture.mode):
        return ()
    opaque = _what_is_opaque(picture, file_format)
    return () if opaque is None else (f"the fill {settings.fill!r} is opaque here: {opaque} has no transparency",)


def _lets_through(fill: str, mode: str) -> bool:
    if mode == "CMYK" and "," in fill and "(" not in fill:  # its own four numbers
        return False
    try:
        return parse_fill(fill, "RGBA")[3] < _FULL
    except ParameterError:  # a number beyond eight bits
        return False


def _what_is_opaque(picture: Picture, file_format: str) -> str | None:
    """What has no transparency, in words: the picture or else the format; None if both have some."""
    if picture.mode != "P" and not picture.has_alpha:
        return "the picture"
    # A palette with its new entry is resolved where the format cannot hold it. GIF's holds a clear one, and of
    # anything in between the encoder says what becomes of it.
    mode = "RGBA" if picture.mode == "P" else picture.mode
    return None if WRITTEN_MODES[file_format][mode] in {"LA", "RGBA", "P"} else file_format


def without_expected(lost: Iterable[str], file_format: str, settings: Settings) -> tuple[str, ...]:
    """What was *lost* in encoding, in words, but not what giving a fill asks for."""
    if settings.fill is not None:
        return tuple(warning for warning in lost if warning != FLATTENED)
    on_black = f"transparency was laid on black, as {file_format} has none; give --fill"
    return tuple(on_black if warning == FLATTENED else warning for warning in lost)
