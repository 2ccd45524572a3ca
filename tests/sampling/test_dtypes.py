"""Which dtypes each argument takes, what becomes of them, and what is said of the others; empty batches."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stnwarp import (
    MatrixTransform,
    ThinPlateSpline,
    affine_grid,
    affine_grid_backward,
    grid_sample,
    grid_sample_backward,
    projective_grid,
    sampling_grid,
    spatial_transform,
    spatial_transform_backward,
)
from stnwarp.errors import DtypeError, ParameterError, ShapeError, StnwarpError
from stnwarp.transforms import pixel_matrix
from tests import oracle
from tests.positions import warp

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64]
LABELS = [*INTEGERS, np.bool_, np.float16]
MODES = ["nearest", "bilinear", "bicubic", "lanczos"]
TURN = np.array([[0.9, -0.4, 0.1], [0.3, 0.8, -0.1]])


def _labels(dtype: type, shape: tuple[int, ...]) -> NDArray:
    """Values that no float64 holds, where the type has such."""
    rng = np.random.default_rng(1)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    return rng.integers(0, 2, shape).astype(dtype)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,), (5,)])
@pytest.mark.parametrize("dtype", LABELS)
def test_nearest_copies_labels_of_any_type(dtype: type, channels: tuple[int, ...]) -> None:
    labels, numbers = _labels(dtype, (9, 11, *channels)), np.arange(99, dtype=np.uint16).reshape(9, 11)
    where = warp(numbers, TURN, (7, 12), interpolation="nearest", fill=999)
    expected = np.where((where < 999)[(..., *(None,) * len(channels))], labels.reshape(99, *channels)[where % 99], 1)
    out = warp(labels, TURN, (7, 12), interpolation="nearest", fill=1)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected)
    maps = np.moveaxis(labels.reshape(1, 9, 11, -1), 3, 1)
    grid = affine_grid(TURN, (7, 12))[None]
    for sampled in (grid_sample(maps, grid, "nearest"), spatial_transform(maps, TURN[None], (7, 12), "nearest")):
        assert sampled.dtype == dtype
        expected_maps = np.where(where < 999, np.moveaxis(labels.reshape(99, -1)[where % 99], 2, 0), 0)
        np.testing.assert_array_equal(sampled[0], expected_maps)


@pytest.mark.parametrize("dtype", [*LABELS, np.uint8, np.float64])
def test_nearest_copies_labels_of_volumes(dtype: type) -> None:
    volumes = _labels(dtype, (1, 2, 3, 4, 5))
    z, y, x = (2 * np.arange(side) / side + 1 / side - 1 for side in (3, 4, 5))
    grid = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)[None]
    out = grid_sample(volumes, grid[:, :, ::-1], "nearest")
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, volumes[:, :, :, ::-1])


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [(np.int64, 2**53 + 1), (np.int64, -(2**63)), (np.uint64, 2**64 - 1), (np.int8, -128), (np.bool_, True)],
)
def test_a_fill_is_what_was_said(dtype: type, fill: int) -> None:
    out = warp(np.zeros((2, 3), dtype), 5 * np.eye(2, 3), interpolation="nearest", fill=fill)
    assert out[0, 0].item() == fill
    per_channel = warp(np.zeros((2, 3, 2), dtype), 5 * np.eye(2, 3), interpolation="nearest", fill=[0, fill])
    assert per_channel[0, 0].tolist() == [0, fill]


@pytest.mark.parametrize(
    ("dtype", "fill", "words"),
    [
        (np.int8, 128, r"-128\.\.127"),
        (np.uint32, -1, r"0\.\.4294967295"),
        (np.bool_, 2, r"0\.\.1"),
        (np.float32, 1e39, "float32"),
        (np.float16, -70000, r"-65504\.\.65504"),
        (np.int64, np.nan, "nan"),
        (np.uint8, np.ma.masked_array([1], [True]), "masked array"),
    ],
)
def test_a_fill_beyond_the_dtype_is_refused(dtype: type, fill: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        warp(np.zeros((2, 3), dtype), np.eye(2, 3), interpolation="nearest", fill=fill)


@pytest.mark.parametrize("fill", [np.inf, -np.inf, np.nan])
def test_floats_take_fills_that_are_not_finite(fill: float) -> None:
    np.testing.assert_array_equal(warp(np.zeros((2, 2), np.float32), 9 * np.eye(2, 3), fill=fill), np.float32(fill))


@pytest.mark.parametrize("mode", MODES)
def test_float16_is_computed_in_float32_and_rounded_once(mode: str) -> None:
    image = np.random.default_rng(2).standard_normal((12, 9, 3)).astype(np.float16)
    ours = warp(image, TURN, (10, 11), interpolation=mode, fill=0.5)
    assert ours.dtype == np.float16
    exact = warp(image.astype(np.float32), TURN, (10, 11), interpolation=mode, fill=0.5)
    np.testing.assert_array_equal(ours, exact.astype(np.float16))
    maps, grid = np.moveaxis(image, 2, 0)[None], affine_grid(TURN.astype(np.float16), (10, 11))[None]
    assert grid.dtype == np.float16
    np.testing.assert_array_equal(
        grid_sample(maps, grid, mode), grid_sample(maps.astype(np.float32), grid.astype(np.float32), mode).astype("f2")
    )


@pytest.mark.parametrize("mode", MODES[:3])
def test_gradients_in_float16_are_those_in_float32_rounded_once(mode: str) -> None:
    rng = np.random.default_rng(3)
    maps, gradient = (rng.standard_normal((2, 3, 6, 7)).astype(np.float16) for _ in range(2))
    grid, theta = rng.uniform(-1.2, 1.2, (2, 6, 7, 2)).astype(np.float16), np.tile(TURN, (2, 1, 1)).astype(np.float16)
    for function, places in ((grid_sample_backward, grid), (spatial_transform_backward, theta)):
        halves = function(gradient, maps, places, mode)
        singles = function(*(array.astype(np.float32) for array in (gradient, maps, places)), mode)
        for half, single in zip(halves, singles, strict=True):
            assert half.dtype == np.float16
            np.testing.assert_array_equal(half, single.astype(np.float16))
    volumes, points = maps[:, :, None], np.concatenate((grid, grid[..., :1]), axis=-1)[:, None]
    if mode != "bicubic":
        halves = grid_sample_backward(gradient[:, :, None], volumes, points, mode)
        arrays = (array.astype(np.float32) for array in (gradient[:, :, None], volumes, points))
        for half, single in zip(halves, grid_sample_backward(*arrays, mode), strict=True):
            np.testing.assert_array_equal(half, single.astype(np.float16))


def test_float16_overflow_is_infinite() -> None:
    image = np.full((4, 4), 60000, np.float16)
    image[1:3, 1:3] = -60000
    out = warp(image, np.eye(2, 3), (9, 9), interpolation="bicubic", padding_mode="border")
    assert np.isinf(out).any()


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_])
def test_what_only_nearest_takes_is_refused_by_name(dtype: type, mode: str) -> None:
    name = np.dtype(dtype).name
    words = f"must be uint8, uint16, float16, float32 or float64 for {mode}, got {name}; nearest takes it"
    with pytest.raises(DtypeError, match=f"image {words}"):
        warp(np.zeros((2, 2), dtype), np.eye(2, 3), interpolation=mode)
    with pytest.raises(DtypeError, match=f"input {words}"):
        grid_sample(np.zeros((1, 1, 2, 2), dtype), np.zeros((1, 2, 2, 2)), mode)


@pytest.mark.parametrize("dtype", [complex, object, "U1", "M8[s]", np.longdouble])
def test_what_nothing_takes_is_refused(dtype: Any) -> None:
    image = np.zeros((2, 2), dtype)
    for mode in MODES:
        with pytest.raises(DtypeError, match=f"image must be .* for {mode}, got") as caught:
            warp(image, np.eye(2, 3), interpolation=mode)
        assert isinstance(caught.value, ParameterError)
        assert isinstance(caught.value, TypeError)
        assert "nearest takes" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, complex])
def test_grids_and_gradients_are_of_floats(dtype: type) -> None:
    maps, grid, gradient = np.zeros((1, 1, 2, 2)), np.zeros((1, 3, 3, 2)), np.zeros((1, 1, 3, 3))
    words = "must be float16, float32 or float64, got"
    with pytest.raises(DtypeError, match=f"grid {words}"):
        grid_sample(maps, grid.astype(dtype))
    with pytest.raises(DtypeError, match=f"grad_output {words}"):
        grid_sample_backward(gradient.astype(dtype), maps, grid)
    with pytest.raises(DtypeError, match=f"grad_output {words}"):
        spatial_transform_backward(gradient.astype(dtype), maps, np.eye(2, 3)[None])
    with pytest.raises(DtypeError, match=f"input {words}"):
        spatial_transform_backward(gradient, maps.astype(dtype), np.eye(2, 3)[None])
    with pytest.raises(DtypeError, match=f"grad_grid {words}"):
        affine_grid_backward(grid.astype(dtype), (1, 1, 3, 3))


MAPS, GRID, THETA = np.ones((1, 1, 2, 2)), np.zeros((1, 3, 3, 2)), np.eye(2, 3)[None]
CALLS = {
    "image": lambda array: warp(array(MAPS[0, 0]), np.eye(2, 3)),
    "transform": lambda array: warp(MAPS[0, 0], array(np.eye(2, 3))),
    "input": lambda array: grid_sample(array(MAPS), GRID),
    "grid": lambda array: grid_sample(MAPS, array(GRID)),
    "theta": lambda array: spatial_transform(MAPS, array(THETA)),
    "theta of the generator": lambda array: affine_grid(array(THETA), (1, 1, 2, 2)),
    "grad_output": lambda array: grid_sample_backward(array(np.ones((1, 1, 3, 3))), MAPS, GRID),
    "grad_grid": lambda array: affine_grid_backward(array(GRID), (1, 1, 3, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_masked_arrays_are_refused(name: str) -> None:
    with pytest.raises(
        ParameterError, match=rf"{name.split()[0]} is a masked array, .* pass {name.split()[0]}\.filled"
    ):
        CALLS[name](np.ma.masked_array)


@pytest.mark.parametrize("name", CALLS)
def test_tensors_that_need_a_gradient_are_refused_and_others_taken(name: str) -> None:
    def tensor(array: NDArray) -> Any:
        return torch.from_numpy(array.copy())

    CALLS[name](tensor)
    with pytest.raises(ParameterError, match=rf"{name.split()[0]} is a tensor .*; use stnwarp\.torch"):
        CALLS[name](lambda array: tensor(array).requires_grad_())
    with pytest.raises(DtypeError, match=rf"{name.split()[0]} cannot be taken .*stnwarp\.torch"):
        CALLS[name](lambda array: tensor(array).bfloat16())


@pytest.mark.parametrize("shape", [(0, 2, 3, 4), (2, 0, 3, 4), (0, 0, 3, 4)])
@pytest.mark.parametrize("mode", MODES)
def test_empty_batches_give_empty_batches(shape: tuple[int, ...], mode: str) -> None:
    maps, theta = np.zeros(shape, np.float32), np.tile(np.eye(2, 3), (shape[0], 1, 1))
    grid = affine_grid(theta, (*shape[:2], 5, 6))
    assert grid.shape == (shape[0], 5, 6, 2)
    for out in (grid_sample(maps, grid, mode), spatial_transform(maps, theta, (5, 6), mode)):
        assert (out.shape, out.dtype) == ((*shape[:2], 5, 6), np.float32)
    if mode != "lanczos":
        _assert_zero_gradients(maps, grid, theta, (5, 6), mode)
    volumes, points = maps[:, :, None], np.zeros((shape[0], 4, 5, 6, 3))
    if mode in MODES[:2]:
        assert grid_sample(volumes, points, mode).shape == (*shape[:2], 4, 5, 6)
        found = grid_sample_backward(np.zeros((*shape[:2], 4, 5, 6)), volumes, points, mode)
        assert [each.shape for each in found] == [volumes.shape, points.shape]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(0, 4), (4, 0), (0, 0)])
def test_empty_outputs_are_empty_and_have_gradients_of_zeros(size: tuple[int, int], mode: str) -> None:
    maps, theta = np.ones((2, 3, 4, 5), np.float32), np.tile(np.eye(2, 3), (2, 1, 1))
    grid = affine_grid(theta, (2, 3, *size))
    assert grid.shape == (2, *size, 2)
    for out in (grid_sample(maps, grid, mode), spatial_transform(maps, theta, size, mode)):
        assert (out.shape, out.dtype) == ((2, 3, *size), np.float32)
    if mode != "lanczos":
        _assert_zero_gradients(maps, grid, theta, size, mode)
    assert not affine_grid_backward(grid, (2, 3, *size)).any()
    assert projective_grid(np.tile(np.eye(3), (2, 1, 1)), (2, 3, *size)).shape == (2, *size, 2)


def _assert_zero_gradients(maps: NDArray, grid: NDArray, theta: NDArray, size: tuple[int, int], mode: str) -> None:
    gradient = np.ones((*maps.shape[:2], *size), np.float32)
    to_input, to_grid = grid_sample_backward(gradient, maps, grid, mode)
    assert (to_input.shape, to_grid.shape) == (maps.shape, grid.shape)
    assert not to_input.any()
    assert not to_grid.any()
    to_input, to_theta = spatial_transform_backward(gradient, maps, theta, mode)
    assert (to_input.shape, to_theta.shape) == (maps.shape, theta.shape)
    assert not to_input.any()
    assert not to_theta.any()


def test_images_without_pixels_are_refused() -> None:
    for call in (
        lambda: grid_sample(np.zeros((1, 1, 0, 3)), np.zeros((1, 2, 2, 2))),
        lambda: spatial_transform(np.zeros((1, 1, 3, 0)), THETA, (2, 2)),
        lambda: warp(np.zeros((0, 3)), np.eye(2, 3), (2, 2)),
    ):
        with pytest.raises(ShapeError, match="must not be empty along a side"):
            call()


@pytest.mark.parametrize("theta", [np.eye(2, 3), np.eye(2, 3)[None], np.eye(3), np.eye(3)[None], np.eye(3).tolist()])
def test_one_theta_may_be_given_in_any_of_its_shapes(theta: Any) -> None:
    """Where one is meant: everybody takes the same ones."""
    image = np.random.default_rng(4).random((5, 6))
    np.testing.assert_array_equal(warp(image, theta), image)
    expected = affine_grid(np.eye(2, 3), (5, 6))
    np.testing.assert_array_equal(affine_grid(theta, (5, 6)), expected)
    np.testing.assert_array_equal(sampling_grid(theta, (5, 6)), expected)
    np.testing.assert_array_equal(pixel_matrix(theta, (5, 6), (5, 6), False), np.eye(3))
    np.testing.assert_array_equal(MatrixTransform(theta).theta, np.eye(3))


def test_a_transform_by_a_matrix_stands_for_its_matrix() -> None:
    transform = MatrixTransform(TURN)
    np.testing.assert_array_equal(
        pixel_matrix(transform, (5, 6), (7, 8), False), pixel_matrix(TURN, (5, 6), (7, 8), False)
    )
    np.testing.assert_array_equal(affine_grid(transform, (5, 6)), affine_grid(TURN, (5, 6)))
    spline = ThinPlateSpline(np.stack(np.meshgrid([-1.0, 0, 1], [-1.0, 0, 1]), axis=-1))
    for call in (lambda: pixel_matrix(spline, (5, 6), (5, 6), False), lambda: affine_grid(spline, (5, 6))):
        with pytest.raises(ShapeError, match="theta must be a matrix, and a ThinPlateSpline has none"):
            call()


@pytest.mark.parametrize("theta", [np.zeros((2, 2, 3)), np.eye(4), np.zeros(6), [[1, 2], [3]], "turn", None])
def test_what_is_no_theta_is_refused_in_words(theta: Any) -> None:
    for call in (
        lambda: warp(np.zeros((3, 3)), theta),
        lambda: affine_grid(theta, (3, 3)),
        lambda: sampling_grid(theta, (3, 3)),
        lambda: pixel_matrix(theta, (3, 3), (3, 3), False),
    ):
        with pytest.raises(StnwarpError):
            call()


@pytest.mark.parametrize("padding_mode", ["border", "reflection", "wrap", "zeros"])
def test_what_is_not_a_number_reads_the_documented_end_of_its_axis(padding_mode: str) -> None:
    """In two dimensions the first pixel, in three the last voxel as in torch, and under wrap the first one."""
    row, grid = np.arange(1.0, 6).reshape(1, 1, 1, 5), np.array([[[[np.nan, 0]]]])
    volume, points = row[:, :, None], np.array([[[[[np.nan, 0, 0]]]]])
    for mode in MODES[:2]:
        flat, deep = (grid_sample(*each, mode, padding_mode).item() for each in ((row, grid), (volume, points)))
        assert (flat, deep) == {"zeros": (0, 0), "wrap": (1, 1)}.get(padding_mode, (1, 5))
        if padding_mode != "wrap":
            theirs = torch.nn.functional.grid_sample(
                torch.from_numpy(volume), torch.from_numpy(points), mode, padding_mode, align_corners=False
            )
            assert theirs.item() == deep


def test_the_oracle_agrees_on_float16() -> None:
    image = np.random.default_rng(5).random((6, 7)).astype(np.float16)
    grid = np.random.default_rng(6).uniform(-1.2, 1.2, (5, 5, 2))
    np.testing.assert_allclose(warp(image, grid), oracle.grid_sample(image, grid), rtol=0, atol=2**-11)
