"""What could be misread is refused in words: two values for one option, one dash for two, a number left out."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli_tools import contents, noise, pixels, run, save


def refused(tmp_path: Path, *options: str, command: str = "apply") -> str:
    """Why *options* are refused; nothing may have been written."""
    source = save(tmp_path / "in" / "a.png", noise(1))
    before = contents(tmp_path)
    first = ["apply", source, "-o", tmp_path / "out.png"] if command == "apply" else ["grid", "-o", tmp_path / "g.npy"]
    ran = run(*first, *options)
    assert ran.code == 2, ran.stderr
    assert contents(tmp_path) == before
    return ran.error


def theta_of(tmp_path: Path, *options: str) -> list[list[float]]:
    source = save(tmp_path / "in" / "a.png", noise(0, 20, 40))
    ran = run("apply", source, "-o", tmp_path / "out", "-n", "--json", *options)
    assert ran.code == 0, ran.stderr
    theta: list[list[float]] = ran.records[0]["theta"]
    return theta


@pytest.mark.parametrize("name", ["rotate", "size", "theta", "translate", "output", "json", "overwrite"])
@pytest.mark.parametrize("command", ["apply", "grid"])
def test_a_long_option_with_one_dash_is_answered_with_two(tmp_path: Path, command: str, name: str) -> None:
    if (command, name) == ("grid", "json"):
        return
    for arguments in ([f"-{name}", "5"], [f"-{name}=5"]):
        assert f"-{name}: did you mean --{name}?" in refused(tmp_path, *arguments, command=command)


def test_short_options_may_still_stand_together_and_after_two_dashes_all_is_a_name(tmp_path: Path) -> None:
    save(tmp_path / "in" / "deep" / "a.png", noise(1))
    assert run("apply", tmp_path / "in", f"-rno{tmp_path / 'out'}", "--rotate", "3").code == 0
    assert run("apply", "-o", tmp_path / "out", "--rotate", "3", "--", "-rotate").code == 3


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["-o", "second.png", "--rotate", "3"], "-o"),
        (["--output", "second.png", "--rotate", "3"], "-o"),
        (["--theta", "0 0", "--theta", "1 1"], "--theta"),
        (["--corners", "0,0 9,0 9,9 0,9", "--corners", "0,0 9,0 9,9 0,9"], "--corners"),
        (["--transform", "a.npy", "--transform", "a.npy"], "--transform"),
        (["--rotate", "3", "--size", "fit", "--size", "fit"], "--size"),
        (["--rotate", "3", "--fill", "red", "--fill", "blue"], "--fill"),
        (["--rotate", "3", "-j", "1", "--jobs", "2"], "-j"),
    ],
)
def test_an_option_with_one_value_is_given_once(tmp_path: Path, options: list[str], name: str) -> None:
    assert f"{name} given twice; give it once" in refused(tmp_path, *options)


def test_a_switch_is_not_given_both_ways(tmp_path: Path) -> None:
    told = refused(tmp_path, "--rotate", "3", "--align-corners", "--no-align-corners")
    assert "--align-corners and --no-align-corners" in told


def test_a_flag_may_be_repeated(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    assert run("apply", source, "-o", tmp_path / "b.png", "--rotate", "3", "-n", "-n", "-v", "-v").code == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--shear", ",10"], "empty place"),
        (["--shear", "10,"], "empty place"),
        (["--scale", "2,"], "empty place"),
        (["--translate", "1,,2"], "empty place"),
        (["--theta", "1 0 0,,0 1 0"], "empty place"),
        (["--theta", ","], "empty place"),
        (["--rotate", "1_0"], "'1_0' is not a number"),
        (["--rotate", "\N{ARABIC-INDIC DIGIT THREE}"], "is not a number"),
        (["--rotate", ""], "0 numbers; 1 is needed"),
        (["--translate", "5"], "holds 1 number; 2 are needed; put quotes round numbers"),
        (["--translate", "5,", "3"], "put quotes round numbers"),
        (["--theta", "1", "0", "0", "0", "1", "0"], "holds 1 number; 2, 6, 8 or 9 are needed; put quotes round"),
        (["--theta", "0", "-0.5"], "put quotes round numbers"),
        (["--scale", "1 2 3"], "3 numbers; 1 or 2 are needed"),
        (["--rotate", "(3)"], "'(3)' is not a number"),
        (["--theta", "[1, 0, 0, 0, 1, 0"], "'[' that is not closed"),
        (["--theta", "1, 0, 0, 0, 1, 0]"], "']' that closes nothing"),
        (["--theta", "[1, 0, 0, 0, 1, 0)"], "')' that closes nothing"),
        (["--theta", "[[1, 0, 0], [], [0, 1, 0]]"], "empty place"),
        (["--rotate", "3", "--quality", "high"], "'high' is not a whole number from 1 to 100"),
        (["--rotate", "3", "--quality", "101"], "'101' is not a whole number from 1 to 100"),
        (["--rotate", "3", "--quality", "9_0"], "'9_0' is not a whole number from 1 to 100"),
        (["--rotate", "3", "-j", "0"], "'0' is not a whole number of at least 1"),
        (["--rotate", "3", "--size", "fits"], "did you mean 'fit'?"),
        (["--rotate", "3", "--interpolation", "cubic"], "did you mean 'bicubic'?"),
        (["--rotate", "3", "--interpolation", "lanczos3"], "did you mean 'lanczos'?"),
        (["--rotate", "3", "--padding-mode", "warp"], "did you mean 'wrap'?"),
        (["--rotate", "3", "--padding-mode", "wrap,zeros"], "zeros is a padding mode for both axes"),
        (["--rotate", "3", "--padding-mode", "wrap,fill,wrap"], "must be one mode, or two as in wrap,border"),
        (["--rotate", "3", "--padding-mode", "border", "--fill", "red"], "--fill is for --padding-mode fill and zeros"),
        (["--rotate"], "(see 'stnwarp apply --help')"),
        (["--rotat", "5"], "(see 'stnwarp apply --help')"),
    ],
)
def test_what_can_be_misread_is_refused_in_words(tmp_path: Path, options: list[str], word: str) -> None:
    assert word in refused(tmp_path, *options)


def test_help_is_named_by_the_command_that_was_typed(tmp_path: Path) -> None:
    assert "(see 'stnwarp grid --help')" in refused(tmp_path, "--rotate", command="grid")
    assert "(see 'stnwarp info --help')" in run("info", "--max-pixels").error


def test_theta_and_corners_may_be_pasted_with_their_brackets(tmp_path: Path) -> None:
    plain = theta_of(tmp_path, "--theta", "0.8 -0.3 0 0.2 0.9 0.1")
    for pasted in (
        "[[0.8,-0.3,0],[0.2,0.9,0.1]]",
        "[[0.8 -0.3 0. ]\n [0.2 0.9 0.1]]",
        "((0.8, -0.3, 0), (0.2, 0.9, 0.1))",
    ):
        assert theta_of(tmp_path, "--theta", pasted) == plain
    corners = theta_of(tmp_path, "--corners", "1,1 5,1 5,6 1,6")
    for pasted in ("(1,1) (5,1) (5,6) (1,6)", "[(1, 1), (5, 1), (5, 6), (1, 6)]"):
        assert theta_of(tmp_path, "--corners", pasted) == corners


def test_sizes_are_read_in_any_case_and_with_spaces(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "a.png", noise(0, 20, 40))
    for size, expected in (("FIT", "20x40"), ("Same", "40x20"), ("10 x 30", "10x30"), ("10X30", "10x30")):
        ran = run("apply", source, "-o", tmp_path / "out", "-n", "--json", "--rotate", "90", "--size", size)
        assert ran.records[0]["size"] == expected


def test_a_name_that_leads_nowhere_is_told_as_such(tmp_path: Path) -> None:
    ran = run("apply", tmp_path / "nofile.png", "-o", tmp_path / "out.png", "--rotate", "3")
    assert ran.code == 3
    assert "no such file" in ran.error
    assert "no such file" not in run("apply", tmp_path, "-o", tmp_path / "out", "--rotate", "3").error


@pytest.mark.parametrize(
    ("target", "is_warned"), [("b.png", True), ("b.bmp", True), ("b.jpg", False), ("b.webp", False)]
)
def test_a_quality_that_does_nothing_is_warned_of(tmp_path: Path, target: str, is_warned: bool) -> None:
    source = save(tmp_path / "a.jpg", noise(1))
    suffix = Path(target).suffix[1:]
    for more in (["-o", tmp_path / target], ["-o", tmp_path / f"{suffix}-out", "--format", suffix]):
        ran = run("apply", source, *more, "--rotate", "3", "--quality", "50")
        assert ran.code == 0
        assert ("warning: --quality does nothing" in ran.stderr) == is_warned


def test_help_lists_the_exit_codes_of_every_command() -> None:
    for name in ("apply", "grid", "info"):
        assert "Exit codes: 0 " in run(name, "--help").stdout


def test_shear_goes_the_way_the_help_says(tmp_path: Path) -> None:
    array = np.zeros((33, 33), np.uint8)
    array[:, 16] = 255
    source = save(tmp_path / "a.png", array)
    assert "its top to the left for a positive angle" in " ".join(run("apply", "--help").stdout.split())
    assert run("apply", source, "-o", tmp_path / "b.png", "--shear", "20").code == 0
    sheared = pixels(tmp_path / "b.png")
    assert sheared[2].argmax() < 16 < sheared[30].argmax()
    save(source, array.T.copy())
    assert run("apply", source, "-o", tmp_path / "c.png", "--shear", "0,20").code == 0
    sheared = pixels(tmp_path / "c.png")
    assert sheared[:, 30].argmax() < 16 < sheared[:, 2].argmax()


def test_info_writes_sizes_digits_and_booleans_for_people_and_everything_for_json(tmp_path: Path) -> None:
    third = 1 / 3
    theta = {"theta": [[1, 0, third], [0, 1, 0]], "align_corners": True, "input_size": {"width": 60, "height": 40}}
    (tmp_path / "theta.json").write_text(json.dumps(theta))
    text = dict(line.split(maxsplit=1) for line in run("info", tmp_path / "theta.json").stdout.splitlines())
    assert text["align_corners"] == "yes"
    assert text["input_size"] == "60x40"
    assert text["theta"] == "[[1, 0, 0.333333], [0, 1, 0], [0, 0, 1]]"
    assert json.loads(run("info", "--json", tmp_path / "theta.json").stdout)["theta"][0][2] == third
    assert theta_of(tmp_path, "--theta", text["theta"])[0] == [1, 0, 0.333333]


def test_info_tells_the_points_of_a_grid_as_a_size(tmp_path: Path) -> None:
    for suffix in ("npz", "csv"):
        grid = tmp_path / f"grid.{suffix}"
        assert run("grid", "-o", grid, "--size", "12x8").code == 0
        text = dict(line.split(maxsplit=1) for line in run("info", grid).stdout.splitlines())
        assert (text["kind"], text["points"]) == ("grid", "12x8")
        assert text["x_range"] == "[-0.916667, 0.916667]"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"a,b,c\n1,2,3\n", "first line is not i,j,y,x"),
        (b"", "first line is not i,j,y,x"),
        (b"i,j,y,x\n", "cut off"),
        (b"i,j,y,x\n0,0,0,0\n0,2,0,0\n", "cut off"),
        (b"i,j,y,x\n0,0,0\n", "line 2"),
        (b"i,j,y,x\n0,0,0,0\n0,1,zero,0\n", "line 3"),
        (b"\xff\xfe", "not a sampling grid"),
        (b"x" * 5000, "too long"),
    ],
)
def test_info_on_a_csv_that_is_no_grid_is_one_line(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    ran = run("info", tmp_path / "a.csv")
    assert ran.code == 2
    assert "a.csv: " in ran.error
    assert word in ran.error


def test_info_on_a_csv_that_is_not_there_or_no_file_is_exit_code_two(tmp_path: Path) -> None:
    assert "no such file" in run("info", tmp_path / "none.csv").error
    (tmp_path / "dir.csv").mkdir()
    ran = run("info", tmp_path / "dir.csv")
    assert ran.code == 2
    assert "not a regular file" in ran.error


def test_info_tells_the_mode_that_is_in_the_file(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(noise(1)).quantize(8).save(tmp_path / "palette.png")
    facts = json.loads(run("info", "--json", tmp_path / "palette.png").stdout)
    assert (facts["mode"], facts["read_as"]) == ("P", "RGB")
