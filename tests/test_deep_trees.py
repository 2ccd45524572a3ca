"""Trees deeper than Python's stack, and paths longer than the system takes."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli_tools import MOVE, noise, run, save

pytestmark = pytest.mark.skipif(os.name == "nt", reason="paths are far shorter there")
LEVELS = 1000
SOME = {0: "top.png", 1: "one.png", 499: "half.png", 998: "near.png", 1000: "last.png"}


@pytest.fixture(autouse=True)
def _removed(tmp_path: Path) -> Iterator[None]:
    """What pytest's own removal is not up to."""
    yield
    remove(tmp_path)


def remove(folder: Path) -> None:
    subprocess.run(["rm", "-rf", *folder.iterdir()], check=True)


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncing a thousand directories takes seconds."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@contextmanager
def inside(top: Path) -> Iterator[None]:
    """Work in *top*: its insides may have no path that the system takes."""
    top.mkdir(exist_ok=True)
    before = Path.cwd()
    os.chdir(top)
    try:
        yield
    finally:
        os.chdir(before)


def deep(top: Path, levels: int, images: dict[int, str], name: str = "d", data: bytes = b"") -> Path:
    """A tree of one folder in another, with images at some levels."""
    data = data or save(top.with_name("seed.png"), noise(1)).read_bytes()
    with inside(top):
        for level in range(levels + 1):
            if level in images:
                Path(images[level]).write_bytes(data)
            if level < levels:
                Path(name).mkdir()
                os.chdir(name)
    return top


def found(top: Path) -> dict[int, list[str]]:
    """The files at each level below *top*."""
    files: dict[int, list[str]] = {}
    level = 0
    with inside(top):
        while True:
            names = os.listdir()  # noqa: PTH208 - names, not paths
            kept = sorted(name for name in names if not Path(name).is_dir())
            if kept:
                files[level] = kept
            folders = [name for name in names if Path(name).is_dir()]
            if not folders:
                return files
            assert len(folders) == 1
            os.chdir(folders[0])
            level += 1


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree of a thousand levels."""
    folder = tmp_path_factory.mktemp("deep")
    yield deep(folder / "in", LEVELS, SOME)
    remove(folder)


def test_a_tree_of_a_thousand_levels_is_warped_whole(source: Path, tmp_path: Path) -> None:
    target, expected = tmp_path / "out", {level: [name] for level, name in SOME.items()}
    arguments = ("apply", source, "-r", "-o", target, *MOVE)
    ran = run(*arguments, "--dry-run")
    assert (ran.code, len(ran.stdout.splitlines())) == (0, len(SOME)), ran.stderr
    assert not target.exists()
    params = tmp_path / "p.jsonl"
    ran = run(*arguments, "-j", 2, "--save-params", params)
    assert ran.code == 0, ran.stderr
    assert found(target) == expected
    assert len(params.read_text().splitlines()) == len(SOME)
    ran = run(*arguments, "--skip-existing")
    assert (ran.code, f"{len(SOME)} skipped" in ran.stderr) == (0, True), ran.stderr
    ran = run(*arguments, "--overwrite", "--json")
    assert ran.code == 0, ran.stderr
    assert [record["status"] for record in ran.records] == ["ok"] * len(SOME)
    assert found(target) == expected
    ran = run(*arguments)
    assert ran.code == 2
    assert "exists already" in ran.error


def test_a_template_goes_as_deep(source: Path, tmp_path: Path) -> None:
    ran = run("apply", source, "-r", "-o", f"{tmp_path}/out/{{dir}}/{{stem}}_t{{ext}}", *MOVE)
    assert ran.code == 0, ran.stderr
    assert found(tmp_path / "out") == {level: [name.replace(".", "_t.")] for level, name in SOME.items()}


def test_images_in_place_and_beside_their_sources_are_written(tmp_path: Path) -> None:
    source = deep(tmp_path / "in", 300, {0: "a.png", 300: "b.png"})
    before = (source / "a.png").read_bytes()
    assert run("apply", source, "-r", "-o", source, *MOVE, "--overwrite").code == 0
    assert (source / "a.png").read_bytes() != before
    assert found(source) == {0: ["a.png"], 300: ["b.png"]}
    assert run("apply", source, "-r", "-o", "{dir}/{stem}2{ext}", *MOVE).code == 0
    assert found(source) == {0: ["a.png", "a2.png"], 300: ["b.png", "b2.png"]}


def test_no_level_is_looked_at_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = 120
    source = deep(tmp_path / "in", levels, {level: f"{level}.png" for level in range(levels)})
    looks = 0

    def counted(name: str) -> None:
        real = getattr(os, name)

        def look(*args: object, **named: object) -> object:
            nonlocal looks
            looks += 1
            return real(*args, **named)

        monkeypatch.setattr(os, name, look)

    counted("lstat")
    counted("stat")
    ran = run("apply", source, "-r", "-o", tmp_path / "out", *MOVE, "--dry-run", "--save-params", tmp_path / "p.jsonl")
    assert ran.code == 0, ran.stderr
    assert looks < 40 * levels  # quadratic would be 120 for each level and question


def test_paths_that_are_too_long_fail_alone(tmp_path: Path) -> None:
    images = {0: "a.png", 1: "b.png", 30: "c.png", 39: "last.png", 60: "never.png"}
    source = deep(tmp_path / "in", 60, images, "n" * 100)
    target = tmp_path / "out"
    ran = run("apply", source, "-r", "-o", target, *MOVE)
    assert ran.code == 1
    lines = [line for line in ran.stderr.splitlines() if "failed: " in line]
    assert len(lines) == 1
    assert "file name too long" in lines[0]
    assert "4 done, 1 failed" in ran.stderr.splitlines()[-1]
    assert found(target) == {level: [name] for level, name in images.items() if level < 60}


def test_targets_whose_paths_are_too_long_fail_alone(tmp_path: Path) -> None:
    images = {0: "a.png", 20: "b.png", 33: "c.png", 38: "d.png"}
    source = deep(tmp_path / "in", 38, images, "n" * 100)
    target = tmp_path / ("o" * 200) / ("o" * 200) / ("o" * 200)
    ran = run("apply", source, "-r", "-o", target, *MOVE, "-j", 2)
    assert ran.code == 1, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if "failed: " in line]
    assert len(lines) == 1
    assert "d.png: " in lines[0]
    assert "file name too long" in lines[0]
    assert found(target) == {0: ["a.png"], 20: ["b.png"], 33: ["c.png"]}


def test_a_directory_that_cannot_be_made_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = deep(tmp_path / "in", 3, {0: "a.png", 3: "b.png"})

    def full(path: str, *more: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        ran = run("apply", source, "-r", "-o", tmp_path / "out", *MOVE)
    assert ran.code == 4
    assert "cannot make the directory" in ran.stderr
    assert "no space left" in ran.stderr
    assert run("apply", source, "-r", "-o", tmp_path / "out", *MOVE).code == 0


def test_training_reads_a_tree_of_a_thousand_levels(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.training_data import letter

    data = save(tmp_path / "letter.png", letter("F", 1)[..., None]).read_bytes()
    at = {level: f"{level}.png" for level in (*range(12), LEVELS // 2, LEVELS)}
    source = deep(tmp_path / "in", LEVELS, at, "d", data)
    quick = ("--family", "similarity", "--filters", "8", "--scenes", "32", "--batch", "32", "--threads", "1")
    options = ("--recipe", "restore", "--range", "angle=40", "--epochs", "1", *quick)
    ran = run("train", source, "-o", tmp_path / "a.onnx", *options)
    assert ran.code == 0, ran.stderr
    assert "13 images to learn from, 1 kept back" in ran.stderr
    assert (tmp_path / "a.onnx").is_file()


def test_training_leaves_out_what_has_too_long_a_path(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from stnwarp.training.reading import images_below

    source = deep(tmp_path / "in", 60, {0: "a.png", 9: "b.png", 60: "c.png"}, "n" * 100)
    (source / "x").mkdir()
    save(source / "x" / "late.png", noise(1))
    left_out: list[str] = []
    found = images_below(source, lambda name, reason: left_out.append(reason))
    assert [image.path.name for image in found] == ["a.png", "b.png", "late.png"]
    assert left_out == ["a directory that cannot be searched: file name too long"]
