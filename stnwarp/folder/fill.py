"""The fill: refused where no image can take it; what is said where its transparency is lost, or black stands in."""

from collections.abc import Iterable, Sequence

from stnwarp.errors import ImageError, ParameterError
from stnwarp.folder.jobs import Job
from stnwarp.folder.looking import stream_of
from stnwarp.folder.settings import Settings
from stnwarp.images.colour import fill_range, parse_fill
from stnwarp.images.modes import FLATTENED, WRITTEN_MODES
from stnwarp.images.picture import Picture
from stnwarp.images.probe import probe
from stnwarp.text import truncate_repr

_FULL = 255
_COMMON_MODES = ("RGB", "L", "RGBA", "CMYK")
_RARE_MODES = {"F": "32-bit float images", "I;16": "16-bit gray images", "LA": "gray images with alpha"}


def check_fill(jobs: Sequence[Job], settings: Settings) -> None:
    """Refuse a fill that no image of *jobs* can take; those that cannot fail one by one where others can.

    Headers are read only where the fill is for modes that are rare, and only up to the first image that can take it.
    Without *jobs*, only what is a colour in no mode is refused.

    Raises:
        ParameterError: it is a colour in no mode; or in none of the modes that the images have.
    """
    fill = settings.fill
    if fill is None or any(_why_not(fill, mode) is None for mode in _COMMON_MODES):
        return
    rare = [words for mode, words in _RARE_MODES.items() if _why_not(fill, mode) is None]
    if not rare:
        raise _why_not(fill, _COMMON_MODES[0]) or ParameterError(fill)
    modes: dict[str, None] = {}
    for job in jobs:
        if job.source.path is None:  # nobody looks into standard input beforehand
            return
        mode = _mode(job, settings)
        if mode is not None and _why_not(fill, mode) is None:
            return
        modes |= {} if mode is None else {mode: None}
    if modes:
        ranges = ", ".join(f"images of mode {mode} take {fill_range(mode)}" for mode in modes)
        takers = f"only {' and '.join(rare)} can take it"
        raise ParameterError(f"fill {truncate_repr(fill)} fits no image of this run: {ranges}; {takers}")


def _mode(job: Job, settings: Settings) -> str | None:
    """The mode of the image of *job*; None if it cannot be read."""
    try:
        return probe(stream_of(job, None), max_pixels=settings.max_pixels).mode
    except ImageError:
        return None


def _why_not(fill: str, mode: str) -> ParameterError | None:
    """Why an image of *mode* cannot take *fill*, if it cannot."""
    try:
        parse_fill(fill, mode)
    except ParameterError as error:
        return error
    return None


def opaque_fill_warnings(picture: Picture, file_format: str, settings: Settings) -> tuple[str, ...]:
    """A warning where the fill that was given lets something through and the result cannot.

    *picture* is the one to be warped; if it has a palette, that has its entry for the fill by now.
    """
    is_used = picture.has_alpha or settings.padding_mode.takes_fill
    if settings.fill is None or not is_used or not _lets_through(settings.fill, picture.mode):
        return ()
    opaque = _what_is_opaque(picture, file_format)
    return (
        ()
        if opaque is None
        else (f"the fill {truncate_repr(settings.fill)} is opaque here: {opaque} has no transparency",)
    )


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
