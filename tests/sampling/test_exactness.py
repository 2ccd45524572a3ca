"""How exact the samples are: against the formula in float64, at the end of long rows, and beyond 2^31 pixels.

The formula is written out below over whole arrays: it has nothing in common with the kernels but its meaning, and what
it takes is proportional to the output.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import Interpolation, grid_sample, spatial_transform
from stnwarp.sampling.arrays import Batch, batch_of_image
from stnwarp.sampling.mapping import matrix_mapping
from stnwarp.sampling.sampler import sample
from stnwarp.transforms import theta_from_pixel_matrix
from tests.implementations.scenes import Scene, smooth_image, tilted, turned
from tests.positions import warp

Array = NDArray[Any]
SMOOTH = [mode for mode in Interpolation if mode is not Interpolation.NEAREST]
INPUT, OUTPUT = (48, 64), (60, 70)  # height, width
LONG = [40_000, 100_000]


def hat(distance: Array) -> Array:
    return np.maximum(0, 1 - np.abs(distance))


def keys(distance: Array) -> Array:
    """The cubic kernel with a = -0.75."""
    a, d = -0.75, np.abs(distance)
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def lanczos(distance: Array) -> Array:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)


KERNELS = {"bilinear": (hat, 1), "bicubic": (keys, 2), "lanczos": (lanczos, 3)}


def formula(image: Array, x: Array, y: Array, interpolation: str, padding: str = "constant") -> Array:
    """*image* (H, W[, C]) at pixel positions; outside it is 0 (constant) or the nearest pixel (edge).

    Weights are made to sum to 1, which changes those of Lanczos only.
    """
    kernel, reach = KERNELS[interpolation]
    around = 2 * reach  # pixels added on each side: places further out read nothing else
    padded = np.pad(image, [(around, around)] * 2 + [(0, 0)] * (image.ndim - 2), padding)
    columns, across = taps(x, kernel, reach, image.shape[1])
    rows, along = taps(y, kernel, reach, image.shape[0])
    spread = (..., *(None,) * (image.ndim - 2))
    total = np.zeros((*x.shape, *image.shape[2:]))
    for row, row_weight in zip(rows, along, strict=True):
        for column, weight in zip(columns, across, strict=True):
            total += (weight * row_weight)[spread] * padded[row + around, column + around]
    return total


def taps(position: Array, kernel: Any, reach: int, size: int) -> tuple[list[Array], list[Array]]:
    """The pixels of an axis that each position reads, and their weights."""
    near = np.clip(position, -reach, size - 1 + reach)
    first = np.floor(near).astype(np.int64) - (reach - 1)
    pixels = [first + tap for tap in range(2 * reach)]
    weights = [kernel(near - pixel) for pixel in pixels]
    return pixels, [weight / sum(weights) for weight in weights]


def places(matrix: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Where *matrix*, output pixel to input pixel, puts the pixels of an output of *size*."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return u / w, v / w


def scene(kind: str, image: Array) -> tuple[Array, tuple[Array, Array]]:
    """What `warp` is told, theta or a grid, and the places that means."""
    if kind == "grid":
        waves = Scene(image, turned(40, INPUT), INPUT, ripple=7)
        return waves.grid, waves.grid_places
    matrix = {
        "turned": turned(17.3, INPUT, 0.7, OUTPUT),
        "small": turned(-131, INPUT, 2.3, OUTPUT),
        "tilted": turned(0, INPUT, 1, OUTPUT) + (tilted(5, INPUT) - np.eye(3)),
    }[kind]
    return theta_from_pixel_matrix(matrix, INPUT, OUTPUT, False), places(matrix, OUTPUT)


def integers(picture: str, dtype: type) -> Array:
    """A picture (48, 64, 3) over all of the range of *dtype*."""
    top = np.iinfo(dtype).max
    if picture == "noise":
        return np.random.default_rng(1).integers(0, top + 1, (*INPUT, 3)).astype(dtype)
    return np.rint(smooth_image(*INPUT, 3, np.float64) * top).astype(dtype)


def assert_rounded(ours: Array, exact: Array) -> None:
    """*ours* is *exact* rounded half to even, but for one sample in a thousand, which is next to it."""
    expected = np.clip(np.rint(exact), 0, np.iinfo(ours.dtype).max)
    gap = np.abs(ours.astype(np.int64) - expected)
    assert gap.max() <= 1
    assert (gap == 0).mean() >= 0.999


@pytest.mark.parametrize("kind", ["turned", "small", "tilted", "grid"])
@pytest.mark.parametrize("picture", ["noise", "smooth"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_integers_are_the_formula_rounded_half_to_even(
    interpolation: Interpolation, dtype: type, picture: str, kind: str
) -> None:
    image = integers(picture, dtype)
    transform, (x, y) = scene(kind, image)
    size = x.shape
    assert_rounded(warp(image, transform, size, interpolation=interpolation), formula(image, x, y, interpolation))
    held = warp(image, transform, size, interpolation=interpolation, padding_mode="border")
    assert_rounded(held, formula(image, x, y, interpolation, "edge"))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_any_number_of_channels_is_rounded_alike(interpolation: Interpolation, dtype: type, channels: int) -> None:
    image = np.repeat(integers("noise", dtype), 2, axis=2)[..., :channels]
    transform, (x, y) = scene("turned", image)
    assert_rounded(warp(image, transform, OUTPUT, interpolation=interpolation), formula(image, x, y, interpolation))


@pytest.mark.parametrize("kind", ["turned", "small", "tilted", "grid"])
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_float32_is_within_two_millionths_of_float64(interpolation: Interpolation, kind: str) -> None:
    image = np.random.default_rng(2).random((*INPUT, 3), np.float32)
    transform, (x, y) = scene(kind, image)
    ours = warp(image, transform, x.shape, interpolation=interpolation)
    np.testing.assert_allclose(ours, formula(image, x, y, interpolation), rtol=0, atol=2e-6)


def long_scene(width: int, dtype: type) -> tuple[Array, Array, tuple[Array, Array]]:
    """A picture a few rows high and very wide, a matrix that drifts slowly off its rows, and its places."""
    noise = np.random.default_rng(3).random((5, width))
    image = noise.astype(dtype) if dtype == np.float32 else (noise * np.iinfo(dtype).max).round().astype(dtype)
    matrix = np.array([[0.99987, 0.3, 1.7], [0.2 / width, 0.9, 0.31], [0, 0, 1]])
    return image, matrix, places(matrix, image.shape)


def assert_as_exact_at_the_far_end(ours: Array, exact: Array) -> None:
    """Within 2e-6 all along, and at the far end not worse than at the near one but by chance."""
    error = np.abs(ours - exact)
    assert error.max() <= 2e-6
    end = 2000
    assert error[..., -end:].max() <= 2 * error[..., :end].max()


@pytest.mark.slow
@pytest.mark.parametrize("width", LONG)
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_long_rows_of_floats_are_as_exact_at_the_far_end(interpolation: Interpolation, width: int) -> None:
    image, matrix, (x, y) = long_scene(width, np.float32)
    size = image.shape
    theta = theta_from_pixel_matrix(matrix, size, size, False)
    exact = formula(image, x, y, interpolation)
    assert_as_exact_at_the_far_end(warp(image, theta, interpolation=interpolation), exact)
    fused = spatial_transform(image[None, None], theta[None, :2], mode=interpolation)
    assert_as_exact_at_the_far_end(fused[0, 0], exact)
    grid = np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / size[0] - 1], axis=-1)
    assert_as_exact_at_the_far_end(grid_sample(image[None, None], grid[None], interpolation)[0, 0], exact)
    assert_as_exact_at_the_far_end(warp(image, grid, interpolation=interpolation), exact)


@pytest.mark.slow
@pytest.mark.parametrize("width", LONG)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_long_rows_of_integers_are_as_exact_at_the_far_end(
    interpolation: Interpolation, dtype: type, width: int
) -> None:
    image, matrix, (x, y) = long_scene(width, dtype)
    ours = warp(image, theta_from_pixel_matrix(matrix, image.shape, image.shape, False), interpolation=interpolation)
    exact = formula(image, x, y, interpolation)
    for end in (slice(0, 4000), slice(-4000, None)):
        assert_rounded(ours[:, end], exact[:, end])


HUGE = [
    pytest.param((50_000, 50_000), np.uint8, id="gray, beyond 2^31"),
    pytest.param((40_000, 40_000, 3), np.uint8, id="RGB, beyond 2^32"),
    pytest.param((33_000, 33_000, 4), np.uint8, id="RGBA, beyond 2^32"),
    pytest.param((50, 45_000_000), np.uint8, id="rows of 45 million pixels"),
    pytest.param((50_000, 50_000), np.uint16, id="16-bit gray, beyond 2^31"),
    pytest.param((30_000, 25_000, 3), np.float32, id="float32 RGB, beyond 2^31"),
]
CORNER, PATCH = 14, (10, 12)  # the last rows and columns that hold anything; the size of the output
sparse_only = pytest.mark.skipif(sys.platform == "win32", reason="a file of holes takes its whole size on the disk")


@pytest.fixture
def sparse(tmp_path: Path) -> Iterator[Callable[[tuple[int, ...], type], Array]]:
    """Makes arrays in files that are all hole: they cost the few pages that are touched."""
    path = tmp_path / "sparse"
    yield lambda shape, dtype: np.memmap(path, dtype, "w+", shape=shape)
    path.unlink()


def corner_matrix(size: tuple[int, int], projective: float = 0) -> Array:
    """Reads the lower right corner of an image of *size*, turned a little; the last points lie just outside."""
    inner = turned(11, (CORNER, CORNER), 0.8, PATCH)
    inner[:2, 2] += 2
    inner[2, 0] = projective
    return np.array([[1, 0, size[1] - CORNER], [0, 1, size[0] - CORNER], [0, 0, 1]]) @ inner


def corner_transform(kind: str, size: tuple[int, int]) -> tuple[Array, tuple[Array, Array]]:
    """What `warp` is told to read the corner, and the places in it."""
    matrix = corner_matrix(size, 1e-7 if kind == "projective" else 0)
    x, y = places(matrix, PATCH)
    inner = x - (size[1] - CORNER), y - (size[0] - CORNER)
    if kind == "grid":
        return np.stack([(2 * x + 1) / size[1] - 1, (2 * y + 1) / size[0] - 1], axis=-1), inner
    return theta_from_pixel_matrix(matrix, size, PATCH, False), inner


def nearest(image: Array, x: Array, y: Array) -> Array:
    padded = np.pad(image, [(1, 1)] * 2 + [(0, 0)] * (image.ndim - 2))
    rows, columns = (np.clip(np.rint(axis), -1, CORNER).astype(np.int64) + 1 for axis in (y, x))
    return padded[rows, columns]


@sparse_only
@pytest.mark.parametrize(("shape", "dtype"), HUGE)
@pytest.mark.parametrize("kind", ["affine", "projective", "grid"])
@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_pixels_beyond_two_to_the_31_are_read_where_they_lie(
    interpolation: Interpolation, kind: str, shape: tuple[int, ...], dtype: type, sparse: Callable[..., Array]
) -> None:
    image = sparse(shape, dtype)
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    noise = np.random.default_rng(4).random((CORNER, CORNER, *shape[2:])) * top
    corner = image[-CORNER:, -CORNER:] = noise.astype(dtype)
    transform, (x, y) = corner_transform(kind, (shape[0], shape[1]))
    ours = warp(image, transform, PATCH, interpolation=interpolation)
    is_nearest = interpolation is Interpolation.NEAREST
    exact = nearest(corner, x, y) if is_nearest else formula(corner, x, y, interpolation)
    if top == 1:
        np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-6)
    else:  # of so few samples a single tie would be more than one in a thousand
        assert np.abs(ours - np.clip(np.rint(exact), 0, top)).max() <= 1
    assert np.ptp(ours.astype(np.float64)) > top / 4


@sparse_only
@pytest.mark.parametrize("mode", SMOOTH)
def test_feature_maps_beyond_two_to_the_31_are_read_where_they_lie(
    mode: Interpolation, sparse: Callable[..., Array]
) -> None:
    side = 20_000
    maps = sparse((3, 2, side, side), np.float32)
    corner = maps[2, :, -CORNER:, -CORNER:] = np.random.default_rng(5).random((2, CORNER, CORNER), np.float32)
    theta, (x, y) = corner_transform("affine", (side, side))
    exact = np.moveaxis(formula(np.moveaxis(corner, 0, 2), x, y, mode), 2, 0)
    ours = spatial_transform(maps, np.tile(theta[:2], (3, 1, 1)), PATCH, mode)
    np.testing.assert_allclose(ours[2], exact, rtol=0, atol=2e-6)
    assert (ours[:2] == 0).all()


@sparse_only
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_outputs_beyond_two_to_the_31_are_written_where_they_lie(
    interpolation: Interpolation, dtype: type, sparse: Callable[..., Array]
) -> None:
    """The rows of the output lie a billion elements apart, with nothing in between."""
    image = integers("noise", np.uint16).astype(dtype)
    matrix, (height, width), apart = turned(50, INPUT, 1, PATCH), PATCH, 2**30 + 7
    flat = sparse((height * apart,), dtype)
    output = Batch(flat, (1, height, width, 3), (flat.size, apart, 3, 1))
    sample(batch_of_image(image), output, matrix_mapping(matrix[None], "zeros", False), interpolation, 3, threads=2)
    written = np.stack([flat[row * apart : row * apart + 3 * width].reshape(width, 3) for row in range(height)])
    theta = theta_from_pixel_matrix(matrix, INPUT, PATCH, False)
    together = warp(image, theta, PATCH, interpolation=interpolation, fill=3)
    # Short rows that lie end to end are worked off as one, and their fractions rounded otherwise: no less exact.
    within = 2e-6 * np.iinfo(np.uint16).max if dtype == np.float32 else 0
    np.testing.assert_allclose(written, together, rtol=0, atol=within)
    assert not flat[3 * width : 3 * width + 4096].any()
