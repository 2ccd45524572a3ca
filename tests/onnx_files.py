"""Tiny localisation networks as ONNX models: constant numbers, or numbers that follow the mean of the picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from stnwarp.conventions import Family
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
    return Metadata(**{"family": Family.AFFINE, "input_size": (28, 28), **fields})


def saved(model: onnx.ModelProto | bytes, folder: Path, name: str = "network.onnx") -> Path:
    path = folder / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


_LOCAL = "local"


def doubling(depth: int) -> onnx.ModelProto:
    """`network()` behind a function that calls another one twice, and so on: loading it takes 2 ** *depth* steps."""
    both = [helper.make_opsetid("", OPSET), helper.make_opsetid(_LOCAL, 1)]
    functions = [
        helper.make_function(_LOCAL, "f0", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])], both[:1]),
        *(
            helper.make_function(
                _LOCAL,
                f"f{level}",
                ["x"],
                ["y"],
                [
                    helper.make_node(f"f{level - 1}", ["x"], ["between"], domain=_LOCAL),
                    helper.make_node(f"f{level - 1}", ["between"], ["y"], domain=_LOCAL),
                ],
                both,
            )
            for level in range(1, depth)
        ),
    ]
    graph = network(metadata=affine()).graph
    graph.node.insert(0, helper.make_node(f"f{depth - 1}", ["images"], ["seen"], domain=_LOCAL))
    graph.node[1].input[0] = "seen"
    return with_metadata(model_of(graph, opset_imports=both, functions=functions), affine())


def expanding(numbers: int, at_once: bool = True) -> onnx.ModelProto:
    """`network()` that makes so many *numbers* on its way; not *at_once*: their count depends on the pictures."""
    model = network(metadata=affine())
    graph = model.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([numbers]), "numbers"),
            numpy_helper.from_array(np.array([1]), "channels"),
        ]
    )
    graph.node[-1].output[0] = "plain"
    graph.node.extend(
        [
            helper.make_node("Shape", ["images"], ["sides"]),
            helper.make_node("Gather", ["sides", "channels"], ["one"]),
            helper.make_node("Mul", ["one", "numbers"], ["count"]),
            helper.make_node("ConstantOfShape", ["numbers" if at_once else "count"], ["many"]),
            helper.make_node("ReduceMean", ["many"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["plain", "nothing"], ["theta"]),
        ]
    )
    return model


def wide(numbers: int) -> onnx.ModelProto:
    """A network that gives so many *numbers* for each picture."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["level"]),
        helper.make_node("Expand", ["level", "sides"], ["theta"]),
    ]
    graph = helper.make_graph(
        nodes,
        "localisation",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, NCHW)],
        [helper.make_tensor_value_info("theta", TensorProto.FLOAT, ["N", numbers])],
        [
            numpy_helper.from_array(np.array([-1, 1]), "column"),
            numpy_helper.from_array(np.array([1, numbers]), "sides"),
        ],
    )
    return model_of(graph)
