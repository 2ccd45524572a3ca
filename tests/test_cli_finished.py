"""What is finished is counted and told, once, at whatever moment a run is interrupted."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from stnwarp.cli.console import Console
from stnwarp.cli.finished import Deferral, Finished
from stnwarp.cli.outcomes import Tally
from stnwarp.folder import Outcome, Status, find_sources, plan
from tests.cli_tools import MOVE, command_line, environment, good_files, noise, save

COUNT = 40

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("finished")
    for number in range(COUNT):
        save(source / f"{number:02}.png", noise(number, 120, 160))
    (source / "07.png").write_bytes(b"no image")
    return source


@pytest.mark.parametrize(
    ("jobs", "signum", "moment"),
    [(1, "SIGINT", 1), (1, "SIGTERM", 17), (2, "SIGINT", 5), (4, "SIGTERM", 11)],
)
def test_the_summary_and_the_records_are_of_all_that_was_finished(
    folder: Path, tmp_path: Path, jobs: int, signum: str, moment: int
) -> None:
    target = tmp_path / "out"
    arguments = ("apply", folder, "-o", target, *MOVE, "-j", jobs, "--json")
    with subprocess.Popen(
        command_line(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        while process.poll() is None and len(list(target.glob("[0-9]*"))) < moment:
            time.sleep(0.001)
        process.send_signal(getattr(signal, signum))
        output, told = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, signum)
    records = [json.loads(line) for line in output.splitlines()]
    summary = told.decode().splitlines()[-2]
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (done|failed|not done)\b", summary)}
    there = sorted(path.name for path in target.iterdir())
    assert counts["done"] == len(there)
    assert sorted(Path(record["output"]).name for record in records if record["status"] == "ok") == there
    assert len({record["input"] for record in records}) == len(records) == counts["done"] + counts.get("failed", 0)
    assert sum(counts.values()) == COUNT
    assert told.decode().count("failed: ") == counts.get("failed", 0)


def test_outcomes_that_nobody_asked_for_are_told_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good_files(tmp_path / "in")
    first, second = plan(find_sources([str(tmp_path / "in")]), str(tmp_path / "out")).jobs
    tally = Tally(Console(), 2, as_json=True)
    finished = Finished(tally, [], None)
    with suppress(KeyboardInterrupt), finished.told():
        for job in (first, second):
            finished.note(Outcome(job, Status.OK))
        finished.tell(Outcome(first, Status.OK))
        raise KeyboardInterrupt
    tally.sum_up()
    captured = capsys.readouterr()
    assert [json.loads(line)["input"] for line in captured.out.splitlines()] == [
        str(job.source.path) for job in (first, second)
    ]
    assert "2 done in" in captured.err


def test_an_image_on_its_way_to_standard_output_is_not_done_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png", noise(1))
    (job,) = plan(find_sources([str(tmp_path / "a.png")]), "-").jobs
    tally = Tally(Console(), 2, as_json=False)
    finished = Finished(tally, [], None)
    with suppress(KeyboardInterrupt), finished.told():
        finished.note(Outcome(job, Status.OK))
        raise KeyboardInterrupt
    tally.sum_up()
    assert "2 not done in" in capsys.readouterr().err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_what_is_being_told(signum: int) -> None:
    steps: list[str] = []

    def note(*_: object) -> None:
        steps.append("signal")

    before = signal.signal(signum, note)
    try:
        deferral = Deferral()
        with deferral:
            with deferral.on():
                signal.raise_signal(signum)
                steps.append("told")
            signal.raise_signal(signum)
        assert steps == ["told", "signal", "signal"]
        assert signal.getsignal(signum) is note
    finally:
        signal.signal(signum, before)


def test_a_signal_does_not_wait_for_a_reader_that_holds_up_what_is_told(folder: Path, tmp_path: Path) -> None:
    """Standard output is a pipe that is full, and nobody reads from it."""
    arguments = ("apply", folder, "-o", tmp_path / "out", *MOVE, "-j", "2", "--json")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(1 << 12))
    os.set_blocking(writer, True)
    with subprocess.Popen(
        command_line(*arguments), stdout=writer, stderr=subprocess.PIPE, env=environment()
    ) as process:
        while not (tmp_path / "out" / "00.png").exists():
            time.sleep(0.001)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    os.close(reader)
    os.close(writer)
    assert process.returncode == 143
    assert told.decode().splitlines()[-1].startswith("stnwarp: error: terminated")
