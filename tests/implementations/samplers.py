"""`grid_sample` by everybody who has it, the oracle included, with one signature."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper

from tests import oracle

Array = NDArray[np.generic]
GridSample = Callable[[Array, Array, str, str, bool], Array]


def with_torch(input: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool) -> Array:
    return torch.nn.functional.grid_sample(
        torch.from_numpy(input),
        torch.from_numpy(grid),
        mode=mode,
        padding_mode=padding_mode,
        align_corners=align_corners,
    ).numpy()


def with_onnxruntime(input: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool) -> Array:
    """ONNX GridSample-20; its element type is the input's, float32 or float64."""
    kind = helper.np_dtype_to_tensor_dtype(input.dtype)
    node = helper.make_node(
        "GridSample",
        ["input", "grid"],
        ["output"],
        mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode),
        padding_mode=padding_mode,
        align_corners=int(align_corners),
    )
    rank = input.ndim
    values = [helper.make_tensor_value_info(name, kind, [None] * rank) for name in ("input", "grid", "output")]
    return onnx_session([node], values[:2], values[2:]).run(None, {"input": input, "grid": grid})[0]


def onnx_session(nodes: list, inputs: list, outputs: list) -> onnxruntime.InferenceSession:
    """A model of *nodes*, ready to run on one thread."""
    graph = helper.make_graph(nodes, "sample", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def with_oracle(input: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool) -> Array:
    """In float64 whatever the input's type; not rounded."""
    images = [
        oracle.grid_sample(np.moveaxis(image, 0, -1), points, mode, padding_mode, align_corners)
        for image, points in zip(input, grid, strict=True)
    ]
    return np.moveaxis(np.stack(images), -1, 1)
