"""A transformation that makes nothing of a picture is told, with the likely reason; the run and its exit code go on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stnwarp import PaddingMode
from stnwarp.conventions import Family, Interpolation
from stnwarp.transforms import control_points
from tests.cli_tools import Ran, contents, environment, noise, pixels, run, save
from tests.onnx_files import affine, network, saved

COUNTED = "with nothing of the picture in the output"
SINGULAR, OUTSIDE, BETWEEN = "singular", "read wholly outside it", "falls between the pixels"


def apply(*args: object) -> Ran:
    ran = run("apply", *args)
    assert ran.code == 0, ran.stderr
    return ran


def folder_of(path: Path) -> Path:
    """Images of two sizes, one with alpha."""
    save(path / "a.png", noise(1, 24, 32))
    save(path / "sub" / "b.png", noise(2, 41, 23, channels=4))
    return path


def told(ran: Ran) -> list[str]:
    """The texts of the warnings, without the names of the images, each of them once."""
    lines = [line for line in ran.stderr.splitlines() if "warning: " in line]
    return sorted({line.split(".png: ", 1)[-1] for line in lines})


KINDS: dict[str, tuple[list[str], str, str]] = {
    "pixels for normalised": (["--theta", "1 0 -3 0 1 5"], OUTSIDE, "if theta is in pixels, give --units pixel"),
    "normalised for pixels": (
        ["--theta", "-1 0 -1 0 -1 -1", "--units", "pixel"],
        OUTSIDE,
        "if theta is normalized, leave out --units pixel",
    ),
    "far": (["--theta", "1 0 900 0 1 0"], OUTSIDE, "between -1 and 1"),
    "far in pixels": (["--theta", "1 0 900 0 1 0", "--units", "pixel"], OUTSIDE, "from pixel 0,0 to"),
    "projective": (["--theta", "1 0 9 0 1 0 0.1 0.1 1"], OUTSIDE, "theta"),
    "behind a horizon": (["--theta", "30 0 90 0 30 0 0.5 0 1"], OUTSIDE, "theta"),
    "zeros": (["--theta", "0 0 0 0 0 0"], SINGULAR, "correct the numbers of theta"),
    "a line": (["--theta", "0.3 0.6 0 0.1 0.2 0"], SINGULAR, "correct the numbers of theta"),
    "a homography of rank 1": (["--theta", "0 0 0 0 0 0 0 0 1"], SINGULAR, "theta"),
    "moved": (["--translate", "40,90"], OUTSIDE, "--size fit follows it"),
    "moved back": (["--translate", "-40,0", "--inverse"], OUTSIDE, "--size fit follows it"),
    "small": (["--scale", "1e-5", "--translate", "0.4,0.3"], BETWEEN, "--scale"),
    "large": (["--scale", "1e9"], SINGULAR, "smaller --scale"),
    "corners": (["--corners", "90,50 99,50 99,90 90,90"], OUTSIDE, "the corners are pixels of the input"),
    "into corners": (["--corners", "90,50 99,50 99,90 90,90", "--inverse"], OUTSIDE, "--size fit follows them"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_told_of_each_image_with_the_likely_reason(tmp_path: Path, kind: str) -> None:
    options, what, reason = KINDS[kind]
    source = folder_of(tmp_path / "in")
    ran = apply(source, "-r", "-o", tmp_path / "out", *options, "--json")
    assert all(what in line and reason in line for line in told(ran)), ran.stderr
    for record in ran.records:
        assert record["status"] == "ok"
        [warning] = record["warnings"]
        assert f"warning: {record['input']}: {warning}\n" in ran.stderr
        result = pixels(Path(record["output"]))
        assert what == SINGULAR or (result == result[0, 0]).all()
    assert ran.stderr.splitlines()[-1].endswith(f"; 2 {COUNTED}")
    dry = apply(source, "-r", "-o", tmp_path / "dry", *options, "--json", "-n")
    assert {record["input"]: record["warnings"] for record in dry.records} == {
        record["input"]: record["warnings"] for record in ran.records
    }
    assert told(dry) == told(ran)
    quiet = apply(source, "-r", "-o", tmp_path / "quiet", *options, "-q")
    assert quiet.stderr == ""
    assert contents(tmp_path / "quiet") == contents(tmp_path / "out")


@pytest.mark.parametrize("interpolation", list(Interpolation))
@pytest.mark.parametrize("padding_mode", list(PaddingMode))
def test_in_every_mode(tmp_path: Path, padding_mode: PaddingMode, interpolation: Interpolation) -> None:
    source = save(tmp_path / "a.png", noise(1))
    modes = ("--padding-mode", padding_mode, "--interpolation", interpolation)
    for number, (theta, what) in enumerate({"1 0 2 0 1 0": OUTSIDE, "0 0 0.1 0 0 0": SINGULAR}.items()):
        ran = apply(source, "-o", tmp_path / f"{number}.png", "--theta", theta, *modes)
        assert [what in line for line in told(ran)] == [True]
        assert f"1 {COUNTED}" in ran.stderr
    ran = apply(source, "-o", tmp_path / "good.png", "--theta", "1 0 1.9 0 1 -1.8", *modes)
    assert ran.stderr == ""


def test_a_good_image_beside_is_not_talked_about(tmp_path: Path) -> None:
    save(tmp_path / "in" / "large.png", noise(1, 60, 80))
    save(tmp_path / "in" / "small.png", noise(2, 20, 30))
    ran = apply(tmp_path / "in", "-o", tmp_path / "out", "--translate", "40,0", "--json")
    assert [Path(record["input"]).name for record in ran.records if record["warnings"]] == ["small.png"]
    assert "2 done in" in ran.stderr
    assert f"; 1 {COUNTED}" in ran.stderr
    apply(tmp_path / "in" / "large.png", "-o", tmp_path / "alone.png", "--translate", "40,0")
    assert (tmp_path / "out" / "large.png").read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_a_network_that_answers_zeros_is_told_and_a_limit_holds_it_back(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in")
    spline = affine(family=Family.THIN_PLATE_SPLINE, control_points=(3, 3))
    makes = {
        "zeros": network(np.zeros((2, 3)), metadata=affine()),
        "far": network([[1, 0, 7], [0, 1, 0]], metadata=affine()),
        "spline": network(np.zeros(18), metadata=spline),
        "far spline": network((control_points(3, 3) * 0.9 + 5).ravel(), metadata=spline),
    }
    for number, (kind, model) in enumerate(makes.items()):
        options = ("--checkpoint", saved(model, tmp_path, f"{number}.onnx"))
        ran = apply(source, "-r", "-o", tmp_path / str(number), *options, "--json")
        assert [len(record["warnings"]) for record in ran.records] == [1, 1]
        for line in told(ran):
            assert (OUTSIDE if "far" in kind else SINGULAR) in line
            assert "the checkpoint's numbers make nothing of it; hold them back, as by --limit scale=" in line
        dry = apply(source, "-r", "-o", tmp_path / "dry", *options, "-n")
        assert told(dry) == told(ran)
        limits = ("--limit", "scale=0.5..2,shift=0.3,angle=45")
        held = apply(source, "-r", "-o", tmp_path / f"held-{number}", *options, *limits)
        assert (told(held), COUNTED in held.stderr) == ([], False)


def test_a_row_of_a_parameter_file_is_told_with_the_file(tmp_path: Path) -> None:
    source, file = folder_of(tmp_path / "in"), tmp_path / "p.jsonl"
    rows: list[dict[str, Any]] = [
        {"image": "a.png", "theta": [1, 0, -3, 0, 1, 5]},
        {"image": "sub/b.png", "points": [[[5, 5], [5, 5]], [[5, 5], [5, 5]]]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = apply(source, "-r", "-o", tmp_path / "out", "--params", file, "--json")
    by_name = {Path(record["input"]).name: record["warnings"] for record in ran.records}
    assert by_name["a.png"][0].endswith(f"if theta is in pixels, set its units to pixel in {file}")
    assert str(file) in by_name["b.png"][0]
    apply(source, "-r", "-o", tmp_path / "out", "--params", file, "--overwrite", "--save-params", tmp_path / "q.jsonl")
    assert "warnings" not in (tmp_path / "q.jsonl").read_text()


def test_transform_files_are_told_by_what_they_say(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    theta = [[1, 0, -3], [0, 1, 5]]
    spline = (control_points(3, 3) + 4).tolist()
    crop = np.stack(np.meshgrid(np.arange(5.0, 25), np.arange(6.0, 18)), axis=-1)
    files: list[tuple[str, dict[str, Any], str]] = [
        ("plain.json", {"theta": theta}, "give --units pixel"),
        ("said.json", {"theta": theta, "units": "normalized"}, "set its units to pixel in"),
        ("spline.json", {"points": spline}, "between -1 and 1"),
        ("grid.json", {"grid": crop.tolist()}, "if the grid is in pixels, give --units pixel"),
    ]
    for number, (name, fields, reason) in enumerate(files):
        file = tmp_path / name
        file.write_text(json.dumps(fields))
        ran = apply(source, "-o", tmp_path / f"{number}.png", "--transform", file)
        [line] = told(ran)
        assert OUTSIDE in line
        assert reason in line
    good = apply(source, "-o", tmp_path / "good.png", "--transform", tmp_path / "grid.json", "--units", "pixel")
    assert good.stderr == ""


def test_the_pixel_positions_of_a_whole_picture_are_not_taken_for_a_normalised_grid_in_silence(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1, 40, 64))
    np.save(tmp_path / "g.npy", np.stack(np.meshgrid(np.arange(64.0), np.arange(40.0)), axis=-1))
    ran = apply(source, "-o", tmp_path / "b.png", "--transform", tmp_path / "g.npy")
    [line] = told(ran)
    assert line.startswith("only 0.16 % of the grid lies within the picture; ")
    assert "--units pixel" in line
    good = apply(source, "-o", tmp_path / "c.png", "--transform", tmp_path / "g.npy", "--units", "pixel")
    assert good.stderr == ""
    np.testing.assert_array_equal(pixels(tmp_path / "c.png"), noise(1, 40, 64))


@pytest.mark.parametrize("move", [["--rotate", "20"], ["--theta", "1 0 0.5 0 1 0"], ["--scale", "0.3"]], ids=" ".join)
def test_a_picture_of_the_fill_colour_is_no_reason_for_a_warning(tmp_path: Path, move: list[str]) -> None:
    black, clear = np.zeros((24, 32, 3), np.uint8), noise(3, channels=4)
    clear[..., 3] = 0
    save(tmp_path / "in" / "black.png", black)
    save(tmp_path / "in" / "clear.png", clear)
    assert told(apply(tmp_path / "in", "-o", tmp_path / "out", *move)) == []
    save(tmp_path / "in" / "red.png", black + np.uint8([255, 0, 0]))
    assert told(apply(tmp_path / "in" / "red.png", "-o", tmp_path / "r.png", *move, "--fill", "red")) == []


@pytest.mark.parametrize("fill", [[], ["--fill", "#20406080"], ["--fill", "transparent"]], ids=" ".join)
def test_with_alpha_all_is_the_fill(tmp_path: Path, fill: list[str]) -> None:
    source = save(tmp_path / "a.png", noise(4, channels=4))
    ran = apply(source, "-o", tmp_path / "b.png", "--translate", "500,0", *fill)
    assert [OUTSIDE in line for line in told(ran)] == [True]
    assert len(np.unique(pixels(tmp_path / "b.png").reshape(-1, 4), axis=0)) == 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "LA"])
def test_pictures_of_every_kind(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(noise(5)).convert("L" if mode == "I;16" else mode)
    image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode == "I;16" else image
    image.save(tmp_path / "a.png")
    for number, options in enumerate(([], ["--interpolation", "nearest"])):
        ran = apply(tmp_path / "a.png", "-o", tmp_path / f"{number}.png", "--translate", "0,-24", *options)
        assert [OUTSIDE in line for line in told(ran)] == [True]
        ran = apply(tmp_path / "a.png", "-o", tmp_path / f"good-{number}.png", "--translate", "0,-20", *options)
        assert ran.stderr == ""


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos"])
def test_a_trace_of_the_picture_beside_the_fill_is_something(tmp_path: Path, interpolation: str) -> None:
    source = save(tmp_path / "a.png", noise(1) // 2)
    options = ("--translate", "32.4,0", "--interpolation", interpolation, "--fill", "128,128,128")
    ran = apply(source, "-o", tmp_path / "b.png", *options, "--padding-mode", "zeros")
    assert (pixels(tmp_path / "b.png") != 128).any()
    assert ran.stderr == ""
    ran = apply(source, "-o", tmp_path / "c.png", *options)
    assert (pixels(tmp_path / "c.png") == 128).all()
    assert [OUTSIDE in line for line in told(ran)] == [True]


def test_what_is_copied_or_fitted_never_warns(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    cases = (
        ["--theta", "1 0 9 0 1 0", "--skip-below", "1000"],
        ["--theta", "0 0 0 0 0 0", "--limit", "scale=0.5..2", "--beyond-limit", "leave"],
        ["--size", "3x2"],
        ["--size", "1x1", "--rotate", "30"],
        ["--translate", "900,0", "--size", "fit"],
        ["--scale", "1e-9", "--size", "fit"],
        ["--theta", "1 0 0.3 0 1 0", "--size", "1x500"],
        ["--scale", "40,0.1"],
        ["--scale", "0.1", "--rotate", "45"],
    )
    for number, options in enumerate(cases):
        ran = apply(source, "-o", tmp_path / f"{number}.png", *options)
        assert (told(ran), COUNTED in ran.stderr) == ([], False), options


def test_grid_tells_it_where_it_knows_the_input(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", noise(1))
    theta, reason = ("--theta", "1 0 -3 0 1 5"), "if theta is in pixels, give --units pixel"
    for name, options in {
        "drawn.png": ("--image", image),
        "drawn.svg": ("--image", image, "--padding-mode", "border"),
        "dumped.npy": ("--size", "20x10"),
        "input.csv": ("--size", "20x10", "--input-size", "640x480"),
    }.items():
        ran = run("grid", "-o", tmp_path / name, *theta, *options)
        assert (ran.code, len(ran.stderr.splitlines())) == (0, 1)
        assert OUTSIDE in ran.stderr
        assert reason in ran.stderr
        assert (tmp_path / name).exists()
        assert run("grid", "-o", tmp_path / name, *theta, *options, "-q", "--overwrite").stderr == ""
    good = run("grid", "-o", tmp_path / "good.npy", "--theta", "1 0 1.5 0 1 0", "--image", image)
    assert (good.code, good.stderr) == (0, "")


def test_a_dry_run_warns_without_loading_the_compiler(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "a.png", noise(1))
    misnamed = tmp_path / "in" / "b.jpg"
    misnamed.write_bytes(source.read_bytes())
    code = (
        "import sys\nfrom stnwarp.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "assert 'numba' not in sys.modules"
    )
    command = [sys.executable, "-c", code, "apply", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-n", "--json"]
    done = subprocess.run(
        [*command, "--translate", "99,0"], capture_output=True, text=True, check=True, env=environment()
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert [OUTSIDE in warning for warning in first["warnings"]] == [True]
    assert second["warnings"] == [*first["warnings"], "written as JPEG, by its name"]
    assert not (tmp_path / "out").exists()
