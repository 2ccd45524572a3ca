"""Sampling and its gradient are adjoint: the pixel that is read is the one that has the gradient, by the same weight.

What a linear map reads is told by images of one pixel each, all of them at once as channels: their samples are the rows
of its matrix, and the gradient to the input must be the product of the transposed matrix.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import (
    affine_grid,
    affine_grid_backward,
    grid_sample,
    grid_sample_backward,
    projective_grid,
    spatial_transform,
    spatial_transform_backward,
)

MODES = ["nearest", "bilinear", "bicubic"]
PADDING = ["zeros", "border", "reflection", "wrap"]
FLOATS = [np.float32, np.float64]
SIZE, OUTPUT = (5, 8), (9, 16)
WIDE = (2, 130)  # rows that are not joined: where an affine map leaves the image is solved for
# Thetas of dyadic numbers: coordinates fall onto pixels and half-way between them exactly.
SKEW = np.array([[0.75, -0.25, 0.25], [-0.25, 1.5, 0.0], [-0.25, -0.25, 1.0]])
THETAS = {
    "affine": np.array([[0.5, -0.25, 0.125], [0.25, 1.75, -0.5], [0.0, 0.0, 1.0]]),
    "mirrored": np.array([[-2.0, 0.0, 0.5], [0.5, -1.0, 0.25], [0.0, 0.0, 1.0]]),
    "tilted": SKEW,
    "horizon": np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.25], [0.5, 1.0, 0.25]]),
}


def _one_pixel_images(size: tuple[int, ...], dtype: type) -> NDArray:
    count = int(np.prod(size))
    return np.eye(count, dtype=dtype).reshape(1, count, *size)


def _transposed(samples: NDArray, gradient: NDArray, size: tuple[int, ...]) -> NDArray:
    """The product of the transposed matrix, whose columns are *samples* (1, pixels, *output), with *gradient*."""
    return (samples[0].astype(np.float64).reshape(samples.shape[1], -1) @ gradient.ravel()).reshape(size)


def _assert_adjoint(to_input: NDArray, samples: NDArray, gradient: NDArray, mode: str) -> None:
    expected = _transposed(samples, gradient, to_input.shape[2:])
    # Under nearest a weight is 1 or 0, and whole gradients add up exactly: not one may be elsewhere.
    roundings = 0 if mode == "nearest" else 64
    np.testing.assert_allclose(to_input[0, 0], expected, rtol=0, atol=roundings * np.finfo(to_input.dtype).eps * 8)


def _whole_numbers(shape: tuple[int, ...], dtype: type) -> NDArray:
    return np.random.default_rng(1).integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", THETAS)
def test_a_theta_is_adjoint_to_its_gradient(
    name: str, dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    theta, options = THETAS[name][None], (mode, padding_mode, align_corners)
    for output in (OUTPUT, WIDE):
        gradient = _whole_numbers((1, 1, *output), dtype)
        samples = spatial_transform(_one_pixel_images(SIZE, dtype), theta, output, *options)
        to_input, _ = spatial_transform_backward(gradient, np.zeros((1, 1, *SIZE), dtype), theta, *options)
        _assert_adjoint(to_input, samples, gradient, mode)


def _grid(kind: str, dtype: type, size: tuple[int, ...], output: tuple[int, ...]) -> NDArray:
    """Points (1, *output, axes): half pixels, anywhere near, or as far away as numbers go."""
    rng, axes = np.random.default_rng(2), len(size)
    if kind == "half pixels":
        pixels = rng.integers(-6, 6 + 2 * max(size), (1, *output, axes)) / 2
        return ((2 * pixels + 1) / np.array(size[::-1]) - 1).astype(dtype)
    if kind == "anywhere":
        return rng.uniform(-7, 7, (1, *output, axes)).astype(dtype)
    signs, powers = rng.choice([-1.0, 1.0], (1, *output, axes)), rng.uniform(2, 37, (1, *output, axes))
    far = (signs * 10**powers).astype(dtype)
    far[0, 0, 0], far[0, 0, 1] = np.nan, np.inf
    return far


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["half pixels", "anywhere", "far"])
@pytest.mark.parametrize("grid_dtype", FLOATS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_grid_is_adjoint_to_its_gradient(
    dtype: type, grid_dtype: type, kind: str, mode: str, padding_mode: str, align_corners: bool
) -> None:
    grid, gradient = _grid(kind, grid_dtype, SIZE, OUTPUT), _whole_numbers((1, 1, *OUTPUT), dtype)
    options = mode, padding_mode, align_corners
    samples = grid_sample(_one_pixel_images(SIZE, dtype), grid, *options)
    to_input, to_grid = grid_sample_backward(gradient, np.zeros((1, 1, *SIZE), dtype), grid, *options)
    _assert_adjoint(to_input, samples, gradient, mode)
    assert not to_grid.any()  # of an image of zeros


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("kind", ["half pixels", "anywhere", "far"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_volumes_are_adjoint_to_their_gradients(
    dtype: type, kind: str, mode: str, padding_mode: str, align_corners: bool
) -> None:
    size, output = (2, 3, 4), (3, 4, 5)
    grid, gradient = _grid(kind, dtype, size, output), _whole_numbers((1, 1, *output), dtype)
    options = mode, padding_mode, align_corners
    samples = grid_sample(_one_pixel_images(size, dtype), grid, *options)
    to_input, _ = grid_sample_backward(gradient, np.zeros((1, 1, *size), dtype), grid, *options)
    _assert_adjoint(to_input, samples, gradient, mode)


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_homography_reads_halves_to_even(dtype: type) -> None:
    """The last pixel of row 9 lies at x = 3.5 of 4 columns, which rounds to 4: outside."""
    image = np.arange(1, 17, dtype=dtype).reshape(1, 1, 4, 4)
    out = spatial_transform(image, SKEW[None], (16, 4), "nearest")
    assert out[0, 0, 9, 3] == 0
    to_input, _ = spatial_transform_backward(np.ones_like(out), image, SKEW[None], "nearest")
    assert (to_input * image).sum() == out.sum()
    grid = projective_grid(SKEW, (16, 4))[None]
    np.testing.assert_array_equal(grid_sample(image, grid, "nearest"), out)


def test_every_quotient_of_a_homography_is_rounded_correctly() -> None:
    """Nearest tells on which side of a half-way point, an exact quotient of whole numbers, a coordinate lies."""
    size, rng = (64, 64), np.random.default_rng(3)
    images = np.broadcast_to(np.arange(64.0)[:, None] * 64 + np.arange(64.0), (1, 1, *size))
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    for _ in range(20):
        matrix = rng.integers(-3, 4, (3, 3)).astype(np.float64)
        matrix[2] = rng.integers(1, 8, 3)
        to_normalised = np.array([[1 / 32, 0, 1 / 64 - 1], [0, 1 / 32, 1 / 64 - 1], [0, 0, 1]])
        theta = to_normalised @ matrix @ np.linalg.inv(to_normalised)
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
        near = np.rint([u / w, v / w])
        inside = ((near >= 0) & (near < 64)).all(axis=0)
        expected = np.where(inside, near[1] * 64 + near[0], 0)
        np.testing.assert_array_equal(spatial_transform(images, theta[None], mode="nearest")[0, 0], expected)


@pytest.mark.kernels
@pytest.mark.parametrize("grid_dtype", FLOATS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_wrapping_a_float32_coordinate_does_not_round_it(dtype: type, grid_dtype: type) -> None:
    """-1.7 as float32 lies at -14.500001 of 40 pixels, which is 25.499999 of them: 25, though float32 has only 25.5."""
    row, grid = np.arange(40, dtype=dtype).reshape(1, 1, 1, 40), np.array([[[[np.float32(-1.7), 0]]]], grid_dtype)
    assert grid_sample(row, grid, "nearest", "wrap").item() == 25
    to_input, _ = grid_sample_backward(np.ones((1, 1, 1, 1), dtype), row, grid, "nearest", "wrap")
    assert np.flatnonzero(to_input).tolist() == [25]
    volume, points = row[:, :, None], np.array([[[[[np.float32(-1.7), 0, 0]]]]], grid_dtype)
    assert grid_sample(volume, points, "nearest", "wrap").item() == 25
    to_volume, _ = grid_sample_backward(np.ones((1, 1, 1, 1, 1), dtype), volume, points, "nearest", "wrap")
    assert np.flatnonzero(to_volume).tolist() == [25]


@pytest.mark.kernels
@pytest.mark.parametrize("mode", [*MODES, "lanczos"])
@pytest.mark.parametrize("power", [1, 15, 20, 300])
def test_far_coordinates_wrap_to_the_pixel_that_the_remainder_says(power: int, mode: str) -> None:
    """Of nine pixels, a coordinate under align_corners is four pixels long: all products are exact."""
    row, coordinates = np.arange(9.0).reshape(1, 1, 1, 9), np.array([1.0, -1.0, 3.0, -7.0]) * 10.0**power
    grid = np.stack((coordinates, np.zeros(4)), axis=-1).reshape(1, 1, 4, 2)
    expected = np.mod((coordinates + 1) * 4, 9)
    np.testing.assert_array_equal(grid_sample(row, grid, mode, "wrap", align_corners=True).ravel(), expected)
    volume, points = row[:, :, None], np.concatenate((grid, np.zeros((1, 1, 4, 1))), axis=-1)[:, None]
    if mode in MODES[:2]:
        np.testing.assert_array_equal(grid_sample(volume, points, mode, "wrap", True).ravel(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
def test_rows_of_more_pixels_than_float32_tells_apart_are_read_and_written_to_the_last(
    mode: str, padding_mode: str
) -> None:
    count, rng = 2**24 + 4, np.random.default_rng(5)
    row = np.zeros((1, 1, 1, count), np.float32)
    row[..., -16:] = rng.random(16)
    grid = np.stack((rng.uniform(0.9999999, 1, 32), np.zeros(32)), axis=-1).astype(np.float32).reshape(1, 1, 32, 2)
    grid[0, 0, 0] = 1, 0
    out = grid_sample(row, grid, mode, padding_mode, True)
    np.testing.assert_allclose(out[0, 0, 0, 0], row[0, 0, 0, -1], rtol=1e-6)
    to_input, _ = grid_sample_backward(np.ones_like(out), row, grid, mode, padding_mode, True)
    np.testing.assert_allclose((to_input[..., -64:] * row[..., -64:]).sum(), out.sum(), rtol=1e-5)


def test_the_gradient_of_the_generator_is_adjoint_to_it() -> None:
    rng = np.random.default_rng(4)
    theta, gradient = rng.standard_normal((2, 2, 3)), rng.standard_normal((2, 4, 5, 2))
    back = affine_grid_backward(gradient, (2, 1, 4, 5))
    assert np.isclose((affine_grid(theta, (2, 1, 4, 5)) * gradient).sum(), (theta * back).sum())
