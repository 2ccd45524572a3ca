"""The operators that torch sees: a kernel of this package, the shape of what it returns, and the rule of vmap.

The backward ones compute, as torch's own do, the gradients that their mask asks for; the others are empty, (0,). The
derivatives are in `stnwarp.torch.functions`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from stnwarp import conventions
from stnwarp.sampling import gradients
from stnwarp.sampling.arrays import check_not_antialiased, check_not_fill
from stnwarp.sampling.fused import spatial_transform as transform
from stnwarp.sampling.grid_generator import affine_grid_over
from stnwarp.sampling.sampler import grid_sample as sample
from stnwarp.torch.batches import map_generator, map_gradients, map_sampler
from stnwarp.torch.library import define
from stnwarp.torch.tensors import array, grid_shape, laid_like, sampled_shape, tensor, transformed_shape

Mask: TypeAlias = Sequence[bool]  # of the two gradients, those that are asked for
Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]

_MODES = "str mode, str padding_mode, bool align_corners, bool antialias"


def _affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    shape = grid_shape(theta, size)
    if 0 in shape:
        return theta.new_empty(shape)
    dtype = torch.float64 if theta.dtype == torch.float64 else torch.float32

    def axis(side: int) -> NDArray[np.float64]:
        return _axis(side, align_corners, dtype)

    return tensor(affine_grid_over(array(theta), tuple(size), axis), theta.dtype)


@lru_cache(maxsize=16)
def _axis(side: int, align_corners: bool, dtype: torch.dtype) -> NDArray[np.float64]:
    """`regular_axis`, rounded as torch's affine_grid rounds it in *dtype*."""
    if side == 1:
        return np.zeros(1)
    points = torch.linspace(-1, 1, side, dtype=dtype, device="cpu")
    if not align_corners:
        points = points * (side - 1) / side
    return points.double().numpy()


def _affine_grid_backward(grad_grid: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    rank = len(size) - 2
    if grad_grid.numel() == 0:
        return grad_grid.new_zeros(grad_grid.shape[0], rank, rank + 1)
    to_theta = gradients.affine_grid_backward(array(grad_grid), tuple(size), align_corners)
    return tensor(to_theta, grad_grid.dtype)


def _grid_sample(
    input: torch.Tensor, grid: torch.Tensor, mode: str, padding_mode: str, align_corners: bool, antialias: bool
) -> torch.Tensor:
    if input.numel() == 0 or grid.numel() == 0:
        return _shape_of_grid_sample(input, grid, mode, padding_mode, align_corners, antialias)
    return tensor(sample(array(input), array(grid), mode, padding_mode, align_corners, antialias), input.dtype)


def _spatial_transform(
    input: torch.Tensor,
    theta: torch.Tensor,
    size: Sequence[int],
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
) -> torch.Tensor:
    if input.numel() == 0 or 0 in size or len(size) != 2:
        return _shape_of_spatial_transform(input, theta, size, mode, padding_mode, align_corners, antialias)
    height, width = size
    options = mode, padding_mode, align_corners, antialias
    return tensor(transform(array(input), array(theta), (height, width), *options), input.dtype)


def _grid_sample_backward(
    grad_output: torch.Tensor,
    input: torch.Tensor,
    grid: torch.Tensor,
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
    output_mask: Mask,
) -> Pair:
    if grad_output.numel() == 0:
        return _zeros((input, grid), output_mask)
    arrays, wanted = (array(grad_output), array(input), array(grid)), (output_mask[0], output_mask[1])
    found = gradients.grid_sample_backward(
        *arrays, mode, padding_mode, align_corners, output_mask=wanted, antialias=antialias
    )
    return _both(found, (input, grid))


def _spatial_transform_backward(
    grad_output: torch.Tensor,
    input: torch.Tensor,
    theta: torch.Tensor,
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
    output_mask: Mask,
) -> Pair:
    if grad_output.numel() == 0:
        return _zeros((input, theta), output_mask)
    arrays, wanted = (array(grad_output), array(input), array(theta)), (output_mask[0], output_mask[1])
    found = gradients.spatial_transform_backward(
        *arrays, mode, padding_mode, align_corners, output_mask=wanted, antialias=antialias
    )
    return _both(found, (input, theta))


def _zeros(given: Pair, mask: Mask) -> Pair:
    """The gradients of an output of no pixels."""
    return _apply_mask([torch.zeros_like(each) for each in given], mask)


def _both(found: gradients.Gradients, given: Pair) -> Pair:
    """Of the gradients *found* each as a tensor of the dtype of what it is to, laid like it; None as an empty one."""
    first, second = (
        to.new_empty(0) if one is None else laid_like(tensor(one, to.dtype), to)
        for one, to in zip(found, given, strict=True)
    )
    return first, second


def _apply_mask(found: Sequence[torch.Tensor], mask: Mask) -> Pair:
    first, second = (each if asked else each.new_empty(0) for each, asked in zip(found, mask, strict=True))
    return first, second


def _check_modes(mode: str, padding_mode: str) -> None:
    """ParameterError for names that no output is there to fail for."""
    conventions.interpolation(mode)
    check_not_fill(padding_mode)


def _shape_of_affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    return theta.new_empty(grid_shape(theta, size))


def _shape_of_theta(grad_grid: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    rank = len(size) - 2
    return grad_grid.new_empty(grad_grid.shape[0], rank, rank + 1)


def _shape_of_grid_sample(
    input: torch.Tensor, grid: torch.Tensor, mode: str, padding_mode: str, align_corners: bool, antialias: bool
) -> torch.Tensor:
    _check_modes(mode, padding_mode)
    if input.ndim == 5:
        check_not_antialiased(antialias)
    return input.new_empty(sampled_shape(input, grid))


def _shape_of_spatial_transform(
    input: torch.Tensor,
    theta: torch.Tensor,
    size: Sequence[int],
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
) -> torch.Tensor:
    _check_modes(mode, padding_mode)
    return input.new_empty(transformed_shape(input, theta, size))


def _shapes_of_gradients(
    grad_output: torch.Tensor,
    input: torch.Tensor,
    places: torch.Tensor,
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
    output_mask: Mask,
) -> Pair:
    return _apply_mask([torch.empty_like(each) for each in (input, places)], output_mask)


_BOTH = f"Tensor grad_output, Tensor input, Tensor {{}}, {_MODES}, bool[2] output_mask"

affine_grid = define(
    "affine_grid",
    "Tensor theta, SymInt[] size, bool align_corners",
    "Tensor",
    _affine_grid,
    _shape_of_affine_grid,
    map_generator,
)
affine_grid_backward = define(
    "affine_grid_backward",
    "Tensor grad_grid, SymInt[] size, bool align_corners",
    "Tensor",
    _affine_grid_backward,
    _shape_of_theta,
    map_generator,
)
grid_sample = define(
    "grid_sample",
    f"Tensor input, Tensor grid, {_MODES}",
    "Tensor",
    _grid_sample,
    _shape_of_grid_sample,
    map_sampler,
)
grid_sample_backward = define(
    "grid_sample_backward",
    _BOTH.format("grid"),
    "(Tensor, Tensor)",
    _grid_sample_backward,
    _shapes_of_gradients,
    map_gradients,
)
spatial_transform = define(
    "spatial_transform",
    f"Tensor input, Tensor theta, SymInt[] size, {_MODES}",
    "Tensor",
    _spatial_transform,
    _shape_of_spatial_transform,
    map_sampler,
)
spatial_transform_backward = define(
    "spatial_transform_backward",
    _BOTH.format("theta"),
    "(Tensor, Tensor)",
    _spatial_transform_backward,
    _shapes_of_gradients,
    map_gradients,
)
