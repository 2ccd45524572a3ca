"""`--corners` as they run round: clockwise as seen on screen, or not without being told so."""

from pathlib import Path

import numpy as np
import pytest

from stnwarp.errors import ParameterError
from stnwarp.transforms import CornersSpec
from tests.cli_tools import Ran, contents, good_files, noise, pixels, run, save

CLOCKWISE = "2,1 18,2 17,9 1,8"


def reversed_corners(text: str) -> str:
    return " ".join(reversed(text.split()))


def started_at(text: str, number: int) -> str:
    points = text.split()
    return " ".join(points[number:] + points[:number])


def apply(*args: object) -> Ran:
    return run("apply", *args)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("more", [[], ["--inverse"], ["--size", "fit"], ["-n"]], ids=" ".join)
def test_counter_clockwise_corners_are_refused_before_anything_is_read(
    tmp_path: Path, start: int, more: list[str]
) -> None:
    good_files(tmp_path / "in")
    corners = started_at(reversed_corners(CLOCKWISE), start)
    ran = apply(tmp_path / "in", tmp_path / "none.png", "-o", tmp_path / "out", "--corners", corners, *more)
    assert (ran.code, ran.stdout) == (2, "")
    assert corners in ran.error
    assert "counter-clockwise" in ran.error
    assert "clockwise from the top left" in ran.error
    assert "--allow-mirror" in ran.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("more", [[], ["--inverse"]], ids=" ".join)
def test_clockwise_corners_may_begin_anywhere(tmp_path: Path, start: int, more: list[str]) -> None:
    source = save(tmp_path / "a.png", noise(1))
    corners = started_at(CLOCKWISE, start)
    ran = apply(source, "-o", tmp_path / "b.png", "--corners", corners, *more)
    assert (ran.code, ran.stderr) == (0, "")
    allowed = apply(source, "-o", tmp_path / "c.png", "--corners", corners, "--allow-mirror", *more)
    assert allowed.code == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_mirrored_corners_that_are_allowed_mirror_the_picture(tmp_path: Path) -> None:
    image = noise(3, 24, 32)
    source = save(tmp_path / "a.png", image)
    options = ("--corners", "10,2 4,2 4,9 10,9", "--size", "fit")
    assert apply(source, "-o", tmp_path / "b.png", *options).code == 2
    assert apply(source, "-o", tmp_path / "b.png", *options, "--allow-mirror").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), image[2:10, 10:3:-1])


@pytest.mark.parametrize("corners", ["0,0 9,0 0,9 9,9", "0,0 9,9 9,0 0,9", "0,0 9,0 3,3 0,9", "0,0 5,0 9,0 0,9"])
@pytest.mark.parametrize("more", [[], ["--allow-mirror"]], ids=" ".join)
def test_corners_that_cross_or_turn_inwards_or_lie_on_a_line_are_no_quad_either_way(
    tmp_path: Path, corners: str, more: list[str]
) -> None:
    good_files(tmp_path / "in")
    for given in (corners, reversed_corners(corners)):
        ran = apply(tmp_path / "in", "-o", tmp_path / "out", "--corners", given, *more)
        assert ran.code == 2
        assert "cross or turn inwards" in ran.error or "lie on a line" in ran.error
    assert contents(tmp_path / "out") == {}


def test_grid_refuses_mirrored_corners_as_well(tmp_path: Path) -> None:
    mirrored = ("--corners", reversed_corners(CLOCKWISE), "--size", "8x6")
    ran = run("grid", "-o", tmp_path / "g.npy", *mirrored, "--image", tmp_path / "none.png")
    assert ran.code == 2
    assert "counter-clockwise" in ran.error
    assert run("grid", "-o", tmp_path / "g.npy", *mirrored, "--allow-mirror").code == 0
    assert np.load(tmp_path / "g.npy").shape == (6, 8, 2)


@pytest.mark.parametrize("kind", [["--theta", "1 0 0 0 1 0"], ["--flip", "both"], ["--size", "fit"]], ids=" ".join)
def test_allow_mirror_is_for_corners(tmp_path: Path, kind: list[str]) -> None:
    source = save(tmp_path / "a.png", noise(1))
    ran = apply(source, "-o", tmp_path / "b.png", *kind, "--allow-mirror")
    assert ran.code == 2
    assert "--allow-mirror is for --corners" in ran.error
    ran = run("grid", "-o", tmp_path / "g.npy", "--allow-mirror", "--size", "4x4")
    assert (ran.code, "--corners" in ran.error) == (2, True)


def test_the_library_refuses_mirrored_corners_unless_told_otherwise() -> None:
    quad = np.array([(1e6, 5), (1e6 - 3, 5), (1e6 - 3, 9), (1e6, 9)])
    with pytest.raises(ParameterError, match="counter-clockwise"):
        CornersSpec(quad)
    assert CornersSpec(quad, allow_mirror=True).allow_mirror
    assert not CornersSpec(quad[::-1]).allow_mirror
