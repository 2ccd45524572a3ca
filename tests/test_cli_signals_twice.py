"""Several signals in a row, and signals while nobody reads what is told: the run ends, with whole files."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stnwarp
from tests.cli_tools import MOVE, command_line, contents, environment, noise, save

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be caught")]

COUNT = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose kernel is compiled already: a run that has to compile it says so first."""
    base = tmp_path_factory.mktemp("signals") / "in"
    first = save(base / "00.png", noise(1, 500, 700))
    stnwarp.warp(noise(1, 8, 8), [[0.9, -0.1, 0], [0.1, 0.9, 0]])
    for number in range(1, COUNT):
        (base / f"{number:02}.png").write_bytes(first.read_bytes())
    return base


@pytest.mark.parametrize(
    ("first", "second", "code", "gap"),
    [
        (signal.SIGINT, signal.SIGINT, 130, 0.0005),
        # Of signals that come in before Python looks, it handles the lower number first: these two are farther apart.
        (signal.SIGTERM, signal.SIGHUP, 143, 0.05),
        (signal.SIGHUP, signal.SIGHUP, 129, 0.02),
    ],
)
def test_a_second_signal_does_not_break_off_what_the_first_one_began(
    folder: Path, tmp_path: Path, first: int, second: int, code: int, gap: float
) -> None:
    target, rows = tmp_path / "out", tmp_path / "rows.jsonl"
    arguments = ("apply", folder, "-o", target, *MOVE, "-j2", "--save-params", rows)
    with subprocess.Popen(command_line(*arguments), stderr=subprocess.PIPE, env=environment()) as process:
        while process.poll() is None and not any(name.startswith(".") for name in contents(target)):
            time.sleep(0.0005)
        process.send_signal(first)
        time.sleep(gap)
        process.send_signal(second)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code, told
    written = contents(target)
    assert not [name for name in written if name.startswith(".")]
    assert len(rows.read_bytes().splitlines()) == len(written) if written else not rows.exists()
    assert f"{COUNT - len(written)} not done".encode() in told


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="the size of a pipe is not known")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nobody_is_waited_for_who_does_not_read(folder: Path, tmp_path: Path, signum: int, code: int) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"x" * 4096)
    program = command_line("apply", folder, "-o", tmp_path / "out", *MOVE, "-v")
    try:
        with subprocess.Popen(program, stderr=write, env=environment()) as process:
            while process.poll() is None and not contents(tmp_path / "out"):
                time.sleep(0.01)
            time.sleep(0.5)
            process.send_signal(signum)
            assert process.wait(timeout=20) == code
    finally:
        os.close(read)
        os.close(write)
    assert not [name for name in contents(tmp_path / "out") if name.startswith(".")]
