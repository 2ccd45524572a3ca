"""The rules of torch.func.vmap: the dimension that is mapped over becomes part of the batch, and one call does it all.

Each takes what is called, of an operator's signature, and then what a rule of torch's takes: `info`, the dimension of
each argument that is mapped over (None if it is not), and the arguments. It returns the output and its dimension.
"""

from collections.abc import Callable
from typing import Any

import torch

Dims = tuple[Any, ...]


def map_generator(
    function: Callable[..., Any], info: Any, in_dims: Dims, given: torch.Tensor, size: Any, align_corners: bool
) -> tuple[torch.Tensor, int]:
    """The rule of affine_grid, (N, 2, 3) -> (N, H, W, 2), and of its gradient; volumes alike."""
    count = info.batch_size
    found = function(_fold(given, in_dims[0], count), (count * size[0], *size[1:]), align_corners)
    return _unfold(found, count), 0


def map_sampler(
    function: Callable[..., Any], info: Any, in_dims: Dims, input: torch.Tensor, places: torch.Tensor, *options: Any
) -> tuple[torch.Tensor, int]:
    """The rule of an input (N, C, H, W) that is read where *places*, a grid or a theta, says."""
    count = info.batch_size
    found = function(_fold(input, in_dims[0], count), _fold(places, in_dims[1], count), *options)
    return _unfold(found, count), 0


def map_gradients(
    function: Callable[..., Any], info: Any, in_dims: Dims, *given: Any
) -> tuple[tuple[torch.Tensor, ...], tuple[int | None, ...]]:
    """The rule of the gradients to input and places from those to the output; the last argument is their mask."""
    count, mask = info.batch_size, given[-1]
    tensors = [_fold(tensor, dim, count) for tensor, dim in zip(given[:3], in_dims, strict=False)]
    found = function(*tensors, *given[3:])
    mapped = tuple(_unfold(each, count) if asked else each for each, asked in zip(found, mask, strict=True))
    return mapped, tuple(0 if asked else None for asked in mask)


def _fold(tensor: torch.Tensor, dim: int | None, count: int) -> torch.Tensor:
    """(count * N, ...) of a tensor with *count* in dimension *dim*; of one that is not mapped over as many copies."""
    first = tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
    return first.flatten(0, 1)


def _unfold(tensor: torch.Tensor, count: int) -> torch.Tensor:
    return tensor.reshape(count, tensor.shape[0] // count, *tensor.shape[1:])
