"""What the public functions become while a graph is exported: torch's own, so that the file needs nothing of ours."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from stnwarp.errors import ParameterError

_MODES = {"nearest": "nearest", "bilinear": "bilinear", "linear": "bilinear", "bicubic": "bicubic", "cubic": "bicubic"}
_PADDING_MODES = ("zeros", "border", "reflection")
_OUTSIDE = -1e4  # normalised: outside of every image, and no pixel index that an int32 cannot hold

if hasattr(torch.compiler, "is_exporting"):
    _graph_is_exported = torch.compiler.is_exporting
else:  # before torch 2.7, which knows it of strict=False only

    def _graph_is_exported() -> bool:
        return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


def is_exporting() -> bool:
    """Whether torch.export or either exporter of torch.onnx is taking down what is called."""
    return _graph_is_exported() or torch.onnx.is_in_onnx_export()


def affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    """torch's own, computed in float32 or float64."""
    sides = [size[0], 1, *size[2:]]  # torch looks for the least of them, so that C would limit a batch of any size
    return functional.affine_grid(theta.to(_computed_in(theta)), sides, align_corners=align_corners).to(theta.dtype)


def grid_sample(
    input: torch.Tensor, grid: torch.Tensor, mode: str, padding_mode: str, align_corners: bool, antialias: bool
) -> torch.Tensor:
    """torch's own, computed in float32 or float64; ParameterError if torch has not the mode, or is to antialias."""
    if mode not in _MODES:
        _refuse("mode", mode, tuple(_MODES))
    if padding_mode not in _PADDING_MODES:
        _refuse("padding_mode", padding_mode, _PADDING_MODES)
    if antialias:
        raise ParameterError("antialias must be False while a model is exported: neither torch nor ONNX can do it")
    dtype = _computed_in(input, grid)
    output = functional.grid_sample(input.to(dtype), grid.to(dtype), _MODES[mode], padding_mode, align_corners)
    return output.to(input.dtype)


def spatial_transform(
    input: torch.Tensor,
    theta: torch.Tensor,
    size: Sequence[int],
    mode: str,
    padding_mode: str,
    align_corners: bool,
    antialias: bool,
) -> torch.Tensor:
    """torch's own generator and sampler; for homographies the grid is made of torch's parts."""
    computed = theta.to(_computed_in(input, theta))
    if theta.shape[1] == 2:
        grid = affine_grid(computed, (*input.shape[:2], *size), align_corners)
    else:
        grid = _finite(_projective_grid(computed, size, align_corners), input.shape[2:], padding_mode, align_corners)
    return grid_sample(input, grid, mode, padding_mode, align_corners, antialias)


def _projective_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    """The grid (N, H, W, 2) of homographies (N, 3, 3); on the horizon it is not finite."""
    identity = torch.eye(2, 3, dtype=theta.dtype, device=theta.device)
    x, y = functional.affine_grid(identity[None], [1, 1, *size], align_corners=align_corners).unbind(-1)  # (1, H, W)
    entries = theta[:, :, :, None, None]
    column, row, depth = (entries[:, i, 0] * x + entries[:, i, 1] * y + entries[:, i, 2] for i in range(3))
    return torch.stack((column / depth, row / depth), dim=-1)


def _finite(grid: torch.Tensor, size: Sequence[int], padding_mode: str, align_corners: bool) -> torch.Tensor:
    """*grid* with what is not finite where this package reads it in an input of *size*, which torch does not always."""
    limit = torch.finfo(grid.dtype).max
    if padding_mode == "zeros":
        return torch.where(grid.abs() <= limit, grid, _OUTSIDE)
    coordinates = []
    for coordinate, side in zip(grid.unbind(-1), (size[1], size[0]), strict=True):
        first = -1.0 if align_corners else 1 / side - 1  # the centre of pixel 0
        last = -first if padding_mode == "border" else first
        beyond = torch.where(coordinate > limit, last, first)
        coordinates.append(torch.where(coordinate.abs() <= limit, coordinate, beyond))
    return torch.stack(coordinates, dim=-1)


def _computed_in(*tensors: torch.Tensor) -> torch.dtype:
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def _refuse(what: str, name: str, known: Sequence[str]) -> None:
    raise ParameterError(f"{what} must be one of {', '.join(known)} while a model is exported, got {name!r}")
