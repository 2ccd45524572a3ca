"""`--coverage DIR`: what is written beside each output, in every mode; and what it never replaces."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stnwarp import Interpolation, PaddingMode
from stnwarp.errors import OutputError
from stnwarp.folder import work
from stnwarp.sampling.coverage import measure_coverage
from tests.cli_tools import MOVE, contents, good_files, noise, pixels, run, run_raw, save

THETA = np.array([[1.3, -0.4, 0.1], [0.35, 1.2, -0.2]])  # partly outside on every side
NUMBERS = " ".join(map(str, THETA.ravel()))
NAMES = ["good-a.png", "good-b.png"]


def apply(*args: object) -> Any:
    ran = run("apply", *args)
    assert (ran.code, ran.stderr.count("warning")) == (0, 0), ran.stderr
    return ran


@pytest.mark.parametrize("padding_mode", list(PaddingMode))
@pytest.mark.parametrize("interpolation", [Interpolation.NEAREST, Interpolation.BICUBIC])
def test_it_is_written_in_every_mode(tmp_path: Path, padding_mode: str, interpolation: Interpolation) -> None:
    good_files(tmp_path / "in" / "deep")
    modes = ("--padding-mode", padding_mode, "--interpolation", interpolation, "--theta", NUMBERS)
    apply(tmp_path / "in", "-r", "-o", tmp_path / "out", "--coverage", tmp_path / "new" / "cov", *modes)
    assert sorted(contents(tmp_path / "new" / "cov")) == [f"deep/{name}" for name in NAMES]
    expected = measure_coverage((24, 32), THETA, interpolation=interpolation)
    for name in NAMES:
        with Image.open(tmp_path / "new" / "cov" / "deep" / name) as image:
            assert (image.format, image.mode) == ("PNG", "L")
            np.testing.assert_array_equal(image, expected)
    apply(tmp_path / "in", "-r", "-o", tmp_path / "plain", *modes)
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_a_white_picture_on_black_is_its_coverage(tmp_path: Path) -> None:
    source = save(tmp_path / "white.png", np.full((40, 50), 255, np.uint8))
    moves = ("--rotate", "17", "--scale", "0.7", "--size", "fit", "--viewport", "3,-2,60,50", "--crop", "1,2,30,35")
    apply(source, "-o", tmp_path / "out.png", "--coverage", tmp_path / "cov/", *moves)
    white, coverage = pixels(tmp_path / "out.png"), pixels(tmp_path / "cov" / "out.png")
    assert white.shape == coverage.shape == (50, 60)
    assert 0 < coverage.mean() < 255
    assert np.abs(white.astype(int) - coverage).max() <= 1


def test_of_a_copy_it_is_full(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    apply(tmp_path / "in", "-o", tmp_path / "out", "--coverage", tmp_path / "cov", "--rotate", "1", "--skip-below", "9")
    assert (tmp_path / "out" / "good-b.jpg").read_bytes() == (tmp_path / "in" / "good-b.jpg").read_bytes()
    for name in NAMES:
        np.testing.assert_array_equal(pixels(tmp_path / "cov" / name), np.full((24, 32), 255))


def test_names_follow_templates_and_standard_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a, b = good_files(tmp_path / "in")
    apply(a, b, "-o", "made/{stem}/x_{index}{ext}", "--coverage", "cov", *MOVE)
    assert sorted(contents(Path("cov"))) == ["good-a/x_1.png", "good-b/x_2.png"]
    code, data, _ = run_raw("apply", a, "-o", "-", "--coverage", "second", *MOVE)
    assert (code, data[:4]) == (0, b"\x89PNG")
    code, _, _ = run_raw("apply", "-", "-o", "-", "--coverage", "second", *MOVE, stdin=a.read_bytes())
    assert code == 0
    code, _, _ = run_raw("apply", "-", "-o", "named.jpg", "--coverage", "second", *MOVE, stdin=a.read_bytes())
    assert code == 0
    assert sorted(contents(Path("second"))) == ["good-a.png", "named.png", "stdin.png"]


CLASHES = {
    "two images, one coverage": (["a.png", "a.jpg"], "out", "cov", "one file for several outputs"),
    "the output itself": (["a.png"], "out", "out", "one file for several outputs"),
    "a source": (["a.png"], "out", "in", "the coverage would replace a source"),
    "a file": (["a.png"], "out", "in/a.png/", "is not a directory"),
    "standard output": (["a.png"], "out", "-", "standard output takes no coverage"),
    "a picture": (["a.png"], "out", "cov.png", "--coverage takes a directory; for a folder write"),
    "nothing": (["a.png"], "out", "", "cannot be the name of an output"),
}


@pytest.mark.parametrize("kind", CLASHES)
@pytest.mark.parametrize("flag", ["--overwrite", "--skip-existing", "-n"])
def test_what_cannot_be_written_is_refused_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, flag: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names, target, directory, message = CLASHES[kind]
    for name in names:
        save(Path("in") / name, noise(1))
    before = contents(tmp_path)
    ran = run("apply", "in", "-r", "-o", target, "--coverage", directory, *MOVE, flag)
    assert ran.code in (2, 4), ran.stderr
    assert message in ran.error
    assert contents(tmp_path) == before


def test_what_exists_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--coverage", tmp_path / "cov", *MOVE)
    save(tmp_path / "cov" / "good-a.png", noise(9))
    before = contents(tmp_path)
    ran = run(*command)
    assert ran.code == 2
    assert ran.error.endswith("good-a.png': exists already; give --overwrite or --skip-existing")
    assert contents(tmp_path) == before
    assert run(*command, "--overwrite").code == 0
    assert pixels(tmp_path / "cov" / "good-a.png").ndim == 2
    params = run(*command, "--overwrite", "--save-params", tmp_path / "cov" / "good-a.png" / "p.jsonl")
    assert "an image is to be written where its directory is" in params.error


def test_a_run_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--coverage", tmp_path / "cov", *MOVE)
    apply(*command[1:])
    whole = contents(tmp_path)
    (tmp_path / "out" / "good-a.png").unlink()  # its coverage was written first
    apply(*command[1:], "--skip-existing")
    assert contents(tmp_path) == whole
    (tmp_path / "out" / "good-a.png").unlink()
    (tmp_path / "cov" / "good-a.png").write_bytes(b"")
    apply(*command[1:], "--skip-existing")
    assert contents(tmp_path) == whole
    (tmp_path / "out" / "good-a.png").unlink()
    other = save(tmp_path / "cov" / "good-a.png", noise(9)).read_bytes()  # not this run's
    (tmp_path / "cov" / "good-b.png").unlink()
    ran = run(*command, "--skip-existing")
    assert ran.code == 1
    assert f"failed: {tmp_path}/in/good-a.png: {tmp_path}/cov/good-a.png: exists already" in ran.stderr
    assert f"'{tmp_path}/cov': no coverage of 1 of the images that are skipped" in ran.stderr
    assert (tmp_path / "cov" / "good-a.png").read_bytes() == other
    assert sorted(contents(tmp_path / "out")) == ["good-b.jpg"]


def test_an_image_that_fails_leaves_no_coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good_files(tmp_path / "in")
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    command = ("apply", tmp_path / "in", "-o", tmp_path / "out", "--coverage", tmp_path / "cov", *MOVE, "-j1")
    assert run(*command).code == 1
    assert sorted(contents(tmp_path / "cov")) == NAMES
    written: list[tuple[str, list[str]]] = []

    def fail(target: Path, *_: object, **__: object) -> None:
        written.append((target.name, sorted(contents(tmp_path / "new"))))
        raise OutputError("the disk is full")

    monkeypatch.setattr(work, "write_atomically", fail)
    ran = run("apply", tmp_path / "in" / "good-a.png", "-o", tmp_path / "b.png", "--coverage", tmp_path / "new", *MOVE)
    assert ran.code == 4
    assert written == [("b.png", ["b.png"])]
    assert contents(tmp_path / "new") == {}


def test_coverage_inside_the_tree_is_no_source_of_the_next_run(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    command = (tmp_path / "in", "-r", "-o", tmp_path / "in" / "out", "--coverage", tmp_path / "in" / "cov", *MOVE)
    apply(*command, "-n")
    assert sorted(contents(tmp_path / "in")) == ["good-a.png", "good-b.jpg"]
    apply(*command)
    first = contents(tmp_path / "in")
    apply(*command, "--overwrite", "-j2")
    assert contents(tmp_path / "in") == first
    assert len(first) == 6
