"""The one line that tells of compiling, in the run that has to wait for it."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from stnwarp.cli import main
from stnwarp.cli.compiling import COMPILING
from stnwarp.cli.console import Console
from stnwarp.kernels.compiler import compiled_kernel
from stnwarp.resources import usable_cores
from tests.cli_tools import MOVE, command_line, environment, noise, save

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


# A run says at its end whether it had to load the compiler itself.
RUN = """if True:
    import atexit, sys
    from stnwarp.cli import main
    atexit.register(lambda: print("numba" in sys.modules))
    main(sys.argv[1:])
"""
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="kernels run in Python or check their indices: nothing is compiled",
)


@pytest.fixture
def two_kinds(tmp_path: Path) -> Path:
    """A folder of three images that need two kernels, and something that is no image."""
    images = tmp_path / "in"
    save(images / "gray.png", noise(0, channels=1)[..., 0])
    save(images / "deep.png", np.zeros((8, 8), np.uint16))
    save(images / "gray too.png", noise(1, channels=1)[..., 0])
    (images / "none.png").write_bytes(b"none")
    return images


def apply(images: Path, *options: str) -> list[str]:
    return ["apply", str(images), "-o", str(images.parent / "out"), *MOVE, "--interpolation", "nearest", *options]


@compiled
@pytest.mark.slow
@pytest.mark.skipif(usable_cores() < 2, reason="on one core nothing is done side by side")
@pytest.mark.parametrize("cores", [2, 1])
def test_a_first_run_compiles_all_that_it_needs_side_by_side(two_kinds: Path, cores: int) -> None:
    cache = two_kinds.parent / "cache"
    settings = environment(STNWARP_CACHE_DIR=str(cache), NUMBA_OPT="0")
    fewer = f"import os\nos.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])\n"
    program = [sys.executable, "-c", f"{fewer}{RUN}", *apply(two_kinds)]
    first = subprocess.run(program, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert first.stdout == f"{cores == 1}\n"
    assert first.stderr.startswith(LINE)
    assert "3 done, 1 failed" in first.stderr
    assert sorted(file.name for file in cache.rglob("*.o")) == [
        "nearest_rows-1-BBddBLdlfI.o",
        "nearest_rows-1-HHddHLdlfI.o",
    ]
    again = subprocess.run(
        [*program, "--overwrite"], env=settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert again.stdout == "False\n"
    assert COMPILING not in again.stderr


@compiled
@pytest.mark.slow
def test_a_run_goes_on_where_no_process_can_compile(two_kinds: Path) -> None:
    cannot = "import subprocess\ndef cannot(*_, **__):\n    raise OSError(11, 'none')\nsubprocess.Popen = cannot\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{cannot}{RUN}", *apply(two_kinds, "-j", "2")],
        env=environment(STNWARP_CACHE_DIR=str(two_kinds.parent / "cache"), NUMBA_OPT="0"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr
    assert "3 done, 1 failed" in done.stderr


@compiled
@pytest.mark.slow
def test_nothing_is_compiled_ahead_that_cannot_be_kept(two_kinds: Path) -> None:
    never = "import subprocess\ndef never(*_, **__):\n    raise SystemExit(99)\nsubprocess.Popen = never\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{never}{RUN}", *apply(two_kinds, "-j", "2")],
        env=environment(STNWARP_NUMBA_CACHE="0", NUMBA_OPT="0"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "True\n"), done.stderr
    assert "3 done, 1 failed" in done.stderr


@compiled
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_a_signal_ends_what_compiles_for_a_run(two_kinds: Path) -> None:
    settings = environment(STNWARP_CACHE_DIR=str(two_kinds.parent / "cache"), NUMBA_OPT="3")
    program = command_line(*apply(two_kinds, "-j", "2"))
    with subprocess.Popen(program, env=settings, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == LINE
        children: list[str] = []
        while len(children) < 2:
            tasks = Path(f"/proc/{process.pid}/task").iterdir()
            children = [child for task in tasks for child in (task / "children").read_text().split()]
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()
    assert process.returncode == 143, told
    assert told.splitlines()[-1].startswith("stnwarp: error: terminated")
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not (two_kinds.parent / "out").exists()
