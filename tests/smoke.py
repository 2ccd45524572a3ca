"""Small work for every kernel: what `test_smoke.py` compares with the oracle, and other processes with each other.

`python -m tests.smoke FILE.npz` writes all that comes out, and says on standard output which kernels were compiled.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import stnwarp
from stnwarp.kernels.compiler.compiled_kernel import on_compile
from stnwarp.sampling.coverage import measure_coverage
from tests.positions import warp

Array = NDArray[np.generic]

SIZE, OUTPUT = (13, 19), (6, 300)  # a row is more than one block
PADDING = ("zeros", "border", "reflection", "wrap")
MAPS = ("affine", "projective", "grid")
# What picks a kernel: channels, dtype and interpolation.
PICTURES = (
    *((channels, np.uint8, "bilinear") for channels in (1, 3)),
    (1, np.float32, "bilinear"),
    (3, np.float32, "bilinear"),
    (3, np.float64, "bilinear"),
    (3, np.uint8, "nearest"),
    (1, np.float64, "nearest"),
    *((channels, np.uint8, "bicubic") for channels in (1, 2, 3, 4)),
    (3, np.float64, "lanczos"),
)
GRADIENTS = ("nearest", "bilinear", "bicubic")
VOLUMES = ("nearest", "bilinear")


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and the normalised places it is read at."""

    image: Array
    theta: NDArray[np.float64] | None
    grid: NDArray[np.float64]
    interpolation: str
    padding_mode: str

    def warped(self) -> Array:
        """The picture as stnwarp warps it."""
        transform = self.grid if self.theta is None else self.theta
        size = self.grid.shape[:2]
        return warp(self.image, transform, size, interpolation=self.interpolation, padding_mode=self.padding_mode)


def scene(channels: int, dtype: type, interpolation: str, padding_mode: str, kind: str) -> Scene:
    """Noise, turned, so that most of the output lies inside and some far outside."""
    rng = np.random.default_rng(channels)
    shape = SIZE if channels == 1 else (*SIZE, channels)
    whole = np.issubdtype(dtype, np.integer)
    image = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype) if whole else rng.random(shape).astype(dtype)
    theta = np.array([[0.83, 0.31, 0.02], [-0.27, 0.91, -0.04], [0, 0, 1]])
    if kind == "projective":
        theta[2] = 0.11, -0.07, 1
    x, y = (((np.arange(size) * 2 + 1) / size - 1) for size in OUTPUT[::-1])
    points = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), -1) @ theta.T
    grid = points[..., :2] / points[..., 2:]
    if kind == "grid":
        grid += rng.uniform(-0.05, 0.05, grid.shape)
        far = 1e30 if padding_mode in ("zeros", "border") else np.nan  # where that is in the others, rounding decides
        grid[0, 7], grid[1, 8], grid[2, 9] = (np.nan, 0.1), (np.inf, -np.inf), (far, -far)
    return Scene(image, None if kind == "grid" else theta, grid, interpolation, padding_mode)


def point_gradients(mode: str, padding_mode: str) -> tuple[Array, Array]:
    """The gradients of `grid_sample` in two dimensions, with a point that is not finite."""
    rng = np.random.default_rng(1)
    input, gradient = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((2, 3, 5, 30))
    grid = rng.uniform(-1.3, 1.3, (2, 5, 30, 2))
    grid[0, 0, :3] = (np.nan, 0), (np.inf, 0.1), (0, -np.inf)
    return stnwarp.grid_sample_backward(gradient, input, grid, mode, padding_mode)


SHRINKING = np.array([[1.3, 0.4, 0.1], [-0.3, 1.2, -0.05], [0.15, -0.1, 1]])


def footprints(channels: int, dtype: type, interpolation: str, padding_mode: str) -> Array:
    """A picture of noise that shrinks by 2 to 20, from its pixels and, bilinear, from means of boxes of them."""
    noise = np.random.default_rng(channels).random((40, 45, channels))
    image = (noise * (200 if dtype == np.uint8 else 1)).astype(dtype)
    modes = {"interpolation": interpolation, "padding_mode": padding_mode}
    sizes = (3, 16) if interpolation == "bilinear" else (16,)  # boxes have a kernel of their own to compile
    return np.concatenate([stnwarp.warp(image, SHRINKING, (size, 9), antialias=True, **modes) for size in sizes])


def coverage(kind: str) -> Array:
    """The coverage of the output of a `scene`, in bytes."""
    places = scene(1, np.uint8, "bilinear", "zeros", kind)
    return measure_coverage(SIZE, places.grid if places.theta is None else places.theta, OUTPUT)


def footprint_gradients(dtype: type, mode: str, padding_mode: str) -> list[Array]:
    """The gradients of antialiased sampling, to input and theta."""
    rng, found = np.random.default_rng(1), list[Array]()
    for size in ((2, 3), (16, 9)):
        arrays = rng.standard_normal((1, 2, *size)).astype(dtype), rng.standard_normal((1, 2, 40, 45)).astype(dtype)
        theta = SHRINKING[None]
        found += stnwarp.spatial_transform_backward(*arrays, theta, mode, padding_mode, antialias=True)
    return found


def volume_work(mode: str, padding_mode: str) -> tuple[Array, NDArray[np.float64], Array]:
    """Volumes, the places they are read at, and what is read."""
    rng = np.random.default_rng(2)
    volumes, grid = rng.random((1, 2, 4, 5, 6)), rng.uniform(-1.6, 1.6, (1, 3, 4, 40, 3))
    grid[0, 0, 0, :2] = (np.nan, 0, 0), (0, np.inf, -np.inf)
    return volumes, grid, stnwarp.grid_sample(volumes, grid, mode, padding_mode)


def volume_gradients(mode: str, padding_mode: str) -> tuple[Array, Array]:
    """The gradients of `volume_work`."""
    volumes, grid, output = volume_work(mode, padding_mode)
    return stnwarp.grid_sample_backward(np.cos(output), volumes, grid, mode, padding_mode)


def results() -> dict[str, Array]:
    """All of it by name."""
    done: dict[str, Array] = {}
    for channels, dtype, interpolation in PICTURES:
        for padding in PADDING:
            for kind in MAPS:
                name = f"{np.dtype(dtype).name} {channels} {interpolation} {padding} {kind}"
                done[name] = scene(channels, dtype, interpolation, padding, kind).warped()
    for channels in (1, 3):
        done[f"footprints {channels}"] = footprints(channels, np.float64, "bilinear", "fill")
    done |= {f"coverage {kind}": coverage(kind) for kind in MAPS}
    for padding in PADDING:
        for mode in GRADIENTS:
            done[f"{mode} {padding} to input"], done[f"{mode} {padding} to grid"] = point_gradients(mode, padding)
        for mode in VOLUMES:
            done[f"volume {mode} {padding}"] = volume_work(mode, padding)[2]
            to_volume, to_grid = volume_gradients(mode, padding)
            done[f"volume {mode} {padding} to input"], done[f"volume {mode} {padding} to grid"] = to_volume, to_grid
    return done


if __name__ == "__main__":
    compiled: list[str] = []
    with on_compile(compiled.append):
        np.savez(sys.argv[1], **results())
    print(*compiled)  # noqa: T201
