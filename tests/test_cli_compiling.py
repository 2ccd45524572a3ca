"""The one line that tells of compiling, in the run that has to wait for it."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stnwarp.cli import main
from stnwarp.cli.compiling import COMPILING
from stnwarp.cli.console import Console
from stnwarp.kernels.compiler import compiled_kernel
from tests.cli_tools import MOVE, noise, save

LINE = f"stnwarp: {COMPILING}\n"


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every warp says that it has to compile, twice."""
    module = importlib.import_module("stnwarp.sampling.fused")
    warp = module.warp

    def compiling(*arguments: Any, **more: Any) -> Any:
        for name in ("one", "two"):
            for listener in list(compiled_kernel._compile_listeners):
                listener(name)
        return warp(*arguments, **more)

    monkeypatch.setattr(module, "warp", compiling)


def stderr_of(*args: object) -> str:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.stderr
    return result.stderr


@pytest.mark.usefixtures("cold")
def test_compiling_is_told_once_in_a_run_and_not_at_all_when_quiet(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "in" / f"{number}.png", noise(number))
    folder = ("apply", tmp_path / "in", *MOVE, "-j", "2")
    assert stderr_of(*folder, "-o", tmp_path / "out").count(LINE) == 1
    assert stderr_of(*folder, "-o", tmp_path / "quiet", "-q") == ""
    grid = ("grid", "--image", tmp_path / "in" / "0.png", *MOVE)
    assert stderr_of(*grid, "-o", tmp_path / "grid.png") == LINE
    assert stderr_of(*grid, "-o", tmp_path / "quiet.png", "-q") == ""


def test_a_line_and_a_step_of_the_bar_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between clearing the bar and drawing it again no other thread may draw."""
    import threading

    console, said = Console(), []

    class Bar:
        def clear(self) -> None:
            other.start()
            other.join(0.2)  # would be over by then, if it did not have to wait
            said.append("line")

        def refresh(self) -> None:
            said.append("bar again")

        def update(self) -> None:
            said.append("step")

    bar: Any = Bar()
    console._bar = bar
    step: Callable[[], None] = lambda: console._advance(bar)  # noqa: E731
    other = threading.Thread(target=step)
    console.say("words")
    other.join()
    assert said == ["line", "bar again", "step"]
