"""Signals that end a run: each with its exit code and word, no temporaries, and the same in every command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli_tools import MOVE, contents, environment, noise, run, save
from tests.training_data import save_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
SIGNALS = [(signal.SIGHUP, 129, "hung up"), (signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
COUNT = 12

# Every sync of a file takes a while, and tells that it has begun.
SLOW = """
import os, sys, time
real = os.fsync
def slow(descriptor):
    sys.stdout.write("w")
    sys.stdout.flush()
    time.sleep(0.3)
    real(descriptor)
os.fsync = slow
from stnwarp.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dozen images that are alike."""
    first = save(tmp_path / "in" / "00.png", noise(1))
    for number in range(1, COUNT):
        first.with_name(f"{number:02}.png").hardlink_to(first)
    return tmp_path / "in"


def slow_apply(folder: Path, target: Path, *options: object) -> list[str]:
    return [sys.executable, "-c", SLOW, *map(str, ("apply", folder, "-o", target, *MOVE, *options))]


def assert_ended_well(folder: Path, target: Path) -> None:
    """Whole files and nothing else; a second run does the rest."""
    before = contents(target)
    assert len(before) < COUNT
    assert all(len(name) == 6 for name in before), sorted(before)
    ran = run("apply", folder, "-o", target, *MOVE, "--skip-existing")
    assert ran.code == 0
    after = contents(target)
    assert len(after) == COUNT
    assert len(set(after.values())) == 1


@pytest.mark.parametrize(("signum", "code", "word", "times"), [(*SIGNALS[0], 2), (*SIGNALS[1], 1), (*SIGNALS[2], 1)])
def test_a_signal_amid_a_write_leaves_no_temporary(
    folder: Path, tmp_path: Path, signum: int, code: int, word: str, times: int
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    program = slow_apply(folder, target, "-j", 2)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(program, env=environment(), **pipes) as process:  # type: ignore[call-overload]
        process.stdout.read(4)
        for _ in range(times):
            process.send_signal(signum)
            time.sleep(0.05)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code, told
    lines = told.decode().splitlines()
    assert lines[-1] == f"stnwarp: error: {word}; run again with --skip-existing to do the rest"
    assert "Traceback" not in told.decode()
    assert_ended_well(folder, target)


def test_a_closed_terminal_ends_the_run_as_sighup_does(folder: Path, tmp_path: Path) -> None:
    import pty

    target = tmp_path / "out"
    target.mkdir()
    child, terminal = pty.fork()
    if child == 0:
        program = slow_apply(folder, target, "-j", 2)
        os.execve(program[0], program, environment())
    while len(list(target.glob("[0-9]*"))) < 2:
        time.sleep(0.01)
    os.close(terminal)  # the system sends SIGHUP, and what is still said goes nowhere
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert_ended_well(folder, target)


def test_a_run_under_nohup_goes_on(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    program = ["nohup", *slow_apply(folder / "0[0-3].png", target, "-j", 2)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(program, env=environment(), **pipes) as process:  # type: ignore[call-overload]
        process.stdout.read(2)
        process.send_signal(signal.SIGHUP)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0, told
    assert len(contents(target)) == 4


@pytest.mark.parametrize(("signum", "code", "word"), [SIGNALS[0], SIGNALS[2]])
def test_training_ends_by_signals_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: int, code: int, word: str
) -> None:
    pytest.importorskip("torch")
    from stnwarp.cli.training_report import Report

    images, target = save_folder(tmp_path / "in", "FL", 8), tmp_path / "a.onnx"
    options = ("--recipe", "restore", "--range", "angle=40", "--family", "similarity", "--filters", "8")
    quick = ("--scenes", "64", "--batch", "32", "--threads", "1", "--epochs", "10000")
    monkeypatch.setattr(Report, "add", lambda *_: os.kill(os.getpid(), signum))
    ran = run("train", images, "-o", target, *options, *quick)
    assert ran.code == code
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"stnwarp: error: {word}; ")
    assert last.endswith("kept; run it again with --resume to go on")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "a.onnx", "a.onnx.state"}


@pytest.mark.parametrize("command", ["apply", "grid", "info", "train"])
def test_every_command_lists_the_codes(command: str) -> None:
    said = " ".join(run(command, "--help").stdout.split())
    for _, code, word in SIGNALS:
        assert f"{code} {word}" in said
    assert "not found" not in said


def test_handlers_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(signum) for signum, _, _ in SIGNALS]
    assert run("apply", save(tmp_path / "a.png", noise(1)), "-o", tmp_path / "b.png", *MOVE).code == 0
    assert [signal.getsignal(signum) for signum, _, _ in SIGNALS] == before
