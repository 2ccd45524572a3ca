"""Where images go: what is refused before one is read, templates, strange names, standard streams."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stnwarp.folder import twins
from tests.cli_tools import (
    DROP_PRIVILEGES,
    MOVE,
    assert_good_ones_done,
    clean_outputs,
    command_line,
    contents,
    environment,
    good_files,
    noise,
    pixels,
    run,
    run_raw,
    save,
    spawn,
    warm,
)

UNPRIVILEGED = DROP_PRIVILEGES if os.geteuid() == 0 else ""


def test_the_tree_of_a_folder_is_mirrored(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", noise(1))
    save(tmp_path / "in" / "deep" / "er" / "a.png", noise(2))
    (tmp_path / "in" / "notes.txt").write_text("no image")
    assert run("apply", tmp_path / "in", "-o", tmp_path / "flat", *MOVE).code == 0
    assert list(contents(tmp_path / "flat")) == ["a.png"]
    assert run("apply", tmp_path / "in", "-r", "-o", tmp_path / "tree", *MOVE).code == 0
    assert list(contents(tmp_path / "tree")) == ["a.png", "deep/er/a.png"]


def test_nothing_found_is_exit_code_three(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "missing.png", tmp_path / "*.png"):
        ran = run("apply", source, "-o", tmp_path / "out", *MOVE)
        assert ran.code == 3
        assert source.name in ran.error
    assert not (tmp_path / "out").exists()


def test_writing_over_the_sources_needs_overwrite(tmp_path: Path) -> None:
    source = tmp_path / "in"
    good_files(source)
    before = contents(source)
    for target in (source, source / "good-a.png", source / "{stem}{ext}", source / ".." / "in"):
        sources = [source / "good-a.png"] if target.suffix else [source]
        ran = run("apply", *sources, "-o", target, *MOVE)
        assert ran.code == 2, target
        assert "good-a.png" in ran.error
        assert contents(source) == before
    assert run("apply", source, "-o", source, *MOVE, "--overwrite").code == 0
    assert_good_ones_done(tmp_path, source)


@pytest.mark.parametrize(
    ("left", "right", "options"),
    [
        ("a.jpg", "a.png", ["--format", "png"]),
        ("photo.png", "PHOTO.png", []),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}.png", "cafe\N{COMBINING ACUTE ACCENT}.png", []),
    ],
)
def test_two_sources_for_one_target_are_refused_with_both_names(
    tmp_path: Path, left: str, right: str, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twins, "folds", lambda _: (True, True))
    save(tmp_path / "in" / left, noise(1))
    save(tmp_path / "in" / right, noise(2))
    if len(contents(tmp_path / "in")) < 2:
        pytest.skip("this file system takes the two names for one")
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, *options)
    assert ran.code == 2
    assert left in ran.error
    assert right in ran.error
    assert not (tmp_path / "out").exists()


def test_targets_that_exist_are_refused_skipped_or_replaced_as_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    good_files(source)
    save(target / "good-a.png", noise(9))
    old = contents(target)
    ran = run("apply", source, "-o", target, *MOVE)
    assert ran.code == 2
    assert "good-a.png" in ran.error
    assert "--overwrite or --skip-existing" in ran.error
    assert contents(target) == old
    ran = run("apply", source, "-o", target, *MOVE, "--skip-existing", "--json")
    assert ran.code == 0
    assert {Path(record["input"]).name: record["status"] for record in ran.records} == {
        "good-a.png": "skipped",
        "good-b.jpg": "ok",
    }
    assert "1 done, 1 skipped" in ran.stderr
    assert contents(target)["good-a.png"] == old["good-a.png"]
    assert run("apply", source, "-o", target, *MOVE, "--overwrite").code == 0
    assert_good_ones_done(tmp_path, target)


def test_a_link_as_target_is_replaced_and_never_followed(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(b"precious")
    (tmp_path / "b.png").symlink_to(elsewhere)
    assert run("apply", source, "-o", tmp_path / "b.png", *MOVE, "--overwrite").code == 0
    assert elsewhere.read_bytes() == b"precious"
    assert not (tmp_path / "b.png").is_symlink()


def test_an_output_directory_that_takes_no_file_ends_the_run_before_anything_is_read(tmp_path: Path) -> None:
    source = tmp_path / "in"
    good_files(source)
    (tmp_path / "file").write_bytes(b"")
    ran = run("apply", source, "-o", tmp_path / "file" / "below", *MOVE)
    assert ran.code == 4
    assert "not a directory" in ran.error
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o555)
    for target in (sealed, sealed / "below"):
        ran = spawn("apply", source, "-o", target, *MOVE, before=UNPRIVILEGED)
        assert ran.code == 4
        assert "'" in ran.error
        assert "sealed" in ran.error
        assert contents(sealed) == {}


def test_a_file_as_output_for_many_is_refused(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    (tmp_path / "file.png").write_bytes(b"old")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "file.png", *MOVE)
    assert ran.code in (2, 4)
    assert "file.png" in ran.error
    assert (tmp_path / "file.png").read_bytes() == b"old"
    assert run("apply", tmp_path / "in", "-o", tmp_path / "new.png", *MOVE).code == 2


def test_a_template_names_the_outputs(tmp_path: Path) -> None:
    save(tmp_path / "in" / "sub" / "a.png", noise(1))
    save(tmp_path / "in" / "b.jpg", noise(2))
    template = f"{tmp_path}/out/{{dir}}/{{stem}}_{{index}}{{ext}}"
    assert run("apply", tmp_path / "in", "-r", "-o", template, *MOVE, "--format", "webp").code == 0
    assert sorted(contents(tmp_path / "out")) == ["b_1.webp", "sub/a_2.webp"]


@pytest.mark.parametrize(
    "template", ["{stem.__class__}{ext}", "{0}.png", "{}.png", "../{stem}{ext}", "{stem", "{x}.png"]
)
def test_a_template_that_reaches_further_is_refused(tmp_path: Path, template: str) -> None:
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", f"{tmp_path}/out/{template}", *MOVE)
    assert ran.code == 2
    assert "template" in ran.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_long_names_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    save(tmp_path / "in" / ("a" * 250 + "x.png"), noise(1))
    save(tmp_path / "in" / ("a" * 250 + "y.png"), noise(2))
    ran = run("apply", tmp_path / "in", "-o", f"{tmp_path}/out/{{stem}}_warped{{ext}}", *MOVE)
    assert ran.code == 0, ran.stderr
    names = list(contents(tmp_path / "out"))
    assert len(names) == 2
    assert all(name.endswith(".png") and len(name) <= 255 for name in names)


STRANGE = [
    "with space.png",
    "line\nbreak.png",
    'quote\'s "both".png',
    "-leading.png",
    "smile \N{GRINNING FACE}.png",
    "right-to-left \N{RIGHT-TO-LEFT OVERRIDE}gnp.png",
    "decomposed e\N{COMBINING ACUTE ACCENT}.png",
    "escape \x1b[31m.png",
    "[red]x[_foo].png",
    os.fsdecode(b"byte \xff.png"),
]


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_strange_names_are_worked_on_printed_escaped_and_valid_json(tmp_path: Path, language: str) -> None:
    source = tmp_path / "in"
    good_files(source)
    for seed, name in enumerate(STRANGE):
        save(source / "plain.png", noise(seed)).rename(source / name)
    (source / "bad \n\x1b[2J.png").write_bytes(b"")
    env = {"LC_ALL": language, "LANG": language}
    ran = spawn("apply", source, "-o", tmp_path / "out", *MOVE, "-v", "--json", env=env)
    assert ran.code == 1
    assert sorted(contents(tmp_path / "out")) == sorted([*STRANGE, "good-a.png", "good-b.jpg"])
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {Path(record["output"]).name for record in records} == {
        *STRANGE,
        "good-a.png",
        "good-b.jpg",
        "bad \n\x1b[2J.png",
    }
    assert ran.stdout.isascii()
    assert all(character.isprintable() for line in ran.stderr.splitlines() for character in line)
    assert all(line.startswith("stnwarp: ") for line in ran.stderr.splitlines())
    assert "bad \\n\\x1b[2J.png: empty file" in ran.stderr


def test_a_name_with_a_leading_dash_can_be_given_after_two_dashes(tmp_path: Path) -> None:
    save(tmp_path / "in" / "-v.png", noise(1))
    ran = spawn("apply", "-o", "../out", *MOVE, "--", "-v.png", cwd=tmp_path / "in")
    assert ran.code == 0, ran.stderr
    assert list(contents(tmp_path / "out")) == ["-v.png"]


def test_standard_input_and_output_carry_one_image(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    assert run("apply", source, "-o", tmp_path / "b.png", *MOVE).code == 0
    expected = (tmp_path / "b.png").read_bytes()
    code, data, said = run_raw("apply", "-", "-o", "-", *MOVE, stdin=source.read_bytes())
    assert (code, said) == (0, "")
    assert data == expected
    assert run_raw("apply", source, "-o", "-", *MOVE)[1] == expected
    assert run("apply", "-", "-o", tmp_path / "c.png", *MOVE, stdin=source.read_bytes()).code == 0
    assert (tmp_path / "c.png").read_bytes() == expected


def test_a_bad_image_on_standard_input_fails_and_writes_nothing(tmp_path: Path) -> None:
    for data in (b"", b"no image", save(tmp_path / "a.png", noise(1)).read_bytes()[:300]):
        code, written, said = run_raw("apply", "-", "-o", "-", *MOVE, stdin=data)
        assert (code, written) == (1, b"")
        assert said.startswith("stnwarp: failed: -: ")


def test_standard_output_takes_one_image_and_no_json_beside_it(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    assert "one image" in run("apply", tmp_path / "in", "-o", "-", *MOVE).error
    ran = run("apply", tmp_path / "in" / "good-a.png", "-o", "-", *MOVE, "--json")
    assert ran.code == 2
    assert "--json" in ran.error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["info"],
        ["apply", "in/good-a.png", "-o", "-", *MOVE],
        ["apply", "in", "-n", "-o", "x", *MOVE],
    ],
)
def test_a_full_standard_output_ends_with_a_short_message(tmp_path: Path, args: list[str]) -> None:
    good_files(tmp_path / "in")
    with Path("/dev/full").open("wb") as full:
        program = command_line(*args)
        done = subprocess.run(
            program, stdout=full, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path, check=False
        )
    assert done.returncode == 4
    told = warm(done.stderr.decode())
    assert "No space left on device" in told
    assert told.count("\n") <= 2
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "args",
    [["--help"], ["apply", "in/good-a.png", "-o", "-", *MOVE], ["apply", "in", "--json", "-o", "x", *MOVE]],
)
def test_a_closed_standard_output_is_no_traceback(tmp_path: Path, args: list[str]) -> None:
    good_files(tmp_path / "in")
    ran = spawn(*args, before="import os\nos.close(1)", cwd=tmp_path)
    assert ran.code in (0, 4)
    assert "Traceback" not in ran.stderr
    assert ran.stderr.count("\n") <= 2


def test_a_reader_that_goes_away_ends_the_run_without_a_word(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    for number in range(40):
        save(tmp_path / "in" / f"{number}.png", noise(number))
    program = command_line("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "--json", "-q")
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["status"] == "ok"
        process.stdout.close()
        told = process.stderr.read()
    assert told == b""
    assert process.returncode in (0, 4)
    assert not [name for name in contents(tmp_path / "out") if Path(name).name.startswith(".")]


def test_a_full_standard_error_does_not_change_the_exit_code(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    good_files(tmp_path / "in")
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    with Path("/dev/full").open("wb") as full:
        program = command_line("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "-v")
        done = subprocess.run(program, stderr=full, env=environment(), check=False)
    assert done.returncode == 1
    assert_good_ones_done(tmp_path, tmp_path / "out")


def test_results_do_not_depend_on_zone_language_or_terminal(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    env = {"TZ": "Pacific/Auckland", "LC_ALL": "de_DE.UTF-8", "TERM": "dumb", "COLUMNS": "20"}
    assert spawn("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, env=env).code == 0
    assert contents(tmp_path / "out") == clean_outputs(tmp_path)


def test_globs_that_the_shell_did_not_expand_are_expanded(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in" / "*.png", "-o", tmp_path / "out", *MOVE)
    assert ran.code == 0
    assert list(contents(tmp_path / "out")) == ["good-a.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "in" / "good-a.png"), noise(1))
    shutil.rmtree(tmp_path / "out")
