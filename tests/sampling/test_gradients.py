"""The gradients against torch's autograd and finite differences; threads, layouts, and what is not finite."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stnwarp import affine_grid, affine_grid_backward, grid_sample, grid_sample_backward, spatial_transform_backward
from stnwarp.errors import DtypeError, ParameterError, ShapeError, ThetaError
from tests.combinations import combinations

pytestmark = [
    pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning"),  # torch's, of one-pixel axes
]

MODES = ["nearest", "bilinear", "bicubic"]
PADDING = ["zeros", "border", "reflection"]
SIZES = [(1, 1), (1, 6), (6, 1), (2, 2), (5, 8)]
Arrays = tuple[NDArray[np.floating], NDArray[np.floating]]


def _torch_gradients(
    gradient: NDArray, input: NDArray, grid: NDArray, mode: str, padding_mode: str, align_corners: bool
) -> Arrays:
    maps, points = torch.from_numpy(input).requires_grad_(), torch.from_numpy(grid).requires_grad_()
    output = torch.nn.functional.grid_sample(maps, points, mode, padding_mode, align_corners)
    to_input, to_grid = torch.autograd.grad(output, (maps, points), torch.from_numpy(gradient))
    return to_input.numpy(), to_grid.numpy()


def _case(rng: np.random.Generator, size: tuple[int, int], points: tuple[int, int], channels: int = 3) -> Arrays:
    """An input of two images and the gradient to an output of *points*, float64."""
    return rng.standard_normal((2, channels, *size)), rng.standard_normal((2, channels, *points))


def _assert_close(ours: Arrays, theirs: Arrays, size: tuple[int, int], roundings: float) -> None:
    """Both gradients within *roundings* of the unit: a pixel is the sum of all points near it, and the gradient to the
    grid is in normalised coordinates, so that the rounding of a difference of two pixels is multiplied by the size.
    """
    eps = np.finfo(ours[0].dtype).eps
    np.testing.assert_allclose(ours[0], theirs[0], rtol=roundings * eps, atol=roundings * eps * _unit(theirs[0]))
    np.testing.assert_allclose(ours[1], theirs[1], rtol=roundings * eps, atol=roundings * eps * 10 * max(size))


def _unit(gradient: NDArray) -> float:
    return float(np.abs(gradient).max(initial=1.0))


@combinations(
    strength=3,
    size=SIZES,
    dtype=[np.float32, np.float64],
    mode=MODES,
    padding_mode=PADDING,
    align_corners=[False, True],
)
def test_equals_torch(size: tuple[int, int], dtype: type, mode: str, padding_mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(1)
    images, gradient = (array.astype(dtype) for array in _case(rng, size, (4, 9)))
    grid = rng.uniform(-1.6, 1.6, (2, 4, 9, 2)).astype(dtype)
    grid[0, 0, 0], grid[1, 2, 3] = (37.43, 0.1), (0.2, -1e30)
    ours = grid_sample_backward(gradient, images, grid, mode, padding_mode, align_corners)
    theirs = _torch_gradients(gradient, images, grid, mode, padding_mode, align_corners)
    assert [array.dtype for array in ours] == [dtype, dtype]
    # Coordinates 37 image sizes away are rounded 37 times as coarsely, which the slope of a pixel multiplies.
    _assert_close(ours, theirs, size, 256)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("mode", MODES)
def test_equals_torch_over_several_tiles_and_channels(mode: str, channels: int) -> None:
    rng = np.random.default_rng(2)
    images, gradient = (array.astype(np.float32) for array in _case(rng, (9, 14), (5, 67), channels))
    theta = np.array([[[0.9, 0.3, 0], [-0.3, 0.9, 0.1]], [[0.3, 0, 0], [0, 0.2, 0.1]]])
    grid = affine_grid(theta, (2, channels, 5, 67)).astype(np.float32)
    grid[1, :, 64:] += 9  # a tile that lies wholly outside
    ours = grid_sample_backward(gradient, images, grid, mode)
    _assert_close(ours, _torch_gradients(gradient, images, grid, mode, "zeros", False), (9, 14), 64)


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES)
def test_equals_torch_on_images_that_no_cache_holds(mode: str) -> None:
    rng = np.random.default_rng(19)
    images, gradient = (array.astype(np.float32) for array in _case(rng, (200, 190), (3, 5), 2))
    grid = rng.uniform(-1.1, 1.1, (2, 3, 5, 2)).astype(np.float32)
    ours = grid_sample_backward(gradient, images, grid, mode)
    _assert_close(ours, _torch_gradients(gradient, images, grid, mode, "zeros", False), (200, 190), 64)
    alone = grid_sample_backward(gradient, images, grid, mode, output_mask=(False, True))[1]
    np.testing.assert_array_equal(alone, ours[1])


@combinations(dtype=[np.float32, np.float64], mode=MODES, padding_mode=PADDING, align_corners=[False, True])
def test_points_on_pixel_centres_and_rims_take_the_side_that_torch_takes(
    dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(3)
    # With these sizes all coordinates of pixels and half pixels are exact, and so are the ways there and back.
    height, width = (3, 9) if align_corners else (4, 8)
    y, x = np.meshgrid(np.arange(-4, 2 * height + 3), np.arange(-5, 2 * width + 4), indexing="ij")
    if align_corners:
        grid = np.stack((x / (width - 1) - 1, y / (height - 1) - 1), axis=-1)
    else:
        grid = np.stack(((x + 1) / width - 1, (y + 1) / height - 1), axis=-1)
    images, gradient = rng.standard_normal((1, 2, height, width)), rng.standard_normal((1, 2, *x.shape))
    arrays = [array.astype(dtype) for array in (gradient, images, grid[None])]
    ours = grid_sample_backward(*arrays, mode, padding_mode, align_corners)
    _assert_close(ours, _torch_gradients(*arrays, mode, padding_mode, align_corners), (height, width), 64)


def _tiled(input: torch.Tensor, grid: torch.Tensor, mode: str, align_corners: bool) -> torch.Tensor:
    """Sampling with wrap as sampling the middle of seven times seven copies."""
    height, width = input.shape[2:]
    size = torch.tensor((width, height), dtype=grid.dtype)
    position = (grid + 1) / 2 * (size - 1) if align_corners else ((grid + 1) * size - 1) / 2
    coordinates = (2 * (position + 3 * size) + 1) / (7 * size) - 1
    return torch.nn.functional.grid_sample(input.repeat(1, 1, 7, 7), coordinates, mode, align_corners=False)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
def test_wrap_is_the_middle_of_an_endless_tiling(size: tuple[int, int], mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(4)
    images, gradient = _case(rng, size, (6, 7))
    grid = rng.uniform(-2.9, 2.9, (2, 6, 7, 2))
    maps, points = torch.from_numpy(images).requires_grad_(), torch.from_numpy(grid).requires_grad_()
    output = _tiled(maps, points, mode, align_corners)
    to_input, to_grid = torch.autograd.grad(output, (maps, points), torch.from_numpy(gradient))
    ours = grid_sample_backward(gradient, images, grid, mode, "wrap", align_corners)
    _assert_close(ours, (to_input.numpy(), to_grid.numpy()), size, 256)


def _differences(loss: Callable[[NDArray], float], at: NDArray, step: float) -> NDArray:
    """The gradient of *loss* by central differences."""
    found = np.empty_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] = at[index] + step
        above = loss(moved)
        moved[index] = at[index] - step
        found[index] = (above - loss(moved)) / (2 * step)
    return found


@pytest.mark.parametrize("padding_mode", [*PADDING, "wrap"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_equals_finite_differences(mode: str, padding_mode: str) -> None:
    rng = np.random.default_rng(5)
    images, gradient = rng.standard_normal((1, 2, 4, 3)), rng.standard_normal((1, 2, 3, 4))
    grid = rng.uniform(-1.3, 1.3, (1, 3, 4, 2))

    def loss(maps: NDArray, points: NDArray) -> float:
        maps, points = torch.from_numpy(maps), torch.from_numpy(points)
        if padding_mode == "wrap":
            output = _tiled(maps, points, mode, False)
        else:
            output = torch.nn.functional.grid_sample(maps, points, mode, padding_mode, align_corners=False)
        return float((output.numpy() * gradient).sum())

    to_input, to_grid = grid_sample_backward(gradient, images, grid, mode, padding_mode)
    # Differences of a sum of about 10 over a step of 1e-6 are good to 1e-9; bicubic curves add the step's square.
    np.testing.assert_allclose(to_input, _differences(lambda maps: loss(maps, grid), images, 1e-6), atol=1e-7)
    np.testing.assert_allclose(to_grid, _differences(lambda points: loss(images, points), grid, 1e-6), atol=1e-7)


@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_the_gradient_to_the_input_is_the_transpose_of_sampling(mode: str, padding_mode: str) -> None:
    rng = np.random.default_rng(6)
    images, gradient = _case(rng, (5, 6), (7, 3))
    grid = rng.uniform(-1.5, 1.5, (2, 7, 3, 2))
    to_input, _ = grid_sample_backward(gradient, images, grid, mode, padding_mode)
    there = (grid_sample(images, grid, mode, padding_mode) * gradient).sum()
    assert abs((to_input * images).sum() - there) < 1e-12


def _not_finite() -> NDArray[np.float64]:
    values = [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.1]
    return np.array([[x, y] for x in values for y in values]).reshape(1, 6, 6, 2)


@combinations(dtype=[np.float32, np.float64], mode=MODES, padding_mode=[*PADDING, "wrap"], align_corners=[False, True])
def test_coordinates_that_are_not_finite_have_no_gradient_and_never_index(
    dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    grid = _not_finite().astype(dtype)
    images = np.random.default_rng(7).standard_normal((1, 2, 6, 7)).astype(dtype)
    gradient = np.ones((1, 2, 6, 6), dtype)
    to_input, to_grid = grid_sample_backward(gradient, images, grid, mode, padding_mode, align_corners)
    assert (to_grid[~np.isfinite(grid)] == 0).all()
    assert np.isfinite(to_grid).all()
    # All weights of a point add up to 1 unless some of what it reads lies outside: here only (0.1, 0.1) does not.
    points = 1 if padding_mode == "zeros" else 36
    np.testing.assert_allclose(to_input.sum((2, 3)), points, rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.kernels
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_infinity_beyond_the_border_is_the_border_as_in_torch(mode: str) -> None:
    rng = np.random.default_rng(8)
    grid = _not_finite()[:, 1:, 1:]  # torch makes an index of NaN
    images, gradient = rng.standard_normal((1, 2, 3, 5)), rng.standard_normal((1, 2, 5, 5))
    ours = grid_sample_backward(gradient, images, grid, mode, "border")
    _assert_close(ours, _torch_gradients(gradient, images, grid, mode, "border", False), (3, 5), 64)


@pytest.mark.kernels
def test_pixels_of_weight_zero_are_not_read() -> None:
    rng = np.random.default_rng(18)
    images = rng.standard_normal((1, 1, 5, 6))
    grid = np.array([[[1.0, -0.2], [3.0, 0.1], [0.5, 1.4]]])[None]  # on the border, or clamped to it
    gradient = np.ones((1, 1, 1, 3))
    clean = grid_sample_backward(gradient, images, grid, padding_mode="border", align_corners=True)[1]
    images[0, 0, :, 4] = np.nan
    spoilt = grid_sample_backward(gradient, images, grid, padding_mode="border", align_corners=True)[1]
    np.testing.assert_array_equal(spoilt[0, 0, :2], clean[0, 0, :2])


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES)
def test_a_gradient_that_is_not_finite_stays_with_the_pixels_around_its_point(mode: str) -> None:
    gradient = np.ones((1, 1, 3, 3))
    gradient[0, 0, 0, 0] = np.nan
    grid = affine_grid(np.array([[[0.7, 0, 0.1], [0, 0.7, 0.1]]]), (1, 1, 3, 3))
    to_input, to_grid = grid_sample_backward(gradient, np.ones((1, 1, 9, 9)), grid, mode)
    reach = {"nearest": 1, "bilinear": 2, "bicubic": 4}[mode]
    assert np.isnan(to_input).sum() == reach**2
    assert np.isfinite(to_grid[0].reshape(-1)[2:]).all()


def test_nearest_has_no_gradient_to_the_grid() -> None:
    rng = np.random.default_rng(9)
    images, gradient = _case(rng, (4, 5), (6, 7))
    _, to_grid = grid_sample_backward(gradient, images, rng.uniform(-1, 1, (2, 6, 7, 2)), "nearest")
    assert to_grid.shape == (2, 6, 7, 2)
    assert not to_grid.any()


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("images", "channels"), [(1, 1), (1, 4), (2, 2), (4, 1)])
def test_threads_do_not_change_a_bit(images: int, channels: int, mode: str) -> None:
    rng = np.random.default_rng(10)
    maps = rng.standard_normal((images, channels, 6, 7)).astype(np.float32)
    gradient = rng.standard_normal((images, channels, 8, 33)).astype(np.float32)
    theta = np.eye(2, 3) + rng.normal(0, 0.3, (images, 2, 3))
    grid = affine_grid(theta, gradient.shape).astype(np.float32)
    with_grid = [grid_sample_backward(gradient, maps, grid, mode, threads=threads) for threads in (1, 2, 3)]
    with_theta = [spatial_transform_backward(gradient, maps, theta, mode, threads=threads) for threads in (1, 2, 3)]
    for runs in (with_grid, with_theta):
        for run in runs[1:]:
            np.testing.assert_array_equal(run[0], runs[0][0])
            np.testing.assert_array_equal(run[1], runs[0][1])


@pytest.mark.kernels
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_either_gradient_can_be_had_alone(mode: str, threads: int) -> None:
    rng = np.random.default_rng(11)
    maps, gradient = _case(rng, (5, 6), (7, 8))
    theta = np.eye(2, 3) + rng.normal(0, 0.3, (2, 2, 3))
    grid = affine_grid(theta, gradient.shape)
    for function, where in ((grid_sample_backward, grid), (spatial_transform_backward, theta)):
        both = function(gradient, maps, where, mode)
        for wanted in ((True, False), (False, True), (False, False)):
            found = function(gradient, maps, where, mode, threads=threads, output_mask=wanted)
            for one, here, whole in zip(found, wanted, both, strict=True):
                assert (one is not None) == here
                np.testing.assert_array_equal(whole if one is None else one, whole)


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES)
def test_layouts_of_memory_do_not_matter(mode: str) -> None:
    rng = np.random.default_rng(12)
    images, gradient = _case(rng, (5, 6), (4, 7))
    grid = rng.uniform(-1.2, 1.2, (2, 4, 7, 2))
    expected = grid_sample_backward(gradient, images, grid, mode)

    def variants(array: NDArray) -> list[NDArray]:
        read_only = array.copy()
        read_only.setflags(write=False)
        last = np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, 3)), 3, 1)
        crop = np.concatenate([array, array], axis=3)[..., : array.shape[3]]
        return [read_only, last, crop, np.asfortranarray(array), array.astype(">f8"), array[:, :, ::-1][:, :, ::-1]]

    for one, two, three in zip(variants(gradient), variants(images), variants(grid), strict=True):
        ours = grid_sample_backward(one, two, three, mode)
        np.testing.assert_array_equal(ours[0], expected[0])
        np.testing.assert_array_equal(ours[1], expected[1])
        assert [array.dtype.isnative for array in ours] == [True, True]
    ones = np.broadcast_to(np.float64(1), gradient.shape)
    np.testing.assert_array_equal(
        grid_sample_backward(ones, images, grid, mode)[0],
        grid_sample_backward(np.ones(gradient.shape), images, grid, mode)[0],
    )


def test_the_gradient_to_the_input_lies_in_memory_as_the_input_does() -> None:
    images, gradient, grid = np.zeros((2, 3, 4, 5)), np.ones((2, 3, 6, 7)), np.zeros((2, 6, 7, 2))
    channels_last = np.moveaxis(np.zeros((2, 4, 5, 3)), 3, 1)
    assert grid_sample_backward(gradient, images, grid)[0].flags.c_contiguous
    assert grid_sample_backward(gradient, channels_last, grid)[0].strides == channels_last.strides


@pytest.mark.parametrize("mode", MODES)
def test_types_may_differ_and_each_gradient_has_its_own(mode: str) -> None:
    rng = np.random.default_rng(13)
    images, gradient = _case(rng, (5, 6), (4, 7))
    grid = rng.uniform(-1.2, 1.2, (2, 4, 7, 2)).astype(np.float32)
    exact = grid_sample_backward(gradient, images, grid.astype(np.float64), mode)
    for dtypes in ((np.float32, np.float64), (np.float64, np.float32)):
        found = grid_sample_backward(gradient, images.astype(dtypes[0]), grid.astype(dtypes[1]), mode)
        assert tuple(array.dtype for array in found) == dtypes
        single = np.finfo(np.float32).eps
        np.testing.assert_allclose(found[0], exact[0], rtol=0, atol=64 * single)
        np.testing.assert_allclose(found[1], exact[1], rtol=0, atol=640 * single)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("sides", [(1, 1), (3, 1), (4, 5), (1, 1, 1), (2, 1, 3), (3, 4, 5)])
def test_the_gradient_of_the_generator_equals_torch(sides: tuple[int, ...], align_corners: bool) -> None:
    rng = np.random.default_rng(14)
    rank, size = len(sides), (3, 2, *sides)
    theta = torch.from_numpy(rng.standard_normal((3, rank, rank + 1))).requires_grad_()
    grid = torch.nn.functional.affine_grid(theta, size, align_corners=align_corners)
    gradient = rng.standard_normal(grid.shape)
    expected = torch.autograd.grad(grid, theta, torch.from_numpy(gradient))[0].numpy()
    for array, tolerance in ((gradient, 1e-13), (gradient.astype(">f8"), 1e-13), (gradient.astype(np.float32), 1e-5)):
        found = affine_grid_backward(array, size, align_corners)
        assert found.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * 100)
    one = affine_grid_backward(gradient[1], sides, align_corners)
    np.testing.assert_allclose(one, expected[1], rtol=0, atol=1e-11)


def test_the_gradient_of_the_generator_is_summed_in_float64() -> None:
    gradient = np.full((300, 400, 2), 0.1, np.float32)
    gradient[0, 0] = 1e8
    found = affine_grid_backward(gradient, (300, 400))
    exact = np.float32(1e8) + np.float64(np.float32(0.1)) * (300 * 400 - 1)
    np.testing.assert_array_equal(found[:, 2], np.float32(exact))


def test_a_gradient_that_is_not_finite_stays_in_its_row_of_theta() -> None:
    gradient = np.ones((2, 3, 2))
    gradient[1, 1, 0] = np.nan
    found = affine_grid_backward(gradient, (2, 3))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def _projective(theta: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
    """The grid of homographies (N, 3, 3), in torch."""
    plain = torch.eye(2, 3, dtype=theta.dtype)[None]
    base = torch.nn.functional.affine_grid(plain, (1, 1, *size), align_corners=align_corners)[0]
    mapped = torch.cat([base, torch.ones_like(base[..., :1])], -1) @ theta.mT[:, None]
    return mapped[..., :2] / mapped[..., 2:]


@combinations(
    strength=3, kind=["affine", "scaled", "projective"], mode=MODES, padding_mode=PADDING, align_corners=[False, True]
)
def test_the_gradient_to_theta_equals_torch(kind: str, mode: str, padding_mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(15)
    images, gradient = _case(rng, (6, 5), (7, 8))
    rows = 2 if kind == "affine" else 3
    matrices = np.eye(rows, 3) + rng.normal(0, 0.2, (2, rows, 3))
    if kind == "scaled":
        matrices[:, 2, :2] = 0
        matrices[:, 2, 2] = 1.5
    maps, theta = torch.from_numpy(images).requires_grad_(), torch.from_numpy(matrices).requires_grad_()
    if kind == "affine":
        grid = torch.nn.functional.affine_grid(theta, gradient.shape, align_corners=align_corners)
    else:
        grid = _projective(theta, gradient.shape[2:], align_corners)
    output = torch.nn.functional.grid_sample(maps, grid, mode, padding_mode, align_corners=align_corners)
    expected = torch.autograd.grad(output, (maps, theta), torch.from_numpy(gradient))
    found = spatial_transform_backward(gradient, images, matrices, mode, padding_mode, align_corners)
    # Sums of 56 points with slopes of up to ten pixels, in float64 here and there.
    np.testing.assert_allclose(found[0], expected[0].numpy(), rtol=0, atol=1e-11)
    np.testing.assert_allclose(found[1], expected[1].numpy(), rtol=1e-11, atol=1e-10)


@pytest.mark.kernels
def test_the_horizon_of_a_homography_has_no_gradient() -> None:
    theta = np.array([[[1, 0, 0], [0, 1, 0], [2, 0, 0]]], np.float64)
    # Column 1 of 3 lies on the horizon, where x is 0 / 0 and y infinite.
    gradient, images = np.zeros((1, 1, 3, 3)), np.ones((1, 1, 4, 4))
    gradient[..., 1] = 1
    for padding_mode in (*PADDING, "wrap"):
        _, to_theta = spatial_transform_backward(gradient, images, theta, padding_mode=padding_mode)
        assert not to_theta.any()


def test_theta_in_float32_and_integers() -> None:
    rng = np.random.default_rng(16)
    images, gradient = (array.astype(np.float32) for array in _case(rng, (6, 5), (7, 8)))
    theta = np.tile(np.eye(2, 3), (2, 1, 1)) * 0.75
    exact = spatial_transform_backward(gradient, images, theta)[1]
    found = spatial_transform_backward(gradient, images, theta.astype(np.float32))[1]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, exact.astype(np.float32))
    whole = spatial_transform_backward(gradient, images, np.tile(np.eye(2, 3, dtype=int), (2, 1, 1)))[1]
    assert whole.dtype == np.float64


def test_volumes_have_gradients_too() -> None:
    rng = np.random.default_rng(17)
    volumes, gradient = rng.standard_normal((1, 2, 3, 4, 5)), rng.standard_normal((1, 2, 2, 3, 2))
    grid = rng.uniform(-1.2, 1.2, (1, 2, 3, 2, 3))
    ours = grid_sample_backward(gradient, volumes, grid, "linear")
    for one, other in zip(ours, _torch_gradients(gradient, volumes, grid, "bilinear", "zeros", False), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


IMAGES, GRADIENT, GRID = np.zeros((1, 2, 3, 4)), np.zeros((1, 2, 5, 6)), np.zeros((1, 5, 6, 2))


@pytest.mark.parametrize(
    ("gradient", "images", "grid", "words"),
    [
        (GRADIENT, IMAGES[0], GRID, r"\(N, C, H, W\)"),
        (GRADIENT, IMAGES, GRID[..., :1], r"\(N, H', W', 2\) with N = 1"),
        (GRADIENT[:, :1], IMAGES, GRID, r"shape \(1, 2, 5, 6\), got shape \(1, 1, 5, 6\)"),
        (GRADIENT[0], IMAGES, GRID, r"shape \(1, 2, 5, 6\), got shape \(2, 5, 6\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_words(
    gradient: NDArray, images: NDArray, grid: NDArray, words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        grid_sample_backward(gradient, images, grid)


@pytest.mark.parametrize("name", ["input", "grid", "grad_output"])
def test_arrays_that_are_not_of_floats_are_refused_in_words(name: str) -> None:
    arrays = {"grad_output": GRADIENT, "input": IMAGES, "grid": GRID}
    arrays[name] = arrays[name].astype(np.uint8)
    with pytest.raises(DtypeError, match=f"{name} must be float16, float32 or float64, got uint8"):
        grid_sample_backward(**arrays)


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        (np.eye(2, 3), r"\(N, 2, 3\) or \(N, 3, 3\) with N = 1"),
        (np.zeros((1, 2, 4)), r"got \(1, 2, 4\)"),
        (np.full((1, 2, 3), np.nan), "theta holds nan in row 1, column 1; use finite numbers"),
        (np.zeros((1, 3, 3)), "the last row of theta is all zeros"),
    ],
)
def test_thetas_that_cannot_be_used_are_refused_in_words(theta: NDArray, words: str) -> None:
    with pytest.raises((ShapeError, ThetaError), match=words):
        spatial_transform_backward(GRADIENT, IMAGES, theta)


@pytest.mark.parametrize("size", [(2, 3, 4), (1, 1, 5, 6, 7), (1, 2, 5, 7), (5, 6), (2, 2, 5, 6)])
def test_sizes_that_are_not_the_grids_are_refused(size: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="the shape of the grid that size makes"):
        affine_grid_backward(GRID, size)


@pytest.mark.parametrize("mask", [(), (True,), (True, True, True)])
def test_a_mask_is_for_two_gradients(mask: tuple[bool, ...]) -> None:
    theta = np.eye(2, 3)[None]
    for function, places in ((grid_sample_backward, GRID), (spatial_transform_backward, theta)):
        with pytest.raises(ParameterError, match="output_mask must be two truth values"):
            function(GRADIENT, IMAGES, places, output_mask=mask)
    with pytest.raises(ParameterError, match="output_mask must be two truth values"):
        grid_sample_backward(
            np.zeros((1, 1, 2, 2, 2)), np.zeros((1, 1, 2, 2, 2)), np.zeros((1, 2, 2, 2, 3)), output_mask=mask
        )


def test_what_is_wrong_with_the_arguments_of_an_empty_batch_is_said_too() -> None:
    empty, maps, theta = np.zeros((1, 0, 2, 2)), np.zeros((1, 0, 4, 4)), np.eye(2, 3)[None]
    with pytest.raises(ParameterError, match="lanczos has no gradients"):
        spatial_transform_backward(empty, maps, theta, "lanczos")
    with pytest.raises(ParameterError, match="padding_mode"):
        spatial_transform_backward(empty, maps, theta, padding_mode="nope")
    with pytest.raises(ThetaError, match="nan"):
        spatial_transform_backward(empty, maps, np.full((1, 2, 3), np.nan))
    with pytest.raises(ShapeError, match="input must be an array"):
        grid_sample([[[[1.0, 2], [3]]]], np.zeros((1, 2, 2, 2)))
    volumes = np.zeros((1, 1, 2, 2, 2))
    with pytest.raises(ParameterError, match="threads"):
        grid_sample_backward(volumes, volumes, np.zeros((1, 2, 2, 2, 3)), threads=-3)


def test_options_that_cannot_be_used_are_refused_in_words() -> None:
    with pytest.raises(ParameterError, match="did you mean 'bilinear'"):
        grid_sample_backward(GRADIENT, IMAGES, GRID, "bilinar")
    with pytest.raises(ParameterError, match="lanczos has no gradients; use one of nearest, bilinear, bicubic"):
        grid_sample_backward(GRADIENT, IMAGES, GRID, "lanczos")
    with pytest.raises(ParameterError, match="padding_mode must be one of"):
        grid_sample_backward(GRADIENT, IMAGES, GRID, padding_mode="edge")
    with pytest.raises(ParameterError, match="threads must be a whole number of at least 1, got 0"):
        grid_sample_backward(GRADIENT, IMAGES, GRID, threads=0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(*(st.integers(1, 9),) * 4),
    counts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    mode=st.sampled_from(MODES),
    padding_mode=st.sampled_from(PADDING),
    align_corners=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    spread=st.sampled_from([0.3, 1.1, 4.0]),
)
def test_random_configurations_equal_torch(
    seed: int,
    sizes: tuple[int, int, int, int],
    counts: tuple[int, int],
    mode: str,
    padding_mode: str,
    align_corners: bool,
    dtype: type,
    spread: float,
) -> None:
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((*counts, *sizes[:2])).astype(dtype)
    gradient = rng.standard_normal((*counts, *sizes[2:])).astype(dtype)
    grid = rng.uniform(-spread, spread, (counts[0], *sizes[2:], 2)).astype(dtype)
    ours = grid_sample_backward(gradient, images, grid, mode, padding_mode, align_corners)
    theirs = _torch_gradients(gradient, images, grid, mode, padding_mode, align_corners)
    _assert_close(ours, theirs, sizes[:2], 256)
