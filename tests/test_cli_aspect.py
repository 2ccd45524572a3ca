"""The proportions of what `--corners` surround: given by `--aspect`, else estimated, by the EXIF if it can help."""

import json
from pathlib import Path

import numpy as np
import pytest

from stnwarp.transforms import CornersSpec, SizeRequest
from tests.cli_tools import Ran, contents, noise, pixels, run, save
from tests.images_samples import lens_exif

# A page of 7:10 before a camera whose focal length is 50 mm on 35 mm film, tilted by 50 degrees about a level line. Its
# top and its bottom stay parallel, so that the corners alone do not say the focal length.
CORNERS = "82.18,38.77 262.72,38.77 231.81,179.08 105.33,179.08"
QUAD = np.array([float(number) for number in CORNERS.replace(",", " ").split()]).reshape(4, 2)
SIZE = (240, 320)


def photo(path: Path, focal_length: int = 0) -> Path:
    return save(path, noise(1, *SIZE), exif=lens_exif(focal_length))


def fitted(**more: float) -> str:
    height, width = CornersSpec(QUAD, **more).resolve(SIZE, SizeRequest.parse("fit"), False).size
    return f"{width}x{height}"


def apply(*args: object) -> Ran:
    ran = run("apply", *args)
    assert ran.code == 0, ran.stderr
    return ran


@pytest.mark.parametrize("size", [[], ["--size", "fit"]], ids=["no size", "fit"])
def test_corners_give_the_estimated_proportions(tmp_path: Path, size: list[str]) -> None:
    source = photo(tmp_path / "a.jpg", 50)
    ran = apply(source, "-o", tmp_path / "b.png", "--corners", CORNERS, *size, "--json", "-v")
    assert ran.records[0]["size"] == fitted(focal_length_35mm=50.0) != fitted()
    height, width = pixels(tmp_path / "b.png").shape[:2]
    assert width / height == pytest.approx(0.7, abs=1 / height)
    assert "; aspect ratio 0.7" in ran.stderr
    assert "by the EXIF's focal length of 462 pixels" in ran.stderr
    dry = apply(source, "-o", tmp_path / "c.png", "--corners", CORNERS, *size, "-n").stdout
    assert "by the EXIF's focal length of 462 pixels" in dry
    assert f"  {width}x{height}  " in dry


def test_every_image_has_its_own_focal_length(tmp_path: Path) -> None:
    for name, focal_length in (("a", 50), ("b", 0), ("c", 24), ("d", 50)):
        photo(tmp_path / "in" / f"{name}.jpg", focal_length)
    ran = apply(tmp_path / "in", "-o", tmp_path / "out", "--corners", CORNERS, "--json", "-v", "-j2")
    sizes = {Path(record["input"]).stem: record["size"] for record in ran.records}
    long = fitted(focal_length_35mm=50.0)
    assert sizes == {"a": long, "b": fitted(), "c": fitted(focal_length_35mm=24.0), "d": long}
    assert len(set(sizes.values())) == 3
    assert ran.stderr.count("by an assumed focal length of 320 pixels") == 1


@pytest.mark.parametrize(
    ("aspect", "ratio"),
    [
        ("3:2", 1.5),
        (" 21.0 : 29.7 ", 210 / 297),
        ("a4", 210 / 297),
        ("A4-landscape", 297 / 210),
        ("letter", 8.5 / 11),
        ("letter-landscape", 11 / 8.5),
    ],
)
def test_proportions_that_are_given_are_those_of_the_output(tmp_path: Path, aspect: str, ratio: float) -> None:
    source = photo(tmp_path / "a.jpg", 50)
    options = ("--corners", CORNERS, "--aspect", aspect)
    ran = apply(source, "-o", tmp_path / "b.png", *options, "-v")
    height, width = pixels(tmp_path / "b.png").shape[:2]
    assert f"{width}x{height}" == fitted(aspect=ratio)
    assert width / height == pytest.approx(ratio, rel=0.01)
    assert f"; aspect ratio {ratio:.4g}, as it was given" in ran.stderr
    assert run("grid", "-o", tmp_path / "g.npy", *options, "--input-size", "320x240").code == 0
    assert np.load(tmp_path / "g.npy").shape == (height, width, 2)


def test_a_grid_has_the_proportions_that_apply_gives(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg", 50)
    ran = run("grid", "-o", tmp_path / "g.npz", "--corners", CORNERS, "--image", source, "-v")
    assert "by the EXIF's focal length of 462 pixels" in ran.stderr
    apply(source, "-o", tmp_path / "b.png", "--corners", CORNERS)
    apply(source, "-o", tmp_path / "c.png", "--transform", tmp_path / "g.npz")
    assert pixels(tmp_path / "c.png").shape == pixels(tmp_path / "b.png").shape
    difference = pixels(tmp_path / "c.png").astype(int) - pixels(tmp_path / "b.png")
    assert np.abs(difference).max() <= 1  # the grid is float32


@pytest.mark.parametrize("convention", ["--align-corners", "--no-align-corners"])
@pytest.mark.parametrize("more", [[], ["--aspect", "letter"]], ids=["estimated", "given"])
def test_the_rows_of_a_run_do_it_again_to_the_bit(tmp_path: Path, more: list[str], convention: str) -> None:
    for name, focal_length in (("a", 50), ("b", 0)):
        photo(tmp_path / "in" / f"{name}.jpg", focal_length)
    options = ("--corners", CORNERS, *more, convention, "--format", "png", "--save-params", tmp_path / "p.jsonl")
    apply(tmp_path / "in", "-o", tmp_path / "first", *options)
    apply(tmp_path / "in", "-o", tmp_path / "second", "--params", tmp_path / "p.jsonl", "--format", "png")
    assert contents(tmp_path / "second") == contents(tmp_path / "first") != {}
    sizes = [json.loads(line)["output_size"] for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert (sizes[0] == sizes[1]) == bool(more)


def test_the_picture_that_is_put_into_corners_keeps_its_canvas(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg", 50)
    apply(source, "-o", tmp_path / "b.png", "--corners", CORNERS, "--inverse")
    assert pixels(tmp_path / "b.png").shape == (*SIZE, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rotate", "3"], "--aspect is for --corners"),
        (["--size", "fit"], "--aspect is for --corners"),
        (["--params", "none.jsonl"], "--aspect is for --corners"),
        (["--corners", CORNERS, "--size", "30x40"], "leave --aspect or --size out"),
        (["--corners", CORNERS, "--size", "same"], "leave --aspect or --size out"),
        (["--corners", CORNERS, "--inverse"], "--aspect is of no use with --inverse"),
    ],
)
def test_proportions_that_would_do_nothing_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    ran = run("apply", tmp_path / "none.png", "-o", tmp_path / "b.png", "--aspect", "a4", *options)
    assert (ran.code, message in ran.error) == (2, True)
    if "--params" not in options:
        ran = run("grid", "-o", tmp_path / "g.npy", "--image", tmp_path / "none.png", "--aspect", "a4", *options)
        assert (ran.code, message in ran.error) == (2, True)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    "aspect", ["", "3", "3x2", "3:", ":2", "0:2", "2:0", "-3:2", "3:2:1", "nan:1", "٣:2", "a5", "1e3:1"]
)
def test_what_is_no_aspect_ratio_is_refused(tmp_path: Path, aspect: str) -> None:
    ran = run("apply", tmp_path / "none.png", "-o", tmp_path / "b.png", "--corners", CORNERS, f"--aspect={aspect}")
    assert ran.code == 2
    assert "is not an aspect ratio" in ran.error
    assert "W:H such as 3:2 (width to height)" in ran.error


def test_an_aspect_ratio_that_no_page_has_is_refused(tmp_path: Path) -> None:
    ran = run("apply", tmp_path / "none.png", "-o", tmp_path / "b.png", "--corners", CORNERS, "--aspect", "1:5000")
    assert (ran.code, "must lie between 0.001 and 1000" in ran.error) == (2, True)
