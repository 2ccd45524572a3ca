"""Three dimensions: affine_grid and grid_sample against torch and an oracle, and what must hold anyway."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample
from stnwarp.errors import DtypeError, ParameterError, ShapeError, ThetaError
from stnwarp.sampling.volumes import sample_volumes, sample_volumes_backward
from tests import oracle
from tests.combinations import combinations
from tests.implementations import with_torch

pytestmark = [
    pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning"),  # torch's, of one-voxel axes
]
ROOT = Path(__file__).parents[2]
compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="kernels run in Python or check their indices: there is no machine code of ours to look at",
)

MODES = ["nearest", "bilinear"]
TORCH_PADDING = ["zeros", "border", "reflection"]
PADDING = [*TORCH_PADDING, "wrap"]
FLOATS = [np.float32, np.float64]
DTYPES = [np.uint8, np.uint16, *FLOATS]
SIZES = [(1, 1, 1), (1, 4, 1), (3, 1, 5), (2, 2, 2), (4, 5, 6)]


def _volumes(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.random(shape).astype(dtype)


def _grid(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.floating]:
    """Points in and around the volume, one far away, none on a tie of nearest."""
    grid = rng.uniform(-1.6, 1.6, (*shape, 3)).astype(dtype)
    grid[0, 0, 0, 0] = 37.43
    return grid


def _gradients_by_torch(
    gradient: NDArray, input: NDArray, grid: NDArray, mode: str, padding_mode: str, align_corners: bool
) -> list[NDArray]:
    leaves = [torch.from_numpy(array).requires_grad_() for array in (input, grid)]
    output = torch.nn.functional.grid_sample(*leaves, mode, padding_mode, align_corners)
    return [part.numpy() for part in torch.autograd.grad(output, leaves, torch.from_numpy(gradient))]


@combinations(strength=3, size=SIZES, dtype=DTYPES, mode=MODES, padding_mode=PADDING, align_corners=[False, True])
def test_equals_the_oracle(
    size: tuple[int, ...], dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(20)
    volumes, grid = _volumes(rng, (2, 2, *size), dtype), _grid(rng, (2, 2, 3, 4), np.float64)
    ours = grid_sample(volumes, grid, mode, padding_mode, align_corners)
    pairs = zip(volumes, grid, strict=True)
    expected = np.stack([oracle.sample_volume(*pair, mode, padding_mode, align_corners) for pair in pairs])
    assert ours.dtype == dtype
    if np.dtype(dtype).kind == "u":
        np.testing.assert_array_equal(ours, np.rint(expected).astype(dtype))
    else:  # values below 1, mixed three times
        np.testing.assert_allclose(ours, expected, rtol=0, atol=6 * np.finfo(dtype).eps)


@combinations(
    strength=3,
    size=[*SIZES, (20, 30, 40)],
    dtype=FLOATS,
    mode=MODES,
    padding_mode=TORCH_PADDING,
    align_corners=[False, True],
)
def test_equals_torch(size: tuple[int, ...], dtype: type, mode: str, padding_mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(21)
    volumes, grid = _volumes(rng, (2, 3, *size), dtype), _grid(rng, (2, 3, 4, 5), dtype)
    ours = grid_sample(volumes, grid, mode, padding_mode, align_corners)
    theirs = with_torch(volumes, grid, mode, padding_mode, align_corners)
    # Coordinates are rounded as torch rounds them; what is left is the order of the sum over eight neighbours.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=6 * np.finfo(dtype).eps)


@combinations(factor=[0.5, 1.0, 2.0], dtype=FLOATS, padding_mode=TORCH_PADDING, align_corners=[False, True])
def test_ties_of_nearest_fall_as_in_torch(factor: float, dtype: type, padding_mode: str, align_corners: bool) -> None:
    """Where every point lies between two voxels, or would but for rounding, no voxel is another than torch's."""
    for size in ((2, 3, 4), (7, 5, 6)):
        volume = np.arange(np.prod(size), dtype=dtype).reshape(1, 1, *size)
        output = (1, 1, *(max(1, int(side * factor)) for side in size))
        theta = torch.eye(3, 4, dtype=torch.from_numpy(volume).dtype)[None]
        grid = 1.25 * torch.nn.functional.affine_grid(theta, output, align_corners).numpy()
        ours = grid_sample(volume, grid, "nearest", padding_mode, align_corners)
        np.testing.assert_array_equal(ours, with_torch(volume, grid, "nearest", padding_mode, align_corners))


def test_more_points_than_a_block_holds_are_read_alike() -> None:
    rng = np.random.default_rng(22)
    volumes, grid = _volumes(rng, (2, 1, 3, 4, 5), np.float32), _grid(rng, (2, 3, 13, 9), np.float32)
    for mode in MODES:
        whole = grid_sample(volumes, grid, mode)
        parts = [grid_sample(volumes, grid[:, :, row : row + 1], mode) for row in range(13)]
        np.testing.assert_array_equal(whole, np.concatenate(parts, axis=3))


@combinations(dtype=DTYPES, padding_mode=PADDING, mode=MODES)
def test_coordinates_that_are_not_finite_never_index(dtype: type, padding_mode: str, mode: str) -> None:
    volumes = _volumes(np.random.default_rng(23), (1, 2, 2, 3, 4), dtype)
    bad = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e308, 0.0]
    grid = np.array([[x, y, z] for x in bad for y in bad for z in bad]).reshape(1, 7, 7, 7, 3)
    out = grid_sample(volumes, grid, mode, padding_mode)
    if padding_mode == "zeros":
        assert (out[0, :, :6] == 0).all()
        assert (out[0, :, :, :6] == 0).all()
        assert (out[0, :, :, :, :6] == 0).all()
    else:
        finite = out[0, 0, :3, :3, :3]
        assert np.isin(finite, volumes[0, 0]).all()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", TORCH_PADDING)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_not_finite_reads_what_torch_reads(mode: str, padding_mode: str, align_corners: bool) -> None:
    volume = np.arange(24, dtype=np.float32).reshape(1, 1, 2, 3, 4)
    bad = [np.nan, np.inf, -np.inf]
    grid = np.array([[x, y, z] for x in bad for y in bad for z in bad], np.float32).reshape(1, 3, 3, 3, 3)
    ours = grid_sample(volume, grid, mode, padding_mode, align_corners)
    np.testing.assert_array_equal(ours, with_torch(volume, grid, mode, padding_mode, align_corners))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_voxel_with_weight_zero_is_not_read(value: float) -> None:
    volume = np.ones((1, 1, 3, 3, 3), np.float32)
    volume[0, 0, 1, 1, 1] = value
    grid = affine_grid(np.eye(3, 4, dtype=np.float32)[None], volume.shape, align_corners=True)
    for padding_mode in PADDING:
        np.testing.assert_array_equal(grid_sample(volume, grid, "bilinear", padding_mode, True), volume)


@combinations(size=[*SIZES, (3, 17, 9)], dtype=DTYPES, align_corners=[False, True], mode=MODES)
def test_identity_returns_the_input(size: tuple[int, ...], dtype: type, align_corners: bool, mode: str) -> None:
    volumes = _volumes(np.random.default_rng(24), (2, 2, *size), dtype)
    grid = affine_grid(np.tile(np.eye(3, 4), (2, 1, 1)), volumes.shape, align_corners)
    for padding_mode in PADDING:
        out = grid_sample(volumes, grid, mode, padding_mode, align_corners)
        if np.dtype(dtype).kind == "u" or mode == "nearest":
            np.testing.assert_array_equal(out, volumes)
        else:  # the grid is rounded to float64, which moves a point by up to 1e-15 of the volume's size
            np.testing.assert_allclose(out, volumes, rtol=0, atol=max(1e-13, np.finfo(dtype).eps))


@pytest.mark.parametrize("mode", MODES)
def test_a_shift_by_whole_voxels_is_a_slice(mode: str) -> None:
    volume = _volumes(np.random.default_rng(25), (1, 2, 4, 4, 8), np.float64)
    theta = np.eye(3, 4)
    theta[:, 3] = 2 * 2 / 8, 1 * 2 / 4, -1 * 2 / 4  # two voxels right, one down, one slice up
    out = grid_sample(volume, affine_grid(theta[None], volume.shape), mode)
    expected = np.zeros_like(volume)
    expected[:, :, 1:, :-1, :-2] = volume[:, :, :-1, 1:, 2:]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding_mode", ["border", "reflection", "wrap"])
def test_constants_stay_constant(padding_mode: str, dtype: type) -> None:
    rng = np.random.default_rng(26)
    volume = np.full((1, 1, 3, 2, 4), 201, dtype)
    out = grid_sample(volume, _grid(rng, (1, 5, 5, 5), np.float32), "bilinear", padding_mode)
    if np.dtype(dtype).kind == "u":
        np.testing.assert_array_equal(out, 201)
    else:  # each of three mixes rounds twice
        np.testing.assert_allclose(out, 201, rtol=6 * np.finfo(dtype).eps)


def test_layouts_of_memory_do_not_matter() -> None:
    rng = np.random.default_rng(27)
    volumes, grid = _volumes(rng, (2, 3, 4, 5, 6), np.float32), _grid(rng, (2, 2, 3, 4), np.float32)
    gradient = rng.normal(size=(2, 3, 2, 3, 4)).astype(np.float32)
    read_only = volumes.copy()
    read_only.setflags(write=False)
    variants = [
        np.moveaxis(np.ascontiguousarray(np.moveaxis(volumes, 1, 4)), 4, 1),
        np.asfortranarray(volumes),
        volumes.astype(">f4"),
        np.concatenate([volumes, volumes], axis=4)[..., :6],
        np.repeat(volumes, 2, axis=2)[:, :, ::2],
        np.ascontiguousarray(volumes[:, :, ::-1])[:, :, ::-1],
        read_only,
    ]
    grids = [grid.astype(">f4"), np.asfortranarray(grid), grid[:, ::-1].copy()[:, ::-1]]
    for mode in MODES:
        expected = grid_sample(volumes, grid, mode)
        slopes = sample_volumes_backward(gradient, volumes, grid, mode)
        for some_volumes, some_grid in [*((variant, grid) for variant in variants), *((volumes, g) for g in grids)]:
            np.testing.assert_array_equal(grid_sample(some_volumes, some_grid, mode), expected)
            for ours, same in zip(
                sample_volumes_backward(gradient, some_volumes, some_grid, mode), slopes, strict=True
            ):
                np.testing.assert_array_equal(ours, same)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("align_corners", [False, True])
def test_wrap_is_a_volume_with_copies_of_itself_around(align_corners: bool, mode: str) -> None:
    rng = np.random.default_rng(28)
    size = np.array([3, 4, 2])
    volume = _volumes(rng, (1, 2, *size), np.float64)
    voxels = rng.uniform(-1, 2, (1, 3, 4, 5, 3)) * size[::-1]  # a period before, within and after, as (x, y, z)
    span = size[::-1] - align_corners
    grid = 2 * voxels / np.maximum(span, 1) - 1 + (0 if align_corners else 1 / size[::-1])
    ours = grid_sample(volume, grid, mode, "wrap", align_corners)
    tiled_size = 3 * size[::-1]
    in_tiles = (2 * (voxels + size[::-1]) + 1) / tiled_size - 1
    theirs = with_torch(np.tile(volume, (3, 3, 3)), in_tiles, mode, "zeros", False)
    inner = (np.abs(in_tiles) < 1 - 1 / tiled_size).all(-1)[:, None].repeat(2, 1)  # the tiles themselves do not wrap
    assert inner.mean() > 0.5
    np.testing.assert_allclose(ours[inner], theirs[inner], rtol=0, atol=1e-13)  # positions up to 12, in float64


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_the_float64_formula_rounded_half_to_even(dtype: type) -> None:
    rng = np.random.default_rng(29)
    volume, grid = _volumes(rng, (1, 1, 6, 7, 8), dtype), rng.uniform(-1, 1, (1, 10, 20, 20, 3))
    exact = np.rint(grid_sample(volume.astype(np.float64), grid))
    ours = grid_sample(volume, grid).astype(np.float64)
    assert np.abs(ours - exact).max() <= 1
    assert (ours != exact).mean() <= 0.001
    halves = np.array([[[[[0, 1], [2, 3]]]]], dtype)
    middle = np.zeros((1, 1, 1, 1, 3))
    assert grid_sample(halves, middle)[0, 0, 0, 0, 0] == 2  # 1.5
    assert grid_sample(halves + dtype(1), middle)[0, 0, 0, 0, 0] == 2  # 2.5


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [*SIZES, (9, 17, 33)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_affine_grid_equals_torch(size: tuple[int, ...], align_corners: bool, dtype: type) -> None:
    theta = np.random.default_rng(30).normal(0, 1, (2, 3, 4)).astype(dtype)
    ours = affine_grid(theta, (2, 5, *size), align_corners)
    theirs = torch.nn.functional.affine_grid(torch.from_numpy(theta), [2, 5, *size], align_corners).numpy()
    assert ours.dtype == dtype
    # Theirs rounds at every step; entries of theta reach about 3.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=12 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(affine_grid(theta[1], size, align_corners), ours[1])


@pytest.mark.parametrize(
    ("theta", "size", "error", "words"),
    [
        (np.eye(3, 4), (4, 4), ShapeError, r"\(D, H, W\)"),
        (np.zeros((2, 3, 4)), (4, 4, 4), ShapeError, r"\(N, C, D, H, W\)"),
        (np.eye(3, 4)[None], (2, 1, 4, 4, 4), ShapeError, "N = 1"),
        (np.eye(3, 4), (0, 4, 4), ShapeError, r"\(depth, height, width\).*at least 1"),
        (np.eye(3, 4), (4, 4, "a"), ShapeError, "depth"),
        (np.eye(4), (4, 4, 4), ShapeError, r"\(3, 4\)"),
        (np.full((3, 4), np.inf), (4, 4, 4), ThetaError, "inf"),
    ],
)
def test_unusable_thetas_are_refused_in_words(
    theta: NDArray, size: tuple[int, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        affine_grid(theta, size)


@pytest.mark.parametrize(
    ("volumes", "grid", "words"),
    [
        (np.zeros((1, 1, 2, 3, 4)), np.zeros((2, 2, 2, 2, 3)), "N = 1"),
        (np.zeros((1, 1, 2, 3, 4)), np.zeros((1, 2, 2, 2)), r"N, D', H', W', 3"),
        (np.zeros((1, 1, 2, 3, 4)), np.zeros((1, 2, 2, 2, 2)), r"N, D', H', W', 3"),
        (np.zeros((1, 1, 2, 0, 4)), np.zeros((1, 2, 2, 2, 3)), "empty"),
    ],
)
def test_unusable_arrays_are_refused_in_words(volumes: NDArray, grid: NDArray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        grid_sample(volumes, grid)


def test_modes_that_volumes_do_not_have_are_refused() -> None:
    volume, grid = np.zeros((1, 1, 2, 2, 2)), np.zeros((1, 1, 1, 1, 3))
    for mode in ("bicubic", "cubic", "lanczos"):
        with pytest.raises(ParameterError, match="nearest, bilinear"):
            grid_sample(volume, grid, mode)
        with pytest.raises(ParameterError, match="nearest, bilinear"):
            sample_volumes_backward(np.zeros((1, 1, 1, 1, 1)), volume, grid, mode)
    with pytest.raises(ShapeError, match=r"\(N, C, D, H, W\)"):
        sample_volumes(volume[0], grid)
    np.testing.assert_array_equal(grid_sample(volume, grid, "linear"), grid_sample(volume, grid))


@combinations(strength=3, size=SIZES, dtype=FLOATS, mode=MODES, padding_mode=TORCH_PADDING, align_corners=[False, True])
def test_gradients_equal_torch(
    size: tuple[int, ...], dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(31)
    volumes, grid = _volumes(rng, (2, 3, *size), dtype), _grid(rng, (2, 2, 3, 4), dtype)
    gradient = rng.normal(size=(2, 3, 2, 3, 4)).astype(dtype)
    arguments = (gradient, volumes, grid, mode, padding_mode, align_corners)
    for ours, theirs in zip(sample_volumes_backward(*arguments), _gradients_by_torch(*arguments), strict=True):
        assert ours.dtype == dtype
        # Sums of up to 24 products, or of 24 in a voxel, that reach about 10; theirs are added in another order.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", TORCH_PADDING)
@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients_where_the_slope_jumps_are_those_of_torch(
    dtype: type, padding_mode: str, align_corners: bool
) -> None:
    """At the centres of voxels, half way between them, and so at every rim and every turn of a reflection."""
    rng = np.random.default_rng(32)
    side = 5 if align_corners else 4  # positions are then exact in binary
    volume = _volumes(rng, (1, 1, 2, side, side), dtype)
    steps = np.arange(-3, side + 3, 0.5)
    x, y = np.meshgrid(steps, steps)
    voxels = np.stack([x, y, np.full_like(x, 0.25)], axis=-1)
    sizes = np.array([side, side, 2])
    grid = 2 * voxels / (sizes - 1) - 1 if align_corners else (2 * voxels + 1) / sizes - 1
    grid = grid.astype(dtype)[None, None]
    gradient = rng.normal(size=(1, 1, *grid.shape[1:4])).astype(dtype)
    arguments = (gradient, volume, grid, "bilinear", padding_mode, align_corners)
    for ours, theirs in zip(sample_volumes_backward(*arguments), _gradients_by_torch(*arguments), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=100 * np.finfo(dtype).eps)  # a voxel sums about 30


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("size", [(1, 4, 3), (3, 4, 5)])
def test_gradients_equal_finite_differences(size: tuple[int, ...], padding_mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(33)
    volume, grid = _volumes(rng, (1, 2, *size), np.float64), rng.uniform(-1.5, 1.5, (1, 1, 2, 4, 3))
    gradient = rng.normal(size=(1, 2, 1, 2, 4))
    to_input, to_grid = sample_volumes_backward(gradient, volume, grid, "bilinear", padding_mode, align_corners)
    step = 1e-6

    def loss(volume: NDArray, grid: NDArray) -> float:
        return float((sample_volumes(volume, grid, "bilinear", padding_mode, align_corners) * gradient).sum())

    for at in np.ndindex(grid.shape):
        move = np.zeros_like(grid)
        move[at] = step
        slope = (loss(volume, grid + move) - loss(volume, grid - move)) / (2 * step)
        assert to_grid[at] == pytest.approx(slope, abs=1e-8)  # rounding: 1e-16 of a loss of about 1, over the step
    direction = rng.normal(size=volume.shape)
    # The output is linear in the input, so that any step will do.
    change = loss(volume + direction, grid) - loss(volume, grid)
    assert (to_input * direction).sum() == pytest.approx(change, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding_mode", PADDING)
def test_gradients_of_points_that_are_not_finite_are_finite(padding_mode: str, mode: str) -> None:
    volume = _volumes(np.random.default_rng(34), (1, 2, 2, 3, 4), np.float64)
    bad = [np.nan, np.inf, -np.inf, 1e30, 0.1]
    grid = np.array([[x, y, z] for x in bad for y in bad for z in bad]).reshape(1, 5, 5, 5, 3)
    to_input, to_grid = sample_volumes_backward(np.ones((1, 2, 5, 5, 5)), volume, grid, mode, padding_mode)
    assert np.isfinite(to_input).all()
    assert (to_grid[~np.isfinite(grid)] == 0).all()
    assert np.isfinite(to_grid).all()
    reads = grid_sample(np.ones_like(volume), grid, mode, padding_mode)
    assert to_input.sum() == pytest.approx(reads.sum())  # what was read is what has a gradient


def test_a_voxel_with_weight_zero_gets_no_gradient() -> None:
    gradient = np.full((1, 1, 1, 1, 1), np.inf)
    to_input, _ = sample_volumes_backward(gradient, np.ones((1, 1, 3, 3, 3)), np.zeros((1, 1, 1, 1, 3)))
    assert np.isinf(to_input[0, 0, 1, 1, 1])
    assert np.isfinite(to_input).sum() == 26


def test_gradients_have_the_types_of_what_they_belong_to() -> None:
    rng = np.random.default_rng(35)
    exact = _volumes(rng, (1, 2, 3, 4, 5), np.float64), _grid(rng, (1, 2, 3, 4), np.float64)
    gradient = np.broadcast_to(rng.normal(size=(1, 2, 1, 1, 1)), (1, 2, 2, 3, 4))
    expected = sample_volumes_backward(gradient, *exact)
    for volume_type in FLOATS:
        for grid_type in FLOATS:
            pair = exact[0].astype(volume_type), exact[1].astype(grid_type)
            ours = sample_volumes_backward(gradient, *pair)
            assert [array.dtype for array in ours] == [volume_type, grid_type]
            for array, other in zip(ours, expected, strict=True):
                np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-4)  # float32 moves points by 1e-6 voxels


@pytest.mark.parametrize(
    ("gradient", "volumes", "error", "words"),
    [
        (np.zeros((1, 1, 2, 2, 3)), np.zeros((1, 1, 2, 3, 4)), ShapeError, r"grad_output .* shape \(1, 1, 2, 2, 2\)"),
        (
            np.zeros((1, 1, 2, 2, 2), int),
            np.zeros((1, 1, 2, 3, 4)),
            DtypeError,
            "grad_output must be float16, .* int64",
        ),
        (np.zeros((1, 1, 2, 2, 2)), np.zeros((1, 1, 2, 3, 4), np.uint8), DtypeError, "input must be float16, .* uint8"),
    ],
)
def test_unusable_gradients_are_refused_in_words(
    gradient: NDArray, volumes: NDArray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        sample_volumes_backward(gradient, volumes, np.zeros((1, 2, 2, 2, 3)))


_SIDES = st.integers(1, 5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), _SIDES, _SIDES, _SIDES),
    st.tuples(_SIDES, _SIDES, _SIDES),
    st.sampled_from(MODES),
    st.sampled_from(TORCH_PADDING),
    st.booleans(),
    st.sampled_from(FLOATS),
    st.integers(0, 2**32 - 1),
)
def test_everything_equals_torch_in_random_configurations(
    shape: tuple[int, ...],
    output: tuple[int, ...],
    mode: str,
    padding_mode: str,
    align_corners: bool,
    dtype: type,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    volumes = rng.normal(size=shape).astype(dtype)
    theta = (np.eye(3, 4) + rng.normal(0, 0.5, (shape[0], 3, 4))).astype(dtype)
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta), [*shape[:2], *output], align_corners).numpy()
    ours = affine_grid(theta, (*shape[:2], *output), align_corners)
    np.testing.assert_allclose(ours, grid, rtol=0, atol=16 * np.finfo(dtype).eps)  # sums of four terms below 4
    gradient = rng.normal(size=(*shape[:2], *output)).astype(dtype)
    choices = (mode, padding_mode, align_corners)
    tolerance = 1000 * np.finfo(dtype).eps  # sums of up to 125 products of normal numbers
    ours, theirs = grid_sample(volumes, grid, *choices), with_torch(volumes, grid, *choices)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    pairs = zip(
        sample_volumes_backward(gradient, volumes, grid, *choices),
        _gradients_by_torch(gradient, volumes, grid, *choices),
        strict=True,
    )
    for array, other in pairs:
        np.testing.assert_allclose(array, other, rtol=0, atol=tolerance)


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.slow
@compiled_only
def test_loops_that_mix_neighbours_are_vectorised_and_those_that_copy_them_do_not_gather() -> None:
    """In LLVM's own code for a processor that has both."""
    code = """if True:
        import re
        import numpy as np
        from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
        from stnwarp.sampling import volumes
        from stnwarp.kernels.volumes import backward, forward
        volume, grid = np.zeros((1, 1, 2, 2, 2), np.float32), np.zeros((1, 1, 1, 1, 3), np.float32)
        with collect_specialisations() as needed:
            volumes.sample_volumes(volume, grid)
            volumes.sample_volumes_backward(np.zeros((1, 1, 1, 1, 1)), volume, grid)
        for specialisation in needed:
            specialisation.compile()
        for kernel in (forward.trilinear_blocks, backward.trilinear_grid_blocks):
            text = next(iter(kernel.inspect_llvm().values()))
            assert re.search(r"fmul [a-z ]*<\\d+ x float> %wide.load", text), f"{kernel} is not vectorised"
            assert "masked.gather" not in text, f"{kernel} gathers"
    """
    features = "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx2,+fma"
    run = _run(code, STNWARP_NUMBA_CACHE="0", NUMBA_CPU_NAME="skylake-avx512", NUMBA_CPU_FEATURES=features)
    assert run.returncode == 0, run.stderr


def test_volumes_of_more_voxels_than_32_bits_count_are_indexed_right() -> None:
    code = """if True:
        import numpy as np
        from stnwarp.kernels import layout
        from stnwarp.kernels.volumes import coordinates
        from stnwarp.kernels.volumes.layout import VolumeCall, make_volume_workspace
        depth, height, width, channels = 3000, 2000, 1000, 2
        strides = (channels * depth * height * width, depth * height * width, height * width, width, 1)
        codes = layout.GRID_FLOAT32, layout.ZEROS, 0
        call = VolumeCall(*codes, channels, depth, height, width, 1, *strides, 0, 1)
        places, offsets, weights, _ = make_volume_workspace(np.float32, np.float32, np.uint8)
        for axis, place in enumerate((998.5, 1998.5, 2998.5)):
            places[axis * layout.BLOCK] = place
        coordinates.locate_corners(call, 3, 1, places, offsets, weights)
        steps = [int(offsets[part * layout.BLOCK]) for part in range(4)]
        first = ((3 * channels * depth + 2998) * height + 1998) * width + 998
        assert first > 2**35 and steps == [first, 1, width, height * width], steps
        coordinates.locate_nearest(call, 3, 1, places, offsets, weights)
        assert offsets[0] == first
    """
    run = _run(code, NUMBA_DISABLE_JIT="1")
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("padding_mode", PADDING)
def test_rows_of_more_voxels_than_float32_tells_apart_are_read_to_the_last_one(padding_mode: str) -> None:
    volume = np.zeros((1, 1, 1, 1, 2**24 + 4), np.float32)
    volume[..., -1] = 5
    grid = np.array([[1, 0, 0], [1.5, 0, 0]], np.float32).reshape(1, 1, 1, 2, 3)
    for mode in MODES:
        out = grid_sample(volume, grid, mode, padding_mode, align_corners=True)
        assert out[0, 0, 0, 0, 0] == 5
        assert out[0, 0, 0, 0, 1] == (5 if padding_mode == "border" else 0)


def test_a_volume_of_a_batch_is_sampled_and_differentiated_as_alone() -> None:
    """Channels and volumes do not meet, and blocks of points go on from one volume to the next."""
    rng = np.random.default_rng(36)
    volumes, grid = _volumes(rng, (2, 3, 4, 5, 6), np.float32), _grid(rng, (2, 7, 8, 9), np.float32)
    gradient = rng.normal(size=(2, 3, 7, 8, 9)).astype(np.float32)
    whole, (to_input, to_grid) = sample_volumes(volumes, grid), sample_volumes_backward(gradient, volumes, grid)
    for number in range(2):
        one = slice(number, number + 1)
        np.testing.assert_array_equal(sample_volumes(volumes[one], grid[one]), whole[one])
        alone = sample_volumes_backward(gradient[one], volumes[one], grid[one])
        np.testing.assert_array_equal(alone[0], to_input[one])
        np.testing.assert_array_equal(alone[1], to_grid[one])
        for channel in range(3):
            only = slice(channel, channel + 1)
            np.testing.assert_array_equal(sample_volumes(volumes[one, only], grid[one]), whole[one, only])
            added = sample_volumes_backward(gradient[one, only], volumes[one, only], grid[one])[0]
            np.testing.assert_array_equal(added, to_input[one, only])
