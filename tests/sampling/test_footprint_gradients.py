"""The gradients of antialiased sampling: adjoint to it in the input, and the change of a frozen footprint's mean."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample, grid_sample_backward, spatial_transform, spatial_transform_backward
from stnwarp.errors import ParameterError
from stnwarp.transforms import pixel_matrices
from tests import footprint_oracle as oracle
from tests.combinations import combinations

Array = NDArray[np.float64]

PADDING = ["zeros", "border", "reflection", "wrap"]
SIZE, OUTPUT = (18, 24), (3, 4)
THETAS = {  # in pixels from 1.1, where the interpolation is mixed in, to 40, where boxes of 8 pixels are averaged
    "turned": np.array([[1.1, 0.4, 0.1], [-0.3, 0.9, -0.05], [0, 0, 1]]),
    "near scale 1": np.array([[0.23, 0.05, 0.1], [-0.05, 0.25, -0.6], [0, 0, 1]]),
    "tilted": np.array([[0.9, 0.2, 0.1], [-0.2, 0.8, 0.0], [0.45, 0.3, 1]]),
    "small": np.array([[6.0, 1.5, 0.3], [-1, 9, 0.2], [0, 0, 1]]),
}


def arrays(channels: int = 2, dtype: type = np.float64, size: tuple[int, int] = SIZE) -> tuple[Any, Any]:
    """Two images and the gradient to outputs of OUTPUT."""
    rng = np.random.default_rng(channels)
    images, incoming = rng.standard_normal((2, channels, *size)), rng.standard_normal((2, channels, *OUTPUT))
    return images.astype(dtype), incoming.astype(dtype)


def thetas(kind: str) -> Array:
    """Two, which differ."""
    return np.stack([THETAS[kind], THETAS[kind] + [[0.05, -0.1, 0.2], [0.1, 0.1, 0], [0, 0, 0]]])


def grids(kind: str) -> Array:
    points = np.random.default_rng(3).uniform(-0.02, 0.02, (2, *OUTPUT, 2))
    for grid, theta in zip(points, thetas(kind), strict=True):
        grid += affine_grid(theta[:2], OUTPUT)
    return points


def assert_adjoint(incoming: Any, output: Any, to_input: Any, input: Any) -> None:
    terms = incoming.astype(np.float64) * output
    tolerance = 1e-12 if input.dtype == np.float64 else 1e-5
    assert abs(terms.sum() - (to_input.astype(np.float64) * input).sum()) <= tolerance * np.abs(terms).sum()


@combinations(
    again={"dtype": [np.float64]},
    kind=[*THETAS, "grid", "small grid"],
    mode=["bilinear", "bicubic"],
    padding_mode=PADDING,
    align_corners=[False, True],
    channels=[1, 2],
    dtype=[np.float32, np.float64],
)
def test_the_gradient_to_the_input_is_adjoint(
    kind: str, mode: str, padding_mode: str, align_corners: bool, channels: int, dtype: type
) -> None:
    input, incoming = arrays(channels, dtype)
    options: dict[str, Any] = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    if kind.endswith("grid"):
        places = grids("small" if kind == "small grid" else "turned")
        output = grid_sample(input, places, **options, antialias=True)
        to_input, _ = grid_sample_backward(incoming, input, places, **options, antialias=True)
    else:
        places = thetas(kind) if kind == "tilted" else thetas(kind)[:, :2]
        output = spatial_transform(input, places, OUTPUT, **options, antialias=True)
        to_input, _ = spatial_transform_backward(incoming, input, places, **options, antialias=True)
    assert to_input.dtype == dtype
    assert_adjoint(incoming, output, to_input, input)


def slopes(
    image: Array, positions: Array, jacobians: Array, incoming: Array, mode: str, padding_mode: str, corners: bool
) -> Array:
    """The gradient to positions (H', W', 2) by differences, footprints held fixed."""
    step, found = 1e-6, []
    for way in np.eye(2) * step:
        after, before = (
            oracle.sample(image, at, jacobians, mode, padding_mode, 0.0, corners, by_levels=True)
            for at in (positions + way, positions - way)
        )
        found.append(((after - before) / (2 * step) * incoming).sum(-1))
    return np.stack(found, -1)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("kind", "padding_mode", "align_corners"),
    # Boxes far away are not where pixels are that are mirrored at the centres of the rim.
    [
        case
        for case in itertools.product(["turned", "near scale 1", "small"], PADDING, [False, True])
        if case != ("small", "reflection", True)
    ],
)
def test_the_gradient_to_the_grid_is_that_of_frozen_footprints(
    kind: str, mode: str, padding_mode: str, align_corners: bool
) -> None:
    size = (16, 24) if kind == "small" else SIZE  # whole boxes, which fold as pixels do
    input, incoming = arrays(size=size)
    grid = grids(kind)
    _, to_grid = grid_sample_backward(incoming, input, grid, mode, padding_mode, align_corners, antialias=True)
    unit = (np.array(size[::-1]) - align_corners) / 2
    for image, gradient, points, found in zip(input, incoming, grid, to_grid, strict=True):
        places = oracle.grid_footprints(points, size, align_corners)
        given = image.transpose(1, 2, 0), *places, gradient.transpose(1, 2, 0)
        expected = slopes(*given, mode, padding_mode, align_corners) * unit
        # Differences of numbers of about 1 over a step of 1e-6 pixels, of which a unit has 12.
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize(("kind", "rows"), [("turned", 2), ("turned", 3), ("near scale 1", 2), ("tilted", 3)])
def test_the_gradient_to_theta_is_that_of_frozen_footprints(kind: str, padding_mode: str, rows: int) -> None:
    input, incoming = arrays()
    places = thetas(kind)[:, :rows]
    _, to_theta = spatial_transform_backward(incoming, input, places, padding_mode=padding_mode, antialias=True)
    step = 1e-6
    for image, gradient, theta, found in zip(input, incoming, places, to_theta, strict=True):
        matrix = pixel_matrices(theta[None], SIZE, OUTPUT, False)[0]
        positions, jacobians, _ = oracle.matrix_footprints(matrix, OUTPUT)
        given = image.transpose(1, 2, 0), positions, jacobians, gradient.transpose(1, 2, 0)
        to_positions = slopes(*given, "bilinear", padding_mode, False)
        for at in np.ndindex(rows, 3):
            moved = []
            for sign in (1, -1):
                changed = np.array(theta)
                changed[at] += sign * step
                matrix = pixel_matrices(changed[None], SIZE, OUTPUT, False)[0]
                moved.append(oracle.matrix_footprints(matrix, OUTPUT)[0])
            expected = ((moved[0] - moved[1]) / (2 * step) * to_positions).sum()
            np.testing.assert_allclose(found[at], expected, rtol=1e-5, atol=1e-5)


def test_a_ramp_that_shrinks_by_odd_numbers_has_its_slope() -> None:
    """Every weight lies on a kink of the hat there, and rounding alone decides on which side."""
    ramp = np.arange(45.0)[None, None, None, :] * np.ones((1, 1, 45, 1))
    for factor in (3, 5):
        size = (45 // factor, 45 // factor)
        inner = np.zeros((1, 1, *size))
        inner[..., 1:-1, 1:-1] = 1
        grid = affine_grid(np.eye(2, 3), size)[None]
        for points in (grid, grid + 1e-13, grid - 1e-13):
            _, to_grid = grid_sample_backward(inner, ramp, points, antialias=True)
            found = to_grid[0, 1:-1, 1:-1]
            np.testing.assert_allclose(found, np.broadcast_to([22.5, 0], found.shape), rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", [pytest.param("near scale 1", marks=pytest.mark.kernels), "tilted", "small"])
def test_threads_and_masks_do_not_change_a_bit(kind: str) -> None:
    input, incoming = arrays(3)
    for function, places in ((grid_sample_backward, grids(kind)), (spatial_transform_backward, thetas(kind))):
        both = function(incoming, input, places, antialias=True)
        for threads in (2, 5):
            for one, other in zip(
                function(incoming, input, places, threads=threads, antialias=True), both, strict=True
            ):
                np.testing.assert_array_equal(one, other)
        for mask in ((True, False), (False, True), (False, False)):
            found = function(incoming, input, places, output_mask=mask, antialias=True)
            for one, other, asked in zip(found, both, mask, strict=True):
                assert (one is not None) == asked
                if asked:
                    np.testing.assert_array_equal(one, other)


def test_views_half_precision_and_shared_grids_are_taken() -> None:
    input, incoming = arrays()
    grid = grids("turned")
    expected = grid_sample_backward(incoming, input, grid, antialias=True)
    back = grid_sample_backward(incoming, input.copy(order="F")[..., ::-1][..., ::-1], grid, antialias=True)
    ones = np.broadcast_to(1.0, incoming.shape)
    np.testing.assert_array_equal(back[0], expected[0])
    np.testing.assert_array_equal(back[1], expected[1])
    for one, other in zip(
        grid_sample_backward(ones, input, np.broadcast_to(grid[:1], grid.shape), antialias=True),
        grid_sample_backward(ones.copy(), input, grid[[0, 0]], antialias=True),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    half = grid_sample_backward(*(array.astype(np.float16) for array in (incoming, input, grid)), antialias=True)
    assert [array.dtype for array in half] == [np.float16, np.float16]
    np.testing.assert_allclose(half[0], expected[0], rtol=0, atol=0.01)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_where_nothing_shrinks_the_gradients_are_those_without_antialiasing(mode: str) -> None:
    input, incoming = arrays()
    for theta in ([[0.15, 0.05, 0.3], [-0.05, 0.1, 0.2]], [[0.15, 0.05, 0.3], [-0.05, 0.1, 0.2], [0.1, 0, 1]]):
        places = np.stack([np.array(theta)] * 2)
        plain, antialiased = (
            spatial_transform_backward(incoming, input, places, mode, antialias=antialias)
            for antialias in (False, True)
        )
        for one, other in zip(antialiased, plain, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.kernels
def test_what_is_not_finite_stays_where_it_has_a_weight() -> None:
    input, incoming = arrays(1)
    grid = affine_grid(np.eye(2, 3) * 0.9, OUTPUT)[None].repeat(2, 0)
    input[0, 0, :2, :2], incoming[1, 0, 0, 0] = np.nan, np.inf
    to_input, to_grid = grid_sample_backward(incoming, input, grid, antialias=True)
    assert np.isfinite(to_input[0]).all()
    assert np.isnan(to_grid[0, 0, 0]).all()
    assert np.isfinite(to_grid[0, 2:]).all()
    assert not np.isfinite(to_input[1, 0, 3, 3])
    assert np.isfinite(to_input[1, 0, 9:]).all()
    grid[0, 1, 1] = np.nan
    to_input, to_grid = grid_sample_backward(np.ones_like(incoming), np.ones_like(input), grid, antialias=True)
    assert np.isfinite(to_input).all()
    assert not to_grid[0, 1, 1].any()


def test_empty_batches_have_gradients() -> None:
    for channels, size in ((0, (2, 2)), (3, (0, 2))):
        images, incoming = np.zeros((1, channels, 4, 4)), np.zeros((1, channels, *size))
        found = spatial_transform_backward(incoming, images, np.eye(2, 3)[None], antialias=True)
        assert [gradient.shape for gradient in found] == [images.shape, (1, 2, 3)]
        found = grid_sample_backward(incoming, images, np.zeros((1, *size, 2)), antialias=True)
        assert [gradient.shape for gradient in found] == [images.shape, (1, *size, 2)]


def test_lanczos_has_no_gradients_here_either() -> None:
    input, incoming = arrays()
    with pytest.raises(ParameterError, match="lanczos has no gradients"):
        spatial_transform_backward(incoming, input, thetas("turned"), "lanczos", antialias=True)
