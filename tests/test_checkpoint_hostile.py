"""Checkpoints that are no ONNX models, or models that ask for more than a network may."""

import contextlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from stnwarp.errors import CheckpointError, ExitCode
from stnwarp.localisation import Checkpoint, files
from stnwarp.localisation.inspection import inspect_model
from tests.onnx_files import OPSET, affine, network, saved

OPENED: list[str] = []


class _Trap:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return OPENED.append, ("unpickled",)


@pytest.fixture(autouse=True)
def _nothing_is_unpickled() -> Iterator[None]:
    OPENED.clear()
    yield
    assert not OPENED


def _refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    assert caught.value.exit_code is ExitCode.CANNOT_GO_ON
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(_Trap()))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"hello, this is no network\n" * 20, "not an ONNX file"),
        (b"\0" * 1000, "not an ONNX file"),
        (b"\xff" * 1000, "not an ONNX file"),
        (b"{}", "not an ONNX file"),
        (_zip(), "a zip archive, as PyTorch's .pt files are"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\x08\x08", "no graph"),
        (b"\x18\x00\x00\x00ORTM" + b"\0" * 64, "not an ONNX file"),
        *((pickle.dumps(_Trap(), protocol=protocol), "a Python pickle") for protocol in (2, 3, 4, 5)),
        *((pickle.dumps(_Trap(), protocol=protocol), "ONNX file") for protocol in (0, 1)),
    ],
)
def test_other_files(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in _refused(saved(data, tmp_path))


def _complaint(data: bytes) -> str:
    try:
        inspect_model(data)
    except CheckpointError as error:
        return str(error)
    return ""


def test_every_truncation_is_refused_but_where_a_field_ends() -> None:
    whole = network(metadata=affine()).SerializeToString()
    ends = range(1, len(whole))
    assert all("truncated" in _complaint(whole[:end]) or "ONNX" in _complaint(whole[:end]) for end in ends[:-700])
    passed = [end for end in ends if not _complaint(whole[:end])]
    assert [onnx.load_from_string(whole[:end]).HasField("graph") for end in passed] == [True]  # without its metadata


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_a_truncated_file_is_an_error_in_words(tmp_path: Path, share: float) -> None:
    whole = network(metadata=affine()).SerializeToString()
    assert "truncated" in _refused(saved(whole[: int(len(whole) * share)], tmp_path))


def _outside(location: str, fields: bool = True) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros((1, 2, 3), np.float32), "constant")
    if fields:
        set_external_data(tensor, location)
        tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def _sparse(part: str) -> onnx.SparseTensorProto:
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "sparse"),
        helper.make_tensor("at", TensorProto.INT64, [1], [0]),
        [6],
    )
    getattr(sparse, part).CopyFrom(_outside("w"))
    return sparse


def _subgraph() -> onnx.GraphProto:
    graph = helper.make_graph([], "within", [], [helper.make_tensor_value_info("constant", TensorProto.FLOAT, None)])
    graph.initializer.append(_outside("weights.bin"))
    return graph


def _in_initializer(model: onnx.ModelProto, location: str = "weights.bin") -> None:
    model.graph.initializer[0].CopyFrom(_outside(location))


def _in_sparse_values(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(_sparse("values"))


def _in_sparse_indices(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(_sparse("indices"))


def _in_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["more"], value=_outside("weights.bin")))


def _in_attribute_list(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["images"], ["more"])
    node.attribute.append(onnx.AttributeProto(name="t", type=onnx.AttributeProto.TENSORS, tensors=[_outside("w")]))
    model.graph.node.append(node)


def _in_sparse_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["more"], sparse_value=_sparse("values")))


def _in_subgraph(model: onnx.ModelProto) -> None:
    graph = _subgraph()
    model.graph.node.append(helper.make_node("If", ["yes"], ["more"], then_branch=graph, else_branch=graph))


def _in_subgraph_of_a_list(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["images"], ["more"])
    node.attribute.append(onnx.AttributeProto(name="g", type=onnx.AttributeProto.GRAPHS, graphs=[_subgraph()]))
    model.graph.node.append(node)


def _in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["y"], value=_outside("weights.bin"))
    imports = [helper.make_opsetid("", OPSET)]
    model.functions.append(helper.make_function("local", "Weights", [], ["y"], [node], imports))


def _in_function_default(model: onnx.ModelProto) -> None:
    function = helper.make_function("local", "F", [], ["y"], [], [helper.make_opsetid("", OPSET)])
    function.attribute_proto.append(helper.make_attribute("t", _outside("weights.bin")))
    model.functions.append(function)


def _in_training(model: onnx.ModelProto) -> None:
    model.training_info.append(onnx.TrainingInfoProto(initialization=_subgraph()))


PLACES = [
    _in_initializer,
    _in_sparse_values,
    _in_sparse_indices,
    _in_attribute,
    _in_attribute_list,
    _in_sparse_attribute,
    _in_subgraph,
    _in_subgraph_of_a_list,
    _in_function,
    _in_function_default,
    _in_training,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_weights_in_other_files_are_found_wherever_they_stand(
    tmp_path: Path, place: Callable[[onnx.ModelProto], None]
) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 24)
    model = network()
    place(model)
    assert "another file" in _refused(saved(model, tmp_path))


@pytest.mark.parametrize("location", ["weights.bin", "../secret", "/etc/passwd", "link", "", "*/_ORT_MEM_ADDR_/*"])
def test_weights_in_other_files_are_refused_wherever_they_lie(tmp_path: Path, location: str) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 24)
    (tmp_path / "link").symlink_to("/etc/passwd")
    model = network()
    _in_initializer(model, location)
    words = _refused(saved(model, tmp_path))
    assert "never read" in words
    assert repr(location) in words or not location


def test_saying_that_weights_are_elsewhere_is_enough(tmp_path: Path) -> None:
    model = network()
    model.graph.initializer[0].CopyFrom(_outside("", fields=False))
    assert "another file" in _refused(saved(model, tmp_path))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((1, 2, 3), np.float32), "constant"))
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    assert "another file" in _refused(saved(model, tmp_path))


def _length(data: bytes) -> bytes:
    length, written = len(data), bytearray()
    while length > 0x7F:
        written.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes((*written, length))


def _message(tag: bytes, data: bytes) -> bytes:
    return tag + _length(data) + data


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(b"\x6a", id="as it is written"),
        pytest.param(b"\xea\x80\x00", id="with zeros in front"),
        pytest.param(b"\xea\x80\x80\x80\x10", id="beyond 32 bits"),
        pytest.param(b"\xea\x80\x80\x80\x80\x80\x80\x80\x80\x01", id="ten bytes"),
        pytest.param(b"\x68", id="as a number"),
    ],
)
def test_a_field_cannot_hide_behind_its_spelling(tag: bytes) -> None:
    entry = _message(b"\x0a", b"location") + _message(b"\x12", b"/etc/passwd")
    hidden = tag + b"\x01" if tag == b"\x68" else _message(tag, entry)
    graph = _message(b"\x2a", hidden)  # an initializer
    model = b"\x08\x08" + _message(b"\x3a", graph) + _message(b"\x42", b"\x10\x11")
    with pytest.raises(CheckpointError):
        inspect_model(model)


@pytest.mark.parametrize("domain", ["com.example", "ai.onnx.contrib", "com.microsoft.extensions", "x" * 500])
def test_operators_of_other_domains_are_named(tmp_path: Path, domain: str) -> None:
    model = network()
    model.graph.node.append(helper.make_node("RunProgram", ["images"], ["more"], domain=domain))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    words = _refused(saved(model, tmp_path))
    assert "RunProgram" in words
    assert domain[:70] in words
    assert len(words) < 500


def test_operators_within_functions_are_found(tmp_path: Path) -> None:
    model = network()
    node = helper.make_node("RunProgram", ["x"], ["y"], domain="com.example")
    imports = [helper.make_opsetid("com.example", 1)]
    model.functions.append(helper.make_function("local", "F", ["x"], ["y"], [node], imports))
    assert "com.example" in _refused(saved(model, tmp_path))


def test_a_model_compiled_for_other_hardware_is_refused(tmp_path: Path) -> None:
    model = network()
    node = helper.make_node("EPContext", ["images"], ["more"], domain="com.microsoft", ep_cache_context="/etc/passwd")
    model.graph.node.append(node)
    assert "EPContext" in _refused(saved(model, tmp_path))


def test_functions_of_the_model_itself_are_run(tmp_path: Path) -> None:
    model = network()
    imports = [helper.make_opsetid("", OPSET)]
    body = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(helper.make_function("pkg.local", "Same", ["x"], ["y"], body, imports))
    model.opset_import.append(helper.make_opsetid("pkg.local", 1))
    model.graph.node[-1].output[0] = "before"
    model.graph.node.append(helper.make_node("Same", ["before"], ["theta"], domain="pkg.local"))
    assert Checkpoint.load(saved(model, tmp_path)).metadata.family == "affine"


def test_graphs_nested_without_end(tmp_path: Path) -> None:
    graph = _message(b"\x12", b"g")
    for _ in range(5000):
        graph = _message(b"\x0a", _message(b"\x2a", _message(b"\x32", graph)))  # node, attribute, graph
    model = b"\x08\x08" + _message(b"\x3a", graph) + _message(b"\x42", b"\x10\x11")
    assert "nested" in _refused(saved(model, tmp_path))


def test_more_fields_than_a_network_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("stnwarp.localisation.inspection._MOST_FIELDS", 50)
    assert "more than 50 fields" in _refused(saved(network(), tmp_path))


def test_a_file_of_more_bytes_than_a_network_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    assert "the limit is 100" in _refused(saved(network(), tmp_path))


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "no such file" in _refused(tmp_path / "missing.onnx")
    assert "not a regular file" in _refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "not a regular file" in _refused(tmp_path / "pipe.onnx")
    (tmp_path / "loop.onnx").symlink_to(tmp_path / "loop.onnx")
    assert _refused(tmp_path / "loop.onnx")
    with pytest.raises(CheckpointError, match="not a possible file name"):
        Checkpoint.load("nul\0.onnx")


def test_a_link_is_a_path_to_bytes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.onnx").symlink_to(saved(network(), tmp_path / "elsewhere"))
    assert Checkpoint.load(tmp_path / "link.onnx").metadata.family == "affine"


def test_what_onnxruntime_refuses_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = network()
    model.graph.node[0].op_type = "NoSuchOperator"
    assert "onnxruntime cannot load it" in _refused(saved(model, tmp_path))
    assert capfd.readouterr() == ("", "")


def test_metadata_that_cannot_be_used_are_not_ignored(tmp_path: Path) -> None:
    assert "not JSON" in _refused(saved(network(metadata="{"), tmp_path))
    newer = json.dumps({**json.loads(affine().to_json()), "version": 2})
    assert "a newer stnwarp" in _refused(saved(network(metadata=newer), tmp_path))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("seed", range(6))
def test_damaged_bytes_never_do_more_than_fail(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = np.frombuffer(network(metadata=affine()).SerializeToString(), np.uint8)
    for _ in range(60):
        damaged = whole.copy()
        damaged[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
        with contextlib.suppress(CheckpointError):
            Checkpoint.load(saved(damaged.tobytes(), tmp_path))
