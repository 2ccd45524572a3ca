"""Names that differ in case or Unicode form alone: kept apart where the file system does, refused where it does not."""

import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from stnwarp.files.temporaries import is_temporary
from stnwarp.folder import twins
from tests.cli_tools import MOVE, Ran, contents, environment, noise, run, save, spawn

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
CASE = ("Photo.png", "photo.PNG")
FORM = (f"{NFC}.png", f"{NFD}.png")
FOLDERS = ("X/a.png", "x/a.png")
Fold = Callable[[bool, bool], list[Path]]


@pytest.fixture
def fold(monkeypatch: pytest.MonkeyPatch) -> Fold:
    """Have every directory fold case and Unicode form, or one of them; returns the directories that were asked."""

    def have(case: bool, form: bool) -> list[Path]:
        asked: list[Path] = []
        monkeypatch.setattr(twins, "folds", lambda directory: (asked.append(directory), (case, form))[1])
        return asked

    return have


def images(folder: Path, *names: str) -> Path:
    for number, name in enumerate((*names, "good.png", "deep/good.png")):
        save(folder / name, noise(number))
    if len(contents(folder)) < len(names) + 2:
        pytest.skip("this file system takes the names for one")
    return folder


def apply(source: Path, target: Path, *options: object) -> Ran:
    return run("apply", source, "-r", "-o", target, *MOVE, *options)


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("names", [CASE, FORM, FOLDERS])
def test_twins_are_both_written_where_both_can_be(tmp_path: Path, names: tuple[str, str], exists: bool) -> None:
    source, target = images(tmp_path / "in", *names), tmp_path / "out"
    if exists:
        target.mkdir()
    assert apply(source, target, "--dry-run").code == 0
    assert contents(target) == {}
    ran = apply(source, target)
    assert ran.code == 0, ran.stderr
    assert sorted(contents(target)) == sorted([*names, "good.png", "deep/good.png"])
    assert len(set(contents(target).values())) == 4
    assert apply(source, target, "--skip-existing").code == 0
    assert apply(source, target, "--overwrite", "--save-params", tmp_path / "p.jsonl").code == 0


@pytest.mark.parametrize(
    ("names", "case", "form", "is_refused"),
    [
        (CASE, True, True, True),
        (CASE, True, False, True),
        (CASE, False, True, False),
        (FORM, True, True, True),
        (FORM, False, True, True),
        (FORM, True, False, False),
        (FOLDERS, True, False, True),
        (FOLDERS, False, True, False),
        ((f"{NFC}.png", f"{NFD.upper()}.png"), True, False, False),
        ((f"{NFC}.png", f"{NFD.upper()}.png"), False, True, False),
        ((f"{NFC}.png", f"{NFD.upper()}.png"), True, True, True),
    ],
)
def test_twins_are_refused_where_the_file_system_takes_them_for_one(
    tmp_path: Path, fold: Fold, names: tuple[str, str], case: bool, form: bool, is_refused: bool
) -> None:
    source, target = images(tmp_path / "in", *names), tmp_path / "out"
    asked = fold(case, form)
    ran = apply(source, target)
    assert asked == [tmp_path]  # once, for all of them: nothing below it is there yet
    if is_refused:
        assert ran.code == 2
        assert all(repr(str(source / name)) in ran.error for name in names)
        assert "good" not in ran.error
        assert not target.exists()
    else:
        assert ran.code == 0, ran.stderr
        assert len(contents(target)) == 4


def test_a_target_that_is_a_twin_of_a_directory_is_refused_where_they_are_one(tmp_path: Path, fold: Fold) -> None:
    source = images(tmp_path / "in", "X.png", "x.png/y.png")
    fold(True, False)
    ran = apply(source, tmp_path / "out")
    assert ran.code == 2
    assert "X.png" in ran.error
    assert "as their directory" in ran.error
    fold(False, True)
    assert apply(source, tmp_path / "out").code == 0
    assert len(contents(tmp_path / "out")) == 4


@pytest.mark.parametrize(("name", "words"), [("P.JSONL", "is to be written there"), ("in/A.jsonl", "a source itself")])
def test_a_parameter_file_that_is_a_twin_is_refused_where_they_are_one(
    tmp_path: Path, fold: Fold, name: str, words: str
) -> None:
    source, params = images(tmp_path / "in", "a.png"), tmp_path / name
    save(source / "odd.png", noise(7)).rename(source / "a.jsonl")
    specs = (source / "a.png", source / "a.jsonl")
    fold(True, True)
    options = ("-o", f"{tmp_path}/p.jsonl/{{stem}}{{index}}.png", *MOVE, "--save-params", params)
    ran = run("apply", *specs, *options)
    assert ran.code == 2
    assert words in ran.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    fold(False, False)
    assert run("apply", *specs, *options).code == 0
    assert params.is_file()


def test_names_without_twins_are_asked_about_nowhere(tmp_path: Path, fold: Fold) -> None:
    source = images(tmp_path / "in", "A/one.png", "a/two.png")
    asked = fold(True, True)
    assert apply(source, tmp_path / "out").code == 0
    assert asked == []


def test_each_directory_is_asked_once_and_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("one/B.png", "one/b.png", "one/C.png", "one/c.png", "two/b.png", "two/B.png", "three/ok.png")
    source, target = images(tmp_path / "in", *names), tmp_path / "out"
    for name in ("one", "two", "three"):
        (target / name).mkdir(parents=True)
    asked: list[str] = []

    def folds(directory: Path) -> tuple[bool, bool]:
        asked.append(directory.name)
        return directory.name == "two", False

    monkeypatch.setattr(twins, "folds", folds)
    ran = apply(source, target)
    assert ran.code == 2
    assert "two/b.png" in ran.error
    assert "one/" not in ran.error
    assert sorted(asked) == ["one", "two"]


def _folding(monkeypatch: pytest.MonkeyPatch, key: Callable[[str], str]) -> None:
    """A file system whose look-up compares names by *key*."""
    real = os.path.lexists

    def lexists(path: str | Path) -> bool:
        folder, name = os.path.split(os.fspath(path))
        return real(path) or key(name) in map(key, os.listdir(folder))  # noqa: PTH208 - names, not paths

    monkeypatch.setattr(os.path, "lexists", lexists)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (str, (False, False)),
        (str.casefold, (True, False)),
        (lambda name: unicodedata.normalize("NFD", name), (False, True)),
        (lambda name: unicodedata.normalize("NFD", name).casefold(), (True, True)),
    ],
)
def test_the_file_system_is_found_out_by_a_file_that_is_gone_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Callable[[str], str], expected: tuple[bool, bool]
) -> None:
    if twins.folds(tmp_path) != (False, False):
        pytest.skip("this file system folds names itself")
    made: list[str] = []
    real = os.open

    def watched(path: str | Path, *more: int, **named: int) -> int:
        made.append(Path(path).name)
        return real(path, *more, **named)

    _folding(monkeypatch, key)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", watched)
        assert twins.folds(tmp_path) == expected
    assert len(made) == 1
    assert is_temporary(made[0])
    assert list(tmp_path.iterdir()) == []


def test_where_it_cannot_be_found_out_names_are_taken_for_one(tmp_path: Path) -> None:
    assert twins.folds(tmp_path / "missing") == (True, True)
    (tmp_path / "file").touch()
    assert twins.folds(tmp_path / "file") == (True, True)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_twins_are_kept_apart_where_names_are_taken_for_ascii(tmp_path: Path) -> None:
    source, target = images(tmp_path / "in", *CASE, *FORM), tmp_path / "out"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = spawn("apply", source, "-r", "-o", target, *MOVE, env=environment(**plain))
    assert ran.code == 0, ran.stderr
    assert sorted(contents(target)) == sorted([*CASE, *FORM, "good.png", "deep/good.png"])
