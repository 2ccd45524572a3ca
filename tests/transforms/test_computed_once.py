"""What a folder of images of one size has in common is computed once for all of them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stnwarp import parallel
from stnwarp.transforms import (
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    SizeMode,
    SizeRequest,
    ThinPlateSpline,
    control_points,
    matrices,
    splines,
)
from tests.cli_tools import noise, run, save
from tests.positions import warp

BENT = control_points(3, 3)
BENT[1, 1] += (0.1, -0.05)


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Begin without what other tests have computed."""
    for cache in parallel._caches:
        cache.clear()


def count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[tuple[Any, ...]]:
    """The arguments of the calls of a function from now on."""
    calls: list[tuple[Any, ...]] = []
    function: Callable[..., Any] = getattr(module, name)

    def counted(*args: Any) -> Any:
        calls.append(args)
        return function(*args)

    monkeypatch.setattr(module, name, counted)
    return calls


@pytest.mark.parametrize(
    "options",
    [
        ("--theta", "0.8 0.3 0.1 -0.2 0.9 0", "--inverse"),
        ("--theta", "0.8 0.3 0.1 -0.2 0.9 0", "--size", "fit"),
        ("--theta", "0.8 0.3 3 -0.2 0.9 5", "--units", "pixel", "--size", "fit"),
        ("--rotate", "15"),
        ("--rotate", "15", "--size", "fit", "--limit", "angle=10"),
        ("--corners", "1,1 20,2 21,15 2,14", "--inverse"),
    ],
)
def test_no_matrix_is_inverted_twice_for_images_of_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    for name in "abc":
        save(tmp_path / "in" / f"{name}.png", noise(1))
    calls = count_calls(monkeypatch, matrices, "invert")
    assert run("apply", tmp_path / "in", "-o", tmp_path / "out", "-j", "2", *options).code == 0
    inverted = [matrix.tobytes() for matrix, *_ in calls]
    assert inverted
    assert len(set(inverted)) == len(inverted)


def test_an_inverse_spline_is_solved_once_for_images_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    inverse = ThinPlateSpline(BENT).inverse()
    calls = count_calls(monkeypatch, splines, "solve")
    image = noise(1)
    first = warp(image, inverse)
    of_one = len(calls)
    assert of_one >= 1
    np.testing.assert_array_equal(warp(image, inverse), first)
    assert len(calls) == of_one
    warp(image[:10], inverse)
    assert len(calls) == 2 * of_one


def test_another_size_is_answered_for_itself() -> None:
    spec, same = MovesSpec((Move(MoveKind.ROTATE, (30,)),)), SizeRequest()
    square, wide = spec.resolve((20, 20), same, False), spec.resolve((20, 40), same, False)
    assert isinstance(square.transform, MatrixTransform)
    assert isinstance(wide.transform, MatrixTransform)
    assert not np.allclose(square.transform.theta, wide.transform.theta)
    assert spec.resolve((20, 20), same, False) is square
    assert spec.resolve((20, 20), SizeRequest(SizeMode.FIT), False).size == (28, 28)


def test_threads_that_ask_at_a_time_wait_for_one_answer() -> None:
    calls, entered, go_on = [], threading.Event(), threading.Event()

    @parallel.cache_calls(2)
    def slow(number: int) -> list[int]:
        calls.append(number)
        entered.set()
        assert go_on.wait(60)
        return [number]

    results: list[list[int]] = []
    threads = [threading.Thread(target=lambda: results.append(slow(7))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert calls == [7]
    assert all(result is results[0] for result in results)
    for number in (8, 9, 7):  # the oldest of three is dropped
        slow(number)
    assert calls == [7, 8, 9, 7]


def test_errors_are_not_kept_and_what_cannot_be_hashed_is_computed() -> None:
    calls = []

    @parallel.cache_calls(2)
    def refuse(value: object) -> None:
        calls.append(value)
        raise ValueError(value)

    for value in (1, 1, [2], [2]):
        with pytest.raises(ValueError, match=r"1|\[2\]"):
            refuse(value)
    assert calls == [1, 1, [2], [2]]


def test_an_error_leaves_the_newer_result_of_the_same_arguments() -> None:
    calls, entered, go_on = [], threading.Event(), threading.Event()

    @parallel.cache_calls(1)
    def compute(number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            entered.set()
            assert go_on.wait(60)
            raise ValueError("the first time")

    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(compute, 7)
        assert entered.wait(60)
        compute(8)  # takes the place of the 7 that is under way
        compute(7)
        go_on.set()
        with pytest.raises(ValueError, match="the first time"):
            failing.result(60)
    compute(7)
    assert calls == [7, 8, 7]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_does_not_wait_for_threads_that_it_lacks() -> None:
    code = """if True:
        import os, threading
        from stnwarp.parallel import cache_calls
        entered, go_on = threading.Event(), threading.Event()

        @cache_calls(2)
        def compute():
            entered.set()
            go_on.wait(30)
            return os.getpid()

        thread = threading.Thread(target=compute)
        thread.start()
        entered.wait(30)
        child = os.fork()
        go_on.set()
        if not child:
            os._exit(0 if compute() == os.getpid() else 1)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
