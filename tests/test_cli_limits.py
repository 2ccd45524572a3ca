"""`--limit`, `--beyond-limit` and `--skip-below`: what holds a transformation back, whatever its kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stnwarp import warp
from tests.cli_tools import Ran, contents, good_files, noise, pixels, run, save
from tests.onnx_files import affine, network, saved


def apply(*args: object) -> Ran:
    ran = run("apply", *args)
    assert ran.code == 0, ran.stderr
    return ran


def record_of(*args: object) -> dict[str, Any]:
    [record] = apply(*args, "--json").records
    return record


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return save(tmp_path / "a.png", noise(1, 30, 50))


def test_a_turn_beyond_the_limit_is_kept_to_it(tmp_path: Path, source: Path) -> None:
    record = record_of(source, "-o", tmp_path / "b.png", "--rotate", "60", "--limit", "angle=45")
    assert record["limited"] == ["angle 60 is beyond -45..45"]
    assert record["copied"] is False
    apply(source, "-o", tmp_path / "c.png", "--rotate", "45")
    expected = record_of(source, "-o", tmp_path / "c.png", "--rotate", "45", "-n", "--overwrite")
    np.testing.assert_allclose(record["theta"], expected["theta"], atol=1e-12)


def test_within_the_limits_nothing_changes_a_bit(tmp_path: Path, source: Path) -> None:
    apply(source, "-o", tmp_path / "b.png", "--rotate", "40", "--scale", "1.3")
    limits = "angle=45,scale=0.5..2,shift=0.3,stretch=1.1,perspective=1"
    record = record_of(source, "-o", tmp_path / "c.png", "--rotate", "40", "--scale", "1.3", "--limit", limits)
    assert (record["limited"], record["copied"]) == ([], False)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_beyond_a_limit_the_image_can_be_left_alone(tmp_path: Path, source: Path) -> None:
    options = ("--rotate", "60", "--limit", "angle=45", "--beyond-limit", "leave")
    record = record_of(source, "-o", tmp_path / "b.png", *options)
    assert record["limited"] == ["angle 60 is beyond -45..45"]
    assert record["copied"] is True
    assert record["theta"] == np.eye(3).tolist()
    assert (tmp_path / "b.png").read_bytes() == source.read_bytes()
    record = record_of(source, "-o", tmp_path / "c.png", *options, "--size", "fit")
    assert (record["copied"], record["size"]) == (True, "50x30")
    record = record_of(source, "-o", tmp_path / "d.png", *options, "--size", "25x15")
    assert (record["copied"], record["size"]) == (False, "25x15")
    np.testing.assert_array_equal(pixels(tmp_path / "d.png"), warp(noise(1, 30, 50), np.eye(3), (15, 25)))


def test_what_was_fitted_is_fitted_anew(tmp_path: Path, source: Path) -> None:
    limited = record_of(source, "-o", tmp_path / "b.png", "--rotate", "60", "--size", "fit", "--limit", "angle=30")
    plain = record_of(source, "-o", tmp_path / "c.png", "--rotate", "30", "--size", "fit")
    assert limited["size"] == plain["size"]
    np.testing.assert_allclose(limited["theta"], plain["theta"], atol=1e-9)


@pytest.mark.parametrize("kind", ["theta", "pixel", "corners", "transform", "params", "checkpoint"])
def test_limits_hold_for_every_kind_of_transformation(tmp_path: Path, source: Path, kind: str) -> None:
    small = ((0.25, 0, 0), (0, 0.25, 0))  # four times as large
    numbers = "0.25 0 0 0 0.25 0"
    (tmp_path / "t.json").write_text(json.dumps({"theta": small}))
    (tmp_path / "p.jsonl").write_text(json.dumps({"image": "a.png", "theta": small}))
    options = {
        "theta": ["--theta", numbers],
        "pixel": ["--theta", numbers, "--units", "pixel"],
        "corners": ["--corners", "19,11 31,11 31,18 19,18"],
        "transform": ["--transform", tmp_path / "t.json"],
        "params": ["--params", tmp_path / "p.jsonl"],
        "checkpoint": ["--checkpoint", saved(network(small, metadata=affine()), tmp_path)],
    }[kind]
    for size in ("50x30", "100x60"):
        target = tmp_path / f"{size}.png"
        record = record_of(source, "-o", target, *options, "--size", size, "--limit", "scale=0.5..2")
        assert record["limited"][0].startswith("scale ")
        assert record["size"] == size
        theta = np.array(record["theta"])
        # a canvas of twice as many pixels shows twice as much of the picture
        shown = 2 if kind in ("pixel", "corners") and size == "100x60" else 1
        assert np.sqrt(np.linalg.det(theta[:2, :2])) == pytest.approx(shown * 0.5, rel=0.02)


def test_a_limit_is_told_with_v_and_counted_in_the_sum(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    options = (tmp_path / "in", "--rotate", "60", "--limit", "angle=45", "-j1")
    told = apply(*options, "-o", tmp_path / "out", "-v").stderr.splitlines()
    assert [line.endswith("; angle 60 is beyond -45..45") for line in told] == [True, True, False]
    assert told[-1].endswith("; 2 beyond a limit")
    told = apply(*options, "-o", tmp_path / "left", "--beyond-limit", "leave").stderr.splitlines()
    assert len(told) == 1
    assert told[0].endswith("; 2 beyond a limit, 2 copied")
    dry = apply(*options, "-o", tmp_path / "dry", "-n", "--beyond-limit", "leave").stdout.splitlines()
    assert all(line.endswith("; angle 60 is beyond -45..45; left as it is") for line in dry)


@pytest.mark.parametrize("move", ["2.9", "0.1", "1.7", "33.3"])
def test_a_move_of_just_as_many_pixels_is_too_small(tmp_path: Path, move: str) -> None:
    Image.fromarray(noise(1, 67, 93)).save(tmp_path / "a.png")
    for number, translate in enumerate((f"{move},0", f"0,-{move}")):
        target = tmp_path / f"{number}.png"
        assert record_of(tmp_path / "a.png", "-o", target, "--translate", translate, "--skip-below", move)["copied"]


def test_a_move_that_is_too_small_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "described"
    Image.fromarray(noise(1, 30, 50)).save(tmp_path / "a.jpg", quality=71, exif=exif)
    options = ("--translate", "0.4,0", "--skip-below")
    record = record_of(tmp_path / "a.jpg", "-o", tmp_path / "b.jpg", *options, "0.41")
    assert (record["status"], record["copied"], record["size"]) == ("ok", True, "30x50")
    assert record["theta"] == np.eye(3).tolist()
    assert (tmp_path / "b.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()
    record = record_of(tmp_path / "a.jpg", "-o", tmp_path / "c.jpg", *options, "0.39")
    assert record["copied"] is False
    assert (tmp_path / "c.jpg").read_bytes() != (tmp_path / "a.jpg").read_bytes()


def test_another_format_is_written_without_resampling(tmp_path: Path, source: Path) -> None:
    record = record_of(source, "-o", tmp_path / "b.bmp", "--translate", "0.4,0", "--skip-below", "1")
    assert record["copied"] is True
    np.testing.assert_array_equal(pixels(tmp_path / "b.bmp"), pixels(source))
    Image.fromarray(noise(1)).save(tmp_path / "q.jpg", quality=95)
    apply(tmp_path / "q.jpg", "-o", tmp_path / "r.jpg", "--translate", "0.4,0", "--skip-below", "1", "--quality", "20")
    assert (tmp_path / "r.jpg").stat().st_size < (tmp_path / "q.jpg").stat().st_size


def test_another_size_is_always_sampled(tmp_path: Path, source: Path) -> None:
    options = ("--translate", "0.4,0", "--skip-below", "9")
    assert record_of(source, "-o", tmp_path / "b.png", *options, "--size", "25x15")["copied"] is False
    assert record_of(source, "-o", tmp_path / "c.png", *options, "--size", "50x30")["copied"] is True


def test_a_bad_image_is_not_copied(tmp_path: Path, source: Path) -> None:
    data = source.read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    ran = run("apply", tmp_path / "cut.png", "-o", tmp_path / "b.png", "--translate", "0,0", "--skip-below", "1")
    assert ran.code == 1
    assert not (tmp_path / "b.png").exists()


def test_standard_input_is_copied_too(tmp_path: Path, source: Path) -> None:
    options = ("apply", "-", "-o", tmp_path / "b.png", "--translate", "0.1,0", "--skip-below", "1")
    assert run(*options, stdin=source.read_bytes()).code == 0
    assert (tmp_path / "b.png").read_bytes() == source.read_bytes()


def test_a_file_named_for_another_format_is_written_as_it_is_named(tmp_path: Path) -> None:
    Image.fromarray(noise(1)).save(tmp_path / "in.png", "TIFF")
    ran = apply(tmp_path / "in.png", "-o", tmp_path / "out.png", "--translate", "0,0", "--skip-below", "1")
    assert "written as PNG" in ran.stderr
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "angel=45"], "did you mean 'angle'?"),
        (["--limit", "angle"], "angle"),
        (["--limit", "angle=x"], "angle"),
        (["--limit", "angle=nan"], "angle"),
        (["--limit", "scale=2..1"], "scale"),
        (["--limit", ""], "limit"),
        (["--limit", "angle=3,angle=4"], "twice"),
        (["--beyond-limit", "leave"], "--beyond-limit is for --limit"),
        (["--beyond-limit", "leaf", "--limit", "angle=3"], "did you mean 'leave'?"),
        (["--skip-below", "-1"], "less than 0"),
        (["--skip-below", "nan"], "not a finite number"),
        (["--skip-below", "x"], "not a number"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "3", *options)
    assert ran.code == 2
    assert message in ran.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--limit", "angle=3"], ["--skip-below", "1"], ["--save-params", "p.jsonl"]])
def test_a_sampling_grid_knows_no_angles_and_no_corners(tmp_path: Path, options: list[str]) -> None:
    good_files(tmp_path / "in")
    assert run("grid", "-o", tmp_path / "grid.npz", "--size", "32x24", "--rotate", "20").code == 0
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--transform", tmp_path / "grid.npz", *options)
    assert ran.code == 2
    assert f"{options[0]} is not for a sampling grid" in ran.error
    assert contents(tmp_path / "out") == {}


def test_a_padded_network_that_changes_nothing_is_within_every_limit_at_every_size(tmp_path: Path) -> None:
    still = network(((1, 0, 0), (0, 1, 0)), metadata=affine(fit="pad", output_size=(28, 28)))
    options = ("--checkpoint", saved(still, tmp_path), "--size", "canonical")
    limits = ("--limit", "angle=0.1,scale=0.99..1.01,stretch=1.01,shift=0.01")
    record = record_of(save(tmp_path / "wide.png", noise(1, 200, 400)), "-o", tmp_path / "b.png", *options, *limits)
    assert record["limited"] == []
    np.testing.assert_allclose(record["theta"], [[1, 0, 0], [0, 2, 0], [0, 0, 1]], atol=1e-6)
