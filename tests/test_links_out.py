"""Folders in the output that are links out of it: the images go where they lead, and the user is told."""

import os
from pathlib import Path

import pytest

from tests.cli_tools import MOVE, contents, noise, run, save

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five images in a tree."""
    for number, name in enumerate(("a.png", "sub/b.png", "sub/c.png", "sub/deep/d.png", "other/e.png")):
        save(tmp_path / "in" / name, noise(number))
    return tmp_path / "in"


def warnings(stderr: str) -> list[str]:
    mark = "stnwarp: warning: "
    return [line.removeprefix(mark) for line in stderr.splitlines() if line.startswith(mark)]


def link(path: Path, to: Path | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(to, Path):
        to.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return path


def test_one_line_for_each_link_says_where_images_go(photos: Path, tmp_path: Path) -> None:
    target, far, farther = tmp_path / "out", tmp_path / "far", tmp_path / "farther"
    first, second = link(target / "sub", far), link(target / "other", farther)
    said = [
        f"'{second}' is a link to '{farther}': 1 image is written there",
        f"'{first}' is a link to '{far}': 3 images are written there",
    ]
    ran = run("apply", photos, "-r", "-o", target, *MOVE, "--dry-run")
    assert (ran.code, warnings(ran.stderr)) == (0, said)
    assert contents(far) == {}
    ran = run("apply", photos, "-r", "-o", target, *MOVE)
    assert (ran.code, warnings(ran.stderr)) == (0, said)
    assert sorted(contents(far)) == ["b.png", "c.png", "deep/d.png"]
    assert sorted(contents(farther)) == ["e.png"]
    ran = run("apply", photos, "-r", "-o", target, *MOVE, "-q", "--overwrite")
    assert (ran.code, ran.stderr) == (0, "")


def test_what_is_skipped_is_not_counted(photos: Path, tmp_path: Path) -> None:
    target, far = tmp_path / "out", tmp_path / "far"
    link(target / "sub", far)
    assert run("apply", photos / "sub", "-o", far, *MOVE).code == 0
    ran = run("apply", photos, "-r", "-o", target, *MOVE, "--skip-existing")
    assert ran.code == 0
    assert [line.rpartition(": ")[2] for line in warnings(ran.stderr)] == ["1 image is written there"]


def test_links_that_stay_inside_and_the_output_itself_are_no_news(photos: Path, tmp_path: Path) -> None:
    target = link(tmp_path / "out", tmp_path / "real")
    link(target / "sub", tmp_path / "real" / "elsewhere")
    ran = run("apply", photos, "-r", "-o", target, *MOVE)
    assert (ran.code, warnings(ran.stderr)) == (0, [])
    assert "elsewhere/b.png" in contents(tmp_path / "real")
    single = link(tmp_path / "folder", tmp_path / "far") / "one.png"
    ran = run("apply", photos / "a.png", "-o", single, *MOVE)
    assert (ran.code, warnings(ran.stderr)) == (0, [])


def test_a_link_out_and_back_is_no_news_and_one_behind_another_is_told(photos: Path, tmp_path: Path) -> None:
    target, far, farther = tmp_path / "out", tmp_path / "far", tmp_path / "farther"
    link(target / "sub", far)
    link(far / "deep", target / "inside")
    link(target / "other", ".." + "/far/loop")
    link(far / "loop", farther)
    ran = run("apply", photos, "-r", "-o", target, *MOVE)
    assert (ran.code, warnings(ran.stderr)) == (
        0,
        [
            f"'{target / 'other'}' is a link to '{farther}': 1 image is written there",
            f"'{target / 'sub'}' is a link to '{far}': 2 images are written there",
        ],
    )
    assert sorted(contents(target / "inside")) == ["d.png"]


@pytest.mark.parametrize("before", ["out", "./out", ""])
@pytest.mark.parametrize("after", ["{dir}/{stem}_t{ext}", "{dir}/x/{name}"])
def test_templates_are_looked_at_from_their_fixed_part_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    monkeypatch.chdir(tmp_path)
    base = tmp_path / before if before else photos
    if before:
        link(base / "sub", tmp_path / "far")
    else:
        (photos / "sub").rename(tmp_path / "far")
        link(photos / "sub", tmp_path / "far")
    sources = ("in/a.png", "in/other", "in/s*/*.png")
    template = f"{before}/{after}" if before else after
    ran = run("apply", *sources, "-o", template, *MOVE)
    assert ran.code == 0, ran.stderr
    if before:  # named files have no folder to mirror, matches of a pattern have
        name = repr(os.path.normpath(f"{before}/sub"))
        assert warnings(ran.stderr) == [f"{name} is a link to '{tmp_path / 'far'}': 2 images are written there"]
    else:
        assert warnings(ran.stderr) == [f"'in/sub' is a link to '{tmp_path / 'far'}': 2 images are written there"]


def test_hundreds_of_images_through_one_link_are_one_line(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "sub" / "0.png", noise(1))
    for number in range(1, 200):
        source.with_name(f"{number}.png").hardlink_to(source)
    link(tmp_path / "out" / "sub", tmp_path / "far")
    ran = run("apply", tmp_path / "in", "-r", "-o", tmp_path / "out", *MOVE, "--dry-run")
    assert ran.code == 0
    assert warnings(ran.stderr) == [
        f"'{tmp_path / 'out' / 'sub'}' is a link to '{tmp_path / 'far'}': 200 images are written there"
    ]
