"""grid_sample against the hat-function oracle, torch and onnxruntime, and its properties."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample
from stnwarp.errors import ParameterError, ShapeError
from tests.combinations import combinations
from tests.implementations import with_onnxruntime, with_oracle, with_torch

MODES = ["nearest", "bilinear"]
PADDING = ["zeros", "border", "reflection"]  # what torch and ONNX have as well
ALL_PADDING = [*PADDING, "wrap"]
DTYPES = [np.uint8, np.uint16, np.float32, np.float64]
SIZES = [(1, 1), (1, 6), (6, 1), (2, 2), (5, 8)]


def _images(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    values = rng.random(shape) * top
    return np.rint(values).astype(dtype) if top > 1 else values.astype(dtype)


def _grid(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.floating]:
    """Points in and around the image, some far away, none on a tie of nearest."""
    grid = rng.uniform(-1.6, 1.6, (*shape, 2)).astype(dtype)
    grid[0, 0, 0] = 37.43
    return grid


@combinations(strength=3, size=SIZES, dtype=DTYPES, mode=MODES, padding_mode=ALL_PADDING, align_corners=[False, True])
def test_equals_the_oracle(
    size: tuple[int, int], dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(3)
    images = _images(rng, (2, 3, *size), dtype)
    grid = _grid(rng, (2, 4, 9), np.float64)
    ours = grid_sample(images, grid, mode, padding_mode, align_corners)
    expected = with_oracle(images, grid, mode, padding_mode, align_corners)
    assert ours.dtype == dtype
    if np.dtype(dtype).kind == "u":
        np.testing.assert_array_equal(ours, np.rint(expected).astype(dtype))
    else:
        np.testing.assert_allclose(ours, expected, rtol=0, atol=4 * np.finfo(dtype).eps)


@combinations(
    strength=3,
    size=[*SIZES, (64, 96)],
    dtype=[np.float32, np.float64],
    mode=MODES,
    padding_mode=PADDING,
    align_corners=[False, True],
)
def test_equals_torch_and_onnxruntime(
    size: tuple[int, int], dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(4)
    images, grid = _images(rng, (2, 3, *size), dtype), _grid(rng, (2, 7, 11), dtype)
    ours = grid_sample(images, grid, mode, padding_mode, align_corners)
    theirs = with_torch(images, grid, mode, padding_mode, align_corners)
    # Reflected coordinates are rounded to the grid's type at every step by torch, and by us only once.
    loose = 64 if padding_mode == "reflection" else 4
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=loose * np.finfo(dtype).eps)
    if min(size) > 1:  # onnxruntime reads one-pixel axes differently under align_corners and reflection
        rounding = 4 * max(size) * np.finfo(dtype).eps  # its coordinates are in the grid's type too
        ort = with_onnxruntime(images, grid, mode, padding_mode, align_corners)
        np.testing.assert_allclose(ours, ort, rtol=0, atol=rounding)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning")  # torch's, of one-pixel axes
def test_equals_torch_in_three_hundred_random_configurations() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        height, width = rng.integers(1, 513, 2)
        out_height, out_width = rng.integers(1, 65, 2)
        mode, padding_mode, align_corners = rng.choice(MODES), rng.choice(PADDING), bool(rng.integers(2))
        images = _images(rng, (1, 2, height, width), np.float32)
        theta = (np.eye(2, 3) + rng.normal(0, 0.4, (1, 2, 3))).astype(np.float32)
        size = (1, 2, out_height, out_width)
        grid = affine_grid(theta, size, align_corners)
        reference = torch.nn.functional.affine_grid(torch.from_numpy(theta), size, align_corners).numpy()
        np.testing.assert_allclose(grid, reference, rtol=0, atol=2e-6)
        where = rng.random(grid.shape) < 0.01
        grid[where] = rng.choice([np.inf, -np.inf, np.nan, 1e30], int(where.sum()))
        theirs = with_torch(images, grid, mode, padding_mode, align_corners)
        if padding_mode == "zeros":
            # Torch gives NaN where a coordinate is not finite; here that counts as outside the image.
            theirs[~np.isfinite(grid).all(-1)[:, None].repeat(2, 1)] = 0
        if padding_mode == "reflection":
            theirs, grid = _without(theirs, grid)
        ours = grid_sample(images, grid, mode, padding_mode, align_corners)
        if mode == "nearest":
            assert (ours != theirs).mean() <= 0.002, "nearest may differ on ties only"
        else:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)


def _without(theirs: NDArray[np.float32], grid: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Both, with points that float32 cannot reflect (1e30 pixels away) put where any arithmetic agrees."""
    far = (np.abs(grid) > 1e6).any(-1)
    keep = ~far[0]
    return theirs[:, :, keep][:, :, None], grid[:, keep][:, None]


@combinations(dtype=DTYPES, padding_mode=PADDING, mode=MODES)
def test_coordinates_that_are_not_finite_never_index(dtype: type, padding_mode: str, mode: str) -> None:
    images = _images(np.random.default_rng(6), (1, 2, 3, 4), dtype)
    bad = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e308, 0.0]
    grid = np.array([[x, y] for x in bad for y in bad]).reshape(1, 7, 7, 2)
    out = grid_sample(images, grid, mode, padding_mode)
    if padding_mode == "zeros":
        assert (out[0, :, :6] == 0).all()
        assert (out[0, :, :, :6] == 0).all()
    else:
        assert np.isin(out[0, 0, :6, :6], images[0, 0]).all()


def test_border_reads_the_rim_and_nan_reads_pixel_zero_as_in_torch() -> None:
    images = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    values = [np.nan, np.inf, -np.inf, 1e30, -1e30]
    grid = np.array([[x, 0.0] for x in values], np.float32).reshape(1, 1, 5, 2)
    np.testing.assert_array_equal(
        grid_sample(images, grid, padding_mode="border"),
        with_torch(images, grid, "bilinear", "border", False),
    )


@combinations(size=[*SIZES, (17, 300)], dtype=DTYPES, align_corners=[False, True], mode=MODES)
def test_identity_returns_the_input(size: tuple[int, int], dtype: type, align_corners: bool, mode: str) -> None:
    images = _images(np.random.default_rng(7), (2, 2, *size), dtype)
    theta = np.tile(np.eye(2, 3), (2, 1, 1))
    grid = affine_grid(theta, images.shape, align_corners)
    out = grid_sample(images, grid, mode, "border", align_corners)
    if np.dtype(dtype).kind == "u" or mode == "nearest":
        np.testing.assert_array_equal(out, images)
    else:  # the grid itself is rounded to float64: 300 pixels away from 0 that moves a point by 1e-13
        np.testing.assert_allclose(out, images, rtol=0, atol=max(1e-12, np.finfo(dtype).eps))


def test_layouts_of_memory_do_not_matter() -> None:
    rng = np.random.default_rng(8)
    images = _images(rng, (2, 3, 6, 7), np.float32)
    grid = _grid(rng, (2, 4, 5), np.float32)
    expected = grid_sample(images, grid)
    channels_last = np.ascontiguousarray(np.moveaxis(images, 1, 3))
    variants = [
        np.moveaxis(channels_last, 3, 1),
        np.asfortranarray(images),
        images.astype(">f4"),
        np.concatenate([images, images], axis=3)[..., :7],
        images[:, :, ::-1][:, :, ::-1],
    ]
    read_only = images.copy()
    read_only.setflags(write=False)
    for variant in (*variants, read_only):
        # Other layouts have other kernels, whose multiply-adds are fused differently: two units in the last place of 1.
        np.testing.assert_allclose(grid_sample(variant, grid), expected, rtol=0, atol=2.4e-7)
    np.testing.assert_array_equal(grid_sample(images, grid.astype(">f4")), expected)
    np.testing.assert_array_equal(grid_sample(images, np.asfortranarray(grid)), expected)
    flipped = grid_sample(images[:, :, ::-1], grid)
    np.testing.assert_array_equal(flipped, grid_sample(images[:, :, ::-1].copy(), grid))


def test_uint8_channels_are_the_same_however_many_lie_side_by_side() -> None:
    rng = np.random.default_rng(9)
    grid = _grid(rng, (1, 20, 30), np.float32) * 0.8
    for channels in range(1, 7):
        images = _images(rng, (1, channels, 40, 50), np.uint8)
        planar = grid_sample(images, grid)
        interleaved = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, 3)), 3, 1)
        difference = grid_sample(interleaved, grid).astype(int) - planar
        assert np.abs(difference).max() <= 1
        assert (difference != 0).mean() < 0.001


@pytest.mark.parametrize(
    ("images", "grid", "words"),
    [
        (np.zeros((3, 4), np.float32), np.zeros((1, 2, 2, 2)), r"\(N, C, H, W\)"),
        (np.zeros((1, 1, 3, 4)), np.zeros((2, 2, 2, 2)), "N = 1"),
        (np.zeros((1, 1, 3, 4)), np.zeros((1, 2, 2, 3)), "N, H', W', 2"),
        (np.zeros((1, 1, 0, 4)), np.zeros((1, 2, 2, 2)), "empty"),
    ],
)
def test_unusable_arrays_are_refused_in_words(images: NDArray, grid: NDArray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        grid_sample(images, grid)


def test_misspelt_modes_are_refused_with_a_suggestion() -> None:
    images, grid = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 1, 2))
    with pytest.raises(ParameterError, match="did you mean 'bilinear'"):
        grid_sample(images, grid, mode="bilinar")
    with pytest.raises(ParameterError, match="did you mean 'border'"):
        grid_sample(images, grid, padding_mode="borders")
    np.testing.assert_array_equal(grid_sample(images, grid, mode="linear"), grid_sample(images, grid))
