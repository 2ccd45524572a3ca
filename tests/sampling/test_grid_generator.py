"""The grid generator against torch and against points mapped one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stnwarp import MatrixTransform, SamplingGrid, affine_grid, projective_grid, sampling_grid
from stnwarp.errors import ShapeError, ThetaError

SIZES = [(1, 1), (1, 5), (5, 1), (2, 3), (7, 4), (33, 65)]


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning")  # torch's, of one-pixel axes
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_affine_grid_equals_torch(size: tuple[int, int], align_corners: bool, dtype: type) -> None:
    theta = np.random.default_rng(1).normal(0, 1, (3, 2, 3)).astype(dtype)
    ours = affine_grid(theta, (3, 2, *size), align_corners)
    theirs = torch.nn.functional.affine_grid(torch.from_numpy(theta), [3, 2, *size], align_corners).numpy()
    assert ours.dtype == dtype
    # Theirs rounds at every step; entries of theta reach about 3.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=8 * np.finfo(dtype).eps)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_identity_gives_the_regular_grid(height: int, width: int, align_corners: bool) -> None:
    grid = affine_grid(np.eye(2, 3), (height, width), align_corners)
    assert grid.shape == (height, width, 2)
    edge = 1.0 if align_corners else 1 - 1 / np.array([width, height])
    expected = np.where(np.array([width, height]) > 1, edge, 0.0)
    np.testing.assert_allclose(grid[-1, -1], expected, atol=1e-15)
    np.testing.assert_allclose(grid, -grid[::-1, ::-1], atol=1e-15)


@pytest.mark.parametrize("align_corners", [False, True])
def test_projective_grid_maps_each_point(align_corners: bool) -> None:
    theta = np.array([[1.1, 0.2, -0.1], [0.05, 0.9, 0.3], [0.2, -0.1, 1.0]])
    grid = projective_grid(theta, (6, 9), align_corners)
    regular = affine_grid(np.eye(2, 3), (6, 9), align_corners)
    np.testing.assert_allclose(grid, MatrixTransform(theta).map_points(regular), atol=1e-14)
    batch = projective_grid(np.stack([theta, np.eye(3)]), (2, 1, 6, 9), align_corners)
    np.testing.assert_array_equal(batch[0], grid)
    np.testing.assert_allclose(batch[1], regular, atol=1e-15)


def test_points_on_the_horizon_are_not_finite() -> None:
    grid = projective_grid([[1, 0, 0], [0, 1, 0], [1, 0, 0.0]], (3, 3), True)
    assert not np.isfinite(grid[:, 1]).any()
    assert np.isfinite(grid[:, [0, 2]]).all()


def test_sampling_grid_takes_every_transform() -> None:
    theta = np.array([[0.5, 0.1, 0.2], [0.0, 0.7, -0.3], [0, 0, 1]])
    grid = sampling_grid(MatrixTransform(theta), (4, 5))
    np.testing.assert_array_equal(grid, affine_grid(theta[:2], (4, 5)))
    np.testing.assert_array_equal(sampling_grid(SamplingGrid(grid), (4, 5)), grid)
    tilted = MatrixTransform(np.add(theta, [[0, 0, 0], [0, 0, 0], [0.1, 0, 0]]))
    np.testing.assert_array_equal(sampling_grid(tilted, (4, 5)), projective_grid(tilted.theta, (4, 5)))
    with pytest.raises(ShapeError, match="for an output of"):
        sampling_grid(SamplingGrid(grid), (5, 5))


@pytest.mark.parametrize(
    ("theta", "size", "error", "words"),
    [
        (np.eye(3)[::-1], (4, 4), ShapeError, "projective_grid"),
        (np.eye(4), (4, 4), ShapeError, r"\(2, 3\)"),
        (np.zeros((2, 2, 3)), (4, 4), ShapeError, r"\(N, C, H, W\)"),
        (np.eye(2, 3)[None], (2, 1, 4, 4), ShapeError, "N = 1"),
        (np.eye(2, 3), (1, 1, 4, 4), ShapeError, r"\(H, W\)"),
        (np.eye(2, 3), (0, 4), ShapeError, "at least 1"),
        (np.eye(2, 3), (4.5, 4), ShapeError, "whole numbers"),
        (np.full((2, 3), np.nan), (4, 4), ThetaError, "nan"),
        (np.full((2, 3), "a"), (4, 4), ShapeError, "numbers"),
    ],
)
def test_unusable_arguments_are_refused_in_words(
    theta: np.ndarray, size: tuple[int, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        affine_grid(theta, size)
