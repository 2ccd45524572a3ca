"""Small work for every kernel; `python -m tests.kernels.levels` prints a digest of the bytes of each result.

Kernels are compiled for one level of processors after the other, from the same text of LLVM's, and are to print the
same; `test_levels.py` compares that.
"""

import hashlib
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import stnwarp
from stnwarp.kernels.compiler import compiled_kernel
from stnwarp.kernels.compiler.target import LEVELS, processor
from tests import smoke
from tests.positions import warp

Array = NDArray[np.generic]

# What picks a kernel: channels, dtype and interpolation; and the padding modes it serves.
PAIRS = ("zeros", "border", "reflection")
PICTURES = (
    *((channels, np.uint8, "bilinear", PAIRS) for channels in (1, 3, 4)),
    *((channels, np.float32, "bilinear", PAIRS) for channels in (1, 3)),
    (3, np.float64, "bilinear", smoke.PADDING),
    (1, np.uint16, "bilinear", PAIRS),
    (3, np.uint8, "nearest", PAIRS),
    (1, np.float64, "nearest", smoke.PADDING),
    (3, np.uint8, "bicubic", smoke.PADDING),
    (3, np.float32, "lanczos", smoke.PADDING),
    (2, np.uint8, "bilinear", ("zeros",)),
    (4, np.float32, "bilinear", ("zeros",)),
    (3, np.float32, "bicubic", ("zeros",)),
    (3, np.uint8, "lanczos", ("zeros",)),
)
SMALL = (5, 61)
THETA = np.array([[0.83, 0.31, 0.02], [-0.27, 0.91, -0.04], [0.11, -0.07, 1]])


def _pictures() -> Iterator[tuple[str, Array]]:
    for channels, dtype, interpolation, paddings in PICTURES:
        for padding in (*paddings, "fill"):
            for kind in smoke.MAPS:
                scene = smoke.scene(channels, dtype, interpolation, padding, kind)
                yield f"{np.dtype(dtype).name} {channels} {interpolation} {padding} {kind}", scene.warped()


def _views() -> Iterator[tuple[str, Array]]:
    """Every other column, backwards: read where they lie, for the output is smaller than a copy would be."""
    for channels in (1, 2, 3, 4):
        backwards = np.random.default_rng(2).integers(0, 256, (70, 180, channels)).astype(np.uint8)[:, ::-2]
        for padding in PAIRS:
            for kind, theta in (("affine", THETA[:2]), ("projective", THETA)):
                yield f"view {channels} {padding} {kind}", warp(backwards, theta, SMALL, padding_mode=padding)


def _maps() -> Iterator[tuple[str, Array]]:
    """Coordinates of float32, and gradients to inputs, grids and thetas."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-1.4, 1.4, (2, *SMALL, 2))
    points[0, 0, :4] = (np.nan, 0), (np.inf, 0.1), (0, -np.inf), (3e9, -3e9)
    maps, incoming = rng.standard_normal((2, 3, 13, 19)), rng.standard_normal((2, 3, *SMALL))
    work = [(np.float32, mode, padding) for mode in smoke.GRADIENTS for padding in PAIRS]
    for dtype, mode, padding in [*work, *((np.float64, "bilinear", padding) for padding in smoke.PADDING)]:
        name, grid = f"maps {np.dtype(dtype).name} {mode} {padding}", points.astype(dtype)
        arrays = incoming.astype(dtype), maps.astype(dtype)
        to_maps, to_grid = stnwarp.grid_sample_backward(*arrays, grid, mode, padding)
        yield f"{name} to input", to_maps
        yield f"{name} to grid", to_grid
        if mode == "bilinear":
            yield name, stnwarp.grid_sample(arrays[1], grid, mode, padding)
            for rows, kind in ((2, "affine"), (3, "projective")):
                thetas = np.stack([THETA[:rows]] * 2)
                to_maps, to_theta = stnwarp.spatial_transform_backward(*arrays, thetas, mode, padding)
                yield f"{name} {kind} to input", to_maps
                yield f"{name} {kind} to theta", to_theta


def _footprints() -> Iterator[tuple[str, Array]]:
    """Antialiased pictures that shrink, their edges, and the gradients of that."""
    kernels = ((np.uint8, "bilinear"), (np.float32, "bicubic"), (np.float64, "lanczos"))
    for dtype, interpolation in kernels:
        for channels in (1, 2, 3, 4, 5):
            for padding in ("fill", "zeros", "wrap"):
                name = f"footprints {np.dtype(dtype).name} {channels} {interpolation} {padding}"
                yield name, smoke.footprints(channels, dtype, interpolation, padding)
    for dtype, mode in ((np.float32, "bilinear"), (np.float64, "bicubic")):
        for number, gradient in enumerate(smoke.footprint_gradients(dtype, mode, "reflection")):
            yield f"footprints {np.dtype(dtype).name} {mode} gradient {number}", gradient


def _volumes() -> Iterator[tuple[str, Array]]:
    rng = np.random.default_rng(4)
    points = rng.uniform(-1.6, 1.6, (1, 3, 4, 45, 3))
    points[0, 0, 0, :3] = (np.nan, 0, 0), (0, np.inf, -np.inf), (3e9, 0, -3e9)
    volumes, incoming = rng.standard_normal((1, 2, 4, 5, 6)), rng.standard_normal((1, 2, 3, 4, 45))
    for dtype, paddings in ((np.float32, PAIRS), (np.float64, smoke.PADDING)):
        for padding in paddings:
            for mode in smoke.VOLUMES:
                name, grid = f"volumes {np.dtype(dtype).name} {mode} {padding}", points.astype(dtype)
                arrays = incoming.astype(dtype), volumes.astype(dtype)
                yield name, stnwarp.grid_sample(arrays[1], grid, mode, padding)
                to_volumes, to_grid = stnwarp.grid_sample_backward(*arrays, grid, mode, padding)
                yield f"{name} to input", to_volumes
                yield f"{name} to grid", to_grid


def digests() -> Iterator[str]:
    """A line for each case: a digest of its result, and its name."""
    for cases in (_pictures(), _views(), _maps(), _footprints(), _volumes()):
        for name, result in cases:
            yield f"{hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest()[:16]} {name}"


def print_level(level: str) -> None:
    """Print all digests, with the level before each, of kernels that are compiled for it."""
    os.environ |= {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": LEVELS[level]}
    assert processor() == (level, LEVELS[level])
    for kernel in compiled_kernel._kernels:
        kernel._loaded = {}
    names: list[str] = []
    with compiled_kernel.on_compile(names.append):
        for digest in digests():
            print(level, digest)  # noqa: T201
    assert len(names) == sum(len(kernel.specialisations) for kernel in compiled_kernel._kernels) > 20


if __name__ == "__main__":
    for each in LEVELS:
        print_level(each)
