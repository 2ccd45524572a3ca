"""What has weight 0 is not read, forward or backward, be it NaN or infinite.

Samples and gradients to a grid are linear in the pixels, gradients to the input in those to the output. So images of
one pixel each tell every coefficient, and NaN must come out where that of the spoilt pixel is not 0, and nowhere else.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import grid_sample, grid_sample_backward, spatial_transform, spatial_transform_backward

MODES = ["nearest", "bilinear", "bicubic"]
PADDING = ["zeros", "border", "reflection", "wrap"]
SIZES = [(4, 8), (1, 6), (6, 1), (1, 1), (2, 3)]
FLOATS = [np.float32, np.float64]
BAD = [np.nan, np.inf]


def _grid(size: tuple[int, int], dtype: type) -> NDArray:
    """Pixel centres, half pixels and what is far or not a number: (1, 3, points, 2)."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(-8, 8 + 4 * max(size), (3, 40, 2)) / 4
    pixels[0] = np.rint(pixels[0])
    grid = (2 * pixels + 1) / np.array(size[::-1]) - 1
    grid[2, :4] = [[1e30, 0.1], [np.nan, 0.1], [0.1, -np.inf], [-1e5, 1e5]]
    return grid[None].astype(dtype)


def _assert_read(found: NDArray, coefficients: NDArray) -> None:
    """Taps on one pixel whose weights cancel may leave a rounding error, which is neither 0 nor meant."""
    unclear = (coefficients != 0) & (np.abs(coefficients) < 100 * np.finfo(coefficients.dtype).eps)
    np.testing.assert_array_equal(~np.isfinite(found)[~unclear], coefficients[~unclear] != 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", BAD)
def test_a_spoilt_pixel_spoils_what_reads_it(
    bad: float, dtype: type, mode: str, padding_mode: str, size: tuple[int, int]
) -> None:
    grid, gradient = _grid(size, dtype), np.ones((1, 1, 3, 40), dtype)
    for place in np.ndindex(*size):
        image, spoilt = np.zeros((1, 1, *size), dtype), np.zeros((1, 1, *size), dtype)
        image[0, 0][place], spoilt[0, 0][place] = 1, bad
        _assert_read(grid_sample(spoilt, grid, mode, padding_mode), grid_sample(image, grid, mode, padding_mode))
        slopes, spoilt_slopes = (
            grid_sample_backward(gradient, each, grid, mode, padding_mode)[1] for each in (image, spoilt)
        )
        _assert_read(spoilt_slopes, slopes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", BAD)
def test_a_spoilt_gradient_spoils_what_it_was_read_from(
    bad: float, dtype: type, mode: str, padding_mode: str, size: tuple[int, int]
) -> None:
    grid = _grid(size, dtype)
    image = np.arange(1, 1 + np.prod(size), dtype=dtype).reshape(1, 1, *size) ** 2
    for place in ((0, 0), (1, 7), (2, 0), (2, 2), (2, 39)):
        one, spoilt = np.zeros((1, 1, 3, 40), dtype), np.zeros((1, 1, 3, 40), dtype)
        one[0, 0][place], spoilt[0, 0][place] = 1, bad
        found, expected = (grid_sample_backward(each, image, grid, mode, padding_mode) for each in (spoilt, one))
        _assert_read(found[0], expected[0])
        _assert_read(found[1], expected[1])


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_bicubic_slope_at_a_pixel_reads_its_two_neighbours(dtype: type) -> None:
    row = np.arange(8, dtype=dtype).reshape(1, 1, 1, 8)
    row[..., 6] = np.nan
    grid = np.array([[[[(2 * 4 + 1) / 8 - 1, 0]]]], dtype)
    to_grid = grid_sample_backward(np.ones((1, 1, 1, 1), dtype), row, grid, "bicubic")[1]
    np.testing.assert_array_equal(to_grid.ravel(), [6, 0])


@pytest.mark.kernels
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_one_spoilt_pixel_under_the_identity_spoils_four_slopes(mode: str, padding_mode: str) -> None:
    image = np.random.default_rng(2).standard_normal((1, 1, 8, 8))
    image[0, 0, 4, 4] = np.nan
    y, x = np.mgrid[:8, :8] / 4 - 0.875
    to_grid = grid_sample_backward(np.ones_like(image), image, np.stack((x, y), axis=-1)[None], mode, padding_mode)[1]
    assert np.isnan(to_grid).sum() == 4
    theta = np.eye(2, 3)[None]
    assert np.isnan(spatial_transform(image, theta, None, mode, padding_mode)).sum() == 1
    assert np.isfinite(spatial_transform_backward(np.ones_like(image), image, theta, mode, padding_mode)[0]).all()


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES)
def test_a_point_that_reads_nothing_has_no_gradient(mode: str) -> None:
    image, gradient = np.full((1, 2, 4, 4), np.nan), np.full((1, 2, 1, 4), np.inf)
    grid = np.array([[[[-3, 0], [0, 2.6], [np.nan, 0], [0, np.inf]]]])
    to_input, to_grid = grid_sample_backward(gradient, image, grid, mode)
    assert not to_input.any()
    assert not to_grid.any()


@pytest.mark.kernels
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("padding_mode", PADDING)
def test_volumes_likewise(padding_mode: str, bad: float) -> None:
    size, rng = (2, 1, 3), np.random.default_rng(3)
    pixels = rng.integers(-8, 20, (2, 5, 6, 3)) / 4
    grid = ((2 * pixels + 1) / np.array(size[::-1]) - 1)[None]
    gradient = np.ones((1, 1, *pixels.shape[:3]))
    for place in np.ndindex(*size):
        volume, spoilt = np.zeros((1, 1, *size)), np.zeros((1, 1, *size))
        volume[0, 0][place], spoilt[0, 0][place] = 1, bad
        for mode in MODES[:2]:
            _assert_read(grid_sample(spoilt, grid, mode, padding_mode), grid_sample(volume, grid, mode, padding_mode))
            slopes, spoilt_slopes = (
                grid_sample_backward(gradient, each, grid, mode, padding_mode)[1] for each in (volume, spoilt)
            )
            _assert_read(spoilt_slopes, slopes)
    one = np.zeros(gradient.shape)
    one[0, 0, 1, 2, 3] = 1
    volume, spoilt_gradient = np.arange(1.0, 7.0).reshape(1, 1, *size), np.where(one == 1, bad, one)
    for mode in MODES[:2]:
        expected, found = (
            grid_sample_backward(each, volume, grid, mode, padding_mode) for each in (one, spoilt_gradient)
        )
        _assert_read(found[0], expected[0])


@pytest.mark.kernels
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
def test_gradients_that_are_not_finite_reach_what_was_read(mode: str, padding_mode: str) -> None:
    image, grid = np.arange(1.0, 13).reshape(1, 1, 3, 4), _grid((3, 4), np.float64)[:, :, :6]
    one = np.zeros((1, 1, 3, 6))
    one[0, 0, :, 1] = 1
    for bad in BAD:
        spoilt = np.where(one == 1, bad, one)
        found, expected = (grid_sample_backward(each, image, grid, mode, padding_mode) for each in (spoilt, one))
        _assert_read(found[1], expected[1])
        alone = grid_sample_backward(spoilt, image, grid, mode, padding_mode, output_mask=(False, True))[1]
        np.testing.assert_array_equal(alone, found[1])
        reached = grid_sample_backward(np.ones_like(one) * one, np.ones_like(image), grid, mode, padding_mode)[0]
        assert not np.isfinite(found[0][np.abs(reached) > 1e-9]).any()
