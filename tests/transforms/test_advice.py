"""Advice in errors: a command names no option that it does not have."""

import ast
import errno
import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import stnwarp
from tests.cli_tools import MOVE, Ran, contents, noise, run, save

_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_LONG_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_REST = "run again with --skip-existing to do the rest"
RESTORE = ("--recipe", "restore", "--range", "angle=40")
FEW = ("--filters", "8", "--scenes", "32", "--batch", "32", "--epochs", "1")
QUICK = ("--family", "similarity", "--threads", "1", *FEW)


@cache
def options_of(command: str) -> frozenset[str]:
    """The options that *command* lists in its help."""
    lines = run(command, "--help").stdout.splitlines()
    return frozenset(name for line in lines if line.strip().startswith("-") for name in _OPTION.findall(line))


def assert_fits(command: str, ran: Ran) -> None:
    """Every option that is named is one of *command*, or of none: names of files can look like options, too."""
    named = set(_OPTION.findall(re.sub(r"'stnwarp \w+ --help'", "", ran.stderr)))
    assert named <= options_of(command), ran.stderr


def too_large(path: Path) -> Path:
    """A PNG whose header tells of more pixels than are allowed."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dozen good images."""
    for number in range(12):
        save(tmp_path / "in" / f"{number:02}.png", noise(number, 32, 32))
    return tmp_path / "in"


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content) + "\n")
    return path


def _spline(tmp_path: Path) -> Path:
    points = np.stack(np.meshgrid([-1.0, 0, 1], [-1.0, 0, 1]), axis=-1).tolist()
    return written(tmp_path / "spline.json", {"points": points, "direction": "input to output"})


def _singular(tmp_path: Path) -> Path:
    return written(tmp_path / "flat.json", {"theta": [[1, 0, 0], [1, 0, 0]], "direction": "input to output"})


def _singular_rows(tmp_path: Path) -> Path:
    """A parameter file whose thetas have no inverse."""
    row = {"theta": [[1, 0, 0], [1, 0, 0]], "direction": "input to output"}
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"image": f"{number:02}.png", **row}) + "\n" for number in range(3)))
    return path


Case = tuple[str, Callable[[Path, Path], tuple[object, ...]], str]
CASES: dict[str, Case] = {
    "apply, a large image": ("apply", lambda f, t: (too_large(t / "a.png"), "-o", t / "o", *MOVE), "--max-pixels"),
    "grid, a large image": ("grid", lambda _, t: ("-o", t / "g.png", "--image", too_large(t / "a.png")), "--max-"),
    "info, a large image": ("info", lambda _, t: (too_large(t / "a.png"),), "--max-pixels"),
    "train, a large image": (
        "train",
        lambda f, t: (too_large(f / "a.png").parent, "-o", t / "a.onnx", *RESTORE, *QUICK),
        "a.png: 20000x20000 is 400,000,000 pixels, more than the limit of 89,478,485; left out",
    ),
    "apply, a spline": ("apply", lambda f, t: (f, "-o", t / "o", "--transform", _spline(t)), "direction"),
    "grid, a spline": ("grid", lambda _, t: ("-o", t / "g.npy", "--transform", _spline(t)), "direction"),
    "info, a spline": ("info", lambda _, t: (_spline(t),), "direction"),
    "apply, no inverse": ("apply", lambda f, t: (f, "-o", t / "o", "--transform", _singular(t)), "cannot be inverted"),
    "grid, no inverse": (
        "grid",
        lambda _, t: ("-o", t / "g.npy", "--size", "4x4", "--transform", _singular(t)),
        "cannot be inverted",
    ),
    "grid, no fit": (
        "grid",
        lambda _, t: ("-o", t / "g.npy", "--size", "fit", "--input-size", "4x4", "--theta", "1 0 0 1 0 0"),
        "cannot be inverted",
    ),
    "train, no inverse": (
        "train",
        lambda f, t: (
            f, "-o", t / "a.onnx", "--recipe", "theta", "--params", _singular_rows(t), *QUICK,
        ),
        "cannot be inverted",
    ),
    "train, no transforms": (
        "train",
        lambda f, t: (
            f, "-o", t / "a.onnx", "--recipe", "theta", "--params", _singular_rows(t), *QUICK,
        ),
        "parameter files of stnwarp apply",
    ),
    "apply, a file that exists": ("apply", lambda f, t: (f / "00.png", "-o", f / "01.png", *MOVE), "--overwrite"),
    "grid, a file that exists": (
        "grid",
        lambda _, t: ("-o", written(t / "g.json", 1), "--size", "4x4"),
        "--overwrite",
    ),
    "train, a file that exists": (
        "train",
        lambda f, t: (f, "-o", written(t / "a.onnx", 1), *RESTORE, *QUICK),
        "--overwrite",
    ),
    "grid, a large grid": ("grid", lambda _, t: ("-o", t / "g.npy", "--size", "99999x99999"), "--max-pixels"),
    "apply, a large output": ("apply", lambda f, t: (f, "-o", t / "o", "--size", "99999x99999"), "--max-pixels"),
    "grid, a long name": (
        "grid",
        lambda _, t: ("-o", t / ("n" * 300 + ".npy"), "--size", "4x4"),
        "file name too long; give another name",
    ),
    "grid, a long path": (
        "grid",
        lambda _, t: ("-o", t / "/".join(["n" * 200] * 30) / "g.npy", "--size", "4x4"),
        "file name too long; give another name",
    ),
    "apply, nothing given": ("apply", lambda f, t: (f, "-o", t / "o"), "no transformation"),
    "grid, nothing to undo": ("grid", lambda _, t: ("-o", t / "g.npy", "--size", "4x4", "--inverse"), "to undo"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_failure_names_options_of_its_command_alone(folder: Path, tmp_path: Path, case: str) -> None:
    command, arguments, words = CASES[case]
    if command == "train":
        pytest.importorskip("torch")
    ran = run(command, *arguments(folder, tmp_path))
    assert ran.code != 0
    assert words in ran.stderr
    assert_fits(command, ran)


def _full(monkeypatch: pytest.MonkeyPatch, code: int, after: int = 0) -> None:
    real, count = os.write, 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal count
        count += 1
        if count > after:
            raise OSError(code, os.strerror(code))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)


CODES = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO]


@pytest.mark.parametrize(
    ("command", "code"),
    [*product(["apply", "grid"], CODES), ("train", errno.ENOSPC)],
    ids=lambda value: errno.errorcode.get(value, value),
)
def test_a_disk_that_takes_nothing_is_told_in_words_of_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "apply": (folder, "-o", tmp_path / "out", *MOVE),
        "grid": ("-o", tmp_path / "g.npy", "--size", "4x4"),
        "train": (folder, "-o", tmp_path / "a.onnx", *RESTORE, *QUICK),
    }
    if command == "train":
        pytest.importorskip("torch")
    with monkeypatch.context() as patch:
        _full(patch, code)
        ran = run(command, *arguments[command])
    assert ran.code == 4
    assert os.strerror(code).lower() in ran.stderr
    assert (code in (errno.ENOSPC, errno.EDQUOT)) == ("free some" in ran.stderr)
    assert ("--skip-existing" in ran.stderr) == (command == "apply")
    assert_fits(command, ran)


@pytest.mark.parametrize(
    ("options", "advice"),
    [((), _REST), (("--skip-existing",), _REST), (("--overwrite",), "run again to do the rest")],
)
def test_the_rest_of_a_run_that_a_full_disk_ended_is_done_by_what_it_advises(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], advice: str
) -> None:
    target, clean = tmp_path / "out", tmp_path / "clean"
    assert run("apply", folder, "-o", clean, *MOVE).code == 0
    if options == ("--overwrite",):
        assert run("apply", folder, "-o", target, "--rotate", "5").code == 0
    with monkeypatch.context() as patch:
        _full(patch, errno.ENOSPC, after=5)
        ran = run("apply", folder, "-o", target, *MOVE, *options, "-j", 1)
    assert ran.code == 4
    assert ran.stderr.splitlines()[-1].endswith(f": no space left on device; free some space; {advice}")
    again = options if options == ("--overwrite",) else ("--skip-existing",)
    assert run("apply", folder, "-o", target, *MOVE, *again).code == 0
    assert contents(target) == contents(clean)


def test_a_parameter_file_that_cannot_be_written_is_no_reason_to_warp_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    with monkeypatch.context() as patch:
        _full(patch, errno.ENOSPC, after=24)  # each image and its row
        ran = run("apply", folder, "-o", target, *MOVE, "--save-params", tmp_path / "p.jsonl")
    assert ran.code == 4
    assert len(contents(target)) == 12
    assert "p.jsonl" in ran.stderr
    assert "--skip-existing" not in ran.stderr


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("apply", "stnwarp.folder.find_sources"),
        ("grid", "stnwarp.cli.grid.known_input"),
        ("info", "stnwarp.cli.info._described"),
        ("train", "stnwarp.cli.train._settings"),
    ],
)
def test_a_lack_of_memory_is_told_in_words_of_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str
) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "apply": (folder, "-o", tmp_path / "out", *MOVE),
        "grid": ("-o", tmp_path / "g.npy", "--size", "4x4"),
        "info": (folder / "00.png",),
        "train": (folder, "-o", tmp_path / "a.onnx", *RESTORE),
    }

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(place, fail)
    ran = run(command, *arguments[command])
    assert ran.code == 4
    assert "not enough memory" in ran.error
    assert_fits(command, ran)


def test_a_file_that_appears_meanwhile_is_told_in_words_of_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "g.npy"
    target.touch()
    real = os.path.lexists
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "lexists", lambda path: path != target and real(path))
        ran = run("grid", "-o", target, "--size", "4x4")
    assert ran.code == 2
    assert "exists already; use --overwrite to replace it" in ran.error
    assert_fits("grid", ran)
    assert target.read_bytes() == b""


ROOMS = {
    "folder": ["apply"],
    "images": ["apply", "grid"],  # train leaves remedies out, info writes nothing
    "localisation": ["apply", "info"],
    "params": ["apply", "info", "train"],
    "training": ["train"],
    "transform_files": ["apply", "grid", "info"],
    "transform_files/specs.py": ["apply", "grid"],  # advice about one that is resolved
    "transforms": ["apply", "grid"],  # only advice about a grid names an option
}


@pytest.mark.parametrize("room", ROOMS)
def test_messages_in_the_code_name_options_of_the_commands_that_show_them(room: str) -> None:
    package = Path(stnwarp.__file__).parent
    files = [package / room] if room.endswith(".py") else [*(package / room).rglob("*.py")]
    files = [path for path in files if room.endswith(".py") or str(path.relative_to(package)) not in ROOMS]
    named = {name for text in _texts(files) for name in _LONG_OPTION.findall(text)}
    for command in ROOMS[room]:
        assert named <= options_of(command), command


def _texts(files: Sequence[Path]) -> Iterator[str]:
    """The texts in the code of *files* that are no documentation."""
    for path in files:
        tree = ast.parse(path.read_text())
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                yield node.value
