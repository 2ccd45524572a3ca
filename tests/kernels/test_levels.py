"""The same bits on every processor: kernels compiled for vectors of 256 and of 512 bits, and what they are made of."""

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
import torch

from stnwarp import grid_sample
from stnwarp.kernels.compiler.target import LEVELS, has_fma
from stnwarp.kernels.simd.fma import fma
from tests.kernels.test_compiled_kernel import compiled_only

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@compiled_only
def test_results_do_not_depend_on_the_level_of_the_processor() -> None:
    here = llvm.get_host_cpu_features()
    names = LEVELS["x86-64-v4"].replace("+", "").split(",")
    if missing := [name for name in names if not here.get(name)]:
        pytest.skip(f"this processor has no {missing[0]}")
    run = subprocess.run(
        [sys.executable, "-m", "tests.kernels.levels"],
        env={**os.environ, "STNWARP_NUMBA_CACHE": "0"},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    lines = [line.split(" ", 1) for line in run.stdout.splitlines()]
    first, second = ([digest for level, digest in lines if level == wanted] for wanted in LEVELS)
    assert len(first) == len(second) > 200
    assert sorted(set(first) ^ set(second)) == []


@compiled_only
def test_kernels_are_compiled_with_no_freedom_to_round_otherwise() -> None:
    code = """if True:
        import re
        import numpy as np
        import stnwarp
        from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
        from stnwarp.kernels.forward.bilinear_planar import bilinear_planar_rows
        with collect_specialisations() as needed:
            stnwarp.warp(np.zeros((8, 8), np.float32), np.eye(2, 3))
        needed[0].compile()
        text = next(iter(bilinear_planar_rows.inspect_llvm().values()))
        assert re.search(r"llvm[.]fma[.]v(8|16)f32", text), "nothing is fused"
        found = re.search(r" f(add|sub|mul|div) .*?(contract|reassoc|nsz|arcp|fast) .*", text)
        assert not found, found[0]
    """
    environment = {"STNWARP_NUMBA_CACHE": "0", "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr


@compiled_only
@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_fma_rounds_once_where_the_processor_can(number: type[np.floating]) -> None:
    import numba

    @numba.njit
    def multiply_add(a: float, b: float, c: float) -> float:
        return fma(a, b, c)

    a = number(1) + np.finfo(number).eps  # its square ends in a bit that only the sum can show
    once = np.finfo(number).eps ** 2 if has_fma() else 0
    assert multiply_add(a, a, -(a * a)) == once
    assert multiply_add(a, a, number(0)) == a * a
    with pytest.raises(numba.TypingError):
        multiply_add(np.float32(1), np.float64(1), np.float64(1))


@compiled_only
@pytest.mark.skipif(not has_fma(), reason="torch then rounds as it was compiled to on such processors")
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("depth", [None, 2])
def test_float32_coordinates_are_those_of_torch_to_the_last_bit(depth: int | None, align_corners: bool) -> None:
    """In columns of 0 and 1 in turn a sample is the fraction of its coordinate, or 1 less that, with no rounding.

    torch fuses the last multiplication and subtraction for images, and not for volumes.
    """
    rng, sides = np.random.default_rng(3), 2 if depth is None else 3
    grid = np.full((1, *(1,) * (sides - 1), 2000, sides), -1, np.float32)
    grid[..., 0] = rng.uniform(-0.97, 0.97, grid.shape[:-1])
    for width in (97, 301):
        input = np.zeros((1, 1, *(2,) * (sides - 1), width), np.float32)
        input[..., 1::2] = 1
        theirs = torch.nn.functional.grid_sample(
            torch.from_numpy(input), torch.from_numpy(grid), padding_mode="border", align_corners=align_corners
        )
        np.testing.assert_array_equal(
            grid_sample(input, grid, "bilinear", "border", align_corners), theirs.numpy(), strict=True
        )
