"""Where each image goes: directory, file, standard output, template."""

import os
import re
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from stnwarp.errors import ParameterError
from stnwarp.folder import Source
from stnwarp.folder.targets import name_targets
from tests.folder_images import source

STDIN = Source(None, Path(), PurePath("stdin"))


def _names(dest: str, *relatives: str, extension: str | None = None) -> list[str]:
    return [str(target) for target in name_targets([source(name) for name in relatives], dest, extension)]


def test_a_directory_mirrors_the_tree() -> None:
    assert _names("out", "a.jpg", "sub/b.PNG", "notes") == ["out/a.jpg", "out/sub/b.PNG", "out/notes"]


def test_a_format_that_was_asked_for_changes_the_suffix_and_only_an_image_suffix() -> None:
    assert _names("out", "a.jpeg", "scan.2024", "s/b.tar.png", extension=".webp") == [
        "out/a.webp",
        "out/scan.2024.webp",
        "out/s/b.tar.webp",
    ]


def test_one_image_goes_into_the_file_that_is_named() -> None:
    assert _names("deep/out.PNG", "a.jpg") == ["deep/out.PNG"]


def test_a_slash_or_an_existing_directory_makes_it_a_directory(tmp_path: Path) -> None:
    assert _names("out.png/", "a.jpg") == ["out.png/a.jpg"]
    (tmp_path / "x.png").mkdir()
    (tmp_path / "{stem}").mkdir()
    assert _names(str(tmp_path / "x.png"), "a.jpg") == [str(tmp_path / "x.png/a.jpg")]
    assert _names(str(tmp_path / "{stem}"), "a.jpg") == [str(tmp_path / "{stem}/a.jpg")]


NAMED = Source(Path("lake.jpg"), Path(), PurePath("lake.jpg"), named=True)


@pytest.mark.parametrize(
    ("dest", "words"),
    [
        (
            "lake.jpge",
            "'lake.jpge': '.jpge' is no image format (did you mean '.jpg'?); for a folder write 'lake.jpge/'",
        ),
        ("a.pdf", "'a.pdf': '.pdf' is no image format; for a folder write 'a.pdf/'"),
        ("x/a.svg", "'x/a.svg': '.svg' is no image format; for a folder write 'x/a.svg/'"),
        ("lake.jp2", "'lake.jp2': '.jp2' is no image format (did you mean '.jpg'?); for a folder write 'lake.jp2/'"),
    ],
)
@pytest.mark.parametrize("one", [NAMED, replace(STDIN, named=True)])
def test_a_mistyped_suffix_makes_no_directory(dest: str, words: str, one: Source) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(words)}$"):
        name_targets([one], dest)
    assert name_targets([NAMED], f"{dest}/") == [Path(dest) / "lake.jpg"]


def test_a_directory_may_have_a_dot_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.pdf").mkdir()
    for dest in ("there.pdf", "out", ".hidden", "v1.2 final", "a.reallylong"):
        assert name_targets([NAMED], dest) == [Path(dest) / "lake.jpg"]
    found = replace(NAMED, named=False)  # the one image of a directory, which may be more another time
    assert name_targets([found], "run.v2") == [Path("run.v2/lake.jpg")]
    assert name_targets([NAMED, source("b.png")], "run.v2")[1] == Path("run.v2/b.png")


def test_one_file_for_two_images_is_refused() -> None:
    with pytest.raises(ParameterError, match="one file for 2 images; give a directory"):
        _names("out.png", "a.jpg", "b.jpg")


def test_standard_output_takes_one_image() -> None:
    assert name_targets([source("a.png")], "-") == [None]
    with pytest.raises(ParameterError, match="takes one image, not 2"):
        name_targets([source("a.png"), source("b.png")], "-")


def test_standard_input_needs_a_name_or_a_format() -> None:
    assert name_targets([STDIN], "out.png") == [Path("out.png")]
    assert name_targets([STDIN], "out", ".png") == [Path("out/stdin.png")]
    with pytest.raises(ParameterError, match="standard input has no suffix"):
        name_targets([STDIN], "out")


def test_a_template_has_all_its_fields() -> None:
    template = "out/{dir}/{index}-{stem}-{name}{ext}"
    assert _names(template, "a.JPG", "s/b.png") == ["out/1-a-a.JPG.JPG", "out/s/2-b-b.png.png"]
    assert _names("o/{stem}{ext}", "a.jpg", extension=".png") == ["o/a.png"]
    assert _names("o{{/{stem}.png", "a.jpg") == ["o{/a.png"]


def test_the_dot_of_the_suffix_may_be_written_before_it() -> None:
    assert _names("out/{stem}.{ext}", "a.png") == ["out/a.png"]
    assert _names("out/{stem}.{ext}", "a.png", extension=".jpg") == ["out/a.jpg"]
    assert _names("out/{stem}.new.{ext}", "a.b.png", "notes") == ["out/a.b.new.png", "out/notes.new"]


@pytest.mark.parametrize("template", ["out/{stem}", "x.y/{stem}", "{stem}-{index}", "{ext}/{stem}", "out/{stem}_new"])
@pytest.mark.parametrize("extension", [None, ".jpg"])
def test_a_template_without_a_suffix_is_told_how_to_end(template: str, extension: str | None) -> None:
    with pytest.raises(ParameterError, match=f"^template '{re.escape(template)}' has no suffix; end it with {{ext}}$"):
        _names(template, "a.b.png", extension=extension)


def test_a_template_that_begins_with_the_directory_writes_beside_the_sources() -> None:
    assert _names("{dir}/{stem}_w{ext}", "a.jpg", "s/b.jpg") == ["photos/a_w.jpg", "photos/s/b_w.jpg"]
    absolute = Source(Path("/data/s/a.jpg"), Path("/data"), PurePath("s/a.jpg"))
    assert name_targets([absolute], "{dir}/{stem}_w{ext}") == [Path("/data/s/a_w.jpg")]
    assert name_targets([absolute], "out/{dir}/{stem}{ext}") == [Path("out/s/a.jpg")]


def test_braces_in_the_name_of_a_source_are_not_fields() -> None:
    assert _names("out/{stem}{ext}", "{index}.png") == ["out/{index}.png"]


@pytest.mark.parametrize(
    "template",
    [
        "{stem.__class__}{ext}",
        "{stem[0]}{ext}",
        "{0}.png",
        "{}.png",
        "{stem!r}.png",
        "{stem:>1000000000}.png",
        "{stem:{ext}}.png",
        "{steam}.png",
        "{stem.png",
        "stem}.png",
        "../{stem}{ext}",
        "out/../../{stem}{ext}",
        "out/{stem}/",
        "{stem}",
        "{stem}.xyz",
        "{stem}\0{ext}",
        "",
    ],
)
def test_templates_that_cannot_be_used_are_refused_in_words(template: str) -> None:
    with pytest.raises(ParameterError) as raised:
        _names(template, "a.png")
    assert "\n" not in str(raised.value)


def test_a_misspelt_field_is_answered_with_the_right_one() -> None:
    with pytest.raises(ParameterError, match="did you mean 'stem'"):
        _names("{steam}.png", "a.png")


def test_a_stem_of_dots_does_not_lead_upwards() -> None:
    with pytest.raises(ParameterError, match="upwards"):
        _names("out/{stem}/x{ext}", "...png")


def test_a_suffix_against_the_format_asked_for_is_refused() -> None:
    with pytest.raises(ParameterError, match="not a name for the format PNG"):
        _names("out.jpg", "a.jpg", extension=".png")
    assert _names("out.jpeg", "a.png", extension=".jpg") == ["out.jpeg"]


def test_a_suffix_against_the_format_is_answered_with_the_right_name() -> None:
    with pytest.raises(ParameterError, match=r"; name it 'b\.jpg', or leave --format out$"):
        _names("x/b.png", "a.png", extension=".jpg")
    with pytest.raises(ParameterError, match=r"; end the template with \{ext\}, or leave --format out$"):
        _names("x/{stem}.png", "a.png", extension=".jpg")


@pytest.mark.parametrize("letter", ["x", "\N{GRINNING FACE}", os.fsdecode(b"\xff")])
def test_long_names_are_cut_and_stay_apart(letter: str) -> None:
    relatives = [letter * 300 + end for end in ("1.png", "2.png")]
    for template in ("out/{stem}{ext}", "out/{stem}/{stem}{ext}", "out"):
        names = _names(template, *relatives)
        assert len(set(names)) == 2
        for part in Path(names[0]).parts + Path(names[1]).parts:
            assert len(os.fsencode(part)) <= 255
        assert all(name.endswith(".png") for name in names)
