"""Sampling in three dimensions: volumes (N, C, D, H, W) read at grids (N, D', H', W', 3), and the gradients of that.

Convention: as in two dimensions, with a third axis: a grid holds normalised input coordinates (x, y, z), x to the
right, y down, z from the first slice to the last. `grid_sample` comes here for what has five dimensions.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.arrays import PADDING_CODES, checked, checked_grid, flat_as_it_lies, flat_copy, weight_type
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.kernels.blocks import BLOCK
from stnwarp.kernels.native import Native
from stnwarp.kernels.volume_blocks import VolumeCall, VolumeSpace, volume_space

_SAMPLERS = {
    Interpolation.NEAREST: Native("volumes", "nearest_voxel_blocks"),
    Interpolation.BILINEAR: Native("volumes", "trilinear_blocks"),
}
_INPUT_GRADIENTS = {
    Interpolation.NEAREST: Native("volume_gradients", "nearest_input_planes"),
    Interpolation.BILINEAR: Native("volume_gradients", "trilinear_input_planes"),
}
_FLOAT32_VOXELS = 2**24  # along an axis; float32 does not tell the voxels of longer ones apart, nor where they end
_GRID_GRADIENT = Native("volume_gradients", "trilinear_grid_blocks")


def sample_volumes(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> NDArray[Any]:
    """Read *input* at every point of *grid*; the 5-D half of `stnwarp.grid_sample`.

    Integer inputs are computed in floating point and rounded once, half to even. A float32 input read at a float32
    grid uses torch's float32 arithmetic for the coordinates, all other combinations float64. What is not a number
    reads 0 under zeros, and under border and reflection, as in torch, the last voxel of its axis.

    Args:
        input: (N, C, D, H, W), uint8, uint16, float32 or float64, of any strides.
        grid: (N, D', H', W', 3), float32 or float64, last axis (x, y, z), normalised.
        mode: nearest (halves to even) or bilinear, which in three dimensions is trilinear; ONNX calls it linear.
        padding_mode: zeros, border, reflection, or wrap (a period of as many voxels as the axis has).
        align_corners: whether -1 and 1 are the centres of the corner voxels (True) or their outer edges (False).

    Returns:
        (N, C, D', H', W') of the input's dtype.

    Raises:
        ShapeError: input or grid has the wrong shape or dtype.
        ParameterError: an unknown mode, or one that is for images only.

    Source: Jaderberg et al. 2015, equations (3) to (5), with a third axis; torch's grid_sample; ONNX GridSample-22.
    """
    volumes, points = _checked(input, grid)
    interpolation = _interpolation(mode)
    flat, strides = flat_as_it_lies(volumes)
    call = _call(volumes, points, padding_mode, align_corners, strides)
    output = np.empty((*volumes.shape[:2], *points.shape[1:4]), volumes.dtype)
    space = _space(volumes, points)
    _SAMPLERS[interpolation](flat, output.reshape(-1), call, flat_copy(points), *space, 0, _blocks(volumes, call))
    return output


def sample_volumes_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The gradients of a loss to what `sample_volumes` was given; the 5-D half of `stnwarp.grid_sample_backward`.

    Where the slope jumps (at the centres of voxels, at the rim, where a reflection turns) it is the one torch takes.
    Under nearest the gradient to the grid is 0.

    Args:
        grad_output: (N, C, D', H', W'), of the loss to the output.
        input: (N, C, D, H, W), float32 or float64.
        grid: (N, D', H', W', 3), float32 or float64.
        mode: as in `sample_volumes`, and so are padding_mode and align_corners.
        padding_mode: as given forward.
        align_corners: as given forward.

    Returns:
        The gradients to input and to grid, of their shapes and dtypes.

    Raises:
        ShapeError: an array has the wrong shape or dtype.
        ParameterError: an unknown mode, or one that is for images only.
    """
    volumes, points = _checked(input, grid)
    if volumes.dtype.kind != "f":
        raise ShapeError(f"input must be float32 or float64 to have gradients, got {volumes.dtype}")
    interpolation = _interpolation(mode)
    incoming = _checked_gradient(grad_output, (*volumes.shape[:2], *points.shape[1:4]), volumes.dtype)
    flat, strides = flat_as_it_lies(volumes)
    call = _call(volumes, points, padding_mode, align_corners, strides)
    space = _space(volumes, points)
    to_grid = np.zeros(points.shape, points.dtype)
    if interpolation == Interpolation.BILINEAR:
        blocks = _blocks(volumes, call)
        _GRID_GRADIENT(flat, incoming, to_grid.reshape(-1), call, flat_copy(points), *space, 0, blocks)
    to_input = np.zeros(volumes.shape, volumes.dtype)
    to_flat, to_strides = flat_as_it_lies(to_input)
    call = _call(volumes, points, padding_mode, align_corners, to_strides)
    planes = volumes.shape[0] * volumes.shape[1]
    _INPUT_GRADIENTS[interpolation](to_flat, incoming, call, flat_copy(points), *space, 0, planes)
    return to_input, to_grid


def _checked(input: ArrayLike, grid: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    volumes = checked(input, "input")
    if volumes.ndim != 5:
        raise ShapeError(f"input must be (N, C, D, H, W), got {volumes.shape}")
    return volumes, checked_grid(grid, volumes)


def _checked_gradient(gradient: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """*gradient* flat and of *dtype*; ShapeError unless it has the output's *shape*."""
    given = checked(gradient, "grad_output")
    if given.shape != shape or given.dtype.kind != "f":
        raise ShapeError(f"grad_output must be floats of shape {shape}, got shape {given.shape} of {given.dtype}")
    return flat_copy(given.astype(dtype, copy=False))


def _interpolation(mode: str) -> Interpolation:
    interpolation = conventions.interpolation(mode)
    if interpolation not in _SAMPLERS:
        raise ParameterError(f"{interpolation} is for images (N, C, H, W) only; volumes take {', '.join(_SAMPLERS)}")
    return interpolation


def _call(
    volumes: NDArray[np.generic],
    points: NDArray[np.generic],
    padding_mode: str,
    align_corners: bool,
    strides: tuple[int, ...],
) -> VolumeCall:
    padding = PADDING_CODES[conventions.padding_mode(padding_mode)]
    numbers = (padding, int(bool(align_corners)), *volumes.shape[1:], points[0].size // 3, *strides)
    return VolumeCall._make(numbers)


def _blocks(volumes: NDArray[np.generic], call: VolumeCall) -> int:
    return len(volumes) * -(-call.points // BLOCK)


def _space(volumes: NDArray[np.generic], points: NDArray[np.generic]) -> VolumeSpace:
    single = volumes.dtype == points.dtype == np.float32 and max(volumes.shape[2:]) <= _FLOAT32_VOXELS
    return volume_space(np.float32 if single else np.float64, weight_type(volumes.dtype), volumes.dtype)
