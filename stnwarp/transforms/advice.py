"""Warnings about outputs that show nothing of the picture: the reason, and what to do about it."""

from stnwarp.conventions import Units
from stnwarp.transforms.absence import Absence

_SINGULAR = "(the transformation is singular, or nearly so)"
_WAYS = {
    Absence.POINT: f"every pixel of the output reads the same point of the picture {_SINGULAR}",
    Absence.LINE: f"every pixel of the output reads the same line of the picture {_SINGULAR}",
    Absence.OUTSIDE: "nothing of the picture itself is in the output, which is read wholly outside it",
    Absence.BETWEEN: "nothing of the picture itself is in the output; it is so small that it falls between the pixels",
}


def absence_warning(absence: Absence, advice: str) -> str:
    """Compose one line: what is wrong, and `advice`."""
    return f"{_WAYS[absence]}; {advice}"


VIEWPORT_ADVICE = "move --viewport to where it is, or leave that out"


def units_advice(what: str, units: Units, file: str | None) -> str:
    """Suggest that `what` may be in `units`, not in the others; `file` is the one with its units, if any."""
    words = "in pixels" if units is Units.PIXEL else "normalized"
    if file is not None:
        return f"if {what} is {words}, set its units to {units} in {file}"
    return f"if {what} is {words}, {'give' if units is Units.PIXEL else 'leave out'} --units pixel"


def numbers_advice(what: str, absence: Absence, extent: str, file: str | None) -> str:
    """Suggest other numbers for `what`; `extent` is where the input lies, in their units."""
    place = what if file is None else f"{what} in {file}"
    if absence is Absence.OUTSIDE:
        return f"{place} takes the output to the input, which lies {extent}"
    if absence is Absence.BETWEEN:
        return f"{place} takes the output to the input, so that smaller numbers make it larger"
    return f"correct the numbers of {place}"
