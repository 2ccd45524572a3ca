"""Transforms as fields and as rows of parameters: back to the last bit, and what is refused."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stnwarp.conventions import Family
from stnwarp.errors import ParameterError, ThetaError
from stnwarp.transforms import (
    Composition,
    MatrixTransform,
    SamplingGrid,
    ThinPlateSpline,
    Transform,
    as_fields,
    compose,
    control_points,
    from_fields,
    theta_from_numbers,
    transform_from_parameters,
)

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
PLACES = np.random.default_rng(0).uniform(-1, 1, (50, 2))
EYE = [[1, 0, 0], [0, 1, 0]]
SQUARE = control_points(2, 2).tolist()

numbers = st.floats(-1e6, 1e6)
thetas = st.lists(numbers, min_size=6, max_size=6).map(lambda row: MatrixTransform(np.reshape(row, (2, 3))))
homographies = st.lists(numbers, min_size=8, max_size=8).map(
    lambda row: MatrixTransform(np.reshape([*row, 1.0], (3, 3)))
)
splines = st.lists(st.floats(-0.1, 0.1), min_size=12, max_size=12).map(
    lambda row: ThinPlateSpline(control_points(2, 3) + np.reshape(row, (2, 3, 2)))
)
steps: st.SearchStrategy[Transform] = thetas | homographies | splines | splines.map(lambda spline: spline.inverse())


def same(first: Transform, second: Transform) -> bool:
    """Whether two transforms are of one kind and read the same places, to the last bit."""
    with np.errstate(all="ignore"):
        read, again = first.map_points(PLACES), second.map_points(PLACES)
    return type(first) is type(second) and read.tobytes() == again.tobytes()


@EXAMPLES
@given(steps | st.lists(steps, min_size=1, max_size=3).map(lambda taken: Composition(tuple(taken))))
def test_fields_come_back_from_json_to_the_last_bit(transform: Transform) -> None:
    text = json.dumps(as_fields(transform), allow_nan=False)
    again = from_fields(json.loads(text))
    assert same(again, transform)
    assert json.dumps(as_fields(again)) == text


def test_what_a_composition_was_made_of_is_kept() -> None:
    spline = ThinPlateSpline(control_points(3, 3) * 0.7 + 0.1)
    chain = compose(MatrixTransform(EYE), spline, spline.inverse())
    fields = as_fields(chain)
    assert [list(step) for step in fields["compose"]] == [["theta"], ["points"], ["inverse"]]
    assert same(from_fields(fields), chain)


def test_a_theta_may_have_two_rows() -> None:
    assert as_fields(from_fields({"theta": EYE})) == {"theta": [*EYE, [0, 0, 1]]}


@pytest.mark.parametrize("count", [2, 6, 8, 9])
@pytest.mark.parametrize("within", [False, True])
def test_a_theta_may_be_a_row_of_numbers(count: int, within: bool) -> None:
    numbers = [0.25, -0.5] if count == 2 else [1, 2, 3, 4, 5, 6, 0.5, 0.25, 2][:count]
    if within:
        found = from_fields({"compose": [{"theta": numbers}, {"theta": EYE}]})
        assert as_fields(found)["compose"][0] == as_fields(theta_from_numbers(numbers))
    else:
        assert same(from_fields({"theta": numbers}), theta_from_numbers(numbers))


def test_a_record_has_no_room_for_a_grid() -> None:
    with pytest.raises(ParameterError, match="no room for a SamplingGrid"):
        as_fields(SamplingGrid(np.zeros((2, 2, 2))))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"must have one of theta, points, inverse, compose, got none"),
        ({"theta": EYE, "points": SQUARE}, "got theta, points"),
        ({"tehta": EYE}, r"unknown key 'tehta' \(did you mean 'theta'\?\)"),
        ([EYE], "must be an object"),
        (None, "must be an object"),
        ({"theta": None}, "theta must be numbers"),
        ({"theta": [[1, 0, 0], [0, True, 0]]}, "theta must be numbers .* 'True'"),
        ({"theta": [[1, 0, 0], [0, "1", 0]]}, "theta must be numbers"),
        ({"theta": [[1, 0, 0], [0, 1]]}, "theta must be numbers|differ in length"),
        ({"theta": [1, 0, 0]}, "theta must be 2, 6, 8 or 9 numbers, or 2 or 3 rows of 3, got 3 numbers"),
        ({"theta": []}, "theta must be .*, got 0 numbers"),
        ({"theta": [1, 0, 0, 0, math.nan, 0]}, "number 5 of theta is nan"),
        ({"theta": [[1, 0, 0], [0, math.nan, 0]]}, "theta holds nan in row 2, column 2"),
        ({"theta": [[1, 0, 10**400], [0, 1, 0]]}, "theta holds inf"),
        ({"points": EYE}, r"points of a spline must have shape"),
        ({"points": [[[0, 0], [1, None]], [[0, 1], [1, 1]]]}, "points must be numbers"),
        ({"points": [[[0, 0], [1, math.inf]], [[0, 1], [1, 1]]]}, "row 1, column 2: y = inf"),
        ({"inverse": {"theta": EYE}}, "inverse has an unknown key 'theta'"),
        ({"inverse": SQUARE}, "inverse must be an object with one of points"),
        ({"inverse": {"points": [[[0, 0], [1, 0]], [[0, 0], [1, 0]]]}}, "cannot be inverted"),
        ({"compose": []}, "must be a list of transforms"),
        ({"compose": "theta"}, "must be a list of transforms"),
        ({"compose": {"theta": EYE}}, "must be a list of transforms"),
        (
            {"compose": [{"theta": EYE}, {"compose": [{"theta": EYE}]}]},
            "step 2 of compose has an unknown key 'compose'",
        ),
    ],
)
def test_fields_that_hold_something_else_are_refused_by_name(fields: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        from_fields(fields)


def test_parameters_of_each_family_make_its_transform() -> None:
    theta = transform_from_parameters("similarity", [0.8, 0.3, 0.1, 0.2])
    assert same(theta, MatrixTransform.from_parameters(Family.SIMILARITY, [0.8, 0.3, 0.1, 0.2]))
    spline = transform_from_parameters("tps", np.ravel(SQUARE))
    assert same(spline, ThinPlateSpline(SQUARE))  # type: ignore[arg-type]
    assert transform_from_parameters("tps", np.zeros(12), (3, 2)).shape == (3, 2)  # type: ignore[attr-defined]


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match="did you mean"):
        transform_from_parameters("afine", [1])
    with pytest.raises(ParameterError, match="control points belong to the family tps"):
        transform_from_parameters("affine", np.zeros(6), (3, 3))
    with pytest.raises(ThetaError, match=r"tps takes 24 numbers for 3 rows and 4 columns .* got 8"):
        transform_from_parameters("tps", np.zeros(8), (3, 4))
