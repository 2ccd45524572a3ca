"""Lists of terms as people write them down, such as 'angle=45,scale=0.5..2,shift=0.3': one grammar for all of them.

What the terms are and mean is for those to say who have them.
"""

from dataclasses import dataclass
from typing import Any

from stnwarp.errors import ParameterError
from stnwarp.text import suggestion, truncate_repr

Range = tuple[float, float]


@dataclass(frozen=True)
class TermGrammar:
    """The terms that a list may have, and the words in which it is refused.

    Args:
        known: the terms.
        largest: those of them that take one number, their largest value; the others take a range.
        kind: what an unknown term is none of.
        subject: what stands before a term's name.
        example: of a list.
    """

    known: tuple[str, ...]
    largest: frozenset[str]
    kind: str
    subject: str
    example: str

    def parse(self, text: str) -> dict[str, Any]:
        """The terms in *text*: to each its Range, or a float for its largest value.

        A number N for a range is -N..N; for scale, it is 1/N..N.

        Raises:
            ParameterError: an unknown term, one given twice, or what is no number; the term is named.
        """
        given: dict[str, Any] = {}
        for part in text.split(","):
            term, _, value = (word.strip() for word in part.partition("="))
            if term not in self.known:
                hint = f"{', '.join(self.known)}{suggestion(term, self.known)}; write terms {self.example}"
                raise ParameterError(f"{self.kind} {truncate_repr(term)} is none of {hint}")
            if term in given:
                raise ParameterError(f"{self.subject} {term} is given twice; keep one")
            given[term] = self._number(term, value) if term in self.largest else self._range(term, value)
        return given

    def _range(self, term: str, value: str) -> Range:
        low, dots, high = value.partition("..")
        if dots:
            return self._number(term, low), self._number(term, high)
        number = self._number(term, value)
        if term != "scale":
            return -abs(number), abs(number)
        if not number > 0.0:
            raise ParameterError(f"{self.subject} scale must be above 0, got {number:g}; 1 is the picture's own size")
        return min(number, 1 / number), max(number, 1 / number)

    def _number(self, term: str, value: str) -> float:
        try:
            return float(value)
        except ValueError:
            wanted = "a number" if term in self.largest else "a number or LOW..HIGH"
            told = f"{self.subject} {term} must be {wanted}, got {truncate_repr(value)}; write terms {self.example}"
            raise ParameterError(told) from None
