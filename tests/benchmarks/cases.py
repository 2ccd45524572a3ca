"""The rows of the benchmark: which work, at which size, read where, and how much faster it is to be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.floor import Floor, image_floor, tensor_floor
from tests.implementations.scenes import Matrix, Scene, Tensors, smooth_image, tensors, tilted, turned
from tests.implementations.table import IMAGE_WORKS, KINDS, TENSOR_WORKS
from tests.implementations.work import Work

Size = tuple[int, int]

# At least so many times as fast as the first peer of the work.
IMAGE_TARGETS = {
    "affine bilinear, uint8 gray": 1.5,
    "affine bilinear, uint8 RGB": 2.0,
    "affine bilinear, uint8 RGBA": 1.5,
    "projective bilinear, uint8 RGB": 1.8,
    "grid bilinear, uint8 RGB": 1.3,
    "affine bicubic, uint8 RGB": 1.5,
    "affine nearest, uint8 RGB": 1.0,
}
SHAPES = ((64, 3, 224, 224), (1, 3, 1080, 1920), (256, 1, 28, 28), (8, 64, 56, 56))
TENSOR_TARGETS = {
    "spatial_transform": (2.5, 2.5, 1.2, 1.2),
    "grid_sample": (1.3, 1.3, 1.0, 1.0),
    "grid_sample forward + backward": (1.3, 1.3, 1.3, 1.3),
}


@dataclass(frozen=True)
class Row:
    """One line of the table; what it is done to is made when its turn comes."""

    work: Work[Any]
    size: str
    case: str
    make: Callable[[], Any]
    target: float | None = None

    def floor(self, given: Scene | Tensors) -> Floor:
        """What the work needs at the least."""
        return image_floor(self.work, given) if isinstance(given, Scene) else tensor_floor(self.work, given)


@dataclass(frozen=True)
class Case:
    """Where the input is read: of *size*, by *matrix*, into an output of another size."""

    name: str
    size: Size
    matrix: Matrix
    output: Size


def image_rows(sizes: list[Size], angle: float) -> list[Row]:
    """Every kind of work on images, at each of *sizes*."""
    return [
        Row(
            work,
            f"{size[1]}x{size[0]}",
            f"turn by {angle:g} degrees",
            lambda work=work, size=size: _scene(work, Case("", size, _matrix(work, angle, size), size)),
            IMAGE_TARGETS.get(work.title),
        )
        for work in IMAGE_WORKS
        for size in sizes
    ]


def tensor_rows(angle: float, shapes: tuple[tuple[int, int, int, int], ...] = SHAPES) -> list[Row]:
    """Every kind of work on feature maps, at each of *shapes*."""
    rows = []
    for work in TENSOR_WORKS:
        targets = TENSOR_TARGETS.get(work.name, (None,) * len(shapes))
        for shape, target in zip(shapes, targets, strict=False):
            make = lambda shape=shape: tensors(shape, turned(angle, shape[2:]))  # noqa: E731
            rows.append(Row(work, "x".join(map(str, shape)), f"turn by {angle:g} degrees", make, target))
    return rows


def further_rows(size: Size, angle: float) -> list[Row]:
    """Other places to read at, for the works that are met most."""
    rgb, fused = _work(IMAGE_WORKS, "affine bilinear, uint8 RGB"), _work(TENSOR_WORKS, "spatial_transform, float32")
    grid = _work(IMAGE_WORKS, "grid bilinear, uint8 RGB")
    rows = []
    for case in cases(size, angle):
        text = f"{case.size[1]}x{case.size[0]} to {case.output[1]}x{case.output[0]}"
        rows.append(Row(rgb, text, case.name, lambda case=case: _scene(rgb, case), IMAGE_TARGETS[rgb.title]))
        rows.append(Row(fused, f"1x3x{text}", case.name, lambda case=case: _maps(case), TENSOR_TARGETS[fused.name][1]))
    outside = Case("30 % of the points outside", size, _partly_outside(size, angle, 0.3), size)
    text = f"{size[1]}x{size[0]}"
    rows.append(Row(grid, text, outside.name, lambda: _scene(grid, outside), IMAGE_TARGETS[grid.title]))
    return rows


def cases(size: Size, angle: float) -> list[Case]:
    """Downscaling, upscaling, near identity, a quarter turn, and a picture squeezed almost onto a line."""
    third, quarter = (tuple(max(1, round(side / by)) for side in size) for by in (3, 4))
    near = turned(0.01, size)
    near[:2, 2] += 0.3
    flat = turned(0, size, 0.9137)
    flat[1] = 0.4391 * size[0] / size[1] * flat[0] + [0, 1e-6, size[0] / 4]
    return [
        Case("downscaling by 3", size, turned(angle, size, 3, third), third),
        Case("upscaling by 4", quarter, turned(angle, quarter, 0.25, size), size),
        Case("near-identity", size, near, size),
        Case("90 degrees", size, turned(90, size), size),
        Case("almost singular", size, flat, size),
    ]


def _matrix(work: Work[Scene], angle: float, size: Size) -> Matrix:
    return tilted(angle, size) if work.name.startswith("projective") else turned(angle, size)


def _scene(work: Work[Scene], case: Case) -> Scene:
    channels, dtype = KINDS[work.kind]
    image = smooth_image(*case.size, channels, np.dtype(dtype).type)
    return Scene(image, case.matrix, case.output, ripple=5 if work.is_grid_stored else 0)


def _maps(case: Case) -> Tensors:
    return tensors((1, 3, *case.size), case.matrix, case.output)


def _partly_outside(size: Size, angle: float, share: float) -> Matrix:
    """A turn that is so far zoomed out that *share* of the output reads outside."""
    low, high = 0.1, 10.0
    coarse = (max(1, size[0] // 8), max(1, size[1] // 8))
    for _ in range(20):
        scale = (low + high) / 2
        outside = 1 - Scene(np.zeros(coarse), turned(angle, coarse, scale), coarse).inside(-0.5).mean()
        low, high = (low, scale) if outside > share else (scale, high)
    return turned(angle, size, low)


def _work(works: tuple[Work[Any], ...], title: str) -> Work[Any]:
    return next(work for work in works if work.title == title)
