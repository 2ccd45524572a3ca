"""Combinations of what a test is parametrised with, where a few values decide together and not all of them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pytest
from allpairspy import AllPairs


def combinations(
    strength: int = 2, again: dict[str, Sequence[Any]] | None = None, **axes: Sequence[Any]
) -> pytest.MarkDecorator:
    """Parametrise a test so that values of any `strength` axes meet in all their combinations in some case.

    Those in which all pairs meet are marked `kernels`, and so run again without the compiler and with bounds checks. Of
    axes that `again` names only its values do: kernels have to be compiled for each type of arrays.
    """
    pairs = _cases(axes, 2)
    further = [case for case in _cases(axes, strength) if case not in pairs] if strength > 2 else []

    def marked(case: tuple[Any, ...]) -> Any:
        values = dict(zip(axes, case, strict=True))
        runs_again = all(values[name] in kept for name, kept in (again or {}).items())
        return pytest.param(*case, marks=pytest.mark.kernels) if runs_again else case

    return pytest.mark.parametrize(list(axes), [*map(marked, pairs), *further])


def _cases(axes: dict[str, Sequence[Any]], strength: int) -> list[tuple[Any, ...]]:
    places = OrderedDict((name, range(len(values))) for name, values in axes.items())
    cases = AllPairs(places, n=strength)
    return [tuple(values[place] for values, place in zip(axes.values(), case, strict=True)) for case in cases]
