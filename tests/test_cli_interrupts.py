"""Runs cut short by a signal or a full disk: what is there is whole, and a rerun does the rest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli_tools import MOVE, command_line, contents, environment, noise, run, save, spawn

pytestmark = pytest.mark.slow

COUNT = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, and what a run that is not disturbed makes of it."""
    base = tmp_path_factory.mktemp("interrupts")
    first = save(base / "in" / "00.png", noise(1, 700, 900))
    for number in range(1, COUNT):
        (base / "in" / f"{number:02}.png").write_bytes(first.read_bytes())
    assert run("apply", first, "-o", base / "clean.png", *MOVE).code == 0
    return base


def assert_whole(written: dict[str, bytes], folder: Path) -> None:
    """Nothing but finished files, each as an undisturbed run writes it."""
    clean = (folder / "clean.png").read_bytes()
    assert all(data == clean for data in written.values())
    assert all(len(name) == 6 for name in written), sorted(written)


@pytest.mark.parametrize(
    ("jobs", "signum", "code", "word"),
    [
        (1, signal.SIGINT, 130, "interrupted"),
        (2, signal.SIGINT, 130, "interrupted"),
        (2, signal.SIGTERM, 143, "terminated"),
        (2, signal.SIGHUP, 129, "hung up"),
    ],
)
def test_a_signal_ends_the_run_soon_and_a_rerun_completes_it(
    folder: Path, tmp_path: Path, jobs: int, signum: int, code: int, word: str
) -> None:
    target = tmp_path / "out"
    arguments = ("apply", folder / "in", "-o", target, *MOVE, "-j", jobs)
    with subprocess.Popen(command_line(*arguments), stderr=subprocess.PIPE, env=environment()) as process:
        while process.poll() is None and len(list(target.glob("[0-9]*"))) < 3:
            time.sleep(0.01)
        process.send_signal(signum)
        sent = time.monotonic()
        _, told = process.communicate(timeout=30)
        took = time.monotonic() - sent
    assert process.returncode == code, told
    assert took < 5
    assert told.decode().splitlines()[-1].startswith(f"stnwarp: error: {word}")
    assert "--skip-existing" in told.decode()
    assert "Traceback" not in told.decode()
    before = contents(target)
    assert 3 <= len(before) < COUNT
    assert_whole(before, folder)
    ran = run(*arguments, "--skip-existing")
    assert ran.code == 0
    assert f"{COUNT - len(before)} done, {len(before)} skipped" in ran.stderr
    assert len(contents(target)) == COUNT
    assert_whole(contents(target), folder)


def test_a_signal_that_the_parent_ignores_is_ignored(folder: Path, tmp_path: Path) -> None:
    signals = ("SIGHUP", "SIGINT", "SIGTERM")
    before = "import signal as s\n" + "\n".join(f"s.signal(s.{name}, s.SIG_IGN)" for name in signals)
    program = command_line("apply", folder / "in" / "0[0-3].png", "-o", tmp_path, *MOVE, before=before)
    with subprocess.Popen(program, stderr=subprocess.PIPE, env=environment()) as process:
        while process.poll() is None and not list(tmp_path.glob("0*")):
            time.sleep(0.01)
        for name in signals:
            process.send_signal(getattr(signal, name))
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(contents(tmp_path)) == 4


def test_a_disk_that_takes_no_more_ends_the_run_and_leaves_old_files_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    for name, size in (("a", 20), ("b", 400), ("c", 20)):
        save(source / f"{name}.png", noise(1, size, size))
        save(target / f"{name}.png", noise(2, 8, 8))
    old = contents(target)
    limit = 100_000  # bytes in one file: stands for a disk that is full, without one
    before = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    arguments = ("apply", source, "-o", target, *MOVE, "-j", "1")
    ran = spawn(*arguments, "--overwrite", before=before)
    assert ran.code == 4, ran.stderr
    assert "b.png" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert set(contents(target)) == set(old)
    assert contents(target)["a.png"] != old["a.png"]
    assert contents(target)["b.png"] == old["b.png"]
    (target / "b.png").unlink()
    (target / "c.png").unlink()
    ran = run(*arguments, "--skip-existing")
    assert ran.code == 0
    assert "2 done, 1 skipped" in ran.stderr
    assert run("apply", source, "-o", tmp_path / "clean", *MOVE).code == 0
    assert contents(target) == contents(tmp_path / "clean")


def test_two_runs_into_one_folder_leave_whole_files(folder: Path, tmp_path: Path) -> None:
    arguments = ("apply", folder / "in" / "0?.png", "-o", tmp_path, *MOVE, "--overwrite", "-q")
    processes = [subprocess.Popen(command_line(*arguments), env=environment()) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert len(contents(tmp_path)) == 10
    assert_whole(contents(tmp_path), folder)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("options", "bar"), [([], True), (["-q"], False)])
def test_the_bar_shows_on_a_terminal_only_and_the_list_of_failures_follows(
    tmp_path: Path, options: list[str], bar: bool
) -> None:
    import pty
    import termios

    for number in range(4):
        save(tmp_path / "in" / f"{number}.png", noise(number))
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 70))
    program = command_line("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, *options)
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=theirs, env=environment()) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:  # how the end of a pseudo-terminal is told
            pass
        assert process.stdout is not None
        assert process.stdout.read() == b""
    os.close(ours)
    assert process.returncode == 1
    assert (b"0/5 [" in told) == bar
    assert b"failed: " in told.splitlines()[-2 if bar else -1]
    plain = spawn("apply", tmp_path / "in", "-o", tmp_path / "plain", *MOVE)
    assert "\r" not in plain.stderr
