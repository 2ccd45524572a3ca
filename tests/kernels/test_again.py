"""The kernels' tests again: in plain Python, where coverage sees every line, with every index checked, and as plain
functions of Numba's.

They take the longest; this file comes first, so that other processes meanwhile do the rest.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import smoke

ROOT = Path(__file__).parents[2]

# Overflow to infinity warns in plain Python, where numbers are NumPy scalars; compiled code is silent, and both go on.
PYTEST = [
    "-m",
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::RuntimeWarning",
    "-m",
    "kernels",
]
COMPILER_ONLY = ["compiler/*", "trial_kernel"]
COMPILER_ONLY += [
    f"simd/{name}"
    for name in (
        *("float_pixel", "fma", "footprint_sum", "gather", "memory", "mixed_precision", "rgb_bytes", "square_root"),
        *("tap_window", "vector_emitter"),
    )
]
inner_run = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="this is one of the two runs",
)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *PYTEST, *arguments, "tests/sampling"]
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
    run = _run(NUMBA_BOUNDSCHECK="1", NUMBA_OPT="0")  # nearly all of the time is that of compiling
    assert run.returncode == 0, run.stdout[-4000:]


def _without_internal_classes(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a module in a process whose Numba lacks the classes that make it fast."""
    lacking = "import runpy, sys\nimport tests.without_internal_classes\ndel sys.argv[0]\n"
    command = [sys.executable, "-c", f"{lacking}runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"]
    # Optimising changes no bit, and is a third of the time that compiling takes.
    environment = {**os.environ, "STNWARP_CACHE_DIR": str(cache), "NUMBA_OPT": "0"}
    return subprocess.run([*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


@inner_run
def test_without_the_internal_classes_of_numba_results_are_the_same_and_kernels_are_kept(tmp_path: Path) -> None:
    """Integers within one level in one of 10,000 values, floats within 8 units in the last place of full scale.

    Means of footprints within 64: they are sums of hundreds of pixels, added in another order.
    """
    run = _without_internal_classes("tests.smoke", str(tmp_path / "results.npz"), cache=tmp_path / "cache")
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("Warning") == 1
    assert len(run.stdout.split()) >= 15
    ours, gaps = smoke.results(), []
    with np.load(tmp_path / "results.npz") as slower:
        for name, array in ours.items():
            if array.dtype.kind == "u":
                gaps.append(np.abs(array.astype(int) - slower[name]).ravel())
            else:
                full_scale = max(1, np.abs(array).max())
                roundings = 64 if name.startswith("footprints") else 8
                atol = roundings * np.finfo(array.dtype).eps * full_scale
                np.testing.assert_allclose(slower[name], array, rtol=0, atol=atol, err_msg=name)
    gap = np.concatenate(gaps)
    assert gap.max() <= 1
    assert (gap > 0).mean() <= 1e-4
    again = ["pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore:the kernels cannot:RuntimeWarning"]
    tests = _without_internal_classes(*again, "tests/kernels/test_smoke.py", cache=tmp_path / "cache")
    assert tests.returncode == 0, tests.stdout[-4000:]
    second = _without_internal_classes("tests.smoke", str(tmp_path / "again.npz"), cache=tmp_path / "cache")
    assert second.stdout.split() == [], second.stderr
