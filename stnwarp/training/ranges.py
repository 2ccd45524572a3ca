"""How far random warps move a picture, as people write it down: 'angle=45,scale=0.7..1.3,shift=0.2'."""

import math
from dataclasses import dataclass

from stnwarp.errors import ParameterError
from stnwarp.term_list import Range, TermGrammar


@dataclass(frozen=True)
class Ranges:
    """From what a random warp is drawn, evenly; the terms mean what they mean to `Limits`, and are drawn apart.

    Args:
        angle: degrees that the picture turns, counter-clockwise as seen on screen, in its own pixels.
        scale: how many times as large it gets.
        stretch: how many times as long it gets in one direction, drawn too, as across it; 1 is not at all.
        shear: degrees that its upright lines slant.
        shift: how far its middle moves, along x and along y each; 1 is half its width, or half its height.
        margin: how far it may be shifted out of the image at most, as if it were not turned; shifts are drawn from
            what is left of their range. 0 keeps a picture that got smaller inside.
        perspective: how many times as far away one corner of the frame may be as another; 1 is not at all.
        bend: how far straight lines bow, of half the network's frame, along x and along y each.

    Raises:
        ParameterError: ends that are not finite, in the wrong order, or out of a term's own range.
    """

    angle: Range = (0.0, 0.0)
    scale: Range = (1.0, 1.0)
    stretch: float = 1.0
    shear: Range = (0.0, 0.0)
    shift: Range = (0.0, 0.0)
    margin: float = 4.0
    perspective: float = 1.0
    bend: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for term in _TERMS:
            low, high = self._ends(term)
            least, most = _TERMS[term]
            if not (math.isfinite(low) and math.isfinite(high) and least <= low and high <= most):
                raise ParameterError(f"{term} must lie in {least:g}..{most:g}, got {_written(low, high)}")
            if high < low:
                raise ParameterError(f"{term} must be LOW..HIGH, got {_written(low, high)}; change them round")

    @classmethod
    def parse(cls, text: str) -> "Ranges":
        """The ranges written as terms with a number or LOW..HIGH: angle=45 is -45..45, scale=2 is 0.5..2.

        stretch, margin and perspective take the largest value.

        Raises:
            ParameterError: an unknown term, one given twice, or what is no number; the term is named.
        """
        return cls(**_VOCABULARY.parse(text))

    def terms(self) -> tuple[str, ...]:
        """The terms that do something."""
        nothing = Ranges()
        return tuple(term for term in _TERMS if getattr(self, term) != getattr(nothing, term))

    def to_text(self) -> str:
        """What `parse` reads; terms that do nothing are left out."""
        return ",".join(f"{term}={_exact(getattr(self, term))}" for term in self.terms()) or "angle=0"

    def _ends(self, term: str) -> Range:
        value = getattr(self, term)
        return (_TERMS[term][0], value) if term in _LARGEST else value


# The values that a term may have.
_TERMS: dict[str, Range] = {
    "angle": (-180.0, 180.0),
    "scale": (0.01, 100.0),
    "stretch": (1.0, 10.0),
    "shear": (-80.0, 80.0),
    "shift": (-2.0, 2.0),
    "margin": (0.0, 4.0),
    "perspective": (1.0, 10.0),
    "bend": (-0.5, 0.5),
}
_LARGEST = frozenset({"stretch", "margin", "perspective"})
_VOCABULARY = TermGrammar(tuple(_TERMS), _LARGEST, "range", "the range of", "such as angle=45,scale=0.7..1.3,shift=0.2")


def _written(low: float, high: float) -> str:
    return f"{low:g}..{high:g}"


def _exact(value: Range | float) -> str:
    return f"{value[0]!r}..{value[1]!r}" if isinstance(value, tuple) else repr(value)
