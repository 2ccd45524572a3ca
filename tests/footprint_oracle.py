"""Slow and exact: antialiased sampling as a direct sum over pixels, in float64, one output pixel at a time.

Another algorithm than the kernels': shapes by NumPy's singular value decomposition, pictures that are continued far
enough beforehand, and the edge of the picture clipped off the output pixel instead of the output pixel off the picture.
A caller gives positions and Jacobians apart, so that the shape of footprints can be held fixed while positions move.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.oracle import keys, lanczos

Array = NDArray[np.float64]


def hat(distance: Array) -> Array:
    return np.fmax(0.0, 1.0 - np.abs(distance))


KERNELS = {"bilinear": (hat, 1), "bicubic": (keys, 2), "lanczos": (lanczos, 3)}
PAD = {"zeros": "constant", "border": "edge", "fill": "edge", "wrap": "wrap"}
FAR = 260  # pixels that a picture is continued by, and whole boxes of them


class Shape(NamedTuple):
    """The inverse of the Jacobian, no narrower than a pixel; its level; the share of the footprint in the result."""

    inverse: Array
    level: int
    share: float


def shape_of(jacobian: Array, radius: int, highest: float) -> Shape | None:
    """The shape of a footprint, of boxes of a level up to `highest`; None where nothing shrinks."""
    if not np.isfinite(jacobian).all():
        return None
    u, s, vt = np.linalg.svd(jacobian)
    if s[0] ** 2 <= 1 + 2.0**-20:
        return None
    number = 0
    while number < highest and (s[1] / 2**number >= 7 or s[0] / 2**number > 32 / radius):
        number += 1
    share = np.clip((s[0] - 1) / 0.25, 0, 1) if number == 0 else 1.0
    s = s / 2**number
    if highest:
        s[0] = min(s[0], 32 / radius)
    s = np.array([s[0], min(max(s[1], 1.0), max(s[0], 1.0))])
    return Shape(vt.T @ np.diag(1 / s) @ u.T, number, share * share * (3 - 2 * share))


def matrix_footprints(matrix: Array, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Positions (H', W', 2), Jacobians (H', W', 2, 2) and depths (H', W') of an output under a pixel matrix."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    p, q, w = np.einsum("rc,chw->rhw", matrix, np.stack((x, y, np.ones_like(x))))
    with np.errstate(divide="ignore", invalid="ignore"):
        positions = np.stack((p / w, q / w), -1)
        jacobians = matrix[:2, :2] - positions[..., None] * matrix[2, :2]
        return positions, jacobians / w[..., None, None], w


def grid_footprints(grid: ArrayLike, size: tuple[int, int], align_corners: bool = False) -> tuple[Array, Array]:
    """Positions and Jacobians of a sampling grid (H', W', 2) in an input of `size`."""
    points, sides = np.asarray(grid, np.float64), np.array(size[::-1], np.float64)
    unit = (sides - 1) / 2 if align_corners else sides / 2
    positions = (points + 1) * unit - (0.0 if align_corners else 0.5)
    slopes = [np.gradient(positions, axis=axis) if points.shape[axis] > 1 else np.zeros_like(points) for axis in (1, 0)]
    return positions, np.stack(slopes, -1)


def continued(image: Array, padding_mode: str, fill: ArrayLike, align_corners: bool) -> Array:
    """The picture (H, W, C) and FAR pixels beyond each edge."""
    by = ((FAR, FAR), (FAR, FAR), (0, 0))
    if padding_mode == "reflection":
        return np.pad(image, by, "reflect" if align_corners else "symmetric")
    if padding_mode != "zeros":
        return np.pad(image, by, PAD[padding_mode])  # type: ignore[call-overload]
    far = np.broadcast_to(np.asarray(fill, np.float64), (*np.add(image.shape[:2], 2 * FAR), image.shape[2])).copy()
    far[FAR:-FAR, FAR:-FAR] = image
    return far


def sample(
    image: ArrayLike,
    positions: Array,
    jacobians: Array,
    interpolation: str = "bilinear",
    padding_mode: str = "zeros",
    fill: ArrayLike = 0.0,
    align_corners: bool = False,
    depths: Array | None = None,
    by_levels: bool = False,
) -> Array:
    """The picture (H, W, C) averaged over footprints; positions that are not finite read the fill.

    By levels the means of boxes stand for pixels where footprints are large, as in the kernels; else all pixels count.
    """
    picture = np.asarray(image, np.float64)
    far = continued(picture, padding_mode, fill, align_corners)
    highest = np.ceil(np.log2(max(picture.shape[:2]))) if by_levels else 0
    output = np.empty((*positions.shape[:2], picture.shape[2]))
    for at in np.ndindex(*positions.shape[:2]):
        position, jacobian = positions[at], jacobians[at]
        if not np.isfinite(position).all():
            output[at] = fill
            continue
        output[at] = _mixture(far, position, jacobian, interpolation, highest)
        if padding_mode == "fill":
            beyond = depths is not None and (depths[at] > 0) != (np.mean(depths) > 0)
            inside = 0.0 if beyond else coverage(position, jacobian, picture.shape[:2])
            output[at] = inside * output[at] + (1 - inside) * np.asarray(fill)
    return output


def _mixture(far: Array, position: Array, jacobian: Array, interpolation: str, highest: float) -> Array:
    radius = KERNELS[interpolation][1]
    shape, own = shape_of(jacobian, radius, highest), Shape(np.eye(2), 0, 1.0)
    plain = _mean(far, position, own, interpolation) if shape is None or shape.share < 1 else 0.0
    if shape is None:
        return np.asarray(plain)
    return shape.share * _mean(far, position, shape, interpolation) + (1 - shape.share) * plain


def _mean(far: Array, position: Array, shape: Shape, interpolation: str) -> Array:
    """The weighted mean of all pixels of `far` that a footprint reaches, or of boxes of them."""
    kernel, radius = KERNELS[interpolation]
    side = 2**shape.level
    middle = (position + 0.5) / side - 0.5
    reach = radius * np.abs(np.linalg.inv(shape.inverse)).sum(1)
    (left, top), (right, bottom) = np.ceil(middle - reach).astype(int), np.floor(middle + reach).astype(int)
    x, y = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
    dx, dy = np.einsum("rc,chw->rhw", shape.inverse, np.stack((x - middle[0], y - middle[1])))
    weights = kernel(dx) * kernel(dy)
    first_row, first_column = top * side + FAR, left * side + FAR
    assert min(first_row, first_column) >= 0, "a footprint that reaches too far for this oracle"
    pixels = far[first_row : (bottom + 1) * side + FAR, first_column : (right + 1) * side + FAR]
    boxes = pixels.reshape(len(x), side, x.shape[1], side, -1).mean((1, 3))
    return np.einsum("hw,hwc->c", weights, boxes) / weights.sum()


def coverage(position: Array, jacobian: Array, size: tuple[int, ...]) -> float:
    """The share of an output pixel, a unit square around 0, that the picture of `size` covers."""
    if abs(np.linalg.det(jacobian)) < 1e-12:
        return float(all(-0.5 <= at <= side - 0.5 for at, side in zip(position, size[::-1], strict=True)))
    polygon = [np.array(corner) / 2 for corner in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    for axis, side in enumerate(size[::-1]):
        for sign, edge in ((1.0, -0.5), (-1.0, side - 0.5)):
            # sign * (position + jacobian @ corner - edge) is positive inside.
            depths = [sign * (position[axis] + jacobian[axis] @ corner - edge) for corner in polygon]
            kept = []
            for k, (corner, depth) in enumerate(zip(polygon, depths, strict=True)):
                if (depth < 0) != (depths[k - 1] < 0):
                    kept.append(corner + (polygon[k - 1] - corner) * depth / (depth - depths[k - 1]))
                if depth >= 0:
                    kept.append(corner)
            polygon = kept
    x, y = np.array(polygon).T if polygon else (np.zeros(0), np.zeros(0))
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)
