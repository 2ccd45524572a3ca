"""Antialiased sampling under a matrix as a direct sum over pixels, in float64, many output pixels at a time.

Another algorithm than the kernels': shapes by NumPy's singular value decomposition, all pixels of the window around a
footprint, no boxes, no hand-over near scale 1. For output pixels whose footprints lie inside the picture.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tests.footprint_oracle import KERNELS

Array = NDArray[np.float64]
Points = NDArray[np.intp]

_TAPS_AT_A_TIME = 1_000_000


def jacobians_at(matrix: Array, points: Points) -> tuple[Array, Array]:
    """Positions (P, 2) and Jacobians (P, 2, 2), in input pixels, of output pixels (x, y) under a pixel matrix."""
    p, q, w = matrix @ np.column_stack((points, np.ones(len(points)))).T
    positions = np.column_stack((p, q)) / w[:, None]
    return positions, (matrix[:2, :2] - positions[..., None] * matrix[2, :2]) / w[:, None, None]


def points_inside(matrix: Array, size: tuple[int, int], output: tuple[int, int], radius: int) -> Points:
    """All output pixels (x, y) whose footprints, and one output pixel around them, lie inside the picture of `size`."""
    points = np.indices(output).reshape(2, -1)[::-1].T
    positions, jacobians = jacobians_at(matrix, points)
    reaches = (radius + 1) * np.maximum(np.abs(jacobians).sum(2), np.sqrt(2))
    inside = (positions >= reaches) & (positions <= np.array(size[::-1]) - 1 - reaches)
    return points[inside.all(1)]


def some_points(points: Points, count: int) -> Points:
    """At most `count` of the points, drawn at random, the same ones each time."""
    return points[np.random.default_rng(0).permutation(len(points))[:count]]


def footprint_means(image: NDArray[np.uint8], matrix: Array, points: Points, interpolation: str) -> Array:
    """Return the exact means (P, C) of a picture (H, W, C), sum(w v) / sum(w) for each output pixel."""
    kernel, radius = KERNELS[interpolation]
    positions, jacobians = jacobians_at(matrix, points)
    u, s, vt = np.linalg.svd(jacobians)
    shapes = np.where(s[:, :1, None] > 1, (u * np.maximum(s, 1)[:, None]) @ vt, np.eye(2))
    inverses, reaches = np.linalg.inv(shapes), radius * np.abs(shapes).sum(2)
    first = np.ceil(positions - reaches).astype(np.intp)
    spans = np.floor(positions + reaches).astype(np.intp) + 1 - first
    means = np.empty((len(points), image.shape[2]))
    for part in _parts(spans):
        width, height = spans[part].max(0)
        x = first[part, 0, None] + np.arange(width)
        y = first[part, 1, None] + np.arange(height)
        off_x, off_y = (x - positions[part, :1])[:, None], (y - positions[part, 1:])[..., None]
        (xx, xy), (yx, yy) = inverses[part].transpose(1, 2, 0)[..., None, None]
        weights = kernel(xx * off_x + xy * off_y) * kernel(yx * off_x + yy * off_y)
        # Windows are as large as the largest of the part, and beyond the picture without a weight.
        rows, columns = y.clip(0, image.shape[0] - 1), x.clip(0, image.shape[1] - 1)
        pixels = image[rows[..., None], columns[:, None]].astype(np.float64)
        sums = (weights.reshape(len(part), 1, -1) @ pixels.reshape(len(part), -1, image.shape[2]))[:, 0]
        means[part] = sums / weights.sum((1, 2))[:, None]
    return means


def _parts(spans: Points) -> Iterator[NDArray[np.intp]]:
    """Indices of footprints of about one size, as many at a time as memory allows."""
    areas = spans.prod(1)
    order = np.argsort(-areas)
    while len(order):
        count = max(1, _TAPS_AT_A_TIME // int(areas[order[0]]))
        yield order[:count]
        order = order[count:]


def psnr(values: NDArray[np.generic], exact: Array) -> float:
    """The agreement in decibels, of a full scale of 255."""
    return float(10 * np.log10(255**2 / np.mean((values.astype(np.float64) - exact) ** 2)))
