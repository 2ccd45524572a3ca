"""Views: crops, channels, steps, reversed axes, memory maps and broadcasts are read as copies are, without one."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import (
    affine_grid,
    grid_sample,
    grid_sample_backward,
    spatial_transform,
    spatial_transform_backward,
)
from stnwarp.sampling.views import region_copy, view_of
from tests.positions import warp

MODES = ["nearest", "bilinear", "bicubic", "lanczos"]
PADDING = ["zeros", "border", "reflection", "wrap"]
DTYPES = [np.uint8, np.uint16, np.float32, np.float64]
SIZE, CHANNELS = (14, 17), 4
VIEWS: dict[str, Callable[[NDArray], NDArray]] = {
    "crop": lambda image: image[1:, 2:-1],
    "channel": lambda image: image[..., 1],
    "two channels": lambda image: image[..., 1:3],
    "channels backwards": lambda image: image[..., 2::-1],
    "rows backwards": lambda image: image[::-1],
    "columns backwards": lambda image: image[:, ::-1],
    "steps": lambda image: image[::2, ::3],
    "steps back": lambda image: image[::-3, ::-2],
    "transposed": lambda image: image.transpose(1, 0, 2),
    "planar": lambda image: np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0)), 0, 2),
    "planar crop": lambda image: np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0)), 0, 2)[2:, 3:],
    "one row everywhere": lambda image: np.broadcast_to(image[3], image.shape),
    "one column everywhere": lambda image: np.broadcast_to(image[:, 3:4], image.shape),
    "foreign byte order": lambda image: image.astype(image.dtype.newbyteorder(">"))[1:],
    "unaligned": lambda image: _unaligned(image),
    "field": lambda image: _field(image),
    "tiny": lambda image: image[4:6, ::-1][:, :2, :3],
    "one pixel": lambda image: image[5:4:-1, 7:8],
}
# Turned and small, enlarged, upside down, off to one side, and a homography; the last ones read a few pixels.
TURN = np.array([[0.9, -0.4, 0.1], [0.3, 0.8, -0.1], [0, 0, 1.0]])
THETAS = {
    "turned": TURN,
    "small part": np.array([[0.1, 0.02, 0.5], [-0.03, 0.12, -0.4], [0, 0, 1.0]]),
    "shrunk": 3 * TURN,
    "tilted": np.array([[0.8, 0.1, 0], [-0.1, 0.9, 0.1], [0.2, 0.1, 1.0]]),
    "horizon": np.array([[0.8, 0.1, 0], [-0.1, 0.9, 0.1], [0.9, 0.8, 0.5]]),
}


def _unaligned(image: NDArray) -> NDArray:
    memory = np.zeros(image.nbytes + 1, np.uint8)
    shifted = memory[1:].view(np.dtype(image.dtype)).reshape(image.shape)
    shifted[:] = image
    return shifted


def _field(image: NDArray) -> NDArray:
    """The numbers of records that lie at distances no whole number of them long."""
    records = np.zeros(image.shape, np.dtype([("flag", np.uint8), ("value", image.dtype)]))
    records["value"] = image
    return records["value"]


def _image(dtype: type, size: tuple[int, int] = SIZE) -> NDArray:
    values = np.random.default_rng(1).random((*size, CHANNELS))
    return (values * 255).astype(dtype) if np.dtype(dtype).kind == "u" else values.astype(dtype)


def _assert_same(found: NDArray, expected: NDArray) -> None:
    """Kernels for other layouts add up in another order."""
    assert found.dtype == expected.dtype
    assert found.flags.c_contiguous
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=0, atol=16 * np.finfo(found.dtype).eps)
    else:
        difference = np.abs(found.astype(np.int64) - expected)
        assert difference.max(initial=0) <= 1
        assert (difference != 0).mean() < 0.002


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_warped_as_its_copy_is(name: str, dtype: type, mode: str) -> None:
    view = VIEWS[name](_image(dtype))
    copy = np.array(view, view.dtype.newbyteorder("="), order="C")
    before = copy.copy()
    for number, theta in enumerate(THETAS.values()):
        options = {"interpolation": mode, "padding_mode": PADDING[number % 4], "fill": 3, "size": (4 + 5 * number, 11)}
        _assert_same(warp(view, theta, **options), warp(copy, theta, **options))
    np.testing.assert_array_equal(view, before)


@pytest.mark.kernels
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_kernel_follows_steps_back_and_long_rows(dtype: type, mode: str, channels: int) -> None:
    view = _image(dtype, (60, 40))[::-1, ::-2, :channels]  # so large that it is not copied
    for theta in (TURN[:2], [[1, 0, 3.5], [0, 1, 0]], THETAS["tilted"]):
        options = {"interpolation": mode, "fill": 7, "size": (2, 130)}
        _assert_same(warp(view, theta, **options), warp(view.copy(), theta, **options))


@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["columns backwards", "planar crop", "foreign byte order"])
def test_grids_that_lead_anywhere_read_the_same(name: str, mode: str, padding_mode: str) -> None:
    view, rng = VIEWS[name](_image(np.float32)), np.random.default_rng(2)
    copy = np.array(view, np.float32, order="C")
    for low, high in ((-0.2, 0.3), (-3, 4), (1.2, 1.4)):
        grid = rng.uniform(low, high, (9, 17, 2)).astype(np.float32)
        _assert_same(*(warp(each, grid, interpolation=mode, padding_mode=padding_mode) for each in (view, copy)))
        grid[3, 4], grid[5, 6, 0], grid[7, 8, 1] = np.nan, np.inf, -np.inf
        _assert_same(*(warp(each, grid, interpolation=mode, padding_mode=padding_mode) for each in (view, copy)))


def _maps(dtype: type) -> NDArray:
    return np.random.default_rng(3).standard_normal((3, 4, 13, 11)).astype(dtype)


MAP_VIEWS: dict[str, Callable[[NDArray], NDArray]] = {
    "crop": lambda maps: maps[:, 1:, 2:, 1:-1],
    "backwards": lambda maps: maps[::-1, ::-1, ::-1, ::-1],
    "steps": lambda maps: maps[:, ::2, ::2, ::2],
    "channels last": lambda maps: np.moveaxis(np.ascontiguousarray(np.moveaxis(maps, 1, 3)), 3, 1),
    "transposed": lambda maps: maps.transpose(0, 1, 3, 2),
    "one image": lambda maps: np.broadcast_to(maps[1], maps.shape),
    "one channel": lambda maps: np.broadcast_to(maps[:, :1], maps.shape),
    "foreign byte order": lambda maps: maps.astype(maps.dtype.newbyteorder(">")),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAP_VIEWS)
def test_views_of_feature_maps_are_sampled_as_their_copies_are(name: str, dtype: type, mode: str) -> None:
    view = MAP_VIEWS[name](_maps(dtype))
    copy = np.array(view, dtype, order="C")
    theta = np.tile(THETAS["turned"], (3, 1, 1)) + np.random.default_rng(4).normal(0, 0.1, (3, 3, 3)) * [[1], [1], [0]]
    grid = affine_grid(theta[:, :2], (3, 1, 7, 9))
    for sampled in (
        lambda maps: grid_sample(maps, grid, mode),
        lambda maps: spatial_transform(maps, theta, (7, 9), mode),
    ):
        _assert_same(sampled(view), sampled(copy))


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAP_VIEWS)
def test_gradients_of_views_are_those_of_their_copies(name: str, dtype: type, mode: str) -> None:
    view = MAP_VIEWS[name](_maps(dtype))
    copy = np.array(view, dtype, order="C")
    theta = np.tile(THETAS["tilted"], (3, 1, 1))
    grid = np.random.default_rng(5).uniform(-1.3, 1.3, (3, 7, 9, 2)).astype(dtype)
    gradient = np.random.default_rng(6).standard_normal((*view.shape[:2], 7, 9)).astype(dtype)
    for function, places in ((grid_sample_backward, grid), (spatial_transform_backward, theta)):
        for incoming in (gradient, np.ascontiguousarray(gradient[..., ::-1])[..., ::-1]):
            pairs = zip(function(incoming, view, places, mode), function(gradient, copy, places, mode), strict=True)
            for found, expected in pairs:
                assert found.dtype == expected.dtype
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e4 * np.finfo(dtype).eps)


@pytest.mark.kernels
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("view", [np.s_[:, :, ::-1], np.s_[..., ::2], np.s_[:, :, 1:, ::-1, 1:]])
def test_views_of_volumes_are_sampled_as_their_copies_are(view: object, mode: str) -> None:
    volumes = np.random.default_rng(7).standard_normal((2, 2, 5, 6, 7))
    grid = np.random.default_rng(8).uniform(-1.4, 1.4, (2, 3, 4, 5, 3))
    gradient = np.ones((2, 2, 3, 4, 5))
    for each in (volumes[view], volumes.astype(">f8")[view]):  # type: ignore[index]
        copy = np.array(each, np.float64, order="C")
        np.testing.assert_array_equal(grid_sample(each, grid, mode), grid_sample(copy, grid, mode))
        both = zip(*(grid_sample_backward(gradient, maps, grid, mode) for maps in (each, copy)), strict=True)
        for found, expected in both:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.kernels
def test_a_grid_for_all_images_is_not_multiplied() -> None:
    maps = _maps(np.float32)
    grid = np.random.default_rng(9).uniform(-1, 1, (1, 7, 9, 2)).astype(np.float32)
    for mode in MODES:
        shared, copied = np.broadcast_to(grid, (3, 7, 9, 2)), np.tile(grid, (3, 1, 1, 1))
        np.testing.assert_array_equal(grid_sample(maps, shared, mode), grid_sample(maps, copied, mode))
        if mode in MODES[:3]:
            pairs = zip(
                *(grid_sample_backward(np.ones((3, 4, 7, 9)), maps, each, mode) for each in (shared, copied)),
                strict=True,
            )
            for found, expected in pairs:
                np.testing.assert_array_equal(found, expected)
    volumes, points = maps[:, :, None], np.concatenate((grid, np.zeros((1, 7, 9, 1))), axis=-1)[:, None]
    shared = np.broadcast_to(points, (3, 1, 7, 9, 3))
    np.testing.assert_array_equal(grid_sample(volumes, shared), grid_sample(volumes, shared.copy()))


def _peak(call: Callable[[], object]) -> int:
    call()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


LARGE = (1200, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["crop", "channel", "columns backwards", "rows backwards", "steps", "planar"])
def test_a_small_output_of_a_large_view_takes_little_memory(name: str, mode: str) -> None:
    view = VIEWS[name](_image(np.uint8, LARGE))
    for theta in (TURN, 0.05 * TURN):
        assert _peak(lambda theta=theta: warp(view, theta, (40, 50), interpolation=mode)) < view.nbytes / 20


@pytest.mark.slow
def test_what_is_converted_is_what_is_read() -> None:
    image = _image(np.float32, LARGE)
    for view in (image.astype(">f4"), image.astype(np.float16)):
        assert _peak(lambda view=view: warp(view, 0.05 * TURN, (40, 50))) < view.nbytes / 20


@pytest.mark.slow
def test_a_crop_of_a_memory_map_is_read_where_it_lies(tmp_path: Path) -> None:
    written = np.memmap(tmp_path / "image", np.uint8, "w+", shape=(*LARGE, 3))
    written[:] = _image(np.uint8, LARGE)[..., :3]
    written.flush()
    mapped = np.memmap(tmp_path / "image", np.uint8, "r", shape=(*LARGE, 3))
    crop = mapped[1:, 1:]
    assert _peak(lambda: warp(crop, TURN, (40, 50))) < crop.nbytes / 20
    np.testing.assert_array_equal(warp(crop, TURN, (40, 50)), warp(np.array(crop), TURN, (40, 50)))


@pytest.mark.slow
def test_a_batch_of_one_image_costs_its_outputs() -> None:
    image = np.random.default_rng(10).random((3, 300, 400), dtype=np.float32)
    batch, theta = np.broadcast_to(image, (64, *image.shape)), np.tile(TURN, (64, 1, 1))
    outputs = 64 * 3 * 10 * 12 * 4
    assert _peak(lambda: spatial_transform(batch, theta, (10, 12))) < outputs + image.nbytes
    gradient = np.ones((64, 3, 10, 12), np.float32)
    mask = (False, True)
    assert _peak(lambda: spatial_transform_backward(gradient, batch, theta, output_mask=mask)) < 2 * outputs
    grid = np.broadcast_to(affine_grid(TURN[:2], (10, 12)).astype(np.float32), (64, 10, 12, 2))
    assert _peak(lambda: grid_sample(batch, grid)) < outputs + image.nbytes
    assert _peak(lambda: grid_sample_backward(gradient, batch, grid, output_mask=mask)) < 2 * outputs


@pytest.mark.slow
def test_a_gradient_that_is_not_wanted_takes_no_memory() -> None:
    maps, gradient = np.zeros((1, 1, 1000, 1000), np.float32), np.ones((1, 1, 4, 5), np.float32)
    grid, theta = np.zeros((1, 4, 5, 2), np.float32), np.eye(2, 3)[None]
    volume, points = maps.reshape(1, 1, 100, 100, 100), np.zeros((1, 1, 4, 5, 3), np.float32)
    calls = [
        lambda mask: grid_sample_backward(gradient, maps, grid, output_mask=mask),
        lambda mask: spatial_transform_backward(gradient, maps, theta, output_mask=mask),
        lambda mask: grid_sample_backward(gradient[:, :, None], volume, points, output_mask=mask),
    ]
    for call in calls:
        assert call((True, False))[1] is None
        assert call((False, False)) == (None, None)
        assert _peak(lambda call=call: call((False, True))) < 200_000


def test_terms_that_cancel_read_what_they_read_of_a_copy() -> None:
    image, much = np.arange(1, 2001, dtype=np.float32).reshape(1, 1, 40, 50), 7.870983074886834e16
    theta = np.array([[[1.0, much, -much], [0, 1, 0]]])
    for view in (image.astype(">f4"), image[..., ::-1].copy()[..., ::-1]):
        found, expected = (
            spatial_transform(each, theta, (2, 50), "bilinear", "border", True) for each in (view, image)
        )
        _assert_same(found, expected)


def test_a_homography_with_its_sign_turned_reads_no_more() -> None:
    view = _image(np.uint8, LARGE)[:, ::-1, ::-1]
    small = THETAS["small part"] + [[0, 0, 0], [0, 0, 0], [0.1, 0.1, 0]]
    np.testing.assert_array_equal(warp(view, small, (40, 50)), warp(view, -small, (40, 50)))
    assert _peak(lambda: warp(view, -small, (40, 50))) < view.nbytes / 20


@pytest.mark.kernels
def test_a_view_is_the_memory_that_it_spans() -> None:
    array = np.arange(60).reshape(4, 5, 3)
    view = view_of(array[::-1, 1::2, ::-1])
    assert view is not None
    assert (view.strides, view.origin) == ((-15, 6, -1), 47)
    assert view.flat.size == 3 * 15 + 6 + 2 + 1
    np.testing.assert_array_equal(view.flat[0], array[0, 1, 0])
    assert view_of(array.astype(">i8")) is None
    assert view_of(np.zeros((0, 3))[::-1]) is not None


@pytest.mark.parametrize("planar", [False, True])
def test_a_copy_of_a_region_is_right_where_it_was_copied(planar: bool) -> None:
    array = np.arange(2 * 40 * 50 * 3).reshape(2, 40, 50, 3)
    for pixels in (array, np.broadcast_to(array[:1], array.shape)):
        view = region_copy(pixels, [(7, 20), (30, 49)], np.dtype(np.float64), planar)
        index = np.ix_([0, 1], range(7, 21), range(30, 50), range(3))
        places = sum(each * stride for each, stride in zip(index, view.strides, strict=True))
        np.testing.assert_array_equal(view.flat[places], pixels[index])
        corner = sum((side - 1) * stride for side, stride in zip(array.shape, view.strides, strict=True))
        assert corner < view.flat.size
