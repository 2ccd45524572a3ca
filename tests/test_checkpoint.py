"""Checkpoints with metadata and without: what is inferred, what is refused, what their numbers become."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper

from stnwarp.errors import CheckpointError, ParameterError, ThetaError
from stnwarp.localisation import Checkpoint, Metadata, describe_checkpoint, files, network_input, shipped_names
from stnwarp.localisation.batching import Batcher
from stnwarp.transforms import MatrixTransform, ThinPlateSpline, control_points
from tests.onnx_files import NCHW, TURN, affine, model_of, network, saved

pytestmark = pytest.mark.usefixtures("in_process")

THETA = np.array([*np.float32(TURN), [0, 0, 1]])
GRAY = np.arange(28 * 28, dtype=np.float32).reshape(28, 28) / (28 * 28)


def _load(model: onnx.ModelProto, folder: Path, **told: Any) -> Checkpoint:
    return Checkpoint.load(saved(model, folder), **told)


def _theta(checkpoint: Checkpoint, image: Any = GRAY) -> Any:
    (transform,) = checkpoint.localise([image])
    assert isinstance(transform, MatrixTransform)
    return transform.theta


@pytest.mark.parametrize(
    ("numbers", "family", "theta"),
    [
        ((0.25, -0.5), "translation", [[1, 0, 0.25], [0, 1, -0.5], [0, 0, 1]]),
        ((0.5, 0.25, -0.5), "attention", [[0.5, 0, 0.25], [0, 0.5, -0.5], [0, 0, 1]]),
        ((2.0, 0.0, 0.25, -0.5), "similarity", [[2, 0, 0.25], [0, 2, -0.5], [0, 0, 1]]),
        ((1, 2, 3, 4, 5, 6), "affine", [[1, 2, 3], [4, 5, 6], [0, 0, 1]]),
        (((1, 2, 3), (4, 5, 6)), "affine", [[1, 2, 3], [4, 5, 6], [0, 0, 1]]),
        ((1, 2, 3, 4, 5, 6, 0.5, 0.25), "projective", [[1, 2, 3], [4, 5, 6], [0.5, 0.25, 1]]),
        ((1, 2, 3, 4, 5, 6, 0.5, 0.25, 2), "projective", [[1, 2, 3], [4, 5, 6], [0.5, 0.25, 2]]),
        (((1, 2, 3), (4, 5, 6), (0.5, 0.25, 1)), "projective", [[1, 2, 3], [4, 5, 6], [0.5, 0.25, 1]]),
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_outputs_of_every_shape(tmp_path: Path, numbers: Any, family: str, theta: Any, told: bool) -> None:
    checkpoint = _load(network(numbers), tmp_path, **({"family": family} if told else {}))
    assert checkpoint.metadata.family == family
    assert checkpoint.is_foreign
    assert_array_equal(_theta(checkpoint), theta)


@pytest.mark.parametrize("shape", [(18,), (9, 2), (3, 3, 2)])
def test_control_points_of_every_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    points = control_points(3, 3) * 0.75 + 0.125
    checkpoint = _load(network(points.reshape(shape)), tmp_path)
    (spline,) = checkpoint.localise([GRAY])
    assert checkpoint.metadata.family == "tps"
    assert checkpoint.metadata.control_points == (3, 3)
    assert isinstance(spline, ThinPlateSpline)
    assert_array_equal(spline.points, points)


def test_rows_and_columns_of_control_points_may_differ(tmp_path: Path) -> None:
    checkpoint = _load(network(control_points(2, 5)), tmp_path)
    assert checkpoint.metadata.control_points == (2, 5)
    metadata = affine(family="tps", control_points=(2, 5))
    (spline,) = _load(network(control_points(2, 5).ravel(), metadata=metadata), tmp_path).localise([GRAY])
    assert_array_equal(spline.map_points([(0.3, -0.7)]), spline.map_points([(0.3, -0.7)]))
    assert isinstance(spline, ThinPlateSpline)
    assert spline.shape == (2, 5)


def test_eight_numbers_are_four_points_if_that_is_told(tmp_path: Path) -> None:
    checkpoint = _load(network(control_points(2, 2).ravel()), tmp_path, family="tps")
    assert checkpoint.metadata.control_points == (2, 2)


@pytest.mark.parametrize(
    ("shape", "told", "words"),
    [
        ((5,), {}, "shape (N, 5), which no family has"),
        ((6, 2), {}, "(N, rows, columns, 2)"),
        ((1, 6), {}, "no family"),
        ((6,), {"family": "projective"}, "(N, 6), which are not those of family projective"),
        ((3, 3), {"family": "affine"}, "not those of family affine"),
        ((6,), {"family": "tps"}, "not those of family tps"),
        ((1, 5, 2), {}, "no family"),
    ],
)
def test_outputs_of_a_wrong_shape(tmp_path: Path, shape: tuple[int, ...], told: dict[str, str], words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        _load(network(np.zeros(shape)), tmp_path, **told)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "mode", "layout"),
    [
        (("N", 1, 28, 28), "L", "NCHW"),
        (("N", 3, 28, 28), "RGB", "NCHW"),
        (("N", 28, 28, 1), "L", "NHWC"),
        (("N", 28, 28, 3), "RGB", "NHWC"),
        ((1, 3, 28, 28), "RGB", "NCHW"),
        ((4, 28, 28, 3), "RGB", "NHWC"),
        ((None, 3, 28, 28), "RGB", "NCHW"),
        (("N", 3, "H", "W"), "RGB", "NCHW"),
        (("N", "H", "W", 3), "RGB", "NHWC"),
        (("N", 3, 28, None), "RGB", "NCHW"),
    ],
)
def test_inputs_of_every_shape(tmp_path: Path, shape: tuple[Any, ...], mode: str, layout: str) -> None:
    checkpoint = _load(network(gain=1.0, input=shape, output=("N", 2, 3)), tmp_path, input_size=(28, 28))
    known = checkpoint.metadata
    assert (known.mode, known.layout, known.input_size) == (mode, layout, (28, 28))
    images = [np.full((28, 28), level, np.float32) for level in (0.25, 0.5, 0.0, 1.0, 0.75)]
    for image, transform in zip(images, checkpoint.localise(images), strict=True):
        assert isinstance(transform, MatrixTransform)
        assert_allclose(transform.theta[:2], THETA[:2] + image[0, 0], atol=1e-6)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_channels_and_pixels_stand_where_they_should(tmp_path: Path, layout: str) -> None:
    shape = ("N", 3, 5, 7) if layout == "NCHW" else ("N", 5, 7, 3)
    image = np.random.default_rng(3).random((5, 7, 3)).astype(np.float32)
    place = (0, 2, 4, 1) if layout == "NCHW" else (0, 4, 1, 2)  # blue, of the fifth row and second column
    weights = np.zeros(shape[1:], np.float32)
    weights[place[1:]] = 1.0
    nodes = [
        helper.make_node("Mul", ["images", "weights"], ["picked"]),
        helper.make_node("ReduceSum", ["picked", "axes"], ["sum"], keepdims=0),
        helper.make_node("Reshape", ["sum", "shape"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["theta"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "pick",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("theta", TensorProto.FLOAT, ("N", 2))],
        [
            numpy_helper.from_array(weights[np.newaxis], "weights"),
            numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
            numpy_helper.from_array(np.array([-1, 1]), "shape"),
        ],
    )
    assert_allclose(_theta(_load(model_of(graph), tmp_path), image)[:2, 2], image[4, 1, 2], atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "full"),
    [(TensorProto.FLOAT, 1.0), (TensorProto.FLOAT16, 1.0), (TensorProto.DOUBLE, 1.0), (TensorProto.UINT8, 255.0)],
)
def test_inputs_of_every_type(tmp_path: Path, dtype: int, full: float) -> None:
    checkpoint = _load(network(((0, 0, 0), (0, 0, 0)), gain=1.0, dtype=dtype), tmp_path)
    image = np.full((28, 28), 51, np.uint8)
    assert checkpoint.metadata.value_range == (0.0, full)
    assert_allclose(_theta(checkpoint, image)[0, 0], 0.2 * full, rtol=1e-3)


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [("0..1", 0.2), ("-1..1", -0.6), ("0..255", 51.0), ("1..0", 0.8), ("0.5/0.25", -1.2)],
)
def test_values_mean_what_is_told(tmp_path: Path, normalize: str, expected: float) -> None:
    checkpoint = _load(network(((0, 0, 0), (0, 0, 0)), gain=1.0), tmp_path, normalize=normalize)
    assert_allclose(_theta(checkpoint, np.full((28, 28), 51, np.uint8))[0, 0], expected, rtol=1e-5)


def test_imagenet() -> None:
    metadata = affine(mode="RGB", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    picture = network_input(np.full((50, 60, 3), (255, 0, 51), np.uint8), metadata)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]
    assert_allclose(picture.mean(axis=(1, 2)), expected, rtol=1e-5)
    assert picture.dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "told", "words"),
    [
        (("N", 1, "H", "W"), {}, "say which with --input-size WxH"),
        (NCHW, {"input_size": (32, 32)}, "takes pictures of 28x28, which --input-size contradicts"),
        (("N", 1, 28, "W"), {"input_size": (32, 28)}, "does not fit"),
        (("N", 2, 28, 28), {}, "takes 2 channels"),
        (("N", None, 28, 28), {}, "takes any number of channels"),
        (NCHW, {"normalize": "imagenet"}, "network of one channel"),
        (("N", 784), {}, "of 2 axes"),
        (("N", 1, 28, 28, 28), {}, "of 5 axes"),
        ((5000, 1, 28, 28), {}, "at a time"),
        ((1000, 3, 1000, 1000), {}, "too large"),
    ],
)
def test_inputs_of_a_wrong_shape(tmp_path: Path, shape: tuple[Any, ...], told: dict[str, Any], words: str) -> None:
    model = network(input=shape)
    if len(shape) == 2:
        model.graph.node[1].attribute[0].CopyFrom(helper.make_attribute("axes", [1]))
    with pytest.raises(CheckpointError) as caught:
        _load(model, tmp_path, **told)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "told", [{"family": "afine"}, {"input_size": (0, 5)}, {"normalize": "x"}, {"normalize": 3}, {"threads": 0}]
)
def test_what_no_network_can_be_is_a_wrong_parameter(tmp_path: Path, told: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        _load(network(), tmp_path, **told)


def test_other_inputs_and_outputs(tmp_path: Path) -> None:
    model = network()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    with pytest.raises(CheckpointError, match=r"takes 2 inputs \(images, more\)"):
        _load(model, tmp_path)
    with pytest.raises(CheckpointError, match="takes tensor\\(int64\\)"):
        _load(network(dtype=TensorProto.INT64), tmp_path)
    model = network()
    model.graph.output.append(helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["N"]))
    assert_array_equal(_theta(_load(model, tmp_path)), THETA)  # the one that is called theta
    model.graph.output[0].name = "moved"
    with pytest.raises(CheckpointError, match="gives 2 outputs"):
        _load(model, tmp_path)


def test_one_answer_for_several_pictures_is_asked_for_one_by_one(tmp_path: Path) -> None:
    model = network()
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Identity", ["constant"], ["theta"]))
    images = [np.full((28, 28), shade, np.uint8) for shade in (0, 255)]
    for transform in _load(model, tmp_path).localise(images):
        assert_array_equal(transform.theta[:2], np.float64(np.float32(TURN)))


def test_one_answer_for_a_batch_that_is_fixed(tmp_path: Path) -> None:
    model = network(input=(2, 1, 28, 28), output=(2, 2, 3))
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Identity", ["constant"], ["theta"]))
    with pytest.raises(CheckpointError, match=r"gives \(1, 2, 3\) for 2 pictures"):
        _load(model, tmp_path)


def test_a_shape_that_depends_on_the_picture(tmp_path: Path) -> None:
    """Six numbers for the pictures it is tried with, which are gray, and two for a black one."""
    branches = [
        helper.make_graph(
            [helper.make_node("Identity", [name], [f"{name}s"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}s", TensorProto.FLOAT, None)],
        )
        for name in ("six", "two")
    ]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "low"], ["is_gray"]),
        helper.make_node("If", ["is_gray"], ["theta"], then_branch=branches[0], else_branch=branches[1]),
    ]
    constants = {"low": np.float32(0.1), "six": [np.ravel(TURN)], "two": [[0, 0]]}
    graph = helper.make_graph(
        nodes,
        "localisation",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info("theta", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    checkpoint = _load(model_of(graph), tmp_path)
    assert_array_equal(_theta(checkpoint), THETA)
    with pytest.raises(CheckpointError, match=r"shape \(N, 2\) for some pictures and \(N, 6\) for others"):
        checkpoint.localise([np.zeros((28, 28), np.uint8)])


@pytest.mark.parametrize(
    ("numbers", "shape", "words"),
    [
        (np.zeros(8192), NCHW, "control_points must be at most 2048 in all, got 64 x 64"),
        (np.zeros((2, 1025, 2)), NCHW, "control_points must be at most 2048 in all, got 2 x 1025"),
        (TURN, ("N", 1, 4097, 2), r"input_size must be .* from 1 to 4096, got \(4097, 2\)"),
    ],
)
def test_shapes_beyond_what_there_may_be_are_the_files_fault(
    tmp_path: Path, numbers: Any, shape: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"^{tmp_path}/network\.onnx: its shapes cannot be used: {words}"):
        _load(network(numbers, input=shape), tmp_path)


def test_more_threads_than_there_can_be_are_no_fault(tmp_path: Path) -> None:
    assert_array_equal(_theta(_load(network(), tmp_path, threads=2**40)), THETA)


def test_a_network_that_does_not_run(tmp_path: Path) -> None:
    model = network(input=("N", 1, "H", "W"))
    model.graph.node.insert(0, helper.make_node("Add", ["images", "bad"], ["unused"]))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1, 9, 9), np.float32), "bad"))
    model.graph.output.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, None))
    with pytest.raises(CheckpointError, match="cannot be run on a picture"):
        _load(model, tmp_path, input_size=(28, 28))


def test_numbers_that_are_no_numbers(tmp_path: Path) -> None:
    model = network()
    model.graph.node.append(helper.make_node("Cast", ["theta"], ["whole"], to=TensorProto.INT64))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("whole", TensorProto.INT64, None))
    with pytest.raises(CheckpointError, match="floating-point"):
        _load(model, tmp_path)


def test_metadata_stand_before_what_is_inferred(tmp_path: Path) -> None:
    known = affine(mode="RGB", layout="NHWC", value_range=(0, 2), trained={"seed": 1})
    checkpoint = _load(network(gain=1.0, input=("N", None, None, None), metadata=known), tmp_path)
    assert not checkpoint.is_foreign
    assert checkpoint.metadata == known
    assert_allclose(_theta(checkpoint, np.ones((9, 9)))[:2], THETA[:2] + 2, atol=1e-6)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"family": "projective"}, "--family contradicts its own metadata, which say affine"),
        ({"input_size": (30, 28)}, "--input-size contradicts its own metadata, which say 28x28"),
        ({"normalize": "-1..1"}, "--normalize contradicts its own metadata"),
    ],
)
def test_what_contradicts_the_metadata_is_refused(tmp_path: Path, told: dict[str, Any], words: str) -> None:
    model = network(metadata=affine())
    with pytest.raises(CheckpointError, match=words):
        _load(model, tmp_path, **told)
    _load(model, tmp_path, family="affine", input_size=(28, 28), normalize="0..1")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (affine(input_size=(32, 32)), "does not fit NCHW L pictures of 32x32"),
        (affine(mode="RGB"), "does not fit NCHW RGB"),
        (affine(layout="NHWC"), "does not fit NHWC"),
        (affine(family="projective"), r"gives numbers of shape \(N, 2, 3\); its metadata say projective, which has 8"),
        (affine(family="tps", control_points=(2, 2)), "its metadata say tps"),
    ],
)
def test_metadata_that_contradict_the_network_are_refused(tmp_path: Path, metadata: Metadata, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        _load(network(metadata=metadata), tmp_path)


def test_theta_that_cannot_be_used(tmp_path: Path) -> None:
    checkpoint = _load(network(nan_if_black=True), tmp_path)
    with pytest.raises(ThetaError, match=r"^checkpoint produced a non-finite theta$"):
        checkpoint.localise([np.zeros((28, 28))])
    with pytest.raises(ThetaError, match="cannot be used"):
        _load(network(np.zeros(9)), tmp_path).localise([GRAY])


def test_enormous_theta_is_a_theta(tmp_path: Path) -> None:
    assert_array_equal(_theta(_load(network((1e30, 0, 0, 0, 1e30, 0)), tmp_path))[0, 0], np.float32(1e30))


def test_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    checkpoint = _load(network(gain=1.0, input=(4, 1, 28, 28)), tmp_path)
    images = [np.full((20, 30), level / 10, np.float32) for level in range(10)]
    rows = np.array([transform.theta for transform in checkpoint.localise(images)])  # type: ignore[attr-defined]
    assert_allclose(rows[:, 0, 0], np.float32(0.8) + np.arange(10) / 10, atol=1e-6)
    assert checkpoint.localise([]) == []


def _convolutional() -> onnx.ModelProto:
    """Convolutions, a pool and two dense layers, the last one of an odd width."""
    random = np.random.default_rng(5)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.normal(0, 0.1, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["images", "w0", "b0"], ["c0"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p0", "w1", "b1"], ["c1"]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Flatten", ["r1"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["d2"], transB=1),
        helper.make_node("Tanh", ["d2"], ["t2"]),
        helper.make_node("MatMul", ["t2", "w3"], ["theta"]),
    ]
    sizes = {"w0": (7, 1, 5, 5), "b0": (7,), "w1": (13, 7, 5, 5), "b1": (13,), "w2": (37, 1300), "b2": (37,)}
    graph = helper.make_graph(
        nodes,
        "localisation",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, NCHW)],
        [helper.make_tensor_value_info("theta", TensorProto.FLOAT, ("N", 6))],
        [weights(name, *shape) for name, shape in {**sizes, "w3": (37, 6)}.items()],
    )
    return model_of(graph)


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(_convolutional(), tmp_path_factory.mktemp("network"))


def test_numbers_do_not_depend_on_the_batch_or_the_threads(convolutional: Path) -> None:
    pictures = list(np.random.default_rng(1).random((70, 1, 28, 28)).astype(np.float32))
    one, two = Checkpoint.load(convolutional), Checkpoint.load(convolutional, threads=2)
    whole = one.numbers(pictures)
    assert len({row.tobytes() for row in whole}) == 70
    for length in (1, 2, 3, 5, 8, 31, 32, 33, 70):
        for start in range(0, 71 - length, max(1, length // 2)):
            some = pictures[start : start + length]
            assert_array_equal(one.numbers(some), whole[start : start + length])
    assert_array_equal(two.numbers(pictures), whole)


def test_a_batch_of_one_is_filled_up_where_it_would_differ(convolutional: Path) -> None:
    network = Checkpoint.load(convolutional)._network
    batches: list[int] = []
    run = network._run
    network._least = 2
    network._run = lambda batch, different: (batches.append(len(batch)), run(batch, different))[1]  # type: ignore[misc,method-assign,assignment]
    (row,) = network.run([np.zeros((1, 28, 28), np.float32)])
    assert isinstance(row, np.ndarray)
    assert (batches, row.shape) == ([2], (6,))


def test_many_threads_share_batches() -> None:
    sizes: list[int] = []
    gate, first = threading.Event(), threading.Event()

    def run(pictures: Any) -> Any:
        sizes.append(len(pictures))
        first.set()
        gate.wait(10)
        return np.array([picture.sum(keepdims=True).ravel() for picture in pictures], np.float64)

    batcher = Batcher(run, most=8)
    results: dict[int, float] = {}

    def work(number: int) -> None:
        results[number] = float(batcher.numbers(np.full((1, 1), number, np.float32))[0])

    leader = threading.Thread(target=work, args=(0,))
    leader.start()
    first.wait(10)
    followers = [threading.Thread(target=work, args=(number,)) for number in range(1, 21)]
    for thread in followers:
        thread.start()
    while len(batcher._waiting) < 20:
        pass
    gate.set()
    for thread in [leader, *followers]:
        thread.join(10)
    assert results == {number: float(number) for number in range(21)}
    assert sizes == [1, 8, 8, 4]


def test_a_batch_that_fails_fails_for_all_of_it() -> None:
    def run(pictures: Any) -> Any:
        raise CheckpointError("cannot be run")

    batcher = Batcher(run, most=8)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="cannot be run"):
            batcher.numbers(np.zeros((1, 1), np.float32))


def test_each_picture_has_its_own_fault() -> None:
    batcher = Batcher(lambda pictures: [CheckpointError(f"{picture[0]:g}") for picture in pictures], most=8)
    for number in range(3):
        with pytest.raises(CheckpointError, match=f"^{number}$"):
            batcher.numbers(np.full(1, number, np.float32))


def test_nobody_waits_for_a_batch_that_was_interrupted() -> None:
    gate, first = threading.Event(), threading.Event()
    told: list[type[BaseException]] = []

    def run(pictures: Any) -> Any:
        if first.is_set():
            raise KeyboardInterrupt
        first.set()
        gate.wait(10)
        return np.zeros((1, 1))

    batcher = Batcher(run, most=8)

    def work() -> None:
        try:
            batcher.numbers(np.zeros((1, 1), np.float32))
        except (CheckpointError, KeyboardInterrupt) as error:
            told.append(type(error))

    leader = threading.Thread(target=work, daemon=True)
    leader.start()
    first.wait(10)
    followers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in followers:
        thread.start()
    while len(batcher._waiting) < 3:
        pass
    gate.set()
    for thread in [leader, *followers]:
        thread.join(10)
    assert sorted(told, key=str) == [KeyboardInterrupt, CheckpointError, CheckpointError]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with the checkpoints `upright` and `page`."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("upright", "page"):
        saved(network(metadata=affine(description=name)), folder, f"{name}.onnx")
    monkeypatch.setattr(files, "files", lambda package: tmp_path)
    yield tmp_path
    assert folder.is_dir()


def test_names_are_shipped_checkpoints(shipped: Path) -> None:
    assert shipped_names() == ("page", "upright")
    assert Checkpoint.load("upright").metadata.description == "upright"
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load("uprigt")
    assert str(caught.value).startswith("uprigt: no checkpoint of that name (did you mean 'upright'?)")
    assert "shipped are page, upright" in str(caught.value)


def test_paths_are_files(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("upright.onnx", "./upright", str(tmp_path / "page")):
        with pytest.raises(CheckpointError, match="no such file"):
            Checkpoint.load(path)
    saved(network(metadata=affine(description="mine")), tmp_path, "upright")
    assert Checkpoint.load("upright").metadata.description == "mine"
    assert Checkpoint.load(Path("upright")).metadata.description == "mine"


def test_facts(tmp_path: Path) -> None:
    known = affine(description="upright digits", output_size=(28, 30), trained={"seed": 3})
    facts = describe_checkpoint(saved(network(metadata=known), tmp_path))
    assert facts["kind"] == "checkpoint"
    assert facts["metadata"] == "version 1"
    assert facts["description"] == "upright digits"
    assert facts["parameters"] == ["a", "b", "tx", "c", "d", "ty"]
    assert facts["input_size"] == "28x28"
    assert facts["output_size"] == "30x28"
    assert facts["trained"] == {"seed": 3}
    foreign = describe_checkpoint(saved(network(control_points(2, 3)), tmp_path))
    assert "has none" in foreign["metadata"]
    assert foreign["control_points"] == "2 rows, 3 columns"
