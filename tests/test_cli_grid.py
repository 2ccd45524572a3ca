"""`stnwarp grid` and `stnwarp info`: what is written, by suffix and in which unit, and what is refused."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.cli_tools import DROP_PRIVILEGES, contents, noise, run, save, spawn

# Reads 3 pixels to the left and 5 below: whole pixels, so that numbers can be compared exactly.
SHIFT = ("--theta", "1 0 -3 0 1 5", "--units", "pixel", "--size", "12x8")


def shifted_points() -> np.ndarray:
    """The points, in pixels, that SHIFT reads."""
    rows, cols = np.mgrid[0:8, 0:12]
    return np.stack([cols - 3.0, rows + 5.0], axis=-1)


def test_npy_holds_the_points_and_npz_and_json_the_convention_too(tmp_path: Path) -> None:
    for suffix in ("npy", "npz", "json"):
        assert run("grid", "-o", tmp_path / f"grid.{suffix}", *SHIFT).code == 0
    np.testing.assert_allclose(np.load(tmp_path / "grid.npy"), shifted_points(), atol=1e-12)
    with np.load(tmp_path / "grid.npz", allow_pickle=False) as archive:
        np.testing.assert_allclose(archive["grid"], shifted_points(), atol=1e-12)
        assert str(archive["units"]) == "pixel"
        assert not archive["align_corners"]
        assert archive["input_size"].tolist() == archive["output_size"].tolist() == [8, 12]
    document = json.loads((tmp_path / "grid.json").read_text())
    np.testing.assert_allclose(document["grid"], shifted_points(), atol=1e-12)
    assert document["direction"] == "output to input"


def test_csv_has_a_row_for_each_output_pixel(tmp_path: Path) -> None:
    assert run("grid", "-o", tmp_path / "grid.csv", *SHIFT).code == 0
    rows = list(csv.reader(io.StringIO((tmp_path / "grid.csv").read_text())))
    assert rows[0] == ["i", "j", "y", "x"]
    assert [row[:2] for row in rows[1:]] == [[str(i), str(j)] for i in range(8) for j in range(12)]
    points = np.array([row[:1:-1] for row in rows[1:]], float).reshape(8, 12, 2)
    np.testing.assert_allclose(points, shifted_points(), atol=1e-12)


def test_units_govern_theta_and_the_dump_alike(tmp_path: Path) -> None:
    # the frame is 12 pixels, 2 units, wide: 3 pixels are half a unit; 8 pixels high: 5 pixels are 1.25
    theta = ("--theta", "1 0 -0.5 0 1 1.25", "--size", "12x8")
    assert run("grid", "-o", tmp_path / "a.npy", *theta).code == 0
    assert run("grid", "-o", tmp_path / "b.npy", *SHIFT).code == 0
    normalised = np.load(tmp_path / "a.npy")
    in_pixels = ((normalised + 1) * (12, 8) - 1) / 2
    np.testing.assert_allclose(in_pixels, np.load(tmp_path / "b.npy"), atol=1e-12)


def test_the_input_may_have_another_size_than_the_output(tmp_path: Path) -> None:
    save(tmp_path / "image.png", noise(1, 40, 60))
    sizes = ("--theta", "1 0 0 0 1 0", "--size", "12x8")
    for name, more in (("a", ["--input-size", "60x40"]), ("b", ["--image", tmp_path / "image.png"])):
        assert run("grid", "-o", tmp_path / f"{name}.npz", *sizes, *more).code == 0
        with np.load(tmp_path / f"{name}.npz") as archive:
            assert archive["input_size"].tolist() == [40, 60]
            assert archive["grid"].shape == (8, 12, 2)
    ran = run("grid", "-o", tmp_path / "c.npz", *sizes, "--image", tmp_path / "image.png", "--input-size", "9x9")
    assert ran.code == 2
    assert "60x40" in ran.error


def test_a_dumped_grid_can_be_dumped_again(tmp_path: Path) -> None:
    assert run("grid", "-o", tmp_path / "a.npz", *SHIFT).code == 0
    again = ("--transform", tmp_path / "a.npz", "--size", "12x8")
    assert run("grid", "-o", tmp_path / "b.npz", *again, "--units", "pixel").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "b.npz")["grid"], shifted_points(), atol=1e-12)


def test_pictures_show_the_image_or_do_without(tmp_path: Path) -> None:
    image = save(tmp_path / "image.png", noise(1, 40, 60))
    gray = save(tmp_path / "gray.png", noise(1, 40, 60, 1))
    inks = tmp_path / "inks.jpg"
    Image.fromarray(noise(2, 40, 60, 4), "CMYK").save(inks)
    for number, more in enumerate(
        (["--image", image], ["--image", gray], ["--image", inks], ["--input-size", "60x40"])
    ):
        for suffix in ("png", "svg"):
            target = tmp_path / f"{number}.{suffix}"
            ran = run("grid", "-o", target, "--rotate", "20", *more, "--width", "400")
            assert (ran.code, ran.stderr) == (0, "")
        with Image.open(tmp_path / f"{number}.png") as picture:
            assert picture.width == 400
        assert ElementTree.parse(tmp_path / f"{number}.svg").getroot().get("width") == "400"


def test_a_grid_that_exists_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    target = tmp_path / "grid.npy"
    target.write_bytes(b"old")
    ran = run("grid", "-o", target, *SHIFT)
    assert ran.code == 2
    assert "--overwrite" in ran.error
    assert target.read_bytes() == b"old"
    assert run("grid", "-o", target, *SHIFT, "--overwrite").code == 0
    assert np.load(target).shape == (8, 12, 2)
    assert list(contents(tmp_path)) == ["grid.npy"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "grid.txt", "--size", "3x3"], ".npy, .npz, .csv, .json, .png, .svg"),
        (["-o", "grid", "--size", "3x3"], "no suffix"),
        (["-o", "-", "--size", "3x3"], "-: grid writes to a file, not to standard output"),
        (["-o", "grid.npy"], "--size WxH, --input-size WxH or --image"),
        (["-o", "grid.npy", "--size", "fit", "--rotate", "3"], "--size WxH, --input-size WxH or --image"),
        (["-o", "grid.npy", "--size", "3x3", "--width", "500"], "--width is for pictures"),
        (["-o", "grid.png", "--size", "3x3", "--width", "20"], "160"),
        (["-o", "grid.npy", "--size", "3x3", "--interpolation", "nearest"], "--interpolation is for pictures of an"),
        (["-o", "grid.png", "--size", "3x3", "--padding-mode", "border"], "--padding-mode is for pictures of an"),
        (["-o", "grid.npy", "--image", "a.png", "--fill", "red"], "--fill is for pictures of an --image"),
        (["-o", "grid.png", "--image", "a.png", "--fill", "red", "--padding-mode", "border"], "uses no color"),
        (["-o", "grid.png", "--image", "a.png", "--interpolation", "linear"], "did you mean 'bilinear'?"),
        (["-o", "grid.npy", "--size", "3x3", "--rotate", "3", "--theta", "0 0"], "one kind"),
        (["-o", "grid.npy", "--size", "3x3", "--inverse"], "nothing to undo"),
        (["-o", "grid.npy", "--size", "3x3", "--theta", "0 0 0 0 0 0", "--inverse"], "inver"),
        (["-o", "grid.npy", "--input-size", "9000x9000", "--scale", "9", "--size", "fit"], "GB"),
        ([], "'-o' / '--output'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("grid", *args)
    assert ran.code == 2
    assert message in ran.error
    assert contents(tmp_path) == {}


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    ran = run("grid", "-o", tmp_path / "grid.png", "--image", tmp_path / "bad.png")
    assert ran.code == 1
    assert "bad.png: empty file" in ran.error


def test_a_directory_that_takes_no_file_is_exit_code_four(tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o555)
    before = DROP_PRIVILEGES if os.geteuid() == 0 else ""
    ran = spawn("grid", "-o", sealed / "grid.npy", *SHIFT, before=before)
    assert ran.code == 4
    assert "sealed" in ran.error
    (tmp_path / "file").write_bytes(b"no directory")
    ran = run("grid", "-o", tmp_path / "file" / "grid.npy", *SHIFT)
    assert ran.code == 4
    assert "not a directory" in ran.error


def test_the_directory_of_a_grid_is_made_once_the_grid_is_there(tmp_path: Path) -> None:
    assert run("grid", "-o", tmp_path / "a" / "b" / "grid.npy", *SHIFT).code == 0
    assert np.load(tmp_path / "a" / "b" / "grid.npy").shape == (8, 12, 2)
    assert run("grid", "-o", tmp_path / "c" / "grid.npy", "--transform", tmp_path / "none.npz").code == 2
    assert not (tmp_path / "c").exists()


def test_info_tells_the_versions_in_use() -> None:
    ran = run("info", "--json")
    assert ran.code == 0
    facts = json.loads(ran.stdout)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["numpy"] == np.__version__
    assert next(iter(facts)) == "stnwarp"
    assert {"numba", "llvmlite", "pillow", "onnxruntime", "click", "tqdm"} < set(facts)
    assert run("info").stdout.splitlines()[1].split() == ["python", facts["python"]]


def test_info_tells_what_a_grid_holds(tmp_path: Path) -> None:
    assert run("grid", "-o", tmp_path / "grid.npz", *SHIFT).code == 0
    facts = json.loads(run("info", "--json", tmp_path / "grid.npz").stdout)
    assert (facts["kind"], facts["units"], facts["output_size"]) == ("grid", "pixel", "12x8")
    assert "units" in run("info", tmp_path / "grid.npz").stdout


def test_info_tells_what_a_theta_holds(tmp_path: Path) -> None:
    (tmp_path / "theta.json").write_text('{"theta": [1, 0, 0.25, 0, 1, -0.5], "align_corners": true}')
    facts = json.loads(run("info", "--json", tmp_path / "theta.json").stdout)
    assert facts["family"] == "translation"
    assert facts["align_corners"] is True


def test_info_tells_what_an_image_is(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((5, 7), np.uint16))
    facts = json.loads(run("info", "--json", tmp_path / "a.png").stdout)
    assert facts == {
        "file": str(tmp_path / "a.png"),
        "kind": "image",
        "format": "PNG",
        "mode": "I;16",
        "read_as": "I;16",
        "size": "7x5",
        "bits": 16,
    }


def test_info_needs_no_network_to_tell_a_picture(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((5, 7), np.uint8))
    code = """if True:
        import sys
        from stnwarp.cli import main
        try:
            main()
        except SystemExit:
            loaded = {name for name in sys.modules if name.startswith(("stnwarp.localisation", "onnxruntime", "numba"))}
            print(sorted(loaded), file=sys.stderr)
    """
    command = [sys.executable, "-c", code, "info", str(tmp_path / "a.png")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "size     7x5" in ran.stdout
    assert ran.stderr.strip() == "[]"


@pytest.mark.parametrize(("name", "code"), [("missing.png", 1), ("missing.npz", 2), ("bad.png", 1), ("bad.json", 2)])
def test_info_on_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    (tmp_path / "bad.json").write_bytes(b"{")
    ran = run("info", tmp_path / name)
    assert ran.code == code
    assert name in ran.error


def test_a_strange_name_is_printed_escaped(tmp_path: Path) -> None:
    name = "line\nbreak \x1b[2J.png"
    save(tmp_path / "a.png", noise(1)).rename(tmp_path / name)
    assert "line\\nbreak \\x1b[2J.png" in run("info", tmp_path / name).stdout
    assert json.loads(run("info", "--json", tmp_path / name).stdout)["file"].endswith(name)
