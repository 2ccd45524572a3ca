"""The help, the reference made from it, and what a run may load before it has anything to do."""

import json
import runpy
import subprocess
import sys

import click
import pytest

from stnwarp.cli import main
from tests.cli_tools import ROOT, environment, run, spawn

COMMANDS = sorted(main.commands)
HEAVY = {"numpy", "numba", "llvmlite", "PIL", "onnxruntime", "torch", "tqdm", "scipy", "cv2"}
LATER = ("--mask", "--shard", "--cluster")


def loaded_after(*args: str) -> tuple[int, set[str]]:
    """The exit code of `stnwarp ARGS`, and the heavy modules it loaded."""
    script = (
        "import json, sys\nfrom stnwarp.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as leaving:\n"
        f"    print(json.dumps([leaving.code, *({HEAVY!r} & set(sys.modules))]), file=sys.stderr)"
    )
    program = [sys.executable, "-c", script, *args]
    done = subprocess.run(program, capture_output=True, env=environment(), check=True, text=True)
    code, *loaded = json.loads(done.stderr.splitlines()[-1])
    return code, set(loaded)


def options_of(name: str) -> list[click.Option]:
    return [parameter for parameter in main.commands[name].params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str) -> None:
    ran = run(name, "--help")
    assert ran.code == 0
    assert ran.stderr == ""
    assert "Examples:\n    stnwarp " + name in ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    assert [option.name for option in options_of(name) if not option.help] == []


def test_options_of_apply_stand_in_sections_in_the_order_of_the_work() -> None:
    lines = run("apply", "--help").stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Transformation (one kind):", "Guards:", "Sampling:", "Output:", "Run:"]


@pytest.mark.parametrize("flag", LATER)
def test_no_option_is_offered_before_it_works(flag: str) -> None:
    assert flag not in run("apply", "--help").stdout


def test_the_reference_is_what_the_live_help_says() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_cli_reference.py"))
    assert script["REFERENCE"].read_text(encoding="utf-8") == script["reference"]()


def test_the_reference_has_a_chapter_for_every_command() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## stnwarp {name}\n" not in text] == []


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["apply", "--help"], ["grid", "--help"], ["info"]])
def test_help_and_versions_load_no_heavy_module(args: list[str]) -> None:
    assert loaded_after(*args) == (0, set())


def test_usage_errors_are_found_before_any_heavy_module_is_loaded() -> None:
    assert loaded_after("apply", "x.png", "-o", "y.png", "--theta", "1 2 3") == (2, set())


def test_apply_loads_neither_onnxruntime_nor_torch_nor_a_bar() -> None:
    code, loaded = loaded_after("apply", "nothing.png", "-o", "out/", "--rotate", "3")
    assert code == 3
    assert loaded & {"onnxruntime", "torch", "tqdm"} == set()


def test_the_program_without_a_command_shows_its_help() -> None:
    ran = run()
    assert ran.code == 2
    assert ran.stdout == ""
    assert "Commands:" in ran.stderr


def test_the_version_is_one_line() -> None:
    ran = run("--version")
    assert ran.code == 0
    assert ran.stdout.split()[0] == "stnwarp"
    assert len(ran.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["aply"], "Did you mean 'apply'?"),
        (["apply", "--rotat", "3"], "'--rotate'"),
        (["apply", "x", "-o", "y", "--interpolation", "bilinaer"], "did you mean 'bilinear'?"),
        (["apply", "x", "-o", "y", "--flip", "horizontl"], "did you mean 'horizontal'?"),
        (["apply", "x", "-o", "y", "--rotate", "3", "--format", "jgp"], "did you mean 'jpg'?"),
        (["grid", "-o", "grid.npx"], "did you mean '.npz'?"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest_one(args: list[str], word: str) -> None:
    ran = run(*args)
    assert ran.code == 2
    assert word in ran.error


def test_a_narrow_dumb_terminal_is_enough_for_the_help() -> None:
    ran = spawn("apply", "--help", env={"COLUMNS": "20", "TERM": "dumb", "LC_ALL": "C"})
    assert ran.code == 0
    assert "--rotate" in ran.stdout


def test_the_console_script_and_the_module_are_the_same_program() -> None:
    ran = spawn("--help", env={"COLUMNS": "82"})
    assert ran.stdout.splitlines()[0] == "Usage: stnwarp [OPTIONS] COMMAND [ARGS]..."
    assert ran.stdout == run("--help").stdout
