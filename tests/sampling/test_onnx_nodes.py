"""The node tests that ONNX ships for AffineGrid and GridSample, all of them: inputs, attributes, expected outputs."""

from types import ModuleType

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.backend.test.case import node as node_cases
from onnx.backend.test.case.node import affinegrid, gridsample
from onnx.backend.test.case.test_case import TestCase as NodeCase  # pytest would take the name for a test of ours

from stnwarp import affine_grid, grid_sample

pytestmark = pytest.mark.kernels


def _cases(module: ModuleType, operator: str) -> list[NodeCase]:
    """The cases that are one node of *operator*; those beside them spell it out in other operators.

    Importing *module* has added its cases to the list. ONNX's own way of collecting them imports those of every
    operator, which takes seconds and warns.
    """
    found = [case for case in node_cases._NodeTestCases if _operators(case) == [operator]]
    assert found, f"{module.__name__} has no cases"
    return sorted(found, key=lambda case: case.name)


def _operators(case: NodeCase) -> list[str]:
    return [node.op_type for node in case.model.graph.node]


AFFINE_GRID, GRID_SAMPLE = _cases(affinegrid, "AffineGrid"), _cases(gridsample, "GridSample")


def _attributes(case: NodeCase) -> dict[str, object]:
    (node,) = case.model.graph.node
    values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _check(ours: NDArray[np.generic], expected: NDArray[np.generic], case: NodeCase) -> None:
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(ours, expected, rtol=case.rtol, atol=case.atol)  # as ONNX compares them


def test_all_cases_are_there() -> None:
    names = {case.name for case in AFFINE_GRID + GRID_SAMPLE}
    assert {"test_affine_grid_3d_align_corners", "test_gridsample_volumetric_bilinear_align_corners_1"} <= names
    assert len(AFFINE_GRID) >= 4
    assert len(GRID_SAMPLE) >= 18


@pytest.mark.parametrize("case", AFFINE_GRID, ids=lambda case: case.name)
def test_affine_grid(case: NodeCase) -> None:
    for (theta, size), (expected,) in case.data_sets:
        _check(affine_grid(theta, size, bool(_attributes(case).get("align_corners", 0))), expected, case)


@pytest.mark.parametrize("case", GRID_SAMPLE, ids=lambda case: case.name)
def test_grid_sample(case: NodeCase) -> None:
    attributes = _attributes(case)
    mode, padding_mode = attributes.get("mode", "linear"), attributes.get("padding_mode", "zeros")
    for (input, grid), (expected,) in case.data_sets:
        ours = grid_sample(input, grid, mode, padding_mode, bool(attributes.get("align_corners", 0)))
        _check(ours, expected, case)
