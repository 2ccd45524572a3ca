"""Bicubic and Lanczos sampling: kernels summed over all pixels, torch and onnxruntime side by side; properties."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample, spatial_transform
from stnwarp.kernels import layout
from tests import oracle
from tests.combinations import combinations
from tests.implementations import with_onnxruntime, with_oracle, with_torch
from tests.positions import warp

ROOT = Path(__file__).parents[2]
MODES = ["bicubic", "lanczos"]
PADDING = ["zeros", "border", "reflection", "wrap"]
DTYPES = [np.uint8, np.uint16, np.float32, np.float64]
AGAIN = {"dtype": [np.uint8, np.float64]}  # each type is a kernel to compile once more; these reach every line
SIZES = [(1, 1), (6, 2), (3, 4), (9, 8)]  # from one pixel to more than there are taps


def _images(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    values = rng.random(shape) * top
    return np.rint(values).astype(dtype) if top > 1 else values.astype(dtype)


def _grid(rng: np.random.Generator, shape: tuple[int, ...], dtype: type = np.float64) -> NDArray[np.floating]:
    """Points in and around the image, and some far away."""
    grid = rng.uniform(-1.9, 1.9, (*shape, 2)).astype(dtype)
    grid[0, 0, 0], grid[0, 0, -1] = 7.43, (-11.3, 0.2)
    return grid


def _rounded(values: NDArray[np.float64], dtype: type) -> NDArray[np.generic]:
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def _check(ours: NDArray[np.generic], expected: NDArray[np.float64]) -> None:
    """Integers are the rounded float64 formula but for near-ties; floats are it but for rounding."""
    dtype = ours.dtype.type
    if ours.dtype.kind == "u":
        # The weights are rounded to 24 bits (uint8) or 53 (uint16): what is 1e-4 from a tie may fall either way.
        clear = np.abs(expected - np.floor(expected) - 0.5) > 1e-4
        np.testing.assert_array_equal(ours[clear], _rounded(expected, dtype)[clear])
        assert np.abs(ours - np.clip(expected, 0, np.iinfo(dtype).max)).max() < 0.5002
    else:
        # The absolute values of the weights sum to at most 1.9 (bicubic) or 2.4 (lanczos), and places of some ten
        # pixels are rounded to 2e-15 on the way from the grid to the pixel.
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6 if dtype == np.float32 else 5e-14)


@combinations(
    strength=3,
    again=AGAIN,
    size=SIZES,
    dtype=DTYPES,
    mode=MODES,
    padding_mode=PADDING,
    align_corners=[False, True],
)
def test_equals_the_oracle(
    size: tuple[int, int], dtype: type, mode: str, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(31)
    images, grid = _images(rng, (2, 2, *size), dtype), _grid(rng, (2, 1, 15))
    ours = grid_sample(images, grid, mode, padding_mode, align_corners)
    assert ours.dtype == dtype
    expected = with_oracle(images, grid, mode, padding_mode, align_corners)
    _check(ours, expected)


@combinations(
    strength=3, again=AGAIN, dtype=DTYPES, mode=MODES, padding_mode=["zeros", "wrap"], channels=[1, 2, 3, 4, 5]
)
def test_pictures_of_any_number_of_channels_equal_the_oracle(
    dtype: type, mode: str, padding_mode: str, channels: int
) -> None:
    rng = np.random.default_rng(32)
    picture = _images(rng, (11, 13, channels), dtype)
    # Turned, shrunk and shifted: inside, over each edge, outside.
    theta = np.array([[0.9, -0.5, 0.3], [0.4, 1.1, -0.25]])
    fill = np.arange(channels) * 0.125
    out = warp(picture, theta, (9, 14), interpolation=mode, padding_mode=padding_mode, fill=fill)
    grid = affine_grid(theta, (9, 14))
    _check(out, oracle.grid_sample(picture, grid, mode, padding_mode, False, fill))


@combinations(
    again=AGAIN,
    size=SIZES,
    dtype=[np.float32, np.float64],
    padding_mode=["zeros", "border", "reflection"],
    align_corners=[False, True],
)
def test_bicubic_equals_torch_and_onnxruntime(
    size: tuple[int, int], dtype: type, padding_mode: str, align_corners: bool
) -> None:
    rng = np.random.default_rng(33)
    images, grid = _images(rng, (2, 3, *size), dtype), _grid(rng, (2, 4, 9), dtype)
    ours = grid_sample(images, grid, "bicubic", padding_mode, align_corners)
    for other in (with_torch, with_onnxruntime):
        theirs = other(images, grid, "bicubic", padding_mode, align_corners)
        # float32: their weights are differences of numbers up to 6, so that each is off by 5e-7.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-6 if dtype == np.float32 else 1e-13)
    np.testing.assert_array_equal(grid_sample(images, grid, "cubic", padding_mode, align_corners), ours)


def test_far_places_read_what_torch_reads() -> None:
    images = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    grid = np.array([[x, 0.0] for x in (1e8, -1e8, 1e30, -1e30, 300.3)], np.float32).reshape(1, 1, 5, 2)
    for padding_mode in ("zeros", "border", "reflection"):
        ours = grid_sample(images, grid, "bicubic", padding_mode)
        np.testing.assert_allclose(
            ours, with_torch(images, grid, "bicubic", padding_mode, False), atol=5e-6, err_msg=padding_mode
        )


@combinations(again=AGAIN, size=[(3, 4), (7, 9)], dtype=DTYPES, padding_mode=PADDING, mode=MODES)
def test_coordinates_that_are_not_finite_never_index(
    size: tuple[int, int], dtype: type, padding_mode: str, mode: str
) -> None:
    images = _images(np.random.default_rng(34), (1, 2, *size), dtype)
    bad = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e308, 0.125]
    grid = np.array([[x, y] for x in bad for y in bad]).reshape(1, 7, 7, 2)
    out = grid_sample(images, grid, mode, padding_mode)
    if padding_mode == "zeros":
        assert (out[0, :, :6] == 0).all()
        assert (out[0, :, :, :6] == 0).all()
    else:
        assert np.isin(out[0, 0, :6, :6], images[0, 0]).all()
    if padding_mode == "border":
        corners = [images[0, 0, y, x] for x in (0, -1, 0, -1, 0, -1) for y in (0, -1, 0, -1, 0, -1)]
        np.testing.assert_array_equal(out[0, 0, :6, :6].ravel(), corners)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_wrap_is_a_picture_among_its_copies(mode: str, align_corners: bool) -> None:
    rng = np.random.default_rng(35)
    picture = _images(rng, (7, 5, 3), np.float32)
    x, y = rng.uniform(-9, 12, (2, 40))
    tiled = oracle.convolve(np.tile(picture, (9, 9, 1)), x + 4 * 5, y + 4 * 7, mode)
    grid = np.stack([_coordinate(x, 5, align_corners), _coordinate(y, 7, align_corners)], -1)[None]
    ours = warp(picture, grid, interpolation=mode, padding_mode="wrap", align_corners=align_corners)
    np.testing.assert_allclose(ours[0], tiled, rtol=0, atol=2e-6)


def _coordinate(x: NDArray[np.float64], size: int, align_corners: bool) -> NDArray[np.float64]:
    return 2 * x / (size - 1) - 1 if align_corners else (2 * x + 1) / size - 1


def test_wrapped_bicubic_equals_torch_on_a_tiled_image() -> None:
    rng = np.random.default_rng(36)
    images = _images(rng, (1, 2, 6, 5), np.float64)
    grid = rng.uniform(-2.2, 2.2, (1, 8, 9, 2))
    theirs = with_torch(np.tile(images, (1, 1, 5, 5)), grid / 5, "bicubic", "zeros", False)
    np.testing.assert_allclose(grid_sample(images, grid, "bicubic", "wrap"), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("padding_mode", "align_corners"), [("zeros", False), ("wrap", True)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (7, 70)])
def test_identity_returns_the_input(
    size: tuple[int, int], dtype: type, align_corners: bool, padding_mode: str, mode: str
) -> None:
    picture = _images(np.random.default_rng(37), (*size, 3), dtype)
    out = warp(picture, np.eye(2, 3), interpolation=mode, padding_mode=padding_mode, align_corners=align_corners)
    np.testing.assert_array_equal(out, picture)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [(1, -2), (-5, 7)])
def test_shifts_by_whole_pixels_are_slices(shift: tuple[int, int], dtype: type, mode: str) -> None:
    picture = _images(np.random.default_rng(38), (8, 16, 2), dtype)
    dx, dy = shift
    theta = np.array([[1, 0, 2 * dx / 16], [0, 1, 2 * dy / 8]])
    for padding_mode, pad in (("border", "edge"), ("wrap", "wrap"), ("reflection", "symmetric"), ("zeros", "constant")):
        continued = np.pad(picture, ((8, 8), (8, 8), (0, 0)), pad)  # type: ignore[call-overload]
        out = warp(picture, theta, interpolation=mode, padding_mode=padding_mode)
        np.testing.assert_array_equal(out, continued[8 + dy : 16 + dy, 8 + dx : 24 + dx], err_msg=padding_mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_stay_constant_under_a_fill_of_their_colour(dtype: type, mode: str) -> None:
    colour = np.array([200, 7, 91], dtype) if np.dtype(dtype).kind == "u" else np.array([0.7, 0.1, 0.3], dtype)
    picture = np.broadcast_to(colour, (7, 15, 3)).copy()
    rng = np.random.default_rng(39)
    for padding_mode in PADDING:
        for theta in (*rng.uniform(-1.5, 1.5, (3, 2, 3)), np.eye(2, 3) * 3):
            out = warp(picture, theta, interpolation=mode, padding_mode=padding_mode, fill=colour)
            if np.dtype(dtype).kind == "u":
                np.testing.assert_array_equal(out, np.broadcast_to(colour, out.shape))
            else:  # the weights sum to 1 but for their own rounding
                np.testing.assert_allclose(out, np.broadcast_to(colour, out.shape), rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_overshoot_is_clamped(dtype: type, mode: str) -> None:
    top = np.iinfo(dtype).max
    picture = np.zeros((12, 40, 3), dtype)
    picture[:, 20:] = top
    out = warp(picture, np.eye(2, 3) * [[0.31], [1]], interpolation=mode, padding_mode="border")
    exact = oracle.grid_sample(picture, affine_grid(np.eye(2, 3) * [[0.31], [1]], (12, 40)), mode, "border")
    assert exact.max() > 1.05 * top
    assert exact.min() < -0.05 * top
    np.testing.assert_array_equal(out, _rounded(exact, dtype))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_not_finite_stay_where_they_have_no_weight(bad: float, dtype: type, mode: str) -> None:
    picture = _images(np.random.default_rng(40), (9, 12, 3), dtype)
    picture[4, 6, 1] = bad
    for padding_mode in ("zeros", "reflection"):
        out = warp(picture, np.eye(2, 3), interpolation=mode, padding_mode=padding_mode)
        np.testing.assert_array_equal(out, picture)
        shifted = warp(picture, [[1, 0, 1 / 12], [0, 1, 0]], interpolation=mode, padding_mode=padding_mode)
        reach = 2 if mode == "bicubic" else 3
        touched = np.zeros((9, 12, 3), bool)
        touched[4, 6 - reach : 6 + reach, 1] = True
        np.testing.assert_array_equal(np.isfinite(shifted), ~touched)


@pytest.mark.parametrize("mode", MODES)
def test_a_fill_that_is_not_finite_stays_outside(mode: str) -> None:
    picture = _images(np.random.default_rng(41), (9, 12, 3), np.float32)
    out = warp(picture, [[1, 0, 1], [0, 1, 0]], interpolation=mode, fill=np.nan)
    np.testing.assert_array_equal(np.isnan(out[:, :6]), False)
    np.testing.assert_array_equal(np.isnan(out[:, 6:]), True)
    np.testing.assert_array_equal(out[:, :6], picture[:, 6:])


@pytest.mark.parametrize("mode", MODES)
def test_bands_are_the_whole_and_the_fused_is_the_grid(mode: str) -> None:
    picture = _images(np.random.default_rng(42), (5, 80, 3), np.uint8)
    theta = np.array([[0.9, -0.3, 0.1], [0.3, 0.8, -0.05]])
    whole = warp(picture, theta, interpolation=mode, padding_mode="reflection")
    for threads in (2, 5):
        banded = warp(picture, theta, interpolation=mode, padding_mode="reflection", threads=threads)
        np.testing.assert_array_equal(banded, whole)
    maps = np.moveaxis(picture, 2, 0)[None]
    np.testing.assert_array_equal(
        spatial_transform(maps, theta[None], None, mode, "reflection")[0], whole.transpose(2, 0, 1)
    )
    by_grid = warp(picture, affine_grid(theta, (5, 80)), interpolation=mode, padding_mode="reflection")
    assert (by_grid != whole).mean() < 0.001
    assert np.abs(by_grid.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_layouts_of_memory_do_not_matter(dtype: type, mode: str) -> None:
    rng = np.random.default_rng(43)
    images, grid = _images(rng, (2, 3, 16, 17), dtype), _grid(rng, (2, 1, 75)) * 0.7
    expected = grid_sample(images, grid, mode)
    swapped = np.dtype(dtype).newbyteorder(">")
    variants = [
        np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, 3)), 3, 1),
        np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, 2)), 2, 1),
        np.asfortranarray(images),
        images.astype(swapped),
        np.concatenate([images, images], axis=3)[..., :17],
        images[:, :, ::-1][:, :, ::-1],
    ]
    read_only = images.copy()
    read_only.setflags(write=False)
    for number, variant in enumerate((*variants, read_only)):
        # Tap by tap the sums are made in another order.
        difference = np.abs(grid_sample(variant, grid, mode).astype(np.float64) - expected)
        assert difference.max() <= (1 if dtype == np.uint8 else 1e-14), number
        assert (difference > 1e-14).mean() < 0.001, number


@pytest.mark.parametrize("mode", MODES)
def test_projective_maps_and_grids_are_sampled_block_by_block(mode: str) -> None:
    picture = _images(np.random.default_rng(44), (12, 200), np.float64)
    theta = np.array([[1, 0.1, 0], [0, 1, 0.05], [0.2, 0.1, 1.0]])
    out = warp(picture, theta, (9, 200), interpolation=mode, fill=0.25)
    x, y = np.meshgrid((2 * np.arange(200) + 1) / 200 - 1, (2 * np.arange(9) + 1) / 9 - 1)
    points = np.stack([x, y, np.ones_like(x)], -1) @ theta.T
    grid = points[..., :2] / points[..., 2:]
    expected = oracle.grid_sample(picture, grid, mode, fill=0.25)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)  # 200 pixels from 0 places are rounded to 3e-14


def test_lanczos_weights_are_exact_to_the_rounding_of_float64() -> None:
    """A picture that is zero but for one pixel shows the weights themselves."""
    picture = np.zeros((1, 64))
    picture[0, 32] = 1.0
    fractions = np.concatenate([np.linspace(0, 1, 257), [1e-300, 1e-17, 1e-9, 1 - 1e-9, 1 - 2**-53]])
    for tap in range(-3, 3):
        places = 32 + tap + fractions
        grid = np.stack([(2 * places + 1) / 64 - 1, np.zeros_like(places)], -1)[None]
        read = (places + 0.5 - 32) + 31.5  # as the grid's own rounding leaves it
        weights = warp(picture, grid, interpolation="lanczos")[0]
        expected = oracle.convolve(picture, np.round(read, 15), np.zeros_like(read), "lanczos")
        # The steepest slope is 1.2 a pixel, and places as large as 35 are rounded to 7e-15.
        np.testing.assert_allclose(weights, expected, rtol=0, atol=2e-14)
        assert weights[0] == (1.0 if tap == 0 else 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_noise_is_as_exact_as_promised(dtype: type, mode: str) -> None:
    """Integers at least 99.9 % as float64 rounds them and never off by more than 1; float32 within 2e-6."""
    rng = np.random.default_rng(45)
    picture = _images(rng, (40, 1200, 3), dtype)
    angle = math.radians(1.7)
    theta = np.array([[math.cos(angle), -math.sin(angle) / 30, 0.001], [math.sin(angle) * 30, math.cos(angle), 0.1]])
    out = warp(picture, theta, interpolation=mode, padding_mode="reflection")
    expected = _by_rows(picture, theta, mode)
    if np.dtype(dtype).kind == "u":
        difference = out.astype(int) - _rounded(expected, dtype)
        assert np.abs(difference).max() <= 1
        assert (difference != 0).mean() <= 0.001
    else:
        assert np.abs(out - expected).max() <= 2e-6


def _by_rows(picture: NDArray[np.generic], theta: NDArray[np.float64], mode: str) -> NDArray[np.float64]:
    """The oracle in narrow pieces: summing over all pixels takes memory."""
    height, width = picture.shape[:2]
    grid = affine_grid(theta, (height, width))
    pieces = []
    for first in range(0, width, 100):
        part = grid[:, first : first + 100]
        x = oracle.pixel_from_coord(part[..., 0], width, False)
        y = oracle.pixel_from_coord(part[..., 1], height, False)
        low = int(max(np.floor(x.min()) - 8, 0))
        window = picture[:, low : int(x.max()) + 10]
        pieces.append(oracle.convolve(window, x - low, y, mode, "reflection"))
    return np.concatenate(pieces, axis=1)


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="kernels run in Python or check their indices: there is no machine code of ours to look at",
)
def test_taps_are_blended_and_weighed_in_vectors() -> None:
    """In LLVM's own code: all taps of a row at once, and the weights of several places at once."""
    code = """if True:
        import re
        import numpy as np
        from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
        from stnwarp import warp
        from stnwarp.kernels.forward import bicubic
        with collect_specialisations() as needed:
            warp(np.zeros((8, 8, 3), np.uint8), np.eye(2, 3), interpolation="bicubic")
        needed[0].compile()
        text = next(iter(bicubic.bicubic_rows.inspect_llvm().values()))
        for vectors in (r"@llvm[.]fma[.]v16f32", r"load <16 x i8>", r"llvm[.]floor[.]v[48]f64"):
            assert re.search(vectors, text), vectors
        assert "NRT_incref" not in text, "references are counted inside the kernel"
    """
    environment = {"NUMBA_CPU_NAME": "skylake-avx512", "STNWARP_NUMBA_CACHE": "0"}
    environment["NUMBA_CPU_FEATURES"] = "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx2,+fma"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr


def test_the_work_space_is_large_enough() -> None:
    _, offsets, weights, _ = layout.make_workspace(np.float64, np.float32)
    assert len(offsets) >= layout.TAP_OFFSETS
    assert len(weights) >= layout.TAP_WEIGHTS
