"""The kernels' tests twice more: in plain Python, where coverage sees every line, and with every index checked.

They take the longest; this file comes first, so that other processes meanwhile do the rest.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Overflow to infinity warns in plain Python, where numbers are NumPy scalars; compiled code is silent, and both go on.
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning", "-m", "kernels and not slow"]
COMPILER_ONLY = ["arithmetic", "collectors", "compiling", "front_end", "jit", "lanes", "machine", "memory", "native"]
COMPILER_ONLY += ["object_cache", "groups", "float_blends"]
TESTS = ["sampler", "convolution", "gradients", "volumes", "onnx_nodes", "warp", "recipes", "folder_work"]

inner_run = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="this is one of the two runs",
)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *PYTEST, *arguments, *(f"tests/test_{name}.py" for name in TESTS)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)


@inner_run
def test_kernels_pass_in_plain_python_and_every_line_of_them_runs(tmp_path: Path) -> None:
    compiler_only = [f"*/kernels/{name}.py" for name in COMPILER_ONLY]
    settings = tmp_path / "coveragerc"
    settings.write_text("[run]\nbranch = true\n[report]\nomit =\n" + "".join(f"    {path}\n" for path in compiler_only))
    coverage = ["--cov=stnwarp.kernels", f"--cov-config={settings}", "--cov-report=term-missing"]
    run = _run(*coverage, "--cov-fail-under=100", NUMBA_DISABLE_JIT="1", COVERAGE_FILE=str(tmp_path / "coverage"))
    assert run.returncode == 0, run.stdout[-4000:]


@inner_run
def test_kernels_never_index_outside_their_arrays() -> None:
    run = _run(NUMBA_BOUNDSCHECK="1")
    assert run.returncode == 0, run.stdout[-4000:]
