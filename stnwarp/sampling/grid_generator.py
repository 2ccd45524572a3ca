"""The grid generator: theta and an output size -> the sampling grid.

Convention: theta maps normalised output coordinates (x, y, 1) to normalised input coordinates (x, y); x to the right, y
down. With ``align_corners=False`` -1 and 1 are the outer edges of the corner pixels, with True their centres; one
value governs the generator and the sampler. An axis of one pixel has its only point at 0.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.array_like import as_array, native_dtype
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ShapeError, ThetaError
from stnwarp.sampling.arrays import check_sides, check_size
from stnwarp.transforms import MatrixTransform, SamplingGrid, Transform
from stnwarp.transforms.matrices import MatrixLike, as_floats, matrix_of

_BAND_POINTS = 2**18  # of a grid are mapped at a time, so that what a transform needs besides does not add up


def regular_axis(size: int, align_corners: bool) -> NDArray[np.float64]:
    """Return the normalised coordinates of the `size` pixel centres of an axis, float64 (size,)."""
    index = np.arange(size, dtype=np.float64)
    if not align_corners:
        return (2 * index + 1) / size - 1
    return 2 * index / (size - 1) - 1 if size > 1 else np.zeros(1)


def affine_grid(
    theta: MatrixLike, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS
) -> NDArray[np.floating]:
    """Generate the sampling grid of an affine `theta` over the regular grid of an output of `size`.

    Computed in float64 and rounded once to theta's own float type.

    Args:
        theta: (N, 2, 3) with size (N, C, H, W), or (2, 3) or (1, 2, 3) with size (H, W). For volumes (N, 3, 4) with
            size (N, C, D, H, W), or (3, 4) or (1, 3, 4) with size (D, H, W). A (3, 3) whose last row is that of an
            affine map counts as (2, 3); for homographies there is `projective_grid`.
        size: of the output, in pixels; with a batch its sides may be 0. C is not used.
        align_corners: see the convention above.

    Returns:
        (N, H, W, 2) or (H, W, 2), last axis (x, y), of theta's dtype if that is float16 or float32, else float64. For
        volumes (N, D, H, W, 3) or (D, H, W, 3), last axis (x, y, z), z from the first slice to the last.

    Raises:
        ShapeError: theta and size do not fit together.  ThetaError: theta is not finite.

    Source: Jaderberg et al. 2015, equation (1); torch.nn.functional.affine_grid; ONNX AffineGrid-20.
    """
    return affine_grid_over(theta, size, lambda side: regular_axis(side, align_corners))


def affine_grid_over(
    theta: MatrixLike, size: Sequence[int], axis: Callable[[int], NDArray[np.float64]]
) -> NDArray[np.floating]:
    """Generate `affine_grid` over the points, float64 (side,), that `axis` gives for each side of `size`."""
    matrices, sides = _for_size(_affine_thetas(theta), size)
    axes = [axis(side) for side in reversed(sides)]  # x first
    grid = np.empty((*matrices.shape[:-2], *sides, len(sides)), _grid_type(theta))
    with np.errstate(over="ignore", invalid="ignore"):
        for coordinate in range(len(sides)):
            grid[..., coordinate] = _affine_axis(matrices[..., coordinate, :], axes)
    return grid


def _affine_axis(row: NDArray[np.float64], axes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return one coordinate of the grid, (..., H, W): `row` is that of theta, (..., 3) or (..., 4), its shift last."""
    rank = len(axes)
    entries = np.moveaxis(row, -1, 0)[(..., *(None,) * rank)]
    value: NDArray[np.float64] = entries[rank]
    for axis in reversed(range(rank)):  # the shift first and x last, so that a row of points is one pass over memory
        value = entries[axis] * axes[axis].reshape(-1, *(1,) * axis) + value
    return value


def projective_grid(
    theta: MatrixLike, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS
) -> NDArray[np.floating]:
    """Generate the sampling grid of a homography: `affine_grid` for (N, 3, 3) with (N, C, H, W), or (3, 3) with (H, W).

    Points on the horizon, where the third coordinate is zero, come out infinite or NaN: the sampler counts them as
    outside the image.

    Raises:
        ShapeError: theta and size do not fit together.  ThetaError: theta is not finite.
    """
    matrices, (height, width) = _for_size(_check_theta(theta, (3, 3)), size)
    x, y = regular_axis(width, align_corners), regular_axis(height, align_corners)[:, None]
    parts = []
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for axis in range(3):
            across, along, shift = (matrices[..., axis, entry, None, None] for entry in range(3))
            parts.append(across * x + (along * y + shift))
        grid = np.stack((parts[0] / parts[2], parts[1] / parts[2]), axis=-1)
        return grid.astype(_grid_type(theta), copy=False)


def sampling_grid(
    transform: ArrayLike | Transform, size: tuple[int, int], align_corners: bool = DEFAULT_ALIGN_CORNERS
) -> NDArray[np.floating]:
    """Generate the sampling grid (H, W, 2) of any `transform` for an output of `size` (height, width).

    Args:
        transform: a `Transform`, or one theta, (2, 3), (1, 2, 3) or (3, 3).
        size: of the output, in pixels.
        align_corners: see the convention above.

    Raises:
        ShapeError: a transform given point by point is for another size, or theta has the wrong shape.
        ThetaError: theta is not finite.
    """
    if isinstance(transform, SamplingGrid):
        if transform.size != check_size(size):
            raise ShapeError(f"the sampling grid is for an output of {transform.size}, not of {tuple(size)}")
        return transform.grid
    if not isinstance(transform, Transform):
        transform = MatrixTransform(as_array(transform, "transform"))
    if isinstance(transform, MatrixTransform):
        if transform.is_affine:
            return affine_grid(transform.theta[:2], size, align_corners)
        return projective_grid(transform.theta, size, align_corners)
    height, width = check_size(size)
    rows = max(1, _BAND_POINTS // width)
    grid = _map_rows(transform, (0, rows), (height, width), align_corners)
    if len(grid) == height:
        return grid
    whole = np.empty((height, width, 2), grid.dtype)
    whole[: len(grid)] = grid
    for start in range(len(grid), height, rows):
        whole[start : start + rows] = _map_rows(transform, (start, start + rows), (height, width), align_corners)
    return whole


def _map_rows(
    transform: Transform, rows: tuple[int, int], size: tuple[int, int], align_corners: bool
) -> NDArray[np.floating]:
    """Return the `rows` (from, to but without) of the sampling grid; what others' transforms return is checked."""
    height, width = size
    x, y = np.meshgrid(regular_axis(width, align_corners), regular_axis(height, align_corners)[slice(*rows)])
    given = SamplingGrid(transform.map_points(np.stack((x, y), axis=-1)), align_corners)
    if given.size != x.shape:
        found = f"{(*given.size, 2)} for points of shape {(*x.shape, 2)}"
        raise ShapeError(f"map_points of {type(transform).__name__} returned shape {found}")
    return given.grid


def _affine_thetas(theta: MatrixLike) -> NDArray[np.float64]:
    """Return `theta` as (..., 2, 3) or (..., 3, 4)."""
    matrices = _check_theta(theta, (2, 3), (3, 4), (3, 3))
    if matrices.shape[-2:] != (3, 3):
        return matrices
    last = matrices[..., 2, :]
    if (last[..., :2] != 0).any() or (last[..., 2] == 0).any():
        raise ShapeError("theta is a homography, its last row is not 0 0 1; use projective_grid")
    return matrices[..., :2, :] / last[..., 2, None, None]


def _check_theta(theta: MatrixLike, *shapes: tuple[int, int]) -> NDArray[np.float64]:
    matrices = as_floats(matrix_of(theta), "theta")
    if matrices.ndim not in (2, 3) or matrices.shape[-2:] not in shapes:
        known = ", ".join(f"({rows}, {columns}) or (N, {rows}, {columns})" for rows, columns in shapes)
        raise ShapeError(f"theta must have shape {known}, got {matrices.shape}")
    if not np.isfinite(matrices).all():
        raise ThetaError(f"theta must be finite, got {matrices[~np.isfinite(matrices)][0]}")
    return matrices


def _for_size(matrices: NDArray[np.float64], size: Sequence[int]) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return `matrices` and the sides of the output; with a size of one output, without a batch axis."""
    sides, rank = tuple(size), 2 if matrices.shape[-1] == 3 else 3
    names = "H, W" if rank == 2 else "D, H, W"
    least = 1 if len(sides) == rank else 0  # a batch may be empty
    if len(sides) == rank and matrices.ndim == 3 and len(matrices) == 1:
        matrices = matrices[0]
    if matrices.ndim == 3:
        if len(sides) != 2 + rank or sides[0] != len(matrices):
            raise ShapeError(f"size must be (N, C, {names}) with N = {len(matrices)} as in theta, got {sides}")
        sides = sides[2:]
    elif len(sides) != rank:
        raise ShapeError(f"size must be ({names}) for one theta of shape {matrices.shape}, got {sides}")
    return matrices, check_sides(sides, rank, least)


def _grid_type(theta: MatrixLike) -> np.dtype[np.generic]:
    """Return that of `theta` if it is a float of no more than 32 bits, else float64."""
    dtype = native_dtype(as_array(matrix_of(theta), "theta").dtype)
    return dtype if dtype in (np.float16, np.float32) else np.dtype(np.float64)
