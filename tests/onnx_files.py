"""Tiny localisation networks as ONNX models: constant numbers, or numbers that follow the mean of the picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from stnwarp.conventions import ParameterFamily
from stnwarp.localisation import METADATA_KEY, Metadata

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
TURN = ((0.8, -0.3, 0.1), (0.3, 0.8, 0.0))
NCHW = ("N", 1, 28, 28)

OPSET = 17
_VERSION = 8  # of the format, for which no onnxruntime is too old


def network(
    numbers: ArrayLike = TURN,
    *,
    gain: ArrayLike = 0.0,
    input: Sequence[Any] = NCHW,
    output: Sequence[Any] | None = None,
    dtype: int = TensorProto.FLOAT,
    nan_if_black: bool = False,
    metadata: Metadata | str | None = None,
) -> onnx.ModelProto:
    """A network that gives *numbers* + *gain* x (mean of the picture as it sees it), of the shape of *numbers*.

    *output* is the shape that the file declares, batch axis included, by default the true one.
    """
    constant = np.asarray(numbers, np.float32)
    shape = np.array([-1, *[1] * constant.ndim])
    initializers = [
        numpy_helper.from_array(constant[np.newaxis], "constant"),
        numpy_helper.from_array(np.broadcast_to(np.float32(gain), constant.shape)[np.newaxis].copy(), "gain"),
        numpy_helper.from_array(shape, "shape"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
    ]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Log", ["mean"], ["logarithm"]),
        helper.make_node("Mul", ["logarithm", "zero"], ["spoilt"]),
        helper.make_node("Add", ["mean", "spoilt"] if nan_if_black else ["mean", "zero"], ["level"]),
        helper.make_node("Reshape", ["level", "shape"], ["column"]),
        helper.make_node("Mul", ["column", "gain"], ["moved"]),
        helper.make_node("Add", ["moved", "constant"], ["theta"]),
    ]
    declared = [input[0], *constant.shape] if output is None else output
    graph = helper.make_graph(
        nodes,
        "localisation",
        [helper.make_tensor_value_info("images", dtype, input)],
        [helper.make_tensor_value_info("theta", TensorProto.FLOAT, declared)],
        initializers,
    )
    return with_metadata(model_of(graph), metadata)


def model_of(graph: onnx.GraphProto, **fields: Any) -> onnx.ModelProto:
    return helper.make_model(
        graph, ir_version=_VERSION, **{"opset_imports": [helper.make_opsetid("", OPSET)], **fields}
    )


def with_metadata(model: onnx.ModelProto, metadata: Metadata | str | None) -> onnx.ModelProto:
    if metadata is not None:
        text = metadata if isinstance(metadata, str) else metadata.to_json()
        helper.set_model_props(model, {METADATA_KEY: text})
    return model


def affine(**fields: Any) -> Metadata:
    """The metadata of `network()` as it is by default, but for *fields*."""
    return Metadata(**{"family": ParameterFamily.AFFINE, "input_size": (28, 28), **fields})


def saved(model: onnx.ModelProto | bytes, folder: Path, name: str = "network.onnx") -> Path:
    path = folder / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path
