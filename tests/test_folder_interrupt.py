"""Ctrl-C and SIGTERM in the middle of a run, in a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from stnwarp.folder import find_sources, plan, run
from tests.folder_images import TILTED, files_below, save_image

pytestmark = pytest.mark.slow

PROGRAM = """
import signal, sys, time
from contextlib import closing
from stnwarp.folder import crew, find_sources, plan, run
from tests.folder_images import TILTED

photos, out, workers, lingering = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "lingering"

class Terminated(BaseException):
    pass

def terminate(*_):
    raise Terminated

work = crew.process

def slow(job, *arguments, **options):
    outcome = work(job, *arguments, **options)
    time.sleep(60 if lingering and job.source.relative.stem != "00" else 0.02)
    return outcome

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, terminate)
crew.process = slow
try:
    with closing(run(plan(find_sources([photos]), out).jobs, TILTED, workers)) as outcomes:
        for outcome in outcomes:
            print(outcome.status, flush=True)
except KeyboardInterrupt:
    sys.exit(130)
except Terminated:
    sys.exit(143)
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("number", "code", "pace"),
    [(signal.SIGINT, 130, "steady"), (signal.SIGINT, 130, "lingering"), (signal.SIGTERM, 143, "steady")],
)
def test_a_signal_ends_the_run_at_once_with_whole_files_only(
    tmp_path: Path, workers: int, number: signal.Signals, code: int, pace: str
) -> None:
    for n in range(60):
        save_image(tmp_path / f"photos/{n:02}.png", size=(60, 80), seed=n)
    arguments = [
        sys.executable,
        "-c",
        textwrap.dedent(PROGRAM),
        str(tmp_path / "photos"),
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*arguments, str(workers), pace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ok\n"
        process.send_signal(number)
        # Far less than the minute that an image lingers; the stop itself takes no more than two seconds.
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (code, b"")
    done = files_below(tmp_path / "out")
    assert 1 <= len(done) < 60
    for name in done:
        with Image.open(tmp_path / "out" / name) as image:
            image.load()
    planned = plan(find_sources([str(tmp_path / "photos")]), str(tmp_path / "out"), skip_existing=True)
    assert len(planned.skipped) == len(done)
    list(run(planned.jobs, TILTED, 2))
    assert len(files_below(tmp_path / "out")) == 60


def test_a_run_that_was_never_closed_lets_the_interpreter_end(tmp_path: Path) -> None:
    save_image(tmp_path / "photos/00.png")
    save_image(tmp_path / "photos/01.png")
    program = textwrap.dedent(PROGRAM).split("try:")[0] + (
        "outcomes = run(plan(find_sources([photos]), out).jobs, TILTED, workers)\nnext(outcomes)\n"
    )
    arguments = [
        sys.executable,
        "-c",
        program,
        str(tmp_path / "photos"),
        str(tmp_path / "out"),
        "2",
        "lingering",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(arguments, env=environment, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "00.png" in files_below(tmp_path / "out")
