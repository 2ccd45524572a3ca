"""Constraints: entries of theta fixed, expanded, reduced and combined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms import ThetaConstraints

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
entry = st.none() | st.floats(-3, 3)
row = st.tuples(entry, entry, entry)
constraints = st.builds(ThetaConstraints, st.tuples(row, row))
THETA = np.arange(1.0, 7.0).reshape(2, 3)

PRESETS = [
    (ThetaConstraints.none(), 6, [[1, 2, 3], [4, 5, 6]]),
    (ThetaConstraints.no_shear(), 4, [[1, 0, 3], [0, 5, 6]]),
    (ThetaConstraints.no_translation(), 4, [[1, 2, 0], [4, 5, 0]]),
    (ThetaConstraints.translation_only(), 2, [[1, 0, 3], [0, 1, 6]]),
    (ThetaConstraints.scale_only(), 2, [[1, 0, 0], [0, 5, 0]]),
]


@pytest.mark.parametrize(("preset", "free", "expected"), PRESETS)
def test_a_preset_fixes_what_its_name_says(preset: ThetaConstraints, free: int, expected: list[list[int]]) -> None:
    assert preset.free_count == free
    assert preset.apply(THETA).tolist() == expected


@EXAMPLES
@given(constraints, st.integers(0, 2**32 - 1))
def test_what_is_expanded_reduces_to_itself(mask: ThetaConstraints, seed: int) -> None:
    parameters = np.random.default_rng(seed).normal(size=(5, mask.free_count))
    theta = mask.expand(parameters)
    assert theta.shape == (5, 2, 3)
    assert np.array_equal(mask.reduce(theta), parameters)
    assert np.array_equal(mask.apply(theta), theta)


@EXAMPLES
@given(constraints)
def test_applying_twice_changes_nothing_more(mask: ThetaConstraints) -> None:
    once = mask.apply(THETA)
    assert np.array_equal(mask.apply(once), once)
    assert np.array_equal(mask.expand(mask.reduce(THETA)), once)


def test_the_free_entries_go_row_by_row() -> None:
    mask = ThetaConstraints(((None, 0, None), (7, None, None)))
    assert mask.reduce(THETA).tolist() == [1, 3, 5, 6]
    assert mask.expand([10, 20, 30, 40]).tolist() == [[10, 0, 20], [7, 30, 40]]


def test_applying_leaves_the_given_theta_alone() -> None:
    given_theta = THETA.copy()
    ThetaConstraints.scale_only().apply(given_theta)
    assert np.array_equal(given_theta, THETA)


def test_two_constraints_hold_together() -> None:
    both = ThetaConstraints.no_shear() & ThetaConstraints.no_translation()
    assert both == ThetaConstraints.scale_only()
    assert both & ThetaConstraints.none() == both


def test_constraints_in_conflict_are_refused_with_the_entry_and_both_values() -> None:
    with pytest.raises(ParameterError, match=r"row 2, column 3 of theta to both 0\.0 and 0\.5"):
        ThetaConstraints.no_translation() & ThetaConstraints(((None, None, 0), (None, None, 0.5)))


def test_everything_may_be_fixed() -> None:
    mask = ThetaConstraints(((1, 0, 0), (0, 1, 0)))
    assert mask.free_count == 0
    assert mask.expand([]).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert mask.reduce(THETA).shape == (0,)


@pytest.mark.parametrize("mask", [((None, None), (None, None)), ((None,) * 3,), ((None,) * 3,) * 3])
def test_a_mask_of_another_shape_is_refused(mask: tuple[tuple[None, ...], ...]) -> None:
    with pytest.raises(ShapeError, match="2 rows of 3"):
        ThetaConstraints(mask)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_fixing_to_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ParameterError, match="not finite"):
        ThetaConstraints(((value, None, None), (None, None, None)))


def test_arrays_of_another_shape_are_refused() -> None:
    mask = ThetaConstraints.no_shear()
    with pytest.raises(ShapeError, match=r"theta must have shape \(\.\.\., 2, 3\), got \(3, 3\)"):
        mask.apply(np.eye(3))
    with pytest.raises(ShapeError, match=r"parameters must have shape \(\.\.\., 4\), got \(3,\)"):
        mask.expand([1, 2, 3])
    with pytest.raises(ShapeError, match="got"):
        mask.expand(1.0)
