"""What a run says and where: data on standard output, all else on standard error, and the exit code."""

import errno
import json
import os
import sys
import warnings
from pathlib import Path

import click
import numpy as np
import pytest

from stnwarp import errors
from stnwarp.cli.console import Console
from stnwarp.cli.reporting import SignalInterrupt, run_reported
from stnwarp.errors import ExitCode
from stnwarp.text import escape_unprintable
from tests.cli_tools import MOVE, contents, good_files, noise, run, save

ERRORS = [
    (errors.ParameterError("x"), 2),
    (errors.SingularTransformError("x"), 2),
    (errors.OutputClashError("x"), 2),
    (errors.ImageError("x"), 1),
    (errors.NothingMatchedError("x"), 3),
    (errors.OutputError("x"), 4),
    (errors.MissingExtraError("x"), 4),
    (click.UsageError("x."), 2),
    (click.FileError("x"), 2),
    (MemoryError(), 4),
    (OSError(errno.EIO, "Input/output error", "disk"), 4),
    (ZeroDivisionError("a bug"), 4),
    (RecursionError(), 4),
    (KeyboardInterrupt(), 130),
    (SignalInterrupt(ExitCode.TERMINATED), 143),
    (SignalInterrupt(ExitCode.HUNG_UP), 129),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_every_error_is_one_line_with_its_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error

    assert run_reported(Console(), command) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("stnwarp: error: ")


def test_a_traceback_is_shown_with_vv_only(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise errors.OutputError("no room")

    for verbosity in (-1, 0, 1, 2):
        console = Console()
        console.verbosity = verbosity
        assert run_reported(console, command) == ExitCode.CANNOT_GO_ON
        captured = capsys.readouterr()
        assert captured.err.endswith("stnwarp: error: no room\n")
        assert ("Traceback" in captured.err) == (verbosity == 2)


def test_warnings_of_libraries_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("the cache is\nbroken", RuntimeWarning, stacklevel=1)

    assert run_reported(Console(), command) == 0
    assert capsys.readouterr().err == "stnwarp: warning: the cache is\\nbroken\n"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.png", "plain name.png"),
        (
            "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{GRINNING FACE}",
            "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{GRINNING FACE}",
        ),
        ("a\nb\tc\x1b[2Jd\x7f", "a\\nb\\tc\\x1b[2Jd\\x7f"),
        (os.fsdecode(b"byte \xff"), "byte \\xff"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_would_disturb_a_terminal_is_escaped(raw: str, shown: str) -> None:
    assert escape_unprintable(raw) == shown


class _Refusing:
    """A stream that takes nothing."""

    encoding = "ascii"

    def write(self, text: str) -> int:
        assert text.isascii()
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def isatty(self) -> bool:
        return False


def test_nothing_is_lost_when_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (_Refusing(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        console = Console()
        console.say("caf\N{LATIN SMALL LETTER E WITH ACUTE}")
        with console.progress(10) as advance:
            advance()
        assert run_reported(console, lambda: ExitCode.SOME_FAILED) == 1


@pytest.mark.parametrize(
    ("stream", "word"), [(_Refusing(), "No space left on device"), (None, "closed")], ids=["full", "closed"]
)
def test_data_that_cannot_be_written_ends_the_run(
    stream: _Refusing | None,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    console = Console()
    assert run_reported(console, lambda: console.data("x")) == 4
    assert word in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good images and a bad one."""
    good_files(tmp_path / "in")
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    return tmp_path / "in"


def test_json_is_one_record_per_image_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "out" / "good-a.png", noise(5))
    ran = run("apply", folder, "-o", tmp_path / "out", *MOVE, "--json", "--skip-existing")
    assert ran.code == 1
    records = {Path(record["input"]).name: record for record in ran.records}
    keys = ["input", "output", "status", "theta", "size", "limited", "copied", "warnings", "seconds", "error"]
    assert all(list(record) == keys for record in records.values())
    assert {name: record["status"] for name, record in records.items()} == {
        "good-a.png": "skipped",
        "good-b.jpg": "ok",
        "bad.png": "failed",
    }
    assert records["good-b.jpg"]["output"] == str(tmp_path / "out" / "good-b.jpg")
    assert records["good-b.jpg"]["seconds"] > 0
    assert [len(row) for row in records["good-b.jpg"]["theta"]] == [3, 3, 3]
    assert records["good-b.jpg"]["error"] is None
    assert records["bad.png"]["error"].startswith("empty file")
    assert records["bad.png"]["theta"] is None
    assert {name: record["size"] for name, record in records.items()} == {
        "good-a.png": None,
        "good-b.jpg": "32x24",
        "bad.png": None,
    }


def test_a_real_run_and_a_dry_one_tell_the_same_of_an_image(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    command = ("apply", source, "-o", tmp_path / "b.png", "--rotate", "20", "--size", "fit", "--json")
    dry, real = run(*command, "-n").records[0], run(*command).records[0]
    assert list(dry) == list(real)
    assert {**real, "seconds": None} == dry


def test_failures_are_summed_up_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    names = ("d.png", "b.png", "c.png", "a.png")
    for name in names:
        (tmp_path / "in" / name).write_bytes(b"")
    ran = run("apply", *(tmp_path / "in" / name for name in names), "-o", tmp_path / "out", *MOVE, "-q")
    assert [line.split("/")[-1] for line in ran.stderr.splitlines()] == [
        f"{name}: empty file" for name in sorted(names)
    ]


def test_json_of_standard_streams_says_dash(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    ran = run("apply", "-", "-o", tmp_path / "b.png", *MOVE, "--json", stdin=source.read_bytes())
    assert ran.records[0]["input"] == "-"


def test_quiet_leaves_the_failures_and_verbose_adds_every_image(folder: Path, tmp_path: Path) -> None:
    quiet = run("apply", folder, "-o", tmp_path / "quiet", *MOVE, "-q")
    assert quiet.stderr == f"stnwarp: failed: {folder / 'bad.png'}: empty file\n"
    normal = run("apply", folder, "-o", tmp_path / "normal", *MOVE).stderr.splitlines()
    assert normal[0] == quiet.stderr.strip()
    assert normal[1].startswith("stnwarp: 2 done, 1 failed in ")
    verbose = run("apply", folder, "-o", tmp_path / "verbose", *MOVE, "-v").stderr.splitlines()
    assert sorted(line.split(" ")[1] for line in verbose) == ["2", "failed:", "ok:", "ok:"]
    tracebacks = run("apply", folder, "-o", tmp_path / "tracebacks", *MOVE, "-vv").stderr
    assert "Traceback" in tracebacks
    assert contents(tmp_path / "quiet") == contents(tmp_path / "tracebacks")


def test_images_in_sub_folders_are_not_passed_by_in_silence(tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png"):
        save(tmp_path / "in" / name, noise(1))
    words = "stnwarp: warning: 1 sub-folder with images was left out; use -r\n"
    for number, (options, told) in enumerate((([], words), (["-q"], ""), (["-r", "-q"], ""))):
        assert run("apply", tmp_path / "in", "-o", tmp_path / f"{number}", *MOVE, *options).stderr == told
    assert "left out" not in run("apply", tmp_path / "in", "-o", tmp_path / "all", *MOVE, "-r").stderr


def test_one_image_that_comes_out_well_is_not_talked_about(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    ran = run("apply", source, "-o", tmp_path / "b.png", *MOVE)
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stnwarp.images import decode

    monkeypatch.setattr(decode, "read_picture", None)  # headers have to be enough
    before = contents(tmp_path)
    ran = run("apply", folder, "-o", tmp_path / "out", "--rotate", "90", "--size", "fit", "-n")
    assert ran.code == 1
    assert ran.stdout.splitlines() == [
        f"{folder / name} -> {tmp_path / 'out' / name}  24x32  theta 0 -1 0 1 0 0"
        for name in ("good-a.png", "good-b.jpg")
    ]
    assert ran.stderr == f"stnwarp: failed: {folder / 'bad.png'}: empty file\n"
    records = run("apply", folder, "-o", tmp_path / "out", "--rotate", "90", "--size", "fit", "-n", "--json").records
    assert [record["size"] for record in records] == [None, "24x32", "24x32"]
    assert [record["status"] for record in records] == ["failed", "ok", "ok"]
    assert contents(tmp_path) == before


def test_a_dry_run_gives_theta_as_theta_takes_it(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    for theta in ("0.5 0.25 0 -0.125 1 3", "1 0 0 0 1 0 0.25 -0.5 1"):
        ran = run("apply", source, "-o", tmp_path / "b.png", "--theta", theta, "-n")
        assert ran.stdout.strip().endswith(f"theta {theta}")


def test_a_dry_run_refuses_what_a_run_refuses(folder: Path, tmp_path: Path) -> None:
    deep = save(tmp_path / "deep.png", np.zeros((4, 4), np.uint16))
    ran = run("apply", deep, "-o", tmp_path / "deep.jpg", *MOVE, "-n")
    assert ran.code == 1
    assert run("apply", folder, "-o", folder, *MOVE, "-n").code == 2
    assert run("apply", tmp_path / "none", "-o", tmp_path / "out", *MOVE, "-n").code == 3


def test_a_dry_run_of_standard_streams_reads_the_header_only(tmp_path: Path) -> None:
    data = save(tmp_path / "a.png", noise(1)).read_bytes()
    ran = run("apply", "-", "-o", "-", *MOVE, "-n", "--json", stdin=data)
    assert ran.code == 0
    assert json.loads(ran.stdout)["size"] == "32x24"
