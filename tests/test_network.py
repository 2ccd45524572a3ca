"""Networks tried out and run: what shares a batch with what, whose fault a failure is, and what a signal ends."""

import _thread
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.testing import assert_array_equal
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from stnwarp.errors import CheckpointError
from stnwarp.localisation import Checkpoint, Localiser
from stnwarp.localisation.onnx.reasons import reason
from stnwarp.localisation.onnx.session import Ended
from stnwarp.transforms import Transform
from tests.cli_tools import contents, environment, run, save
from tests.onnx_files import NCHW, TURN, affine, model_of, network, saved

GAIN = ((0.1, 0.2, -0.1), (-0.2, 0.1, 0.2))
STANDARDISED = ("MeanVarianceNormalization", {"axes": [2, 3]})
SAMPLES = Path(__file__).parent.parent / "sample_images"
POISON = 77  # the gray level on which `delicate` cannot be run


def delicate(input: Any = NCHW) -> onnx.ModelProto:
    """A network that looks up a number that is not there where the mean of a picture is that of POISON."""
    model = network(TURN, gain=GAIN, input=input, metadata=affine())
    model.graph.node[-1].output[0] = "plain"
    model.graph.node.extend(
        [
            helper.make_node("Greater", ["mean", "low"], ["above"]),
            helper.make_node("Less", ["mean", "high"], ["below"]),
            helper.make_node("And", ["above", "below"], ["is_poison"]),
            helper.make_node("Cast", ["is_poison"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["zero", "place"], ["nothing"]),
            helper.make_node("Reshape", ["nothing", "shape"], ["nothings"]),
            helper.make_node("Add", ["plain", "nothings"], ["theta"]),
        ]
    )
    ends = {"low": (POISON - 0.5) / 255, "high": (POISON + 0.5) / 255}
    model.graph.initializer.extend(numpy_helper.from_array(np.float32(value), name) for name, value in ends.items())
    return model


def quantised(*before: tuple[str, dict[str, Any]], input: Any = NCHW) -> onnx.ModelProto:
    """A network that quantises dynamically what the operators *before* make of its pictures."""
    model = network(TURN, gain=GAIN, input=input, metadata=affine())
    model.graph.node[0].output[0] = "0"
    steps = [helper.make_node(kind, [str(n)], [str(n + 1)], **fields) for n, (kind, fields) in enumerate(before)]
    steps.append(helper.make_node("DynamicQuantizeLinear", [str(len(before))], ["bytes", "scale", "middle"]))
    steps.append(helper.make_node("DequantizeLinear", ["bytes", "scale", "middle"], ["floats"]))
    for place, node in enumerate(steps, 1):
        model.graph.node.insert(place, node)
    return model


def over_the_batch(operator: str, input: Any = NCHW) -> onnx.ModelProto:
    """A network that adds to its numbers what *operator* makes of those of all pictures in the batch."""
    model = network(TURN, gain=GAIN, input=input, metadata=affine())
    model.graph.node[-1].output[0] = "plain"
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "batch"))
    inputs = ["plain", "batch"] if operator == "ReduceSum" else ["plain"]
    fields = {} if operator == "ReduceSum" else {"axes": [0]}
    model.graph.node.append(helper.make_node(operator, inputs, ["all"], keepdims=1, **fields))
    model.graph.node.append(helper.make_node("Add", ["plain", "all"], ["theta"]))
    return model


def looping(above: float = -np.inf, below: float = np.inf) -> onnx.ModelProto:
    """A network that never ends on a picture whose greatest value is *above* and *below* these."""
    booleans, floats, limits = TensorProto.BOOL, TensorProto.FLOAT, {"above": above, "below": below}
    body = helper.make_graph(
        [helper.make_node("Identity", ["goes_on"], ["still"]), helper.make_node("Identity", ["was"], ["is"])],
        "body",
        [
            helper.make_tensor_value_info("count", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", booleans, []),
            helper.make_tensor_value_info("was", floats, None),
        ],
        [helper.make_tensor_value_info("still", booleans, []), helper.make_tensor_value_info("is", floats, None)],
    )
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "above"], ["is_above"]),
        helper.make_node("Less", ["most", "below"], ["is_below"]),
        helper.make_node("And", ["is_above", "is_below"], ["begins"]),
        helper.make_node("Loop", ["", "begins", "mean"], ["moved"], body=body),
        helper.make_node("Concat", ["moved", "moved"], ["theta"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "localisation",
        [helper.make_tensor_value_info("images", floats, NCHW)],
        [helper.make_tensor_value_info("theta", floats, None)],
        [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in limits.items()],
    )
    return model_of(graph)


def _images() -> list[np.ndarray]:
    """Gray images of very different contrast, sharp dots among them."""
    random = np.random.default_rng(3)
    images = [(random.integers(0, 256, (28, 28)) * share).astype(np.uint8) for share in (1, 0.03, 0.5, 0.2, 0.9, 0.1)]
    images.append(np.zeros((28, 28), np.uint8))
    images[-1][3, 4] = 255
    return images


# ---- the numbers of a picture are its own


@pytest.mark.parametrize("batch", ["N", 1, 2, 5])
@pytest.mark.parametrize(
    "model",
    [
        quantised,
        partial(quantised, ("Sigmoid", {})),
        partial(quantised, ("Clip", {}), STANDARDISED),
        partial(quantised, STANDARDISED, ("Relu", {}), ("GlobalAveragePool", {})),
        partial(quantised, ("AveragePool", {"kernel_shape": [7, 7]}), ("Relu", {})),
        partial(quantised, ("GlobalAveragePool", {})),
        partial(over_the_batch, "ReduceMean"),
        partial(over_the_batch, "ReduceMax"),
        partial(over_the_batch, "ReduceSum"),
    ],
)
def test_what_else_is_in_a_batch_plays_no_part(tmp_path: Path, model: Any, batch: Any) -> None:
    localiser = Localiser([Checkpoint.load(saved(model(input=(batch, 1, 28, 28)), tmp_path))])
    images = _images()
    alone = [localiser.localise([image])[0].theta for image in images]  # type: ignore[attr-defined]
    for first, second in itertools.permutations(range(len(images)), 2):
        found = localiser.localise([images[first], images[second]])
        assert_array_equal([each.theta for each in found], [alone[first], alone[second]])  # type: ignore[attr-defined]
    together = [each.theta for each in localiser.localise(images)]  # type: ignore[attr-defined]
    assert_array_equal(together, alone)
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(localiser.transform_of, images * 5), alone * 5, strict=True):
            assert_array_equal(found.theta, expected)  # type: ignore[attr-defined]


def test_a_picture_that_is_run_without_others_is_run_as_it_is(tmp_path: Path) -> None:
    """Not beside a copy of itself, which would count in a sum over the batch."""
    image = np.full((28, 28), 0.5, np.float32)
    (found,) = Checkpoint.load(saved(over_the_batch("ReduceSum"), tmp_path)).localise([image])
    expected = 2 * (np.float32(TURN) + np.float32(GAIN) / 2)
    np.testing.assert_allclose(found.theta[:2], expected, atol=1e-6)  # type: ignore[attr-defined]


def test_small_pictures_share_batches_and_large_ones_are_run_one_by_one() -> None:
    assert Checkpoint.load("digits")._network._most == 32
    assert Checkpoint.load("page")._network._most == 1


@pytest.mark.parametrize("name", ["digits", "page"])
def test_the_shipped_networks_say_the_same_of_an_image_in_any_company(name: str) -> None:
    localiser = Localiser([Checkpoint.load(name)])
    files = sorted((SAMPLES / "digits").iterdir()) if name == "digits" else [SAMPLES / "page_rotated.png"]
    pictures = [Image.open(file).convert("L") for file in files]
    images = [
        np.array(each.rotate(1.3 * turn - 4, Image.Resampling.BICUBIC, fillcolor=255))
        for each in pictures
        for turn in (1, 3, 5, 7)
    ]
    alone = [localiser.localise([image])[0].theta for image in images]  # type: ignore[attr-defined]
    for count in (2, 3, len(images)):
        together = [each.theta for each in localiser.localise(images[:count])]  # type: ignore[attr-defined]
        assert_array_equal(together, alone[:count])
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(localiser.transform_of, images), alone, strict=True):
            assert_array_equal(found.theta, expected)  # type: ignore[attr-defined]


def test_a_picture_alone_is_never_computed_another_way_than_in_a_batch(tmp_path: Path) -> None:
    """Also by a network whose answer to the trial pictures is the same to the bit, whatever the batch."""
    counts: list[int] = []
    checkpoint = Checkpoint.load(saved(network(TURN, gain=GAIN, metadata=affine()), tmp_path))
    ran = checkpoint._network._run

    def counted(batch: np.ndarray, different: int | None = None) -> np.ndarray:
        counts.append(len(batch))
        return ran(batch, different)

    checkpoint._network._run = counted  # type: ignore[method-assign]
    checkpoint.localise(_images()[:1])
    checkpoint.localise(_images()[:3])
    assert counts == [2, 3]


def test_a_network_that_takes_one_picture_though_it_declares_any_number_gets_one(tmp_path: Path) -> None:
    images = _images()
    model = network(TURN, gain=GAIN, metadata=affine())
    [shape] = [each for each in model.graph.initializer if each.name == "shape"]
    shape.CopyFrom(numpy_helper.from_array(np.array([1, 1, 1]), "shape"))
    checkpoint = Checkpoint.load(saved(model, tmp_path))
    plain = Checkpoint.load(saved(network(TURN, gain=GAIN, metadata=affine()), tmp_path))
    for one, other in zip(checkpoint.localise(images), plain.localise(images), strict=True):
        assert_array_equal(one.theta, other.theta)


def test_a_fixed_batch_of_a_network_that_behaves_is_shared(tmp_path: Path) -> None:
    checkpoint = Checkpoint.load(saved(network(gain=GAIN, input=(5, 1, 28, 28)), tmp_path))
    assert checkpoint._network._most == 5


# ---- one picture's fault


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("repeat", [1, 2])
def test_a_picture_on_which_the_network_cannot_be_run_fails_alone(tmp_path: Path, batch: Any, repeat: int) -> None:
    path = saved(delicate((batch, 1, 28, 28)), tmp_path)
    localiser = Localiser([Checkpoint.load(path)], repeat)
    assert localiser.checkpoints[0]._network._most == (32 if batch == "N" else batch)
    images = [np.full((30, 20), level, np.uint8) for level in (*range(0, 250, 7), 80, 200)]
    results = localiser.predict(images)
    bad = 77 // 7
    assert isinstance(results[bad], CheckpointError)
    message = rf"^{path}: cannot be run on (a picture|4 pictures): .*out of data bounds"
    with pytest.raises(CheckpointError, match=message):
        raise results[bad]
    good = localiser.predict([image for place, image in enumerate(images) if place != bad])
    assert all(isinstance(each, Transform) for each in good)
    for result, expected in zip(results[:bad] + results[bad + 1 :], good, strict=True):
        assert_array_equal(result.theta, expected.theta)  # type: ignore[union-attr]
    with pytest.raises(CheckpointError, match=rf"^image {bad + 1} of {len(images)}: {message[1:]}"):
        localiser.localise(images)
    with pytest.raises(CheckpointError, match=message):
        localiser.transform_of(images[bad])


def test_a_checkpoint_names_the_picture_that_fails(tmp_path: Path) -> None:
    checkpoint = Checkpoint.load(saved(delicate(), tmp_path))
    images = [np.full((30, 20), level, np.uint8) for level in (5, POISON, 9)]
    with pytest.raises(CheckpointError, match=r"^image 2 of 3: .*cannot be run on a picture"):
        checkpoint.localise(images)


def test_a_fault_does_not_keep_pictures_in_memory(tmp_path: Path) -> None:
    localiser = Localiser([Checkpoint.load(saved(delicate(), tmp_path))])
    (fault,) = localiser.predict([np.full((30, 20), POISON, np.uint8)])
    error: BaseException | None = fault if isinstance(fault, CheckpointError) else None
    assert error is not None
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            assert not any(isinstance(value, np.ndarray) for value in trace.tb_frame.f_locals.values())
            trace = trace.tb_next
        error = error.__cause__


@pytest.mark.parametrize("jobs", [1, 4, 8])
def test_a_run_does_all_images_but_the_one_that_fails(tmp_path: Path, jobs: int) -> None:
    for level in (POISON, *range(20, 60)):
        save(tmp_path / "in" / f"{level}.png", np.full((40, 30), level, np.uint8))
    checkpoint = saved(delicate(), tmp_path)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", checkpoint, "-j", jobs)
    assert ran.code == 1
    assert "40 done, 1 failed" in ran.stderr
    assert f"{POISON}.png: {checkpoint}: cannot be run on a picture" in ran.stderr
    (tmp_path / "in" / f"{POISON}.png").unlink()
    assert run("apply", tmp_path / "in", "-o", tmp_path / "clean", "--checkpoint", checkpoint, "-j1").code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "clean")


# ---- signals


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests were begun in the background of a shell, which turns it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_runs_in_other_threads_can_be_ended_and_others_begun(tmp_path: Path) -> None:
    localiser = Localiser([Checkpoint.load(saved(looping(0.9, 2.0), tmp_path))])
    bright, dark = (np.full((9, 9), value, np.uint8) for value in (255, 51))
    with ThreadPoolExecutor(3) as pool:
        under_way = [pool.submit(localiser.transform_of, bright) for _ in range(3)]
        while not all(each.done() for each in under_way):
            localiser.stop()
            time.sleep(0.01)
    assert [type(each.exception()) for each in under_way] == [Ended] * 3
    np.testing.assert_allclose(localiser.transform_of(dark).theta[:2, 2], 0.2, rtol=1e-6)


@pytest.mark.usefixtures("heard")
def test_a_network_that_never_ends_can_be_interrupted_while_it_is_loaded(tmp_path: Path) -> None:
    path = saved(looping(), tmp_path)
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Checkpoint.load(path)
    timer.join()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be caught")
@pytest.mark.parametrize(
    ("command", "signum", "code"),
    [("apply", signal.SIGINT, 130), ("info", signal.SIGTERM, 143), ("apply", signal.SIGHUP, 129)],
)
def test_a_signal_ends_a_command_whose_network_never_ends(tmp_path: Path, command: str, signum: int, code: int) -> None:
    path = saved(looping(), tmp_path)
    source = save(tmp_path / "a.png", np.zeros((9, 9), np.uint8))
    arguments = ["info", path] if command == "info" else ["apply", source, "-o", tmp_path / "b", "--checkpoint", path]
    _check_signalled(arguments, "main_thread()", signum, code)
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be caught")
@pytest.mark.parametrize(
    ("jobs", "signum", "code"), [(1, signal.SIGINT, 130), (3, signal.SIGTERM, 143), (3, signal.SIGINT, 130)]
)
def test_a_signal_ends_a_run_whose_network_never_ends_on_some_images(
    tmp_path: Path, jobs: int, signum: int, code: int
) -> None:
    path = saved(looping(0.9, 2.0), tmp_path)
    for name in "abcd":
        save(tmp_path / "in" / f"{name}.png", np.full((9, 9), 255, np.uint8))
    arguments = ["apply", tmp_path / "in", "-o", tmp_path / "b", "--checkpoint", path, "-j", jobs]
    _check_signalled(arguments, "not main_thread()", signum, code)
    assert not list((tmp_path / "b").glob("*"))


def _check_signalled(arguments: list[Any], thread: str, signum: int, code: int) -> None:
    """A signal ends `stnwarp ARGUMENTS` while its network runs in the main *thread*, or not in that."""
    script = (
        "from threading import current_thread, main_thread\n"
        "from stnwarp.cli import main\n"
        "from stnwarp.localisation.onnx.worker_session import WorkerSession\nrun = WorkerSession.run\n"
        "def told(*arguments):\n"
        f"    if {'current_thread() is ' + thread}:\n        print('running', flush=True)\n"
        "    return run(*arguments)\n"
        "WorkerSession.run = told\nmain()"
    )
    program = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        time.sleep(0.3)
        process.send_signal(signum)
        sent = time.monotonic()
        try:
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    assert time.monotonic() - sent < 2
    assert process.returncode == code, told
    word = {129: "hung up", 130: "interrupted", 143: "terminated"}[code]
    assert os.fsdecode(told).splitlines()[-1].startswith(f"stnwarp: error: {word}")


# ---- what onnxruntime says

_VALIDATE = (
    "/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 void onnxruntime::ValidateOpsetForDomain("
    "const std::unordered_map<std::basic_string<char>, int>&, const std::function<void(int)>&, bool, int) "
)


@pytest.mark.parametrize(
    ("said", "reason_is"),
    [
        (
            f"[E] : 1 : FAIL : {_VALIDATE}Opset 99 is (so far) not\nknown.\n",
            "[E] : 1 : FAIL : Opset 99 is (so far) not known.",
        ),
        ("FAIL : /onnxruntime_src/a/b.cc:7 auto x::Y<int>::operator()(int) const It broke", "FAIL : It broke"),
        ("/onnxruntime_src/a.h:47 x::f(T&) [with T = int] a == b was false.", "a == b was false."),
        ("/onnxruntime_src/a.h:47 no signature here", "no signature here"),
        ("indices element out of data bounds, idx=1 (of 3)", "indices element out of data bounds, idx=1 (of 3)"),
    ],
)
def test_where_in_its_source_onnxruntime_is_leaves_room_for_the_reason(said: str, reason_is: str) -> None:
    assert reason(RuntimeError(said)) == reason_is


def test_the_reason_survives_what_stands_before_it(tmp_path: Path) -> None:
    model = network()
    model.opset_import[0].version = 99
    with pytest.raises(CheckpointError, match=r"Opset 99 is under development") as caught:
        Checkpoint.load(saved(model, tmp_path))
    assert "onnxruntime_src" not in str(caught.value)
    assert "std::" not in str(caught.value)
