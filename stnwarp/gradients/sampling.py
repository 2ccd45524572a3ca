"""The gradients of the sampler, with a grid and fused with the generator."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.arrays import checked, checked_grid, checked_maps, flat_copy
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ShapeError
from stnwarp.gradients.work import GradientMapping, differentiate
from stnwarp.kernels import blocks
from stnwarp.kernels.gradient_tiles import tiling
from stnwarp.transforms import normalised_from_pixel, pixel_from_normalised, pixel_matrices
from stnwarp.volumes import sample_volumes_backward

_NOTHING = np.empty(0, np.float64)


def grid_sample_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    threads: int = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The gradients to input and grid of `grid_sample`; torch's numbers, up to the rounding of sums.

    Coordinates are computed as in `grid_sample`. Under nearest the gradient to the grid is 0.

    Args:
        grad_output: (N, C, H', W'), of the loss to the output; float32 or float64, of any strides.
        input: (N, C, H, W), float32 or float64, of any strides; or volumes (N, C, D, H, W), as in `grid_sample`.
        grid: (N, H', W', 2), float32 or float64; for volumes (N, D', H', W', 3).
        mode: nearest, bilinear or bicubic, by ONNX's names too; no bicubic for volumes.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: as it was given to `grid_sample`.
        threads: how many share the work; the result does not depend on it. Volumes take one.

    Returns:
        The gradients to input and grid, each of its shape and dtype.

    Raises:
        ShapeError: an array has the wrong shape or dtype.  ParameterError: an unknown mode, or one without gradients.

    Source: Jaderberg et al. 2015, equations (6) and (7).
    """
    if np.ndim(input) == 5:
        return sample_volumes_backward(grad_output, input, grid, mode, padding_mode, align_corners)
    return grid_gradients(grad_output, input, grid, mode, padding_mode, align_corners, threads=threads)


def grid_gradients(
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str,
    padding_mode: str,
    align_corners: bool,
    *,
    wanted: tuple[bool, bool] = (True, True),
    threads: int = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """`grid_sample_backward` of maps (N, C, H, W) for those of the two gradients that are *wanted*; the other is 0."""
    maps = _checked_input(input)
    points = checked_grid(grid, maps)
    incoming = _checked_gradient(grad_output, maps, points.shape[1:3])
    # The kernels compute coordinates in the type of the grid: float32 only where torch does so too.
    places = np.float32 if maps.dtype == points.dtype == np.float32 else np.float64
    mapping = GradientMapping(blocks.GRID, _NOTHING, flat_copy(points, places), np.empty(points.size, places))
    to_input = differentiate(maps, incoming, mapping, (mode, padding_mode, align_corners), wanted, threads)
    return to_input, mapping.gradient.reshape(points.shape).astype(points.dtype, copy=False)


def spatial_transform_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    theta: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    threads: int = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The gradients to input and theta of `spatial_transform`, without ever storing a grid or the gradient to it.

    Coordinates are computed in float64, and the gradient to theta is summed in float64 and rounded once.

    Args:
        grad_output: (N, C, height, width), of the loss to the output; its size is the output's.
        input: (N, C, H, W), float32 or float64, of any strides.
        theta: (N, 2, 3), or (N, 3, 3) for homographies, whose last row has a gradient too.
        mode: as in `grid_sample_backward`, and so are padding_mode, align_corners and threads.
        padding_mode: as it was given to `spatial_transform`.
        align_corners: as it was given to `spatial_transform`.
        threads: how many share the work; the result does not depend on it.

    Returns:
        The gradients to input, of its shape and dtype, and to theta, of its shape, float32 for a float32 theta, else
        float64.

    Raises:
        ShapeError: an array has the wrong shape or dtype.  ThetaError: theta is not finite.
        ParameterError: an unknown mode, or one without gradients.
    """
    return theta_gradients(grad_output, input, theta, mode, padding_mode, align_corners, threads=threads)


def theta_gradients(
    grad_output: ArrayLike,
    input: ArrayLike,
    theta: ArrayLike,
    mode: str,
    padding_mode: str,
    align_corners: bool,
    *,
    wanted: tuple[bool, bool] = (True, True),
    threads: int = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """`spatial_transform_backward` for those of the two gradients that are *wanted*; the other is 0."""
    maps, given = _checked_input(input), np.asarray(theta)
    if given.ndim != 3 or given.shape[1:] not in ((2, 3), (3, 3)) or len(given) != len(maps):
        raise ShapeError(f"theta must be (N, 2, 3) or (N, 3, 3) with N = {len(maps)}, got {given.shape}")
    incoming = _checked_gradient(grad_output, maps, None)
    input_size, output_size = (maps.shape[2], maps.shape[3]), (incoming.shape[2], incoming.shape[3])
    matrices = pixel_matrices(given, input_size, output_size, align_corners)
    kind = blocks.AFFINE if given.shape[1] == 2 else blocks.PROJECTIVE
    bands = tiling(*output_size)[2]
    mapping = GradientMapping(kind, matrices.reshape(-1), _NOTHING, np.zeros(len(maps) * bands * 9))
    to_input = differentiate(maps, incoming, mapping, (mode, padding_mode, align_corners), wanted, threads)
    to_matrices = mapping.gradient.reshape(len(maps), bands, 3, 3).sum(axis=1)
    to_pixel = pixel_from_normalised(input_size, align_corners)
    to_normalised = normalised_from_pixel(output_size, align_corners)
    to_theta = to_pixel.T @ to_matrices @ to_normalised.T / _scales(given)
    kept = np.float32 if given.dtype.newbyteorder("=") == np.float32 else np.float64
    return to_input, to_theta[:, : given.shape[1]].astype(kept)


def _checked_input(input: ArrayLike) -> NDArray[np.floating]:
    maps = checked_maps(input)
    if maps.dtype.kind != "f":
        raise ShapeError(f"input must be float32 or float64 to have a gradient, got {maps.dtype}")
    return maps  # type: ignore[return-value]


def _checked_gradient(
    grad_output: ArrayLike, maps: NDArray[np.floating], size: tuple[int, ...] | None
) -> NDArray[np.floating]:
    """*grad_output* in the type of *maps*; ShapeError unless it is for an output of *size*, None for any."""
    given = checked(grad_output, "grad_output")
    expected = (*maps.shape[:2], *(given.shape[2:] if size is None else size))
    if given.ndim != 4 or given.shape != expected or given.dtype.kind != "f":
        wanted = (*maps.shape[:2], *(("H'", "W'") if size is None else size))
        found = f"shape {given.shape} of {given.dtype}"
        raise ShapeError(f"grad_output must be floats of shape ({', '.join(map(str, wanted))}), got {found}")
    return given.astype(maps.dtype, copy=False)


def _scales(thetas: NDArray[Any]) -> NDArray[np.float64]:
    """What each of *thetas* is divided by before it is used, (N, 1, 1): the last number of an affine (3, 3)."""
    scales = np.ones((len(thetas), 1, 1))
    if thetas.shape[1] == 3:
        affine = (thetas[:, 2, :2] == 0).all(axis=1)
        scales[affine, 0, 0] = thetas[affine, 2, 2]
    return scales
