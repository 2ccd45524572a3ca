"""Sampling float32 feature maps: ours, PyTorch's and ONNX Runtime's."""

from functools import partial
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper

import stnwarp
from tests.implementations.samplers import onnx_session
from tests.implementations.scenes import Tensors
from tests.implementations.work import Call


def ours_fused(given: Tensors) -> Call:
    """theta -> output, never storing the grid."""
    return partial(stnwarp.spatial_transform, given.maps, given.thetas, given.size)


def ours_sampled(mode: str, given: Tensors) -> Call:
    return partial(stnwarp.grid_sample, given.maps, given.grid, mode)


def ours_both_ways(given: Tensors) -> Call:
    """Forward, then the gradients to the input and to the grid."""

    def call() -> tuple[Any, ...]:
        output = stnwarp.grid_sample(given.maps, given.grid)
        back = stnwarp.grid_sample_backward(given.grad_output, given.maps, given.grid, "bilinear", "zeros", False)
        return output, *back

    return call


def torch_fused(given: Tensors) -> Call:
    maps, thetas = torch.from_numpy(given.maps), torch.from_numpy(given.thetas)

    def call() -> torch.Tensor:
        grid = torch.nn.functional.affine_grid(thetas, given.output_shape, align_corners=False)
        return torch.nn.functional.grid_sample(maps, grid, align_corners=False)

    return call


def torch_sampled(mode: str, given: Tensors) -> Call:
    maps, grid = torch.from_numpy(given.maps), torch.from_numpy(given.grid)
    return partial(torch.nn.functional.grid_sample, maps, grid, mode, align_corners=False)


def torch_both_ways(given: Tensors) -> Call:
    maps = torch.from_numpy(given.maps).requires_grad_()
    grid = torch.from_numpy(given.grid).requires_grad_()
    grad_output = torch.from_numpy(given.grad_output)

    def call() -> tuple[torch.Tensor, ...]:
        output = torch.nn.functional.grid_sample(maps, grid, align_corners=False)
        return output, *torch.autograd.grad(output, (maps, grid), grad_output)

    return call


def onnxruntime_fused(given: Tensors) -> Call:
    """AffineGrid and GridSample in one model."""
    nodes = [
        helper.make_node("AffineGrid", ["theta", "size"], ["grid"], align_corners=0),
        _grid_sample_node("linear"),
    ]
    inputs = [
        *_values("maps", "theta", ranks=(4, 3)),
        helper.make_tensor_value_info("size", TensorProto.INT64, [4]),
    ]
    session = onnx_session(nodes, inputs, _values("output"))
    size = np.array(given.output_shape, np.int64)
    return partial(session.run, None, {"maps": given.maps, "theta": given.thetas, "size": size})


def onnxruntime_sampled(mode: str, given: Tensors) -> Call:
    session = onnx_session([_grid_sample_node(mode)], _values("maps", "grid"), _values("output"))
    return partial(session.run, None, {"maps": given.maps, "grid": given.grid})


def _grid_sample_node(mode: str) -> Any:
    return helper.make_node("GridSample", ["maps", "grid"], ["output"], mode=mode, align_corners=0)


def _values(*names: str, ranks: tuple[int, ...] = ()) -> list[Any]:
    sizes = ranks or (4,) * len(names)
    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
        for name, rank in zip(names, sizes, strict=True)
    ]
