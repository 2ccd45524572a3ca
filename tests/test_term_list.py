"""Lists of terms: one grammar, for whatever terms there are and in the words of whoever has them."""

from typing import Any

import pytest

from stnwarp.errors import ParameterError
from stnwarp.term_list import TermGrammar
from stnwarp.training.ranges import Ranges
from stnwarp.transforms import Limits

FRUIT = TermGrammar(("apples", "pears", "scale"), frozenset({"pears"}), "fruit", "the heap of", "such as apples=3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apples=3", {"apples": (-3, 3)}),
        ("apples=-3", {"apples": (-3, 3)}),
        (" pears = 2 ,apples= 1 .. 5", {"pears": 2, "apples": (1, 5)}),
        ("apples=5..1", {"apples": (5, 1)}),  # what makes sense is for the owner of the terms to say
        ("pears=-1", {"pears": -1}),
        ("scale=4", {"scale": (0.25, 4)}),
        ("scale=0.25", {"scale": (0.25, 4)}),
        ("scale=-1..2", {"scale": (-1, 2)}),
    ],
)
def test_terms_are_read(text: str, expected: dict[str, Any]) -> None:
    assert FRUIT.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "fruit '' is none of apples, pears, scale; write terms such as apples=3"),
        ("apples=1,", "fruit '' is none of apples, pears, scale; write terms such as apples=3"),
        (
            "aples=1",
            "fruit 'aples' is none of apples, pears, scale (did you mean 'apples'?); write terms such as apples=3",
        ),
        ("apples=1,apples=1", "the heap of apples is given twice; keep one"),
        ("apples", "the heap of apples must be a number or LOW..HIGH, got ''; write terms such as apples=3"),
        (
            "apples=1..2..3",
            "the heap of apples must be a number or LOW..HIGH, got '2..3'; write terms such as apples=3",
        ),
        ("pears=1..2", "the heap of pears must be a number, got '1..2'; write terms such as apples=3"),
        ("scale=0", "the heap of scale must be above 0, got 0; 1 is the picture's own size"),
        ("scale=nan", "the heap of scale must be above 0, got nan; 1 is the picture's own size"),
    ],
)
def test_what_is_no_list_of_terms_is_refused_in_the_words_of_its_owner(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        FRUIT.parse(text)
    assert str(caught.value) == message


def test_limits_and_ranges_speak_of_themselves() -> None:
    with pytest.raises(
        ParameterError, match=r"^the limit shift must be a number, got 'x'; write terms such as angle=45,"
    ):
        Limits.parse("shift=x")
    with pytest.raises(
        ParameterError, match=r"^the range of shift must be a number or LOW\.\.HIGH, got 'x'; write terms "
    ):
        Ranges.parse("shift=x")
    assert Limits.parse("shift=0.3,angle=10") == Limits((-10, 10), shift=0.3)
    assert Ranges.parse("shift=0.3,angle=10") == Ranges((-10, 10), shift=(-0.3, 0.3))
