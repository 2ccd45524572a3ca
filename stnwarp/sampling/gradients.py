"""The gradients of the sampler, with a grid and fused with the generator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.array_like import as_array, native_dtype
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ShapeError
from stnwarp.kernels import layout
from stnwarp.kernels.backward.layout import tiling
from stnwarp.sampling.arrays import (
    check_mask,
    check_not_antialiased,
    check_not_fill,
    check_threads,
    compute_type,
    floats_of,
    gradient_of,
    grid_kind,
    grid_of,
    maps_of,
    round_to,
)
from stnwarp.sampling.footprint_gradients import differentiate_antialiased
from stnwarp.sampling.gradient_work import differentiate, gradient_mode
from stnwarp.sampling.grid_generator import regular_axis
from stnwarp.sampling.mapping import grid_mapping, matrix_mapping
from stnwarp.sampling.volumes import sample_volumes_backward
from stnwarp.transforms import normalised_from_pixel, pixel_from_normalised, pixel_matrices
from stnwarp.transforms.matrices import as_matrices

Gradients = tuple[NDArray[Any] | None, NDArray[Any] | None]


def grid_sample_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    threads: int = 1,
    output_mask: tuple[bool, bool] = (True, True),
    antialias: bool = False,
) -> Gradients:
    """Compute the gradients to input and grid of `grid_sample`; torch's numbers, up to the rounding of sums.

    Coordinates are computed as in `grid_sample`, float16 in float32. Under nearest the gradient to the grid is 0. A
    pixel that has weight 0 in an output, or in the slope at a point, is not read there, be it NaN or infinite, and has
    no part of the gradient.

    Where antialiasing averages pixels, the gradient to the grid is that of the mean with the footprint held fixed: as
    if all points moved together.

    Args:
        grad_output: (N, C, H', W'), of the loss to the output; float16, float32 or float64, of any strides.
        input: (N, C, H, W), float16, float32 or float64, of any strides; or volumes (N, C, D, H, W), as in
            `grid_sample`.
        grid: (N, H', W', 2), float16, float32 or float64; for volumes (N, D', H', W', 3).
        mode: nearest, bilinear or bicubic, by ONNX's names too; no bicubic for volumes.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: as it was given to `grid_sample`.
        threads: how many share the work; the result does not depend on it. Volumes take one.
        output_mask: which of the two gradients are wanted; the other is neither computed nor allocated.
        antialias: as it was given to `grid_sample`; not for volumes.

    Returns:
        The gradients to input and grid, each of its shape and dtype; None for one that is not wanted.

    Raises:
        ShapeError: an array has the wrong shape.  DtypeError: one is not of floats.
        ParameterError: an unknown mode, or one without gradients.

    Source: Jaderberg et al. 2015, equations (6) and (7).
    """
    input, output_mask = as_array(input, "input"), check_mask(output_mask)
    check_not_fill(padding_mode)
    if input.ndim == 5:
        check_not_antialiased(antialias)
        check_threads(threads)
        return sample_volumes_backward(grad_output, input, grid, mode, padding_mode, align_corners, output_mask)
    maps = maps_of(floats_of(input, "input"), conventions.interpolation(mode))
    points = grid_of(grid, maps)
    kind = grid_kind(maps, points)
    incoming = gradient_of(grad_output, (*maps.shape[:2], *points.shape[1:3]), compute_type(maps.dtype))
    mapping = grid_mapping(points, padding_mode, align_corners, kind)
    computed = np.float32 if kind == layout.GRID_FLOAT32 else np.float64
    to_grid = np.empty(points.shape, computed) if output_mask[1] else None
    gradients = differentiate_antialiased if antialias else differentiate
    to_input = gradients(maps, incoming, mapping, mode, to_grid, output_mask[0], threads)
    return (
        None if to_input is None else round_to(to_input, maps.dtype),
        None if to_grid is None else round_to(to_grid, points.dtype),
    )


def spatial_transform_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    theta: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    threads: int = 1,
    output_mask: tuple[bool, bool] = (True, True),
    antialias: bool = False,
) -> Gradients:
    """Compute the gradients to input and theta of `spatial_transform`, without storing a grid or the gradient to it.

    Coordinates are computed in float64, and the gradient to theta is summed in float64 and rounded once.

    Args:
        grad_output: (N, C, height, width), of the loss to the output; its size is the output's.
        input: (N, C, H, W), float16, float32 or float64, of any strides.
        theta: (N, 2, 3), or (N, 3, 3) for homographies, whose last row has a gradient too.
        mode: as in `grid_sample_backward`, and so are padding_mode, align_corners, threads and output_mask.
        padding_mode: as it was given to `spatial_transform`.
        align_corners: as it was given to `spatial_transform`.
        threads: how many share the work; the result does not depend on it.
        output_mask: which of the two gradients are wanted; the other is neither computed nor allocated.
        antialias: as it was given to `spatial_transform`; footprints are held fixed as in `grid_sample_backward`.

    Returns:
        The gradients to input, of its shape and dtype, and to theta, of its shape, of its dtype if that is float16 or
        float32, else float64; None for one that is not wanted.

    Raises:
        ShapeError: an array has the wrong shape.  DtypeError: one is not of floats.  ThetaError: theta is not finite.
        ParameterError: an unknown mode, or one without gradients.
    """
    output_mask, interpolation = check_mask(output_mask), gradient_mode(mode)
    check_not_fill(padding_mode)
    maps, thetas = maps_of(floats_of(input, "input"), interpolation), as_array(theta, "theta")
    if thetas.ndim != 3 or thetas.shape[1:] not in ((2, 3), (3, 3)) or len(thetas) != len(maps):
        raise ShapeError(f"theta must be (N, 2, 3) or (N, 3, 3) with N = {len(maps)}, got {thetas.shape}")
    incoming = gradient_of(grad_output, (*maps.shape[:2], "H'", "W'"), compute_type(maps.dtype))
    input_size, output_size = (maps.shape[2], maps.shape[3]), (incoming.shape[2], incoming.shape[3])
    bands = tiling(*output_size)[2] if incoming.size else 0
    to_bands = np.zeros((len(maps), bands, 3, 3)) if output_mask[1] else None
    to_input: NDArray[Any] | None = np.zeros(maps.shape, maps.dtype) if output_mask[0] and not incoming.size else None
    if incoming.size:
        matrices = pixel_matrices(thetas, input_size, output_size, align_corners)
        mapping = matrix_mapping(matrices, padding_mode, align_corners)
        if thetas.shape[1] == 3:
            mapping = mapping._replace(kind=layout.PROJECTIVE)  # the last row has a gradient, whatever it is
        gradients = differentiate_antialiased if antialias else differentiate
        to_input = gradients(maps, incoming, mapping, mode, to_bands, output_mask[0], threads)
    else:  # refused for the same reasons
        as_matrices(thetas)
    return (
        None if to_input is None else round_to(to_input, maps.dtype),
        None if to_bands is None else _to_thetas(to_bands.sum(axis=1), thetas, input_size, output_size, align_corners),
    )


def _to_thetas(
    to_matrices: NDArray[np.float64],
    thetas: NDArray[np.generic],
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool,
) -> NDArray[Any]:
    """Return the gradients to `thetas` from those to the pixel matrices that they mean."""
    dtype = native_dtype(thetas.dtype)
    gradients = np.zeros(thetas.shape)
    if 0 not in output_size:
        to_pixel = pixel_from_normalised(input_size, align_corners)
        to_normalised = normalised_from_pixel(output_size, align_corners)
        gradients = (to_pixel.T @ to_matrices @ to_normalised.T / _scales(thetas))[:, : thetas.shape[1]]
    return round_to(gradients, dtype if dtype in (np.float16, np.float32) else np.dtype(np.float64))


def _scales(thetas: NDArray[Any]) -> NDArray[np.float64]:
    """Return what each of `thetas` is divided by before it is used, (N, 1, 1): the last number of an affine (3, 3)."""
    scales = np.ones((len(thetas), 1, 1))
    if thetas.shape[1] == 3:
        affine = (thetas[:, 2, :2] == 0).all(axis=1)
        scales[affine, 0, 0] = thetas[affine, 2, 2]
    return scales


_AT_ONCE = 2**16  # numbers of a gradient that are turned to float64 at a time: 512 KiB


def affine_grid_backward(
    grad_grid: ArrayLike, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS
) -> NDArray[np.floating]:
    """Compute the gradient to theta of `affine_grid`.

    Summed in float64 and rounded once to grad_grid's own float type.

    Args:
        grad_grid: (N, H, W, 2) with size (N, C, H, W), or (H, W, 2) with (H, W): of the loss to the grid. For volumes
            (N, D, H, W, 3) with (N, C, D, H, W), or (D, H, W, 3) with (D, H, W).
        size: as it was given to `affine_grid`.
        align_corners: as it was given to `affine_grid`.

    Returns:
        (N, 2, 3) or (2, 3), for volumes (N, 3, 4) or (3, 4), of grad_grid's dtype.

    Raises:
        ShapeError: grad_grid and size do not fit together.  DtypeError: grad_grid is not of floats.
    """
    given = floats_of(grad_grid, "grad_grid")
    sides, rank = _grid_sides(given, size), given.shape[-1]
    if given.size == 0:
        return np.zeros((*given.shape[: -rank - 1], rank, rank + 1), given.dtype)
    axes = [regular_axis(side, align_corners) for side in reversed(sides)]  # x first
    totals = _sum_rows(given, axes[0])  # (..., H, rank, 2): of the gradient times x, and of the gradient
    gradient = np.empty((*given.shape[: -rank - 1], rank, rank + 1))
    others = tuple(range(-rank, -1))  # the axes that rows are counted on
    gradient[..., 0], gradient[..., rank] = totals[..., 0].sum(others), totals[..., 1].sum(others)
    for axis in range(1, rank):
        positions = axes[axis].reshape(-1, *(1,) * axis)
        gradient[..., axis] = (totals[..., 1] * positions).sum(others)
    return gradient.astype(given.dtype, copy=False)


def _grid_sides(given: NDArray[np.generic], size: Sequence[int]) -> tuple[int, ...]:
    """Return (H, W) or (D, H, W), as `size` and the shape of `given` agree."""
    numbers = tuple(size)
    sides = numbers[2:] if len(numbers) > 3 else numbers
    batch = numbers[:1] if len(numbers) > 3 else ()
    if given.dtype.kind != "f" or len(sides) not in (2, 3) or given.shape != (*batch, *sides, len(sides)):
        found = f"shape {given.shape} of {given.dtype} for size {numbers}"
        raise ShapeError(f"grad_grid must have the shape of the grid that size makes, got {found}")
    return sides


def _sum_rows(given: NDArray[np.generic], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum each component of each row (..., W, rank) over W, times `x` and alone."""
    rank = given.shape[-1]
    rows = np.ascontiguousarray(given).reshape(-1, len(x), rank)
    weights = np.stack((x, np.ones_like(x)), axis=-1)
    totals = np.empty((len(rows), rank, 2))
    step = max(_AT_ONCE // len(x), 1)
    for first in range(0, len(rows), step):
        some = slice(first, first + step)
        for component in range(rank):
            np.matmul(rows[some, :, component].astype(np.float64), weights, out=totals[some, component])
    return totals.reshape(*given.shape[:-2], rank, 2)
