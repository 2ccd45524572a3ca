"""`--save-params` and `--params`: what a run did is written down, and is done again to the bit."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stnwarp.conventions import Family
from tests.cli_tools import (
    Ran,
    assert_good_ones_done,
    command_line,
    contents,
    environment,
    good_files,
    noise,
    pixels,
    run,
    save,
)
from tests.onnx_files import TURN, affine, network, saved

TILT = [0.9, 0.1, 0, -0.1, 0.9, 0]
GAIN = ((0.1, 0.2, -0.1), (-0.2, 0.1, 0.2))
BEND = np.array([[[-1, -1], [0, -0.9], [1, -1]], [[-1, 0], [0.1, 0.05], [1, 0]], [[-1, 1], [0, 0.9], [0.9, 1]]])


def apply(*args: object) -> Ran:
    ran = run("apply", *args)
    assert ran.code == 0, ran.stderr
    return ran


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def write_rows(file: Path, *rows: Any) -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def tree(folder: Path) -> Path:
    """A small tree of images of several sizes and modes."""
    save(folder / "a.png", noise(1, 30, 50))
    save(folder / "sub" / "a.jpg", noise(2, 41, 23))
    save(folder / "sub" / "b.png", noise(3, 20, 20, channels=4))
    save(folder / "z.png", noise(4, 9, 70)[..., 0] // np.uint8(3))
    return folder


def options_of(kind: str, folder: Path) -> list[Any]:
    """The options of one *kind* of run; its files are made in *folder*."""
    spline = affine(family=Family.THIN_PLATE_SPLINE, control_points=(3, 3))
    turning = saved(network(TURN, gain=GAIN, metadata=affine()), folder, "turning.onnx")
    bending = saved(network(BEND.ravel(), gain=0.1, metadata=spline), folder, "bending.onnx")
    return {
        "affine": ["--rotate", "17", "--scale", "0.7", "--size", "fit"],
        "projective": ["--theta", "1 0.1 0 0 0.9 0 0.1 0.2 1", "--align-corners", "--size", "33x44"],
        "corners": ["--corners", "2,1 18,2 17,7 1,8", "--size", "fit"],
        "pixel": ["--theta", "0.7 0 3 0 1.1 -2", "--units", "pixel", "--size", "40x40"],
        "checkpoint": ["--checkpoint", turning, "--size", "fit"],
        "spline": ["--checkpoint", bending],
        "inverse spline": ["--checkpoint", bending, "--inverse"],
        "sequence": ["--checkpoint", bending, "--checkpoint", turning, "--size", "25x31"],
        "guards": ["--checkpoint", turning, "--limit", "angle=17", "--beyond-limit", "leave", "--skip-below", "1"],
        "clamp": ["--checkpoint", turning, "--limit", "angle=10,scale=0.9..1.1", "--size", "fit"],
        "crop": ["--crop", "2,1,15,8", "--rotate", "17", "--center", "3,4.5", "--size", "fit", "--align-corners"],
        "parts": ["--crop", "2,1,15,8", "--rotate", "17", "--size", "inner:70%", "--viewport", "-3,1,12,9"],
        "inner spline": ["--checkpoint", bending, "--crop", "1,0,18,8", "--size", "inner:x12"],
        "copied crop": ["--rotate", "0.5", "--skip-below", "0.2", "--crop", "2,1,15,8", "--format", "png"],
        "copies": ["--rotate", "0.5", "--skip-below", "0.2", "--format", "png"],
    }[kind]


KINDS = (
    "affine",
    "projective",
    "corners",
    "pixel",
    "checkpoint",
    "spline",
    "inverse spline",
    "sequence",
    "guards",
    "clamp",
    "crop",
    "parts",
    "inner spline",
    "copied crop",
    "copies",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_done_again_to_the_bit(tmp_path: Path, kind: str) -> None:
    source, file = tree(tmp_path / "in"), tmp_path / "p.jsonl"
    options = options_of(kind, tmp_path)
    apply(source, "-r", "-o", tmp_path / "first", *options, "--save-params", file, "-j2")
    again = ["--format", "png"] if "--format" in options else []
    ran = apply(
        source, "-r", "-o", tmp_path / "second", "--params", file, *again, "--save-params", tmp_path / "q.jsonl"
    )
    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    assert "warning" not in ran.stderr
    kept = [{key: row[key] for key in row if key not in ("limited", "asked")} for row in rows_of(file)]
    assert rows_of(tmp_path / "q.jsonl") == kept


@pytest.mark.parametrize(
    "name", ["C:/a.png", "C:\\a.png", "a\nb.png", "é\u202e ü.png", "a../b..png", "-.png", '"{.png']
)
def test_a_run_is_done_again_whatever_the_images_are_called(tmp_path: Path, name: str) -> None:
    save(tmp_path / "in" / name, noise(1, 8, 9))
    apply(tmp_path / "in", "-r", "-o", tmp_path / "first", "--rotate", "9", "--save-params", tmp_path / "p.jsonl")
    ran = apply(tmp_path / "in", "-r", "-o", tmp_path / "second", "--params", tmp_path / "p.jsonl")
    assert contents(tmp_path / "second") == contents(tmp_path / "first") != {}
    assert "warning" not in ran.stderr


def test_the_file_says_for_every_image_what_was_done_in_the_order_of_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "p.jsonl"
    options = ("--rotate", "20", "--limit", "angle=5", "--size", "60x40", "--save-params", file)
    apply(tree(tmp_path / "in"), "-r", "-o", tmp_path / "out", *options)
    rows = rows_of(file)
    assert [row["image"] for row in rows] == ["a.png", "z.png", "sub/a.jpg", "sub/b.png"]
    assert {key: rows[0][key] for key in rows[0] if key not in ("theta", "asked")} == {
        "image": "a.png",
        "units": "normalized",
        "align_corners": False,
        "direction": "output to input",
        "input_size": {"width": 50, "height": 30},
        "output_size": {"width": 60, "height": 40},
        "limited": ["angle 20 is beyond -5..5"],
        "version": 1,
    }
    assert np.shape(rows[0]["theta"]) == np.shape(rows[0]["asked"]["theta"]) == (3, 3)


def test_failed_images_stand_in_the_file_with_their_error_and_fail_again(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    (tmp_path / "in" / "bad.png").touch()
    file = tmp_path / "p.jsonl"
    assert run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "3", "--save-params", file).code == 1
    rows = {row["image"]: row for row in rows_of(file)}
    assert set(rows) == {"good-a.png", "good-b.jpg", "bad.png"}
    assert rows["bad.png"].keys() == {"image", "error", "version"}
    assert rows["bad.png"]["error"].startswith("empty file")
    save(tmp_path / "in" / "bad.png", noise(1))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "again", "--params", file)
    assert ran.code == 1
    assert f"bad.png: {file}, line 1: failed when the file was made: empty file" in ran.stderr
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


GOOD_ROWS = ({"image": "good-a.png", "theta": TILT}, {"image": "good-b.jpg", "theta": TILT})


@pytest.mark.parametrize(
    "row",
    [
        '{"image": "bad.png", "theta": [NaN, 0, 0, 0, 1, 0]}',
        '{"image": "bad.png", "theta": [1, 0, 0, 0, 1e999, 0]}',
        '{"image": "bad.png", "theta": [1, 0, null, 0, 1, 0]}',
        '{"image": "other.png", "theta": [1, 0, 0, 0, 1, 0]}',
    ],
)
def test_a_row_that_is_missing_or_not_finite_fails_its_image_only(tmp_path: Path, row: str) -> None:
    good_files(tmp_path / "in")
    save(tmp_path / "in" / "bad.png", noise(1))
    file = write_rows(tmp_path / "p.jsonl", GOOD_ROWS[0], row, GOOD_ROWS[1])
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--params", file)
    assert ran.code == 1
    wanted = "has no row for 'bad.png'" if "other" in row else "line 2: number "
    assert wanted in ran.stderr
    assert_good_ones_done(tmp_path, tmp_path / "out", "--theta", " ".join(map(str, TILT)))


@pytest.mark.parametrize(
    "row",
    [
        '{"image": "../bad.png", "theta": [1, 0]}',
        '{"image": "/etc/bad.png", "theta": [1, 0]}',
        '{"image": "b\\u0000d.png", "theta": [1, 0]}',
        '{"image": "good-a.png", "theta": [1, 0]}',
        '{"image": "bad.png", "tehta": [1, 0]}',
        '{"image": "bad.png", "theta": [1, 0, 0, 0, 1]}',
        '{"image": "bad.png", "theta": [1, 0, 0, 0, 1, 0, 0]}',
        '{"image": "bad.png", "theta": ["1", 0]}',
        "bad.png;1;0;0;0;1;0",
    ],
)
def test_a_file_that_cannot_be_used_stops_the_run_before_it_begins(tmp_path: Path, row: str) -> None:
    good_files(tmp_path / "in")
    file = write_rows(tmp_path / "p.jsonl", GOOD_ROWS[0], row, GOOD_ROWS[1])
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--params", file)
    assert ran.code == 2
    assert ran.error.startswith(f"{file}: line 2, ")
    assert not (tmp_path / "out").exists()
    (tmp_path / "p.csv").write_text("image,a\n")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--params", tmp_path / "p.csv")
    assert ran.code == 2
    assert "CSV" in ran.error


def test_rows_without_an_image_are_counted(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    file = write_rows(tmp_path / "p.jsonl", *GOOD_ROWS, {"image": "x.png", "theta": TILT})
    ran = apply(tmp_path / "in", "-o", tmp_path / "out", "--params", file)
    assert f"warning: {file}: 1 of 3 rows are for no image of this run" in ran.stderr


def test_sizes_are_the_rows_unless_they_are_asked_for(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    sized = {**GOOD_ROWS[0], "output_size": {"width": 10, "height": 11}}
    file = write_rows(tmp_path / "p.jsonl", sized, GOOD_ROWS[1])
    command = (tmp_path / "in", "--params", file, "-o")
    apply(*command, tmp_path / "own")
    assert pixels(tmp_path / "own" / "good-a.png").shape == (11, 10, 3)
    assert pixels(tmp_path / "own" / "good-b.jpg").shape == (24, 32, 3)
    apply(*command, tmp_path / "same", "--size", "same")
    assert pixels(tmp_path / "same" / "good-a.png").shape == (24, 32, 3)
    apply(*command, tmp_path / "exact", "--size", "7x5")
    assert pixels(tmp_path / "exact" / "good-b.jpg").shape == (5, 7, 3)


def test_inverse_takes_the_results_back(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", noise(1, 30, 50))
    file = tmp_path / "p.jsonl"
    moves = ("--translate", "4,-3", "--size", "fit")
    apply(tmp_path / "in", "-o", tmp_path / "out", "--rotate", "90", *moves, "--save-params", file)
    assert pixels(tmp_path / "out" / "a.png").shape == (50, 30, 3)
    apply(tmp_path / "out", "-o", tmp_path / "back", "--params", file, "--inverse")
    np.testing.assert_array_equal(pixels(tmp_path / "back" / "a.png"), noise(1, 30, 50))


def test_align_corners_is_the_files(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    file = write_rows(tmp_path / "p.jsonl", *({**row, "align_corners": True} for row in GOOD_ROWS))
    apply(tmp_path / "in", "-o", tmp_path / "out", "--params", file)
    assert_good_ones_done(tmp_path, tmp_path / "out", "--theta", " ".join(map(str, TILT)), "--align-corners")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "no", "--params", file, "--no-align-corners")
    assert ran.code == 2
    assert "made with --align-corners, not --no-align-corners" in ran.error


def test_rows_that_do_not_say_align_corners_are_not_continued_with_it(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    file = write_rows(tmp_path / "p.jsonl", *GOOD_ROWS)
    before = file.read_bytes()
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "5", "--save-params", file)
    ran = run(*command, "--skip-existing", "--align-corners")
    assert ran.code == 2
    assert "made with the other align_corners; write to another file" in ran.error
    assert file.read_bytes() == before
    apply(*command[1:], "--skip-existing")


def test_standard_input_is_called_by_its_dash(tmp_path: Path) -> None:
    data = save(tmp_path / "a.png", noise(1)).read_bytes()
    file = tmp_path / "p.jsonl"
    command = ("apply", "-", "-o", tmp_path / "out.png")
    assert run(*command, "--rotate", "9", "--save-params", file, stdin=data).code == 0
    assert [row["image"] for row in rows_of(file)] == ["-"]
    first = (tmp_path / "out.png").read_bytes()
    assert run(*command, "--params", file, "--overwrite", stdin=data).code == 0
    assert (tmp_path / "out.png").read_bytes() == first


def test_images_of_two_folders_with_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", noise(1))
    save(tmp_path / "b" / "x.png", noise(2))
    command = ("apply", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "{stem}{index}{ext}", "--rotate", "3")
    ran = run(*command, "--save-params", tmp_path / "p.jsonl")
    assert ran.code == 2
    assert "'x.png': images of several folders with one name" in ran.error


def test_the_file_is_nowhere_that_an_image_is(tmp_path: Path) -> None:
    source = good_files(tmp_path / "in")[0]
    (tmp_path / "in" / "odd.jsonl").write_bytes(source.read_bytes())
    good = tmp_path / "in" / "good-a.png"
    for file, message in {
        tmp_path / "in" / "odd.jsonl": "is a source itself",
        tmp_path / "out.jsonl": "an image is to be written there",
        tmp_path / "p.txt": "its name must end in .jsonl",
        tmp_path / "p.json": "did you mean '.jsonl'?",
        tmp_path / "p.csv": "CSV is not read",
        good / "p.jsonl": "is not a directory",
    }.items():
        command = ("apply", tmp_path / "in" / "odd.jsonl", good, "-o", tmp_path / "out.jsonl" / "{name}")
        ran = run(*command, "--rotate", "3", "--format", "png", "--overwrite", "--save-params", file)
        assert ran.code in (2, 4)
        assert message in ran.error, file
        assert not (tmp_path / "out.jsonl").exists()
    assert (tmp_path / "in" / "odd.jsonl").read_bytes() == source.read_bytes()


def test_a_file_that_exists_is_replaced_only_if_asked(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    file = write_rows(tmp_path / "p.jsonl", "kept")
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "3", "--save-params", file)
    ran = run(*command)
    assert ran.code == 2
    assert "exists already; give --overwrite" in ran.error
    assert not (tmp_path / "out").exists()
    assert file.read_text() == "kept\n"
    apply(*command[1:], "--overwrite")
    assert len(rows_of(file)) == 2


def test_with_skip_existing_the_file_of_the_earlier_run_is_continued(tmp_path: Path) -> None:
    source = tree(tmp_path / "in")
    command = (source, "-r", "-o", tmp_path / "out", "--rotate", "7", "--save-params")
    apply(*command, tmp_path / "whole.jsonl")
    apply(*command, tmp_path / "p.jsonl", "--overwrite")
    rows = (tmp_path / "p.jsonl").read_text().splitlines()
    write_rows(tmp_path / "p.jsonl", *rows[:2])
    for name in ("sub/a.jpg", "sub/b.png"):
        (tmp_path / "out" / name).unlink()
    ran = apply(*command, tmp_path / "p.jsonl", "--skip-existing")
    assert "2 done, 2 skipped" in ran.stderr
    assert "warning" not in ran.stderr
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    (tmp_path / "out" / "z.png").unlink()
    ran = apply(*command, tmp_path / "new.jsonl", "--skip-existing")
    assert "no row for 3 of the images that are skipped" in ran.stderr
    assert [row["image"] for row in rows_of(tmp_path / "new.jsonl")] == ["z.png"]


def test_a_disk_that_takes_no_file_is_the_reason_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stnwarp.errors import OutputError
    from stnwarp.folder import saving

    def refuse(*_: object, **__: object) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(saving, "write_atomically", refuse)
    good_files(tmp_path / "in")
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "3")
    ran = run(*command, "--save-params", tmp_path / "p.jsonl")
    assert ran.code == 4
    assert ran.stderr.splitlines()[-1] == "stnwarp: error: no room"
    assert len(contents(tmp_path / "out")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_interrupted_leaves_a_file_of_what_was_done(tmp_path: Path, jobs: int) -> None:
    first = save(tmp_path / "in" / "00.png", noise(1, 500, 700))
    for number in range(1, 40):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(first.read_bytes())
    target, file = tmp_path / "out", tmp_path / "p.jsonl"
    arguments = ("apply", tmp_path / "in", "-o", target, "--rotate", "20", "-j", jobs, "--save-params", file)
    with subprocess.Popen(command_line(*arguments), stderr=subprocess.PIPE, env=environment()) as process:
        while process.poll() is None and len(list(target.glob("[0-9]*"))) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    written = sorted(contents(target))
    assert [row["image"] for row in rows_of(file)] == written
    assert 3 <= len(written) < 40
    ran = run(*arguments, "--skip-existing")
    assert ran.code == 0, ran.stderr
    assert sorted(row["image"] for row in rows_of(file)) == sorted(contents(tmp_path / "in"))
    assert len(list(tmp_path.iterdir())) == 3


def test_info_describes_a_parameter_file(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "p.jsonl", *GOOD_ROWS)
    ran = run("info", file)
    assert ran.code == 0
    assert "images         2" in ran.stdout
    assert "families       similarity: 2" in ran.stdout
    assert json.loads(run("info", file, "--json").stdout)["families"] == {"similarity": 2}
    file.write_text("nothing")
    assert run("info", file).code == 2


@pytest.mark.parametrize("flag", ["--overwrite", "--skip-existing"])
@pytest.mark.parametrize("is_link", [False, True])
def test_the_file_that_the_parameters_are_read_from_is_not_replaced(tmp_path: Path, flag: str, is_link: bool) -> None:
    """Rows of images that are not in the run, or that fail, would be gone."""
    good_files(tmp_path / "in")
    file = written = write_rows(tmp_path / "p.jsonl", *GOOD_ROWS)
    before = file.read_bytes()
    if is_link:
        written = tmp_path / "link.jsonl"
        written.symlink_to(file)
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--params", file, "--save-params", written, flag)
    ran = run(*command)
    assert ran.code == 2
    assert "the parameters are read from it; write to another file" in ran.error
    assert file.read_bytes() == before
    assert not (tmp_path / "out").exists()
