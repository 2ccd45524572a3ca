"""The tensor boundary: what tensors are taken, which shapes go together, and tensors to arrays and back.

What stands here on shapes holds for tensors without memory too, as they occur while a graph is compiled.
"""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from stnwarp.errors import DtypeError, ParameterError, ShapeError

_HALVES = (torch.float16, torch.bfloat16)
_DTYPES = (torch.float32, torch.float64, *_HALVES)


def check_tensors(**tensors: torch.Tensor) -> None:
    """Refuse tensors by name: ParameterError if one is not on the CPU, DtypeError if it is not of floats."""
    for what, tensor in tensors.items():
        if tensor.device.type != "cpu":
            raise ParameterError(f"{what} must be on the CPU, got {tensor.device}; use torch.nn.functional there")
        if tensor.dtype not in _DTYPES:
            names = "float16, bfloat16, float32 or float64"
            raise DtypeError(f"{what} must be {names}, got {tensor.dtype}; convert it with .float()")


def array(tensor: torch.Tensor) -> NDArray[Any]:
    """The tensor's own memory as an array; of half-precision types a copy in float32."""
    plain = tensor.detach()
    numbers: NDArray[Any] = (plain.float() if plain.dtype in _HALVES else plain).numpy()
    return numbers


def tensor(array: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    """An array's own memory as a tensor; if it is not of *dtype*, a copy rounded to that."""
    shared = torch.from_numpy(array)
    return shared if shared.dtype == dtype else shared.to(dtype)


def laid_like(gradient: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """*gradient* with the strides that torch.empty_like gives it, which is what the graph was compiled for."""
    if gradient.stride() == given.stride():
        return gradient
    like = torch.empty_like(given)
    return gradient if like.stride() == gradient.stride() else like.copy_(gradient)


def grid_shape(theta: torch.Tensor, size: Sequence[int]) -> tuple[int, ...]:
    """The shape of the grid of *theta*; ShapeError unless *size* goes with it."""
    rank = len(size) - 2
    if rank not in (2, 3) or theta.shape != (size[0], rank, rank + 1):
        raise ShapeError(
            "theta must be (N, 2, 3) with size (N, C, H, W), or (N, 3, 4) with (N, C, D, H, W), "
            f"got {tuple(theta.shape)} with {tuple(size)}"
        )
    return (*theta.shape[:1], *_checked_sides(size[2:]), rank)


def sampled_shape(input: torch.Tensor, grid: torch.Tensor) -> tuple[int, ...]:
    """The shape of *input* read at *grid*; ShapeError unless they go together."""
    rank = input.ndim - 2
    if rank not in (2, 3):
        raise ShapeError(f"input must be (N, C, H, W) or (N, C, D, H, W), got {tuple(input.shape)}")
    _check_pixels(input)
    if grid.ndim != rank + 2 or grid.shape[-1] != rank or grid.shape[0] != input.shape[0]:
        shape = "(N, H', W', 2)" if rank == 2 else "(N, D', H', W', 3)"
        raise ShapeError(f"grid must be {shape} with N = {input.shape[0]}, got {tuple(grid.shape)}")
    return (*input.shape[:2], *grid.shape[1:-1])


def transformed_shape(input: torch.Tensor, theta: torch.Tensor, size: Sequence[int]) -> tuple[int, ...]:
    """The shape of *input* transformed to *size*; ShapeError unless it, *theta* and *size* go together."""
    if input.ndim != 4:
        raise ShapeError(f"input must be (N, C, H, W), got {tuple(input.shape)}")
    _check_pixels(input)
    if theta.ndim != 3 or theta.shape[1:] not in ((2, 3), (3, 3)) or theta.shape[0] != input.shape[0]:
        found = tuple(theta.shape)
        raise ShapeError(f"theta must be (N, 2, 3) or (N, 3, 3) with N = {input.shape[0]}, got {found}")
    if len(size) != 2:
        raise ShapeError(f"size must be (height, width), got {tuple(size)}")
    return (*input.shape[:2], *_checked_sides(size))


def _check_pixels(input: torch.Tensor) -> None:
    if 0 in input.shape[2:]:
        raise ShapeError(f"input must have pixels, got shape {tuple(input.shape)}")


def _checked_sides(sides: Sequence[int]) -> tuple[int, ...]:
    if min(sides) < 0:
        raise ShapeError(f"size must be of whole numbers of at least 0, got {tuple(sides)}")
    return tuple(sides)
