"""Values of any length: the line that refuses one is short, and says what is wrong with which option."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stnwarp.cli import main
from stnwarp.cli.console import Console
from stnwarp.text import elide
from tests.cli_tools import MOVE, assert_good_ones_done, good_files, noise, run, save
from tests.onnx_files import TURN, affine, network, saved

LENGTH = 100_000
MOST = 2_000  # characters on standard error
VALUES = {
    "letters": "x" * LENGTH,
    "digits": "7" * LENGTH,
    "list": "1," * (LENGTH // 2),
    "terms": "angle=1," * (LENGTH // 8),
    "number": "angle=" + "4" * LENGTH,
    "lines": "'\n" * (LENGTH // 2),
    "directories": "x/" * 2_500,
    "colour": f"rgb({'9' * LENGTH})",
    "suffix": "x" * LENGTH + ".png",
}
# What else has to stand on the line for the value to be looked at.
NEEDED = {
    "apply": ["-o", "out", *MOVE, "a.png"],
    "grid": ["-o", "grid.png", "--size", "8x8", "--image", "a.png"],
    "train": ["-o", "new.onnx", "--recipe", "restore", "images"],
    "info": ["network.onnx"],
    "compile": [],
}
TRANSFORMS = {"theta", "rotate", "scale", "shear", "translate", "flip", "corners", "transform", "params", "checkpoint"}
TOLD = {"repeat", "family", "input_size", "normalize"}


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Every option and argument that takes a value, of every command."""
    for name, command in main.commands.items():
        for parameter in command.params:
            if not (isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count)):
                yield name, parameter


def line_for(command: str, parameter: click.Parameter, value: str) -> list[str]:
    needed = list(NEEDED[command])
    if isinstance(parameter, click.Argument):
        return [command, *needed[:-1], "--", value]
    for flag in (*parameter.opts, "--size" if parameter.name == "image" else ""):
        if flag in needed and flag != "--size":
            del needed[needed.index(flag) : needed.index(flag) + 2]
    if command == "apply" and parameter.name in TRANSFORMS | TOLD:
        needed = [word for word in needed if word not in MOVE]
        needed += ["--checkpoint", "network.onnx"] if parameter.name in TOLD else []
    if parameter.name == "beyond_limit":
        needed += ["--limit", "angle=3"]
    if parameter.name == "size":
        needed = [word for word in needed if word not in ("--size", "8x8")]
    return [command, *needed, f"{parameter.opts[-1]}={value}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image, a folder of images, and a network without metadata."""
    base = tmp_path_factory.mktemp("long")
    good_files(base / "images")
    save(base / "a.png", noise(1))
    saved(network(TURN), base, "network.onnx")
    return base


@pytest.mark.parametrize(
    ("command", "parameter"), list(parameters()), ids=lambda value: value if isinstance(value, str) else value.name
)
def test_a_long_value_is_refused_in_a_short_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, parameter: click.Parameter
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(Path().iterdir())
    for kind, value in VALUES.items():
        ran = run(*line_for(command, parameter, value))
        if (command, parameter.name) == ("train", "description"):  # any text is one
            return
        assert ran.code > 0, kind
        assert len(ran.stderr) < MOST
        told = ran.error if ran.code != 1 else ran.stderr.splitlines()[0].removeprefix("stnwarp: ")
        assert "unexpected" not in told
        words = told.replace(value[:20], "").split()
        assert len([word for word in words if word.isalpha()]) >= 3, told
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("command", [*main.commands, ""])
@pytest.mark.parametrize("word", ["--" + "x" * LENGTH, "-" + "x" * LENGTH, "x" * LENGTH, "--rotate" + "e" * LENGTH])
def test_what_is_no_option_no_command_or_too_much_is_refused_in_a_short_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, word: str
) -> None:
    monkeypatch.chdir(folder)
    ran = run(*([command, *NEEDED[command], word, word] if command else [word]))
    assert ran.code > 0
    assert len(ran.stderr) < MOST
    assert ran.stderr.startswith(("stnwarp: error: ", "stnwarp: failed: "))


def told(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    Console().error(text)
    return capsys.readouterr().err.removeprefix("stnwarp: ").removesuffix("\n")


@pytest.mark.parametrize("length", [10, 1_700, 1_793])
def test_messages_of_usual_length_are_told_whole(capsys: pytest.CaptureFixture[str], length: int) -> None:
    text = ("word " * length)[:length].strip()
    assert told(text, capsys) == f"error: {text}"


@pytest.mark.parametrize("length", [1_794, 5_000, LENGTH])
def test_the_middle_of_a_long_message_is_left_out(capsys: pytest.CaptureFixture[str], length: int) -> None:
    text = "begin " + ("word " * length)[:length].strip() + " end"
    line = told(text, capsys)
    assert len(line) == 1_800
    assert line.startswith("error: begin word")
    assert line.endswith("word end")
    assert " ... " in line


def test_a_path_that_can_be_one_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/".join("d" * 250 for _ in range(16))
    text = f"failed: {path}: empty file"
    assert told(text, capsys) == f"error: {text}"
    both = f"failed: {path}/a.png: cannot make {path}/b: file name too long"
    assert told(both, capsys) == f"error: {both}"
    impossible = told(f"failed: {path}/{path}: empty file", capsys)
    assert 300 < len(impossible) < 400
    assert impossible.endswith("ddd: empty file")
    assert len(told(f"failed: {path}: {'why ' * 1000}", capsys)) == 1_800


@pytest.mark.parametrize(("length", "longest"), list(itertools.product([0, 19, 20, 21, 22, 99], [20, 21, 50])))
def test_elided_texts_keep_both_ends(length: int, longest: int) -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(length))
    short = elide(text, longest)
    assert len(short) == min(length, longest)
    assert short[:2] == text[:2]
    assert short[-2:] == text[-2:]


def test_texts_from_files_are_told_in_short_lines(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    info = PngInfo()
    info.add_text("XML:com.adobe.xmp", "x" * LENGTH)
    info.add_text("y" * 79, "z" * LENGTH)
    Image.fromarray(noise(1)).save(tmp_path / "in" / "text.png", pnginfo=info, exif=b"Exif\0\0" + b"e" * LENGTH)
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    (tmp_path / "in" / ("n" * 251 + ".png")).write_bytes(stream.getvalue())
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE)
    assert ran.code == 1
    assert "n" * 251 in ran.stderr
    assert len(ran.stderr) < MOST
    (tmp_path / "out" / "text.png").unlink()
    assert_good_ones_done(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("key", ["description", "family", "normalize", "input_size", "x" * LENGTH])
def test_metadata_of_checkpoints_is_told_in_short_lines(tmp_path: Path, key: str) -> None:
    image = save(tmp_path / "a.png", noise(1))
    metadata = json.dumps({**json.loads(affine().to_json()), key: "x" * LENGTH})
    file = saved(network(TURN, metadata=metadata), tmp_path, "long.onnx")
    for command in (["info", file], ["apply", image, "-o", tmp_path / "out.png", "--checkpoint", file]):
        ran = run(*command)
        assert ran.code == (0 if key == "description" else 4)
        assert len(ran.stderr) < MOST
