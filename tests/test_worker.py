"""Networks of others run in a process of their own: whatever they do, stnwarp neither crashes nor hangs."""

import gc
import multiprocessing.spawn
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from stnwarp import SpatialTransformer
from stnwarp.errors import CheckpointError
from stnwarp.localisation import Checkpoint, Localiser
from stnwarp.localisation.onnx import worker_session
from stnwarp.localisation.onnx.messages import Channel
from stnwarp.localisation.onnx.reasons import reason
from stnwarp.localisation.onnx.session import Ended, LocalSession
from stnwarp.localisation.onnx.worker_session import WorkerSession
from tests.cli_tools import assert_good_ones_done, command_line, contents, environment, good_files, noise, save, spawn
from tests.onnx_files import affine, doubling, expanding, network, saved, wide
from tests.test_network import looping

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up as Linux lists them")

BRIGHT, DARK = (np.full((9, 9), value, np.uint8) for value in (255, 51))


def _processes(parent: int) -> list[int]:
    """The children of the process *parent*, but for those that have ended."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, above = (each / "stat").read_text().rpartition(")")[2].split()[:2]
            found += [int(each.name)] if int(above) == parent and state != "Z" else []
    return found


def _own_processes() -> list[int]:
    """The children of this process that something still holds on to."""
    gc.collect()
    return _processes(os.getpid())


def _session(model: onnx.ModelProto) -> WorkerSession:
    return WorkerSession(model.SerializeToString(), 1)


def _pid(session: WorkerSession) -> int:
    assert session._worker is not None
    return session._worker._process.pid


PICTURES = np.random.default_rng(1).random((3, 1, 28, 28), dtype=np.float32)


def test_the_numbers_are_those_of_this_process() -> None:
    model = network(gain=((1, 2, 3), (4, 5, 6)), metadata=affine()).SerializeToString()
    here, there = LocalSession(model, 1), WorkerSession(model, 1)
    assert here.declaration == there.declaration
    found = there.run("theta", "images", PICTURES)
    np.testing.assert_array_equal(found, here.run("theta", "images", PICTURES))
    assert found.dtype == np.float32
    assert found.shape == (3, 2, 3)
    strided = np.ascontiguousarray(np.moveaxis(PICTURES, 1, -1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(there.run("theta", "images", strided), found)
    assert there.run("theta", "images", PICTURES[:0]).shape == (0, 2, 3)


def test_what_cannot_be_run_is_said_and_the_process_goes_on() -> None:
    session = _session(network(metadata=affine()))
    before = _pid(session)
    with pytest.raises(CheckpointError, match="Got invalid dimensions"):
        session.run("theta", "images", PICTURES[:, :, :5])
    assert session.run("theta", "images", PICTURES).shape == (3, 2, 3)
    assert _pid(session) == before


@pytest.mark.parametrize("signum", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_in_a_run_is_an_error_and_the_next_run_has_a_new_process(signum: signal.Signals) -> None:
    session = _session(looping(0.9, 2.0))
    bright, dark = np.ones_like(PICTURES), np.zeros_like(PICTURES)
    threading.Timer(0.2, os.kill, (_pid(session), signum)).start()
    word = "killed" if signum == signal.SIGKILL else signum.name
    with pytest.raises(CheckpointError, match=f"its process (was|crashed).*{word}"):
        session.run("theta", "images", bright)
    assert session.run("theta", "images", dark).shape == (3, 2)
    os.kill(_pid(session), signum)  # between two runs
    time.sleep(0.1)
    assert session.run("theta", "images", dark).shape == (3, 2)


def test_a_stop_ends_the_run_under_way_and_no_other() -> None:
    session = _session(looping(0.9, 2.0))
    session.stop()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(session.run, "theta", "images", np.ones_like(PICTURES))
        while not run.done():
            session.stop()
            time.sleep(0.01)
    assert isinstance(run.exception(), Ended)
    session.stop()
    assert session.run("theta", "images", np.zeros_like(PICTURES)).shape == (3, 2)


@pytest.mark.parametrize("model", [doubling(24), looping()], ids=["loading", "trial"])
def test_what_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    monkeypatch.setattr(worker_session, "LONGEST", 1.0)
    before = _own_processes()
    with pytest.raises(CheckpointError, match="within 1 seconds"):
        Checkpoint.load(saved(model, tmp_path))
    assert not {*_own_processes()} - {*before}


def test_the_process_ends_with_its_checkpoint(tmp_path: Path) -> None:
    before = _own_processes()
    checkpoint = Checkpoint.load(saved(network(metadata=affine()), tmp_path))
    [process] = {*_own_processes()} - {*before}
    assert checkpoint.localise([BRIGHT])
    del checkpoint
    assert process not in _own_processes()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("model", [looping(0.9, 2.0), network(metadata=affine())], ids=["busy", "idle"])
def test_the_process_ends_when_the_one_that_needs_it_is_killed(tmp_path: Path, model: onnx.ModelProto) -> None:
    path = saved(model, tmp_path)
    script = (
        "import sys, numpy as np\nfrom stnwarp.localisation import Checkpoint\n"
        f"checkpoint = Checkpoint.load({str(path)!r})\nprint('loaded', flush=True)\n"
        "checkpoint.localise([np.full((9, 9), 255, np.uint8)])\nsys.stdin.read()"
    )
    program = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(program, env=environment(), **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"loaded\n"
        time.sleep(0.3)
        [worker] = _processes(process.pid)
        process.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)
    assert not Path(f"/proc/{worker}").exists()


def test_a_fork_has_a_process_of_its_own() -> None:
    session = _session(network(metadata=affine()))
    before = _pid(session)
    child = os.fork()
    if not child:
        is_right = session.run("theta", "images", PICTURES).shape == (3, 2, 3) and _pid(session) != before
        session.stop()
        os._exit(0 if is_right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.run("theta", "images", PICTURES).shape == (3, 2, 3)
    assert _pid(session) == before


def test_no_process_to_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(network(metadata=affine()), tmp_path)
    for executable, words in (
        (str(tmp_path / "none"), "no process can be started"),
        ("", "no process"),
        ("/bin/false", "ended"),
    ):
        monkeypatch.setattr(multiprocessing.spawn, "_python_exe", executable)
        with pytest.raises(CheckpointError, match=words):
            Checkpoint.load(path)
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", sys.executable)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(CheckpointError, match="set_executable"):
        Checkpoint.load(path)


def test_a_folder_with_modules_of_well_known_names_is_not_loaded_from(tmp_path: Path) -> None:
    path = saved(network(metadata=affine()), tmp_path)
    for name in ("numpy", "onnxruntime", "json", "stnwarp"):
        (tmp_path / f"{name}.py").write_text("open('loaded', 'w')")
    script = command_line("info", path)
    program = [script[0], "-P", *script[1:]]
    done = subprocess.run(program, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "loaded").exists()


# ---- memory


@pytest.mark.parametrize(("gigabytes", "at_once"), [(3.8, True), (6.1, False), (1000, True), (1000, False)])
def test_gigabytes_are_refused_before_they_are_taken(tmp_path: Path, gigabytes: float, at_once: bool) -> None:
    path = saved(expanding(int(gigabytes * 1e9 / 4), at_once), tmp_path)
    assert path.stat().st_size < 4000
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with pytest.raises(CheckpointError, match="more memory than a localisation network may"):
        Checkpoint.load(path)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 1_200_000)


def test_an_output_of_gigabytes_is_refused(tmp_path: Path) -> None:
    for numbers in (10_000_000, 950_000_000):
        with pytest.raises(CheckpointError, match=r"numbers at a time|more memory than"):
            Checkpoint.load(saved(wide(numbers), tmp_path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4_000_000


def test_names_and_metadata_of_megabytes_are_refused(tmp_path: Path) -> None:
    model = network(metadata="x" * 5_000_000)
    with pytest.raises(CheckpointError, match="megabytes"):
        Checkpoint.load(saved(model, tmp_path))


@pytest.mark.parametrize("name", ["n" * 100_000, "/onnxruntime" * 100_000, "/onnxruntime:1 " * 50_000, "(" * 1_000_000])
def test_a_reason_of_any_length_is_short(tmp_path: Path, name: str) -> None:
    model = network(metadata=affine())
    model.graph.node[0].op_type, model.graph.node[0].name = "NoSuchOperator", name
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(saved(model, tmp_path))
    assert len(str(caught.value)) < 600
    assert len(reason(RuntimeError(name))) <= 400


# ---- messages


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Two ends that talk to each other."""
    (a, b), (c, d) = os.pipe(), os.pipe()
    yield Channel(a, d, 100), Channel(c, b, 100)
    for descriptor in (a, b, c, d):
        os.close(descriptor)


def test_messages_arrive_as_they_were_sent(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    here.send({"a": [1, None, "\u00e9\udc80"]}, b"abc")
    here.send({})
    assert there.receive(5) == ({"a": [1, None, "\u00e9\udc80"]}, bytearray(b"abc"))
    assert there.receive(5) == ({}, bytearray())
    there.send({}, memoryview(np.arange(4, dtype=np.float32).reshape(2, 2)))
    assert len(here.receive()[1]) == 16


def test_what_is_no_message_is_refused(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    with pytest.raises(TimeoutError):
        there.receive(0.1)
    with pytest.raises(ValueError, match="bytes of facts"):
        here.send({"a": "x" * 5_000_000})
    here.send({}, b"x" * 101)
    with pytest.raises(ValueError, match="too long"):
        there.receive(5)


@pytest.mark.parametrize(
    "answer",
    [
        "os.write(1, b'x' * 100)",
        "os.write(1, b'{}')",
        "channel.send({})",
        "channel.send({'inputs': [[1]], 'outputs': [], 'metadata': None})",
        "channel._write(memoryview(b'\\x02\\0\\0\\0' + b'\\xff' * 8 + b'{}'))",
        "channel._write(memoryview(b'\\x02' + b'\\0' * 11 + b'[]'))",
        "channel._write(memoryview(b'\\x02' + b'\\0' * 11 + b'}{'))",
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    program = (
        "import json, os, sys, time; sys.path[:] = json.loads(sys.argv[1]); "
        f"from stnwarp.localisation.onnx.messages import Channel; channel = Channel(0, 1, 9); {answer}; time.sleep(60)"
    )
    monkeypatch.setattr(worker_session, "_PROGRAM", program)
    monkeypatch.setattr(worker_session, "_DYING", 0.1)
    monkeypatch.setattr(worker_session, "LONGEST", 1.0)
    with pytest.raises(CheckpointError, match=r"no answer that can be read|within 1 seconds"):
        _session(network())


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"dtype": "O", "shape": [1, 6]},
        {"dtype": "<f4", "shape": [1, 7]},
        {"dtype": "<f4", "shape": "x"},
        {"dtype": [], "shape": [1, 6]},
        {"dtype": "<i4", "shape": [1, 6]},
    ],
)
def test_numbers_that_cannot_be_read_are_an_error(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]) -> None:
    session = _session(network(metadata=affine()))
    monkeypatch.setattr(worker_session, "_answer", lambda *_: (facts, bytearray(24)))
    with pytest.raises(CheckpointError, match="no answer that can be read"):
        session.run("theta", "images", PICTURES)


# ---- the command line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "signum", "code", "seconds"),
    [
        ("apply", signal.SIGINT, 130, 0.0),
        ("apply", signal.SIGTERM, 143, 0.4),
        ("apply", signal.SIGHUP, 129, 0.7),
        ("info", signal.SIGINT, 130, 0.7),
    ],
)
def test_a_signal_ends_a_command_whose_network_takes_for_ever_to_load(
    tmp_path: Path, command: str, signum: int, code: int, seconds: float
) -> None:
    path = saved(doubling(60), tmp_path)
    good_files(tmp_path / "in")
    arguments = (
        ["info", path]
        if command == "info"
        else ["apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", path]
    )
    with subprocess.Popen(command_line(*arguments), stderr=subprocess.PIPE, env=environment()) as process:
        while not _processes(process.pid):
            time.sleep(0.01)
        time.sleep(seconds)
        [worker] = _processes(process.pid)
        process.send_signal(signum)
        sent = time.monotonic()
        _, told = process.communicate(timeout=30)
        took = time.monotonic() - sent
    assert process.returncode == code, told
    assert took < 3
    assert len(told.splitlines()) == 1, told
    assert not contents(tmp_path / "out")
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_network_that_fails_on_one_picture_leaves_the_others(tmp_path: Path) -> None:
    path = saved(looping(0.99, 2.0), tmp_path)
    good_files(tmp_path / "in")
    for source in (tmp_path / "in").iterdir():
        save(source, noise(3) // 2)
    save(tmp_path / "in" / "white.png", np.full((20, 30), 255, np.uint8))
    before = "import stnwarp.localisation.onnx.worker_session as w\nw.LONGEST = 1.0\n"
    script = f"{before}from stnwarp.cli import main\nmain()"
    arguments = ["apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", path, "-j", "2"]
    program = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "2 done, 1 failed" in done.stderr
    assert f"white.png: {path}: cannot be run on a picture: it does not end within 1 seconds" in done.stderr
    assert len(contents(tmp_path / "out")) == 2


def test_hostile_checkpoints_write_nothing(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    model = network(metadata=affine())
    model.graph.node[0].op_type, model.graph.node[0].name = "NoSuchOperator", "n" * 100_000
    for bad in (expanding(10**9), wide(10**8), model):
        path = saved(bad, tmp_path)
        ran = spawn("apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", path)
        assert ran.code == 4
        assert len(ran.error) < 700
        assert not contents(tmp_path / "out")
    assert spawn("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", 20).code == 0
    assert_good_ones_done(tmp_path, tmp_path / "out")


# ---- what a worker of others needs


def test_a_transformer_can_be_pickled(tmp_path: Path) -> None:
    path = saved(network(gain=0.1, metadata=affine()), tmp_path)
    for names in (["digits"], [path], [path, "digits", path]):
        transformer = SpatialTransformer.load(*names, repeat=2)
        again = pickle.loads(pickle.dumps(transformer))
        image = noise(5, 40, 50, 1)[..., 0]
        np.testing.assert_array_equal(again(image), transformer(image))
        assert [each.name for each in again.localiser.checkpoints] == [str(name) for name in names]
        assert again.localiser.checkpoints[0].metadata == transformer.localiser.checkpoints[0].metadata
    path.unlink()
    assert again(image).shape == image.shape


def test_a_pickled_network_starts_its_process_when_it_is_run(tmp_path: Path) -> None:
    localiser = Localiser([Checkpoint.load(saved(network(metadata=affine()), tmp_path))])
    data = pickle.dumps(localiser)
    before = _own_processes()
    again = pickle.loads(data)
    assert not {*_own_processes()} - {*before}
    assert again.localise([DARK])
    assert len({*_own_processes()} - {*before}) == 1
