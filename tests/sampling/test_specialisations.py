"""The table of kernels that `stnwarp compile` works off: what it says is what calls need, and nothing is missing."""

import itertools
import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stnwarp
from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
from stnwarp.sampling import compilation
from stnwarp.sampling.coverage import measure_coverage
from stnwarp.sampling.specialisations import TABLE, specialisations
from tests.cli_tools import run
from tests.docs_code import ROOT, blocks, run_python

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="kernels run in Python or check their indices: there are no specialisations",
)

INTERPOLATED = (np.uint8, np.uint16, np.float16, np.float32, np.float64)
COPIED = (*INTERPOLATED, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64)
FLOATS = (np.float16, np.float32, np.float64)
PADDING = ("zeros", "border", "reflection", "wrap")
THETAS = (np.eye(2, 3), np.array([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]]))
Call = Callable[[], Any]


def files_of(call: Call) -> list[str]:
    with collect_specialisations() as collected:
        call()
    return [specialisation.file for specialisation in collected]


def pictures(channels: int, dtype: type) -> Iterator[np.ndarray]:
    """Of the ways to lie in memory those that pick a kernel, large and small."""
    for height, width in ((1, 8), (9, 8), (40, 30)):
        yield np.zeros((height, width, channels), dtype)
        yield np.zeros((height, 2 * width, channels), dtype)[:, ::2]
        yield np.zeros((channels, height, width), dtype).transpose(1, 2, 0)


def calls() -> Iterator[Call]:
    """Of the library's functions, with arrays of all kinds."""
    for transform in (*THETAS, *(np.zeros((2, 3, 2), grid) for grid in FLOATS)):
        yield partial(measure_coverage, (4, 5), transform)
    modes = [(mode, COPIED if mode == "nearest" else INTERPOLATED) for mode in stnwarp.conventions.Interpolation]
    for mode, dtypes in modes:
        for dtype, channels in itertools.product(dtypes, (1, 2, 3, 4, 5)):
            transforms = (*THETAS, *(np.zeros((2, 3, 2), grid) for grid in FLOATS))
            for picture, transform in itertools.product(pictures(channels, dtype), transforms):
                yield partial(stnwarp.warp, picture, transform, (2, 3), interpolation=mode)
            yield partial(stnwarp.warp, picture, THETAS[0], interpolation=mode, padding_mode="wrap")
            yield partial(stnwarp.warp, picture, 2 * THETAS[0], (2, 2), interpolation=mode, antialias=True)
        for dtype, grid, padding in itertools.product(dtypes, FLOATS, PADDING):
            maps, points = np.zeros((2, 3, 5, 6), dtype), np.zeros((2, 4, 3, 2), grid)
            for input in (maps, maps[..., ::2], maps.transpose(0, 1, 3, 2)):
                yield partial(stnwarp.grid_sample, input, points, mode, padding)
            thetas = np.tile(2 * THETAS[0], (2, 1, 1))
            for antialias in (False, True):
                yield partial(stnwarp.spatial_transform, maps, thetas, None, mode, padding, antialias=antialias)
            if mode in ("nearest", "bilinear"):
                volumes, places = np.zeros((1, 2, 3, 4, 5), dtype), np.zeros((1, 2, 3, 4, 3), grid)
                yield partial(stnwarp.grid_sample, volumes, places, mode, padding)


def gradients() -> Iterator[Call]:
    masks = ((True, True), (True, False), (False, True))
    kinds = itertools.product(("nearest", "bilinear", "bicubic"), FLOATS, FLOATS, PADDING, masks)
    for mode, dtype, grid, padding, mask in kinds:
        maps, points, incoming = np.zeros((2, 3, 5, 6), dtype), np.zeros((2, 4, 3, 2), grid), np.zeros((2, 3, 4, 3))
        yield partial(stnwarp.grid_sample_backward, incoming, maps, points, mode, padding, output_mask=mask)
        yield partial(
            stnwarp.grid_sample_backward, incoming, maps, points, mode, padding, output_mask=mask, antialias=True
        )
        for theta in THETAS:
            thetas = np.tile(theta, (2, 1, 1))
            yield partial(stnwarp.spatial_transform_backward, incoming, maps, thetas, mode, padding, output_mask=mask)
        if mode != "bicubic":
            volumes, places, coming = (np.zeros((1, *shape)) for shape in ((2, 3, 4, 5), (2, 3, 4, 3), (2, 2, 3, 4)))
            arrays = (coming, volumes.astype(dtype), places.astype(grid))
            yield partial(stnwarp.grid_sample_backward, *arrays, mode, padding, output_mask=mask)


def test_each_row_of_the_table_stands_for_one_kernel_of_its_own() -> None:
    files = [files_of(row.call) for row in TABLE]
    assert {len(names) for names in files} == {1}
    assert [name for name, count in Counter(itertools.chain(*files)).items() if count > 1] == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # what comes out while kernels are not run may be anything
def test_the_table_holds_what_calls_need_and_nothing_else() -> None:
    needed = set(itertools.chain.from_iterable(map(files_of, itertools.chain(calls(), gradients()))))
    assert needed == set(specialisations(wants_all=True))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_common_kernels_are_those_of_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    page = ROOT / "README.md"
    commands = [line for block in blocks(page, "sh") for line in re.findall(r"stnwarp ((?:apply|grid) .*)", block.text)]
    with collect_specialisations(all_threads=True) as collected:
        for command in commands:
            ran = run(*shlex.split(command))
            assert ran.code == 0, f"{command}: {ran.stderr}"
        for block in blocks(page, "python"):
            run_python(page, block, {})
    assert len(commands) > 8
    assert {specialisation.file for specialisation in collected} == set(specialisations(wants_all=False))


def test_the_documentation_lists_the_table() -> None:
    text = (ROOT / "docs/compile.md").read_text(encoding="utf-8")
    listed = {
        use: (int(all_of), int(common))
        for use, all_of, common in re.findall(r"^\| (.+) \| (\d+) \| (\d+) \|$", text, re.M)
    }
    every, common = Counter(row.use for row in TABLE), Counter(row.use for row in TABLE if row.is_common)
    assert listed == {use: (count, common[use]) for use, count in every.items()}


def test_a_process_that_compiled_many_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    tells_its_number = "import os, sys\nfor _ in sys.stdin: print(os.getpid(), flush=True)"
    monkeypatch.setattr(compilation, "_PROGRAM", tells_its_number)
    monkeypatch.setattr(compilation, "_MOST", 2)
    results = list(compilation.compile_side_by_side(["a", "b", "c", "d", "e"], 1))
    assert [result.file for result in results] == ["a", "b", "c", "d", "e"]
    assert sorted(Counter(result.fault for result in results).values()) == [1, 2, 2]


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("sys.stdout.buffer.write(bytes([255, 10])); sys.stdout.flush(); input()", "\ufffd"),
        ("sys.exit('LLVM ran out')", "the process that compiled it ended with code 1: LLVM ran out"),
        ("sys.stdout.write('half an ans')", "the process that compiled it ended with code 0"),
    ],
)
def test_whatever_a_process_does_each_kernel_has_a_result(
    monkeypatch: pytest.MonkeyPatch, program: str, fault: str
) -> None:
    monkeypatch.setattr(compilation, "_PROGRAM", f"import sys; input(); {program}")
    assert list(compilation.compile_side_by_side(["a"], 1)) == [("a", fault)]


@pytest.mark.parametrize("error", [TypeError, MemoryError, OSError])
def test_without_any_process_each_kernel_has_a_fault(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail(*_: object) -> None:
        raise error("no process")

    monkeypatch.setattr(compilation, "_Process", fail)
    results = list(compilation.compile_side_by_side(["a", "b", "c"], 2))
    assert sorted(result.file for result in results) == ["a", "b", "c"]
    assert {result.fault for result in results} == {"cannot start a process to compile in: no process"}


@pytest.mark.parametrize("lacking", ["thread", "process"])
def test_where_only_one_can_be_started_that_does_it_all(monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    owner = compilation._Compiler if lacking == "thread" else compilation._Process
    name = "start" if lacking == "thread" else "__init__"
    started, start = list[object](), getattr(owner, name)

    def start_one(self: object, *arguments: object) -> None:
        started.append(self)
        if len(started) == 2:
            raise RuntimeError("can't start another one")
        start(self, *arguments)

    monkeypatch.setattr(owner, name, start_one)
    monkeypatch.setattr(compilation, "_PROGRAM", "while True: input(); print(flush=True)")
    results = list(compilation.compile_side_by_side(["a", "b", "c", "d"], 2))
    assert sorted(results) == [("a", ""), ("b", ""), ("c", ""), ("d", "")]
    assert len(started) == 2


def test_a_line_that_a_dead_process_did_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_PROGRAM", "raise SystemExit(3)")
    process = compilation._Process(dict(os.environ))
    process._popen.wait()
    assert process.compile("a") == "the process that compiled it ended with code 3"
    process.close()
