"""Sampling in three dimensions: volumes (N, C, D, H, W) read at grids (N, D', H', W', 3), and the gradients of that.

Convention: as in two dimensions, with a third axis: a grid holds normalised input coordinates (x, y, z), x to the
right, y down, z from the first slice to the last. `grid_sample` comes here for what has five dimensions.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.array_like import native_dtype
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.errors import ParameterError
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.kernels.layout import BLOCK, GRID_FLOAT32, WRAP
from stnwarp.kernels.volumes.layout import VolumeCall, VolumeWorkspace, make_volume_workspace
from stnwarp.sampling.arrays import (
    check_mask,
    compute_type,
    floats_of,
    gradient_of,
    grid_kind,
    grid_of,
    maps_of,
    round_to,
    weight_type,
)
from stnwarp.sampling.mapping import Mapping, grid_mapping, resolve_maps
from stnwarp.sampling.views import View, flat_copy, view_or_copy

_SAMPLERS = {
    Interpolation.NEAREST: CompiledKernel("volumes.forward", "nearest_voxel_blocks"),
    Interpolation.BILINEAR: CompiledKernel("volumes.forward", "trilinear_blocks"),
}
_INPUT_GRADIENTS = {
    Interpolation.NEAREST: CompiledKernel("volumes.backward", "nearest_input_planes"),
    Interpolation.BILINEAR: CompiledKernel("volumes.backward", "trilinear_input_planes"),
}
_GRID_GRADIENT = CompiledKernel("volumes.backward", "trilinear_grid_blocks")


def sample_volumes(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> NDArray[Any]:
    """Read `input` at every point of `grid`; the 5-D half of `stnwarp.grid_sample`.

    Integer inputs are computed in floating point and rounded once, half to even; float16 in float32. A float32 or
    float16 input read at a float32 or float16 grid uses torch's float32 arithmetic for the coordinates, all other
    combinations float64. What is not a number reads 0 under zeros, voxel 0 of its axis under wrap, and the last voxel
    under border and reflection, as in torch.

    Args:
        input: (N, C, D, H, W), of the dtypes of `stnwarp.grid_sample`. N and C may be 0.
        grid: (N, D', H', W', 3), float16, float32 or float64, last axis (x, y, z), normalised.
        mode: nearest (halves to even) or bilinear, which in three dimensions is trilinear; ONNX calls it linear.
        padding_mode: zeros, border, reflection, or wrap (a period of as many voxels as the axis has).
        align_corners: whether -1 and 1 are the centres of the corner voxels (True) or their outer edges (False).

    Returns:
        (N, C, D', H', W') of the input's dtype.

    Raises:
        ShapeError: input or grid has the wrong shape.  DtypeError: one has a dtype that it cannot have.
        ParameterError: an unknown mode, or one that is for images only.

    Source: Jaderberg et al. 2015, equations (3) to (5), with a third axis; torch's grid_sample; ONNX GridSample-22.
    """
    interpolation = _interpolation(mode)
    volumes = maps_of(input, interpolation, 3)
    mapping, size = _mapping(volumes, grid, padding_mode, align_corners)
    dtype = native_dtype(volumes.dtype)
    copies = interpolation == Interpolation.NEAREST
    output = np.empty((*volumes.shape[:2], *size), dtype if copies else compute_type(dtype))
    if output.size:
        view = resolve_maps(volumes, mapping, size, output.dtype)
        element = np.dtype(f"u{output.itemsize}") if copies else output.dtype
        source, target = view.flat.view(element), output.reshape(-1).view(element)
        call = _call(volumes.shape, mapping, size, view)
        space = _space(mapping, np.dtype(np.float32) if copies else dtype, element)
        _SAMPLERS[interpolation](source, target, call, mapping.grid, *space, 0, _blocks(volumes.shape, call))
    return round_to(output, dtype)


def sample_volumes_backward(
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    output_mask: tuple[bool, bool] = (True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Compute the gradients of a loss to the arguments of `sample_volumes`; the 5-D half of `grid_sample_backward`.

    Where the slope jumps (at the centres of voxels, at the edge, where a reflection turns) it is the one torch takes.
    Under nearest the gradient to the grid is 0.

    Args:
        grad_output: (N, C, D', H', W'), of the loss to the output.
        input: (N, C, D, H, W), float16, float32 or float64.
        grid: (N, D', H', W', 3), float16, float32 or float64.
        mode: as in `sample_volumes`, and so are padding_mode and align_corners.
        padding_mode: as given forward.
        align_corners: as given forward.
        output_mask: which of the two gradients are wanted; the other is neither computed nor allocated.

    Returns:
        The gradients to input and to grid, of their shapes and dtypes; None for one that is not wanted.

    Raises:
        ShapeError: an array has the wrong shape.  DtypeError: one is not of floats.
        ParameterError: an unknown mode, or one that is for images only.
    """
    interpolation, output_mask = _interpolation(mode), check_mask(output_mask)
    volumes = maps_of(floats_of(input, "input"), interpolation, 3)
    mapping, size = _mapping(volumes, grid, padding_mode, align_corners)
    memory = compute_type(volumes.dtype)
    incoming = flat_copy(gradient_of(grad_output, (*volumes.shape[:2], *size), memory))
    to_input = np.zeros(volumes.shape, memory) if output_mask[0] else None
    points = (len(volumes), *size, 3)
    to_grid = np.zeros(points, mapping.grid.dtype) if output_mask[1] else None
    if incoming.size:
        space = _space(mapping, memory, memory)
        if to_grid is not None and interpolation == Interpolation.BILINEAR:
            view = resolve_maps(volumes, mapping, size, memory)
            call = _call(volumes.shape, mapping, size, view)
            arrays = (view.flat, incoming, to_grid.reshape(-1), call, mapping.grid, *space)
            _GRID_GRADIENT(*arrays, 0, _blocks(volumes.shape, call))
        if to_input is not None:
            call = _call(volumes.shape, mapping, size, view_or_copy(to_input))
            planes = volumes.shape[0] * volumes.shape[1]
            _INPUT_GRADIENTS[interpolation](to_input.reshape(-1), incoming, call, mapping.grid, *space, 0, planes)
    return (
        None if to_input is None else round_to(to_input, volumes.dtype),
        None if to_grid is None else round_to(to_grid, floats_of(grid, "grid").dtype),
    )


def _interpolation(mode: str) -> Interpolation:
    interpolation = conventions.interpolation(mode)
    if interpolation not in _SAMPLERS:
        raise ParameterError(f"{interpolation} is for images (N, C, H, W) only; volumes take {', '.join(_SAMPLERS)}")
    return interpolation


def _mapping(
    volumes: NDArray[np.generic], grid: ArrayLike, padding_mode: str, align_corners: bool
) -> tuple[Mapping, tuple[int, ...]]:
    """Return the mapping by `grid`, and the size of its output."""
    points = grid_of(grid, volumes)
    return grid_mapping(points, padding_mode, align_corners, grid_kind(volumes, points)), points.shape[1:4]


def _call(shape: tuple[int, ...], mapping: Mapping, size: tuple[int, ...], view: View) -> VolumeCall:
    numbers = (mapping.kind, mapping.padding, int(bool(mapping.align_corners)), *shape[1:], math.prod(size))
    return VolumeCall._make((*numbers, *view.strides, view.origin, mapping.grid_stride))


def _blocks(shape: tuple[int, ...], call: VolumeCall) -> int:
    return shape[0] * -(-call.points // BLOCK)


def _space(mapping: Mapping, dtype: np.dtype[np.generic], voxels: np.dtype[np.generic]) -> VolumeWorkspace:
    """Make a work space whose weights are those for images of `dtype`; where there are none, one type is enough."""
    # What is wrapped around is a float32 coordinate plus the size, which float32 need not hold.
    single = mapping.kind == GRID_FLOAT32 and mapping.padding != WRAP
    return make_volume_workspace(np.float32 if single else np.float64, weight_type(dtype), voxels)
