"""Fused warping against the oracle, the grid path, numpy's own moves, and itself in bands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stnwarp import (
    MatrixTransform,
    SamplingGrid,
    Transform,
    affine_grid,
    grid_sample,
    sampling_grid,
    spatial_transform,
)
from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.errors import DtypeError, ParameterError, ShapeError, ThetaError
from stnwarp.sampling.arrays import Batch, batch_of_image
from stnwarp.sampling.mapping import grid_mapping, matrix_mapping
from stnwarp.sampling.sampler import sample
from stnwarp.transforms import pixel_matrix, theta_from_pixel_matrix
from tests import oracle
from tests.combinations import combinations
from tests.positions import warp

DTYPES = [np.uint8, np.uint16, np.float32, np.float64]
PADDING = ["zeros", "border", "reflection", "wrap"]
TILTED = np.array([[0.9, 0.3, 0.1], [-0.2, 1.1, -0.05], [0.15, -0.1, 1.0]])


def _image(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return (rng.random(shape) * top).round(0 if top > 1 else 9).astype(dtype)


def _expected(
    image: NDArray,
    theta: NDArray,
    size: tuple[int, int],
    mode: str,
    padding: str,
    align_corners: bool,
    fill: object = 0,
) -> NDArray[np.float64]:
    grid = sampling_grid(MatrixTransform(theta), size, align_corners)
    return oracle.grid_sample(image, grid, mode, padding, align_corners, fill)


def _assert_equal(ours: NDArray, expected: NDArray[np.float64]) -> None:
    """Integers are rounded half to even, except where the float64 formula itself is within rounding of a tie."""
    if ours.dtype.kind == "u":
        wrong = ours != np.rint(expected)
        assert np.abs(ours - np.rint(expected)).max() <= 1
        np.testing.assert_allclose(expected[wrong] % 1, 0.5, atol=1e-4 if ours.dtype == np.uint8 else 1e-8)
    else:
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-6 if ours.dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("padding_mode", PaddingMode)
@pytest.mark.parametrize("interpolation", Interpolation)
def test_every_interpolation_goes_with_every_padding_mode(interpolation: str, padding_mode: str) -> None:
    image = np.full((6, 7, 3), 9, np.uint8)
    out = warp(image, np.eye(2, 3), (8, 9), interpolation=interpolation, padding_mode=padding_mode, fill=9)
    np.testing.assert_array_equal(out, np.full((8, 9, 3), 9))


@combinations(
    strength=3,
    again={"dtype": [np.uint8, np.float32, np.float64]},
    channels=[None, 1, 2, 3, 4, 5],
    dtype=DTYPES,
    mode=["nearest", "bilinear"],
    padding=PADDING,
    align_corners=[False, True],
)
def test_equals_the_oracle(channels: int | None, dtype: type, mode: str, padding: str, align_corners: bool) -> None:
    rng = np.random.default_rng(1)
    image = _image(rng, (11, 14) if channels is None else (11, 14, channels), dtype)
    for theta in (TILTED[:2], TILTED):
        ours = warp(image, theta, (9, 12), interpolation=mode, padding_mode=padding, align_corners=align_corners)
        expected = _expected(image, theta, (9, 12), mode, padding, align_corners)
        assert ours.dtype == dtype
        assert ours.shape == (9, 12, *image.shape[2:])
        _assert_equal(ours, expected)


@combinations(align_corners=[False, True], size=[(1, 1), (1, 7), (7, 1), (2, 2)], dtype=DTYPES)
def test_tiny_images_equal_the_oracle(size: tuple[int, int], dtype: type, align_corners: bool) -> None:
    image = _image(np.random.default_rng(2), (*size, 3), dtype)
    for padding in PADDING:
        for output in [(1, 1), (1, 4), (5, 1), (3, 4)]:
            ours = warp(image, TILTED, output, padding_mode=padding, align_corners=align_corners)
            expected = _expected(image, TILTED, output, "bilinear", padding, align_corners)
            _assert_equal(ours, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fill_is_blended_at_the_rim(channels: int, dtype: type) -> None:
    image = _image(np.random.default_rng(3), (8, 9, channels), dtype)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0
    fill = np.linspace(0.2, 0.9, channels) * top
    theta = np.array([[1.7, 0.2, 0.3], [-0.3, 1.5, 0.2]])
    ours = warp(image, theta, (20, 23), fill=fill)
    _assert_equal(ours, _expected(image, theta, (20, 23), "bilinear", "zeros", False, fill))
    flat = np.full((8, 9, channels), fill).round(0 if top > 1 else 9).astype(dtype)
    constant = warp(flat, theta, (20, 23), fill=flat[0, 0].astype(np.float64))
    np.testing.assert_allclose(constant, np.broadcast_to(flat[0, 0], constant.shape), rtol=3e-7)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,), (5,)])
def test_what_lies_outside_does_not_leak_in(channels: tuple[int, ...]) -> None:
    image = np.ones((6, 6, *channels), np.float32)
    shifted = warp(image, [[1, 0, 1 / 3], [0, 1, 0]], fill=np.nan)
    np.testing.assert_array_equal(shifted[:, :5], 1)
    assert np.isnan(shifted[:, 5]).all()
    holes = image.copy()
    holes[2, 3] = np.nan
    holes[4, 1] = np.inf
    np.testing.assert_array_equal(warp(holes, np.eye(2, 3)), holes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_whole_pixel_translation_equals_a_slice(dtype: type, interpolation: str) -> None:
    image = _image(np.random.default_rng(4), (30, 41, 3), dtype)
    theta = theta_from_pixel_matrix(np.array([[1.0, 0, 7], [0, 1, -4]]), (30, 41), (30, 41), False)
    out = warp(image, theta, interpolation=interpolation)
    np.testing.assert_array_equal(out[4:, :34], image[:26, 7:])
    assert (out[:4] == 0).all()
    assert (out[:, 34:] == 0).all()


def test_identity_to_another_size_equals_a_resize_by_hand() -> None:
    row = np.array([[10, 20, 40]], np.float64)
    doubled = warp(row, np.eye(2, 3), (1, 6), padding_mode="border")
    np.testing.assert_allclose(doubled, [[10, 12.5, 17.5, 25, 35, 40]], atol=1e-12)
    aligned = warp(row, np.eye(2, 3), (1, 5), align_corners=True)
    np.testing.assert_allclose(aligned, [[10, 15, 20, 30, 40]], atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 8), (9, 270, 3), pytest.param((640, 427, 3), marks=pytest.mark.slow)])
def test_quarter_turns_equal_rot90(shape: tuple[int, ...], dtype: type) -> None:
    image = _image(np.random.default_rng(5), shape, dtype)
    height, width = shape[:2]
    quarter = np.array([[0.0, -1, width - 1], [1, 0, 0]])  # output (x, y) reads input (W - 1 - y, x)
    theta = theta_from_pixel_matrix(quarter, (height, width), (width, height), False)
    turned = warp(image, theta, (width, height))
    np.testing.assert_array_equal(turned, np.rot90(image))
    half = theta_from_pixel_matrix(
        np.array([[-1.0, 0, width - 1], [0, -1, height - 1]]), (height, width), (height, width), False
    )
    np.testing.assert_array_equal(warp(image, half), np.rot90(image, 2))


@given(
    entries=st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    align_corners=st.booleans(),
    padding=st.sampled_from(PADDING),
)
@settings(max_examples=40, deadline=None)
def test_bilinear_stays_within_the_image_and_the_fill(
    entries: list[float], size: tuple[int, int], align_corners: bool, padding: str
) -> None:
    image = np.random.default_rng(6).integers(50, 200, (13, 17)).astype(np.uint8)
    theta = np.reshape(entries, (2, 3))
    out = warp(image, theta, size, padding_mode=padding, fill=100, align_corners=align_corners)
    assert out.min() >= image.min()
    assert out.max() <= image.max()


@given(
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 1e7, -1e30, 1e-30, 1e300, 3.5]), min_size=6, max_size=6),
    st.sampled_from(PADDING),
)
@settings(max_examples=30, deadline=None)
def test_enormous_and_degenerate_thetas_never_fail(entries: list[float], padding: str) -> None:
    image = np.random.default_rng(7).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    out = warp(image, np.reshape(entries, (2, 3)), (7, 300), padding_mode=padding, fill=9)
    assert out.shape == (7, 300, 3)


@pytest.mark.kernels
def test_enormous_shift_reads_the_fill() -> None:
    image = np.full((5, 6, 3), 200, np.uint8)
    for far in (1e7, 1e30, -1e300):
        assert (warp(image, [[1, 0, far], [0, 1, 0]], fill=7) == 7).all()


@combinations(
    theta=[TILTED[:2], TILTED, TILTED[:2] * 0.3, TILTED[:2] * 4],
    dtype=[np.uint8, np.float32],
    channels=[1, 3, 4, 5],
)
def test_fused_equals_the_grid_path(theta: NDArray, dtype: type, channels: int) -> None:
    image = _image(np.random.default_rng(8), (40, 60, channels), dtype)
    grid = sampling_grid(MatrixTransform(theta), (12, 310))
    fused, stored = warp(image, theta, (12, 310), fill=1), warp(image, grid, fill=1)
    if dtype == np.uint8:
        assert np.abs(fused.astype(int) - stored).max() <= 1
        assert (fused != stored).mean() < 1e-3
    else:
        np.testing.assert_allclose(fused, stored, rtol=0, atol=1e-6)


@pytest.mark.kernels
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_nothing_is_read_behind_the_last_pixel(dtype: type, mode: str, channels: int) -> None:
    """The image ends where the memory does: under NUMBA_BOUNDSCHECK a load that reaches further would raise."""
    image = _image(np.random.default_rng(12), (6, 5, channels), dtype)
    for theta in (np.eye(2, 3), [[1, 0, 0.13], [0, 1, 0.11]], [[0.05, 0, 0.81], [0, 0.05, 0.83]]):
        ours = warp(image, theta, (4, 40), interpolation=mode)
        _assert_equal(ours, _expected(image, np.vstack([theta, [0, 0, 1]]), (4, 40), mode, "zeros", False))


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", DTYPES)
def test_far_from_the_origin_coordinates_are_rounded_and_never_index(dtype: type) -> None:
    """A row that starts 1e18 pixels away and comes back: its places are only as exact as float64, and in the image."""
    image = np.full((6, 300, 1), 1, dtype)
    for far in (1e13, 1e15, 1e18):
        out = warp(image, [[-far, 0, 0.5 - far * 0.25], [0, 1, 0]], (3, 2**10), fill=0)
        assert out.shape == (3, 1024, 1)
        assert np.isin(out.round(), [0, 1]).all()


@pytest.mark.kernels
@pytest.mark.parametrize(
    ("across", "start"),
    [(-0.000542290608113851, -0.9951193845269753), (5.481288443963968e-06, 6.998743831272016)],
)
def test_edges_of_a_row_are_found_where_rounding_gets_the_solution_wrong(across: float, start: float) -> None:
    image = _image(np.random.default_rng(13), (6, 8, 1), np.float64)
    out = np.empty((2, 300, 1))
    matrix = np.array([[across, 0, start], [0, 1, 2.5], [0, 0, 1]])
    sample(batch_of_image(image), batch_of_image(out), matrix_mapping(matrix[None], "zeros", False), "bilinear", 0)
    x, y = np.meshgrid(start + across * np.arange(300), [2.5, 3.5])
    np.testing.assert_allclose(out, oracle.sample(image, x, y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nearest_takes_the_same_pixels_whatever_is_known_of_the_row(dtype: type, channels: int) -> None:
    """Long rows are parted into what lies outside, on the rim and inside; a grid's points are looked at one by one."""
    image = _image(np.random.default_rng(14), (40, 60, channels), dtype)
    for theta in (TILTED[:2] * 1.7, TILTED[:2] * 0.3):
        grid = sampling_grid(MatrixTransform(theta), (6, 310))
        fused, stored = (warp(image, by, (6, 310), interpolation="nearest", fill=1) for by in (theta, grid))
        assert (fused == stored).mean() > 0.999


@pytest.mark.kernels
@pytest.mark.parametrize("climb", [0.0, 0.11, -0.2, 0.6])
@pytest.mark.parametrize("kind", ["gray", "RGB", "planes", "homography", "grid"])
def test_images_that_the_cache_does_not_hold_are_asked_for_and_read_alike(kind: str, climb: float) -> None:
    """Planes of float32, and bytes: the lines of large images are asked for, those of small ones are not."""
    dtype, channels, size = (np.float32 if kind == "planes" else np.uint8), (1 if kind == "gray" else 3), (5, 150)
    corner = _image(np.random.default_rng(15), (220, 200, channels), dtype)
    image = np.zeros((800, 900, channels), dtype)
    image[300:520, 300:500] = corner
    turned = np.array([[1, 0, 10.25], [climb, 1, 90.5], [1e-4 if kind == "homography" else 0, 0, 1]])
    outputs = []
    for picture, at in ((image, 300), (corner, 0)):
        placed = np.array([[1, 0, at], [0, 1, at], [0, 0, 1]]) @ turned
        theta = theta_from_pixel_matrix(placed, picture.shape[:2], size, False)
        if kind == "planes":
            maps = np.ascontiguousarray(np.moveaxis(picture, 2, 0))[np.newaxis]
            outputs.append(spatial_transform(maps, theta[np.newaxis], size))
        else:
            outputs.append(
                warp(picture, sampling_grid(MatrixTransform(theta), size) if kind == "grid" else theta, size)
            )
    np.testing.assert_allclose(*outputs, atol=1 if kind in ("homography", "grid") else 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_theta_of_any_floats_is_that_of_float64(dtype: type) -> None:
    image, theta = _image(np.random.default_rng(17), (9, 11), np.uint8), np.array([[0.5, 0.25, 0], [-0.125, 0.75, 0.5]])
    np.testing.assert_array_equal(warp(image, theta.astype(dtype)), warp(image, theta))
    np.testing.assert_array_equal(warp(image, MatrixTransform(theta.astype(dtype))), warp(image, theta))


@pytest.mark.kernels
def test_lines_are_asked_for_along_a_grid_too() -> None:
    """Only where rows are not joined: those of this output have gaps between them."""
    image = _image(np.random.default_rng(16), (800, 900, 3), np.uint8)
    theta = theta_from_pixel_matrix(np.array([[1, 0.1, 310.25], [-0.1, 1, 310.5]]), (800, 900), (5, 150), False)
    grid = sampling_grid(MatrixTransform(theta), (5, 150))
    output = np.zeros((5, 160, 3), np.uint8)
    batch = Batch(output.reshape(-1), (1, 5, 150, 3), (5 * 480, 480, 3, 1))
    sample(batch_of_image(image), batch, grid_mapping(grid, "zeros", False), "bilinear", 0)
    np.testing.assert_array_equal(output[:, :150], warp(image, grid))
    assert not output[:, 150:].any()


@pytest.mark.kernels
@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bands_equal_the_whole(dtype: type, threads: int) -> None:
    image = _image(np.random.default_rng(9), (23, 31, 3), dtype)
    for transform in (TILTED[:2], TILTED, sampling_grid(MatrixTransform(TILTED), (5, 40))):
        whole = warp(image, transform)
        np.testing.assert_array_equal(warp(image, transform, threads=threads), whole)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_spatial_transform_equals_grid_and_sample(dtype: type, mode: str) -> None:
    rng = np.random.default_rng(10)
    maps = _image(rng, (3, 2, 9, 13), dtype)
    thetas = np.eye(2, 3) + rng.normal(0, 0.3, (3, 2, 3))
    fused = spatial_transform(maps, thetas, (6, 8), mode)
    stored = grid_sample(maps, affine_grid(thetas, (3, 2, 6, 8)), mode)
    np.testing.assert_allclose(fused.astype(float), stored, rtol=0, atol=1 if np.dtype(dtype).kind == "u" else 1e-6)
    homographies = np.concatenate([thetas, np.tile([[[0.1, -0.1, 1.0]]], (3, 1, 1))], axis=1)
    tilted = spatial_transform(maps, homographies, (6, 8), mode)
    for image, theta, out in zip(maps, homographies, tilted, strict=True):
        alone = warp(np.moveaxis(image, 0, 2), theta, (6, 8), interpolation=mode)
        # Other layouts have other kernels, whose multiply-adds are fused differently: two units in the last place of 1.
        np.testing.assert_allclose(np.moveaxis(out, 0, 2), alone, rtol=0, atol=2.4e-7)


@pytest.mark.slow
@pytest.mark.parametrize("length", [40_000, 100_000])
def test_long_rows_are_as_exact_as_short_ones(length: int) -> None:
    rng = np.random.default_rng(11)
    image = rng.random((3, length), dtype=np.float32)
    matrix = np.array([[0.99987, 0.3, 1.7], [2e-5, 0.9, 0.1]])
    theta = theta_from_pixel_matrix(matrix, (3, length), (3, length), False)
    back = pixel_matrix(theta, (3, length), (3, length), False)
    out = warp(image, theta)
    for row in range(3):
        x = back[0, 0] * np.arange(length) + (back[0, 1] * row + back[0, 2])
        y = back[1, 0] * np.arange(length) + (back[1, 1] * row + back[1, 2])
        for start in range(0, length, 20_000):  # the oracle sums over all pixels: keep to a window of them
            part = slice(start, start + 500)
            low = max(int(x[part].min()) - 2, 0)
            window = image[:, low : int(x[part].max()) + 3]
            expected = oracle.sample(window, x[part] - low, y[part])
            np.testing.assert_allclose(out[row, part], expected, rtol=0, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_the_formula_rounded_half_to_even(dtype: type) -> None:
    image = _image(np.random.default_rng(12), (64, 80, 3), dtype)
    theta = np.array([[0.8, -0.23, 0.01], [0.21, 0.77, -0.02]])
    ours = warp(image, theta, (200, 200))
    expected = np.rint(_expected(image, theta, (200, 200), "bilinear", "zeros", False))
    assert np.abs(ours - expected).max() <= 1
    assert (ours != expected).mean() <= 1e-3


class _Told(Transform):
    """A transform of somebody else's that maps all points to what it is told."""

    def __init__(self, points: NDArray) -> None:
        self.points = points

    def map_points(self, points: object) -> NDArray:
        return self.points

    def inverse(self) -> Transform:
        return self


@pytest.mark.parametrize("shape", [(1, 1, 2), (9, 9, 4), (9, 9), (8, 9, 2)])
def test_what_other_transforms_return_is_checked(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(height, width, 2\)|map_points of _Told"):
        warp(np.ones((9, 9), np.uint8), _Told(np.zeros(shape)))


@pytest.mark.parametrize("dtype", [">f8", ">f4", np.float16, np.int64])
def test_other_transforms_may_return_any_real_numbers(dtype: object) -> None:
    image = np.arange(9.0).reshape(3, 3)
    grid = affine_grid(np.eye(2, 3), (3, 3), True).astype(dtype)
    np.testing.assert_array_equal(warp(image, _Told(grid), align_corners=True), image)


def test_sizes_may_be_arrays_and_threads_more_than_rows() -> None:
    image = np.arange(12.0).reshape(3, 4)
    assert warp(image, np.eye(2, 3), np.array([2, 2])).shape == (2, 2)
    np.testing.assert_array_equal(warp(image, np.eye(2, 3), threads=1000), image)


def test_a_grid_carries_its_convention() -> None:
    image = np.random.default_rng(13).random((6, 7))
    grid = SamplingGrid(sampling_grid(MatrixTransform(TILTED), (4, 5), True), True)
    with pytest.raises(ParameterError, match="align_corners=True"):
        warp(image, grid)
    np.testing.assert_allclose(
        warp(image, grid, align_corners=True), warp(image, TILTED, (4, 5), align_corners=True), atol=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"image": np.zeros((2, 2, 2, 2))}, ShapeError, r"\(H, W\) or \(H, W, C\)"),
        ({"image": np.zeros((2, 2), complex)}, DtypeError, "complex128"),
        ({"image": np.zeros((0, 2))}, ShapeError, "empty"),
        ({"transform": np.zeros((2, 2))}, ShapeError, r"\(2, 3\) or \(3, 3\)"),
        ({"transform": [[1, 0, np.nan], [0, 1, 0]]}, ThetaError, "nan"),
        ({"size": (0, 3)}, ShapeError, "at least 1"),
        ({"size": 5}, ShapeError, "height, width"),
        ({"fill": [1, 2, 3]}, ShapeError, "fill"),
        ({"image": np.zeros((2, 2), np.uint8), "fill": 256}, ParameterError, r"0\.\.255"),
        ({"image": np.zeros((2, 2), np.uint8), "fill": np.nan}, ParameterError, "nan"),
        ({"interpolation": "linearr"}, ParameterError, "interpolation"),
        ({"padding_mode": "edge"}, ParameterError, "padding_mode"),
        ({"threads": 0}, ParameterError, "threads"),
        ({"threads": 1.5}, ParameterError, "threads"),
        ({"size": 0}, ShapeError, "height, width"),
        ({"size": ()}, ShapeError, "height, width"),
        ({"fill": "a"}, ParameterError, "fill"),
    ],
)
def test_unusable_arguments_are_refused_in_words(
    arguments: dict[str, object], error: type[Exception], words: str
) -> None:
    usable: dict[str, object] = {"image": np.zeros((3, 4)), "transform": np.eye(2, 3)}
    with pytest.raises(error, match=words):
        warp(**{**usable, **arguments})  # type: ignore[arg-type]
