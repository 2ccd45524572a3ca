"""The spatial transformer as differentiable PyTorch functions on the CPU, by this package's kernels.

Drop-ins for torch.nn.functional.affine_grid and grid_sample, and both fused. Tensors share their memory with the
arrays that the kernels read and write: nothing is copied but what has gaps. Gradients are those of `stnwarp.gradients`
and can be taken once; a second derivative is refused by torch. float32 and float64 only: half-precision types are
refused, so that no one pays for conversions unseen.

Convention: as in torch, which is that of the whole package; `align_corners` has no warning and defaults to False.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import MissingExtraError, ParameterError, ShapeError
from stnwarp.gradients import affine_grid_backward, grid_sample_backward, spatial_transform_backward
from stnwarp.grid import affine_grid as generate
from stnwarp.sampler import grid_sample as sample
from stnwarp.warp import spatial_transform as transform

try:
    import torch
    from torch.autograd.function import once_differentiable
except ImportError:
    raise MissingExtraError("stnwarp.torch needs PyTorch; install it with: pip install 'stnwarp[train]'") from None


def affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS) -> torch.Tensor:
    """`stnwarp.affine_grid` of a tensor: computed in float64, rounded once to theta's dtype.

    Args:
        theta: (N, 2, 3), or (N, 3, 4) for volumes.
        size: (N, C, H, W), or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the corner pixels (True) or their outer edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), of theta's dtype.

    Raises:
        ShapeError: a wrong shape or dtype.  ParameterError: theta is not on the CPU.  ThetaError: it is not finite.
    """
    result: torch.Tensor = _AffineGrid.apply(theta, tuple(size), align_corners)  # type: ignore[no-untyped-call]
    return result


def grid_sample(
    input: torch.Tensor,
    grid: torch.Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> torch.Tensor:
    """`stnwarp.grid_sample` of tensors, with its modes: nearest, bilinear and bicubic have gradients.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, H', W', 2) or (N, D', H', W', 3).
        mode: see `stnwarp.grid_sample`.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: whether -1 and 1 are the centres of the corner pixels (True) or their outer edges.

    Returns:
        (N, C, H', W') or (N, C, D', H', W'), of input's dtype.

    Raises:
        ShapeError: a wrong shape or dtype.  ParameterError: an unknown mode, or a tensor that is not on the CPU.
    """
    result: torch.Tensor = _GridSample.apply(input, grid, mode, padding_mode, align_corners)  # type: ignore[no-untyped-call]
    return result


def spatial_transform(
    input: torch.Tensor,
    theta: torch.Tensor,
    size: Sequence[int] | None = None,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> torch.Tensor:
    """`grid_sample(input, affine_grid(theta, size))` without the grid in memory, forward or backward.

    Args:
        input: (N, C, H, W).
        theta: (N, 2, 3), or (N, 3, 3) for homographies.
        size: (height, width) of the output; by default the input's.
        mode: as in `grid_sample`, and so are padding_mode and align_corners.
        padding_mode: as in `grid_sample`.
        align_corners: as in `grid_sample`.

    Returns:
        (N, C, height, width) of input's dtype.

    Raises:
        ShapeError: a wrong shape or dtype.  ThetaError: theta is not finite.
        ParameterError: an unknown mode, or a tensor that is not on the CPU.
    """
    output_size = None if size is None else tuple(size)
    result: torch.Tensor = _SpatialTransform.apply(input, theta, output_size, mode, padding_mode, align_corners)  # type: ignore[no-untyped-call]
    return result


class _AffineGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, theta: torch.Tensor, size: tuple[int, ...], align_corners: bool) -> torch.Tensor:
        ctx.options = size, align_corners
        return torch.from_numpy(generate(_array(theta, "theta"), size, align_corners))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_grid: torch.Tensor) -> tuple[Any, ...]:
        return torch.from_numpy(affine_grid_backward(_array(grad_grid, "grad_grid"), *ctx.options)), None, None


class _GridSample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, grid: torch.Tensor, *options: Any) -> torch.Tensor:
        ctx.save_for_backward(input, grid)
        ctx.options = options
        return torch.from_numpy(sample(_array(input, "input"), _array(grid, "grid"), *options))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[Any, ...]:
        incoming, input, grid = (_array(tensor, "grad_output") for tensor in (grad_output, *ctx.saved_tensors))
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1])
        found = grid_sample_backward(incoming, input, grid, *ctx.options, output_mask=wanted)
        return *_tensors(found, ctx.needs_input_grad), None, None, None


class _SpatialTransform(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, theta: torch.Tensor, size: tuple[int, int] | None, *options: Any
    ) -> torch.Tensor:
        ctx.save_for_backward(input, theta)
        ctx.options = options
        return torch.from_numpy(transform(_array(input, "input"), _array(theta, "theta"), size, *options))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[Any, ...]:
        incoming, input, theta = (_array(tensor, "grad_output") for tensor in (grad_output, *ctx.saved_tensors))
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1])
        found = spatial_transform_backward(incoming, input, theta, *ctx.options, output_mask=wanted)
        return *_tensors(found, ctx.needs_input_grad), None, None, None, None


def _array(tensor: torch.Tensor, what: str) -> NDArray[Any]:
    """The tensor's own memory as an array."""
    if tensor.device.type != "cpu":
        raise ParameterError(f"{what} must be on the CPU, got {tensor.device}; use torch.nn.functional there")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise ShapeError(f"{what} must be float32 or float64, got {tensor.dtype}; convert it with .float()")
    array: NDArray[Any] = tensor.detach().numpy()
    return array


def _tensors(gradients: tuple[NDArray[Any] | None, ...], needed: Sequence[bool]) -> list[torch.Tensor | None]:
    return [torch.from_numpy(np.asarray(each)) if need else None for each, need in zip(gradients, needed, strict=False)]
