"""What a name on the command line stands for."""

import os
import unicodedata
from pathlib import Path, PurePath

import pytest

from stnwarp.errors import NothingMatchedError, ParameterError
from stnwarp.folder import find_sources, left_out, sources
from stnwarp.folder.names import is_image_name, same_name_key, shorten, split_name
from stnwarp.text import quote_path

STRANGE_NAMES = [
    "with space.png",
    "line\nbreak.png",
    "quote'\".png",
    "-leading.png",
    "\N{GRINNING FACE}.png",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.png",
    unicodedata.normalize("NFD", "é.png"),
    os.fsdecode(b"\xff.png"),
    "[red]x[/foo].png".replace("/", ""),
    "star*.png",
    "{stem}.png",
]


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _relatives(sources: list) -> list[str]:
    return [source.relative.as_posix() for source in sources]


def test_a_directory_gives_its_images_sorted_and_nothing_else(tmp_path: Path) -> None:
    _touch(
        tmp_path / "b.PNG",
        tmp_path / "a.jpg",
        tmp_path / "notes.txt",
        tmp_path / ".hidden.png",
        tmp_path / "s/c.png",
    )
    found = find_sources([str(tmp_path)])
    assert _relatives(found) == ["a.jpg", "b.PNG"]
    assert [source.path for source in found] == [tmp_path / "a.jpg", tmp_path / "b.PNG"]
    assert {source.root for source in found} == {tmp_path}


def test_recursion_mirrors_subdirectories_in_order(tmp_path: Path) -> None:
    _touch(
        tmp_path / "z.png",
        tmp_path / "a/y.png",
        tmp_path / "a/b/x.png",
        tmp_path / "c/w.png",
        tmp_path / ".git/v.png",
    )
    assert _relatives(find_sources([str(tmp_path)], recursive=True)) == [
        "z.png",
        "a/y.png",
        "a/b/x.png",
        "c/w.png",
    ]


def test_a_named_file_is_a_source_whatever_its_suffix(tmp_path: Path) -> None:
    _touch(tmp_path / "scan.2024")
    (found,) = find_sources([str(tmp_path / "scan.2024")])
    assert (found.path, found.root, found.relative) == (
        tmp_path / "scan.2024",
        tmp_path,
        PurePath("scan.2024"),
    )


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_strange_names_are_found_named_and_in_their_directory(tmp_path: Path, name: str) -> None:
    _touch(tmp_path / name)
    assert find_sources([str(tmp_path / name)])[0].path == tmp_path / name
    assert _relatives(find_sources([str(tmp_path)])) == [name]


def test_a_name_is_relative_to_the_working_directory_and_may_begin_with_a_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path / "-x.png")
    (found,) = find_sources(["-x.png"])
    assert (found.path, found.root) == (Path("-x.png"), Path())


def test_a_pattern_that_is_the_name_of_a_file_is_that_file(tmp_path: Path) -> None:
    _touch(tmp_path / "[ab].png", tmp_path / "a.png", tmp_path / "b.png")
    assert _relatives(find_sources([str(tmp_path / "[ab].png")])) == ["[ab].png"]


def test_a_pattern_is_mirrored_below_its_fixed_part(tmp_path: Path) -> None:
    _touch(tmp_path / "p/one/x.png", tmp_path / "p/two/x.png", tmp_path / "p/two/.h.png", tmp_path / "q/x.png")
    found = find_sources([str(tmp_path / "p/*/*.png")])
    assert _relatives(found) == ["one/x.png", "two/x.png"]
    assert {source.root for source in found} == {tmp_path / "p"}
    assert _relatives(find_sources([str(tmp_path / "**/x.png")])) == ["p/one/x.png", "p/two/x.png", "q/x.png"]


def test_a_pattern_finds_hidden_files_only_if_it_says_so(tmp_path: Path) -> None:
    _touch(tmp_path / ".h.png", tmp_path / "v.png")
    assert _relatives(find_sources([str(tmp_path / "*.png")])) == ["v.png"]
    assert _relatives(find_sources([str(tmp_path / ".*.png")])) == [".h.png"]


def test_a_pattern_with_a_step_upwards_keeps_the_bare_name(tmp_path: Path) -> None:
    _touch(tmp_path / "a/x.png", tmp_path / "b/y.png")
    (found,) = find_sources([str(tmp_path / "[a]/../b/*.png")])
    assert found.relative == PurePath("y.png")


def test_a_broken_pattern_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises((ParameterError, NothingMatchedError)):
        find_sources([str(tmp_path / "a**b[" / "*.png")])


def test_a_directory_with_the_name_of_an_image_is_a_directory(tmp_path: Path) -> None:
    _touch(tmp_path / "x.png/y.png", tmp_path / "z.png")
    assert _relatives(find_sources([str(tmp_path)])) == ["z.png"]
    assert _relatives(find_sources([str(tmp_path)], recursive=True)) == ["z.png", "x.png/y.png"]
    assert _relatives(find_sources([str(tmp_path / "x.png")])) == ["y.png"]
    assert _relatives(find_sources([str(tmp_path / "*.png")])) == ["z.png"]


def test_what_only_looks_like_an_image_is_listed_so_that_it_fails(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert _relatives(find_sources([str(tmp_path)])) == ["broken.png", "loop.png", "pipe.png"]
    assert _relatives(find_sources([str(tmp_path / "loop.png")])) == ["loop.png"]


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    _touch(tmp_path / "a/x.png")
    (tmp_path / "a/again").symlink_to(tmp_path)
    (tmp_path / "a/again.png").symlink_to(tmp_path)
    assert _relatives(find_sources([str(tmp_path)], recursive=True)) == ["a/x.png"]


def test_a_directory_that_cannot_be_read_is_listed_so_that_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path / "a.png", tmp_path / "locked/b.png")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find_sources([str(tmp_path)], recursive=True)
    assert [source.path for source in found] == [tmp_path / "a.png", tmp_path / "locked"]


def test_sources_named_twice_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path / "p/a.png", tmp_path / "p/b.png")
    assert _relatives(find_sources(["p/b.png", "p", str(tmp_path / "p/a.png"), "./p/../p/a.png"])) == [
        "b.png",
        "a.png",
    ]


def test_a_missing_name_is_kept_beside_others_so_that_it_fails(tmp_path: Path) -> None:
    _touch(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    specs = [str(tmp_path / name) for name in ("missing.png", "a.png", "none*.png", "empty")]
    assert _relatives(find_sources(specs)) == ["missing.png", "a.png", "none*.png"]


@pytest.mark.parametrize("name", ["missing.png", "*.png", "empty"])
def test_nothing_at_all_is_an_error_that_names_what_was_looked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingMatchedError, match="no image found") as raised:
        find_sources([str(tmp_path / name)])
    assert repr(str(tmp_path / name)) in str(raised.value)


def test_images_in_subdirectories_alone_give_the_hint_to_recurse(tmp_path: Path) -> None:
    _touch(tmp_path / "s/a.png")
    with pytest.raises(NothingMatchedError, match="use -r"):
        find_sources([str(tmp_path)])


def test_there_is_no_hint_to_recurse_where_that_would_find_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    _touch(tmp_path / "texts/s/a.txt", tmp_path / "texts/.hidden/a.png")
    for name in ("plain", "texts"):
        with pytest.raises(NothingMatchedError, match=r"; check the names$"):
            find_sources([str(tmp_path / name)])


def test_subdirectories_with_images_that_are_passed_by_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(Path("p/a.png"), Path("p/one/x.png"), Path("p/texts/a.txt"), Path("p/.hidden/a.png"), Path("p/out/a.png"))
    assert left_out(["p"], "elsewhere") == "2 sub-folders with images were left out; use -r"
    assert left_out(["p"], "p/out") == "1 sub-folder with images was left out; use -r"
    assert left_out(["p"], "p/out/{stem}{ext}") == "1 sub-folder with images was left out; use -r"
    _touch(Path("p/two/deep/deeper/x.png"))
    (Path("p") / "again").symlink_to("..")
    assert left_out(["p", "p"], "p/out") == "2 sub-folders with images were left out; use -r"
    for specs in (["p/one"], ["p/a.png"], ["p/*.png"], ["-"], ["missing"], []):
        assert left_out(specs, "elsewhere") is None
    monkeypatch.setattr(sources, "_MOST_LOOKED_INTO", 2)
    assert left_out(["p"], "elsewhere") == "at least 2 sub-folders with images were left out; use -r"


def test_files_that_were_named_are_told_from_those_that_were_found(tmp_path: Path) -> None:
    _touch(tmp_path / "p/a.png", tmp_path / "b.png")
    found = find_sources([str(tmp_path / "p"), str(tmp_path / "*.png"), "-"])
    assert [source.named for source in found] == [False, False, True]
    assert find_sources([str(tmp_path / "b.png")])[0].named


@pytest.mark.parametrize("name", ["", "a\0b.png", "no/such/.."])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="cannot be the name"):
        find_sources([name])


def test_a_dash_is_standard_input() -> None:
    (found,) = find_sources(["-", "-"])
    assert (found.path, found.relative) == (None, PurePath("stdin"))


@pytest.mark.parametrize("name", ["line\nbreak", os.fsdecode(b"\xff"), "\N{RIGHT-TO-LEFT OVERRIDE}x"])
def test_shown_names_are_one_printable_line(name: str) -> None:
    assert quote_path(name).isprintable()


def test_only_image_suffixes_count_as_suffixes() -> None:
    assert split_name("a.b.PNG") == ("a.b", ".PNG")
    assert split_name("scan.2024") == ("scan.2024", "")
    assert split_name(".png") == (".png", "")
    assert is_image_name("x.JPeG")
    assert not is_image_name("x.svg")


@pytest.mark.parametrize(
    ("one", "other"), [("Ä.png", "ä.png"), ("\xe9.png", "e\u0301.png"), ("STRASSE", "straße"), ("a/B", "A/b")]
)
def test_names_that_some_file_system_takes_for_one_have_one_key(one: str, other: str) -> None:
    assert same_name_key(one) == same_name_key(other)


@pytest.mark.parametrize("letter", ["x", "é", "\N{GRINNING FACE}", os.fsdecode(b"\xff")])
def test_long_names_are_cut_to_fit_and_stay_apart(letter: str) -> None:
    one, other = (shorten(letter * 300 + end) for end in ("1.png", "2.png"))
    assert one != other
    for name in (one, other):
        assert len(os.fsencode(name)) <= 255
        assert len(os.fsencode(name)) > 245
        assert name.endswith(".png")
        assert name.startswith(letter)
    assert shorten("short.png") == "short.png"
