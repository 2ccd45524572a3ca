"""What C libraries write to standard error: told as warnings, with the name of the image, and not under -q."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from stnwarp.cli.console import Console
from stnwarp.cli.native_messages import NativeMessages
from stnwarp.errors import OutputError
from stnwarp.folder import Job, find_sources, plan
from tests.cli_tools import MOVE, assert_good_ones_done, environment, good_files, noise, save, spawn

LZW = "Using code not yet in table."
ZIP = "ZIPDecode: Decoding error at scanline 0, incorrect data check."

pytestmark = pytest.mark.skipif(not hasattr(os, "pread"), reason="nothing is collected there")


def broken_tiff(path: Path, compression: str) -> Path:
    """A TIFF of which libtiff complains to descriptor 2."""
    stream = io.BytesIO()
    Image.fromarray(noise(3, 64, 64)).save(stream, "TIFF", compression=compression)
    data = bytearray(stream.getvalue())
    for place in range(200, 400):
        data[place] ^= 0x5A
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    good_files(tmp_path / "in")
    broken_tiff(tmp_path / "in" / "lzw.tif", "tiff_lzw")
    broken_tiff(tmp_path / "in" / "zip.tif", "tiff_adobe_deflate")
    return tmp_path / "in"


def test_lines_of_libraries_stand_after_the_name_of_their_image(folder: Path, tmp_path: Path) -> None:
    ran = spawn("apply", folder, "-o", tmp_path / "out", *MOVE, "-j1")
    assert ran.code == 1
    lines = ran.stderr.splitlines()
    assert lines[:2] == [
        f"stnwarp: warning: {folder / 'lzw.tif'}: {LZW}",
        f"stnwarp: warning: {folder / 'zip.tif'}: {ZIP}",
    ]
    assert all(line.startswith("stnwarp: ") for line in lines)
    assert len(lines) == 5
    assert_good_ones_done(tmp_path, tmp_path / "out")


def test_quiet_runs_do_not_tell_them_and_verbose_ones_leave_them_where_they_are(folder: Path, tmp_path: Path) -> None:
    quiet = spawn("apply", folder, "-o", tmp_path / "quiet", *MOVE, "-q")
    assert [line.split(": ")[1] for line in quiet.stderr.splitlines()] == ["failed", "failed"]
    verbose = spawn("apply", folder, "-o", tmp_path / "verbose", *MOVE, "-vv", "-j1")
    assert LZW.rstrip(".") in verbose.stderr  # in pieces, between which other lines may come
    assert f"lzw.tif: {LZW}" not in verbose.stderr
    assert "Traceback" in verbose.stderr


def test_several_images_at_a_time_are_all_named(folder: Path, tmp_path: Path) -> None:
    ran = spawn("apply", folder, "-o", tmp_path / "out", *MOVE, "-j4")
    assert ran.code == 1
    for name, line in (("lzw.tif", LZW), ("zip.tif", ZIP)):
        (told,) = [each for each in ran.stderr.splitlines() if each.endswith(line)]
        assert str(folder / name) in told
        assert told.startswith((f"stnwarp: warning: {folder / name}: ", "stnwarp: warning: one of "))
    assert_good_ones_done(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("command", ["grid", "apply -"])
def test_commands_of_one_file_name_it(folder: Path, tmp_path: Path, command: str) -> None:
    image = folder / "zip.tif"
    if command == "grid":
        name, ran = str(image), spawn("grid", "-o", tmp_path / "grid.png", "--image", image, "--rotate", "5")
    else:
        name, ran = "-", spawn("apply", "-", "-o", tmp_path / "a.png", *MOVE, stdin=image.read_bytes())
    assert ran.code == 1
    assert ran.stderr.splitlines()[0] == f"stnwarp: warning: {name}: {ZIP}"
    assert len(ran.stderr.splitlines()) == 2


# A program that stands for a library: it writes to descriptor 2 when an image is probed.
SPEAKING = """
import os, sys
from stnwarp.images import probe as module
from stnwarp.cli import main
old = module._identify
def speak(stream):
    {speech}
    return old(stream)
module._identify = speak
main(sys.argv[1:])
"""


def speaking(speech: str, *args: object) -> tuple[int, list[str]]:
    program = [sys.executable, "-c", SPEAKING.format(speech=speech), *map(str, args)]
    done = subprocess.run(program, capture_output=True, env=environment(), timeout=60, check=False)
    return done.returncode, done.stderr.decode().splitlines()


def test_info_names_its_file_and_long_lines_and_many_lines_are_shortened(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", noise(1))
    speech = 'os.write(2, b"\\x1b[0;93mtwice\\x1b[m\\ntwice\\n" + b"x" * 100000 + b"\\nc\\nd\\ne\\nwithout end")'
    code, lines = speaking(speech, "info", image)
    assert code == 0
    told = [line.removeprefix(f"stnwarp: warning: {image}: ") for line in lines]
    assert told[0] == "twice"
    assert told[1].startswith("xxxx")
    assert len(told[1]) <= 300
    assert told[2:] == ["c", "3 more lines"]


def test_a_flood_of_lines_is_cut(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", noise(1))
    code, lines = speaking('os.write(2, b"row %d\\n" * 1000000)', "apply", image, "-o", tmp_path / "o.png", *MOVE)
    assert code == 0
    assert lines == [f"stnwarp: warning: {image}: row %d"]


def test_child_processes_and_dry_runs_are_heard(tmp_path: Path) -> None:
    for image in good_files(tmp_path / "in"):
        assert image.exists()
    code, lines = speaking('os.system("echo said >&2")', "apply", tmp_path / "in", "-o", tmp_path / "o", *MOVE, "-n")
    assert code == 0
    assert lines == [f"stnwarp: warning: {image}: said" for image in good_files(tmp_path / "in")]


def test_a_crash_is_told(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", noise(1))
    code, lines = speaking("os.abort()", "info", image)
    assert code < 0
    assert "Fatal Python error: Aborted" in lines


def test_a_closed_standard_error_takes_no_harm(folder: Path, tmp_path: Path) -> None:
    ran = spawn("apply", folder, "-o", tmp_path / "out", *MOVE, before="import os\nos.close(2)\nos.close(0)")
    assert (ran.code, ran.stderr) == (1, "")
    assert_good_ones_done(tmp_path, tmp_path / "out")


def test_the_descriptor_is_as_it_was_and_the_library_never_touches_it(folder: Path) -> None:
    program = (
        "import os, sys\nfrom stnwarp.cli import main\nbefore, stream = os.fstat(2), sys.stderr\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "assert os.path.samestat(before, os.fstat(2)) and sys.stderr is stream\nprint('same')\n"
        "from stnwarp.images import read_picture\n"
        f"try:\n    read_picture(__import__('pathlib').Path({str(folder / 'lzw.tif')!r}), max_pixels=10000)\n"
        "except Exception:\n    pass"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "info", str(folder / "good-a.png")],
        capture_output=True,
        env=environment(),
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == b"same"
    assert done.stderr.decode() == f"tempfile.tif: {LZW}\n"


@contextmanager
def messages_in(tmp_path: Path) -> Iterator[tuple[NativeMessages, int, list[Job]]]:
    """Messages, the descriptor that libraries write them to, and jobs."""
    for number in range(6):
        save(tmp_path / "in" / f"{number}.png", noise(number, 2, 2))
    descriptor = os.open(tmp_path / "messages", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    writer = os.dup(descriptor)
    messages = NativeMessages(Console(), descriptor)
    try:
        yield messages, writer, plan(find_sources([str(tmp_path / "in")]), str(tmp_path / "out")).jobs
    finally:
        messages.close()
        os.close(writer)


class Worker:
    """A thread that is in a job from `begin` to `end`."""

    def __init__(self, messages: NativeMessages, job: Job) -> None:
        self._messages = messages
        self._job = job
        self._goes_on = threading.Event()
        self._is_in = threading.Event()
        self.lines: Sequence[str] = ()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        assert self._is_in.wait(30)

    def _work(self) -> None:
        with self._messages.of_job(self._job) as self.lines:
            self._is_in.set()
            self._goes_on.wait(30)

    def end(self) -> list[str]:
        self._goes_on.set()
        self._thread.join()
        return list(self.lines)


def test_a_line_belongs_to_what_was_under_way_since_the_last_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with messages_in(tmp_path) as (messages, writer, jobs):
        os.write(writer, b"before\n")
        first = Worker(messages, jobs[0])
        os.write(writer, b"first\nfirst\n")
        second = Worker(messages, jobs[1])
        os.write(writer, b"shared\nshared\nhalf a")
        assert first.end() == ["first"]
        os.write(writer, b" line\nsecond\n")
        assert second.end() == ["half a line", "second"]
        told = f"one of {jobs[0].source.path}, {jobs[1].source.path}: shared"
        assert capsys.readouterr().err == f"stnwarp: warning: {told}\n"
        others = [Worker(messages, job) for job in jobs]
        os.write(writer, b"of many\n")
        assert [other.end() for other in others] == [[]] * 6
        assert "3.png and 2 others: of many\n" in capsys.readouterr().err
    assert capsys.readouterr().err == "stnwarp: warning: before\n"


def test_lines_of_an_image_that_ends_the_run_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with messages_in(tmp_path) as (messages, writer, jobs), suppress(OutputError), messages.of_job(jobs[0]):
        os.write(writer, b"a\n")
        raise OutputError("no room")
    assert capsys.readouterr().err == f"stnwarp: warning: {jobs[0].source.path}: a\n"


def test_the_file_is_emptied_when_it_has_grown(tmp_path: Path) -> None:
    with messages_in(tmp_path) as (messages, writer, jobs):
        for number in range(3):
            worker = Worker(messages, jobs[number])
            os.write(writer, b"%d\n" % number + b"x" * (1 << 24) + b"\n")
            assert worker.end()[0] == str(number)
        assert (tmp_path / "messages").stat().st_size == 0
        worker = Worker(messages, jobs[0])
        os.write(writer, b"again\n")
        assert worker.end() == ["again"]


def test_an_image_costs_next_to_nothing(tmp_path: Path) -> None:
    """Two looks at a file are two calls of the system: far less than what a small image takes, by their number."""
    calls: list[int] = []
    with messages_in(tmp_path) as (messages, _, jobs), pytest.MonkeyPatch.context() as patch:
        look = os.fstat
        patch.setattr(os, "fstat", lambda descriptor: (calls.append(descriptor), look(descriptor))[1])
        with messages.of_job(jobs[0]) as lines:
            pass
        assert lines == []
        assert len(calls) == 2
