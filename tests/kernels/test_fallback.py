"""Numba without the internal classes, or of a version that was not tested: one warning, right results, nothing lost.

Everything that the slower way computes is compared in `test_again.py`; here it is the smallest kernel's turn.
"""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

import stnwarp
from stnwarp.cli.compiling import COMPILING
from stnwarp.kernels.compiler import fallback, object_cache, versions
from tests.cli_tools import DROP_PRIVILEGES, noise, pixels, save

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
        reason="kernels run in Python or check their indices: the way they are compiled is not looked at",
    ),
]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="privileges are dropped by a call of Linux")

ROOT = Path(stnwarp.__file__).parents[1]
SLOWER = "RuntimeWarning: the kernels cannot be compiled the fast way with numba"
LACKING = "import tests.without_internal_classes\n"
UNTESTED = "from stnwarp.kernels.compiler import versions\nversions.TESTED_NUMBA = ((0, 1), (0, 2))\n"
SHIFTS = """
import numpy as np
import stnwarp
def shifts():
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    moved = stnwarp.warp(image, [[1, 0, 0.25], [0, 1, 0]], interpolation="nearest")
    assert (moved[:, :-1] == image[:, 1:]).all() and not moved[:, -1].any(), moved
    return True
"""
# What is compiled by the kernels' own way goes into .o files, what is by plain Numba into files of its cache.
COUNTS = """
if __name__ == "__main__":
    import sys
    from pathlib import Path
    from stnwarp.kernels.compiler.compiled_kernel import on_compile
    names = []
    with on_compile(names.append):
        shifts()
    print(*names)
"""


def python(code: str, cache: Path, *, path: Path = ROOT, unprivileged: bool = False, **more: str) -> tuple[str, str]:
    """What *code* writes to the two streams, run with the modules of *path* before all others."""
    program = [sys.executable, "-c", code]
    if unprivileged and os.geteuid() == 0:
        drop = f"{DROP_PRIVILEGES}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])"
        program = [sys.executable, "-c", drop, *program]
    env = {**os.environ, "NUMBA_OPT": "0", "PYTHONPATH": f"{path}{os.pathsep}{ROOT}", "STNWARP_CACHE_DIR": str(cache)}
    run = subprocess.run(program, env={**env, **more}, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip(), run.stderr


def files(cache: Path, suffix: str) -> list[Path]:
    return sorted(cache.rglob(f"*{suffix}"))


@pytest.fixture(scope="module")
def whole_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run leaves; tests take copies."""
    cache = tmp_path_factory.mktemp("first") / "cache"
    told, said = python(LACKING + SHIFTS + COUNTS, cache)
    assert told == "nearest_rows"
    assert said.count("Warning") == said.count(SLOWER) == 1
    return cache


@pytest.fixture
def cache(whole_cache: Path, tmp_path: Path) -> Path:
    """A filled cache of the test's own."""
    return Path(shutil.copytree(whole_cache, tmp_path / "cache"))


def test_numba_keeps_the_kernels_in_our_directory_which_is_private(whole_cache: Path) -> None:
    assert len(files(whole_cache, ".nbi")) == len(files(whole_cache, ".nbc")) == 1
    assert not files(whole_cache, ".o")
    (folder,) = whole_cache.glob("*/numba")
    assert folder.stat().st_mode & 0o077 == 0
    assert not list((ROOT / "stnwarp").rglob("*.nb[ic]"))


def test_a_second_run_compiles_nothing_and_leaves_the_settings_of_numba_alone(cache: Path) -> None:
    asks = "import numba\nassert numba.config.CACHE_DIR == ''\n"
    told, said = python(LACKING + SHIFTS + COUNTS + asks, cache)
    assert told == ""
    assert said.count("Warning") == said.count(SLOWER) == 1


def test_without_a_cache_it_works(tmp_path: Path) -> None:
    told, said = python(LACKING + SHIFTS + COUNTS, tmp_path, STNWARP_NUMBA_CACHE="0")
    assert told == "nearest_rows"
    assert said.count("Warning") == 1
    assert not list(tmp_path.rglob("*"))


def test_code_of_the_fast_way_is_not_used_once_numba_is_loaded(cache: Path) -> None:
    assert python(SHIFTS + COUNTS, cache) == ("nearest_rows", "")
    assert len(files(cache, ".o")) == 1
    told, said = python(LACKING + SHIFTS + COUNTS, cache)
    assert told == ""
    assert SLOWER in said


@linux_only
def test_a_directory_that_cannot_be_written_costs_a_warning(cache: Path) -> None:
    (folder,) = cache.glob("*/numba")
    folder.chmod(0o500)
    told, said = python(LACKING + SHIFTS + COUNTS, cache, unprivileged=True)
    folder.chmod(0o700)
    assert told == "nearest_rows"
    assert said.count("Warning") == 2
    assert "compiled kernels cannot be cached" in said


@pytest.mark.parametrize("trouble", ["is a file", "is open to others"])
def test_a_directory_that_cannot_be_used_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    monkeypatch.setattr(fallback, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(object_cache, "_warned", [])
    folder = tmp_path / "numba"
    if trouble == "is a file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o755)
    with pytest.warns(RuntimeWarning, match="compiled kernels cannot be cached"):
        assert fallback._directory.__wrapped__() is None


@linux_only
def test_a_directory_that_becomes_read_only_costs_a_warning(tmp_path: Path) -> None:
    waits = """
import os
from pathlib import Path
import stnwarp.kernels.forward.nearest
(folder,) = Path(os.environ["STNWARP_CACHE_DIR"]).glob("*/numba")
for path in (folder, *folder.glob("*")):
    path.chmod(0o500)
shifts()
shifts()
"""
    _, said = python(LACKING + SHIFTS + waits, tmp_path, unprivileged=True)
    for folder in tmp_path.rglob("*/"):
        folder.chmod(0o700)
    assert said.count("Warning") == 2
    assert "Numba's cache of compiled kernels: PermissionError" in said


def add_one(values: NDArray[np.float64], step: int) -> None:
    """The smallest kernel there is."""
    for k in range(len(values)):
        values[k] += step


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Numba's cache is for kernels that are made in this process."""
    monkeypatch.setattr(fallback, "_directory", lambda: tmp_path)
    monkeypatch.setattr(object_cache, "_warned", [])
    return tmp_path


def started() -> fallback.NjitKernel:
    """The kernel as a process has it that has just started."""
    return fallback.NjitKernel(add_one, {"nogil": True})


def assert_adds(kernel: fallback.NjitKernel) -> None:
    for step, values in ((1, np.zeros(3)), (2, np.zeros(5))):
        kernel(values, step)
        assert (values == step).all()


def test_a_kernel_knows_whether_it_has_to_be_compiled(directory: Path) -> None:
    kernel = started()
    assert kernel.compiles((np.zeros(3), 1))
    assert_adds(kernel)
    assert not kernel.compiles((np.zeros(4), 7))
    assert kernel.compiles((np.zeros(3, np.float32), 1))
    assert not started().compiles((np.zeros(3), 1))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garble(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(300))


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [_cut, _empty, _garble])
def test_a_damaged_cache_is_made_anew(directory: Path, damage: Callable[[Path], None], suffix: str) -> None:
    assert_adds(started())
    (file,) = files(directory, suffix)
    damage(file)
    with pytest.warns(RuntimeWarning, match=r"Numba's cache of compiled kernels") as said:
        assert_adds(started())
    assert len(said) == 1
    assert_adds(started())
    assert len(files(directory, ".nbi")) == len(files(directory, ".nbc")) == 1


def test_a_directory_that_becomes_a_file_costs_a_warning(directory: Path) -> None:
    kernel = started()
    (folder,) = (path for path in directory.iterdir() if path.is_dir())
    shutil.rmtree(folder)
    folder.touch()
    with pytest.warns(RuntimeWarning, match="Numba's cache of compiled kernels: NotADirectoryError") as said:
        assert_adds(kernel)
    assert len(said) == 1


def test_a_full_disk_costs_a_warning(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_paths: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device") as said:
        assert_adds(started())
    assert len(said) == 1
    assert not files(directory, ".nb[ic]*")


def test_where_numba_finds_no_place_the_kernel_works(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_options: object) -> None:
        raise RuntimeError("no locator available")

    njit = numba.njit
    monkeypatch.setattr(numba, "njit", lambda **options: nowhere() if "cache" in options else njit(**options))
    with pytest.warns(RuntimeWarning, match="cannot be cached: no locator available"):
        kernel = started()
    assert_adds(kernel)


def test_threads_and_processes_give_one_warning(cache: Path, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        LACKING
        + SHIFTS
        + """
if __name__ == "__main__":
    import multiprocessing
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(shifts) for _ in range(8)]
        assert all(future.result() for future in futures)
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert all(pool.apply_async(shifts).get() for _ in range(4))
"""
    )
    env = {**os.environ, "NUMBA_OPT": "0", "PYTHONPATH": str(ROOT), "STNWARP_CACHE_DIR": str(cache)}
    run = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr.count(SLOWER)) == (0, 1), run.stderr


def customised(folder: Path, code: str) -> Path:
    """A folder that has every Python process run *code* first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return folder


def test_the_command_line_says_it_once_and_not_at_all_when_quiet(tmp_path: Path) -> None:
    images = {f"{number}.png": noise(number) for number in range(3)}
    for name, array in images.items():
        save(tmp_path / "in" / name, array)
    site = customised(tmp_path / "site", LACKING)
    arguments = ["apply", str(tmp_path / "in"), "--translate", "3,0", "--interpolation", "nearest", "-j", "2"]

    def apply(name: str, *more: str) -> str:
        line = [*arguments, "-o", str(tmp_path / name), *more]
        code = f"import sys\nfrom stnwarp.cli import main\nsys.argv[1:] = {line!r}\nmain()"
        said = python(code, tmp_path / "cache", path=site)[1]
        for image, array in images.items():
            np.testing.assert_array_equal(pixels(tmp_path / name / image)[:, 3:], array[:, :-3])
        return said

    words = "stnwarp: warning: the kernels cannot be compiled the fast way"
    first, second, quiet = apply("first"), apply("second"), apply("quiet", "-q")
    assert (first.count(words), first.count("arning"), first.count(COMPILING)) == (1, 1, 1), first
    assert (second.count(words), second.count("arning"), second.count(COMPILING)) == (1, 1, 0), second
    assert quiet == ""


# What an untested version could do, in the process that tries it as in all others.
BREAKS = {
    "raises": "def changed(self):\n    raise TypeError('one more argument')\nIrPipeline.define_pipelines = changed",
    "crashes": "import os\nIrPipeline.define_pipelines = lambda self: os.kill(os.getpid(), 11)",
    "does nothing": """
from stnwarp.kernels.compiler import codegen
real = codegen._entry_point
codegen._entry_point = lambda *arguments: real(*arguments).replace("%code = call", "; no call")
""",
}


def broken(folder: Path, how: str) -> Path:
    return customised(
        folder, f"{UNTESTED}from stnwarp.kernels.compiler.numba_pipeline import IrPipeline\n{BREAKS[how]}\n"
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [("raises", "one more argument"), ("crashes", "signal 11 ended it"), ("does nothing", "wrong numbers")],
)
def test_a_trial_finds_out(tmp_path: Path, how: str, words: str) -> None:
    asks = "from stnwarp.kernels.compiler import versions\nprint(versions.incompatibility())"
    assert words in python(asks, tmp_path / "cache", path=broken(tmp_path / "site", how))[0]


def test_a_trial_that_fails_leads_to_the_slower_way_and_is_remembered(tmp_path: Path) -> None:
    site = broken(tmp_path / "site", "crashes")
    told, said = python(SHIFTS + COUNTS, tmp_path / "cache", path=site)
    assert told == "nearest_rows"
    assert said.count("Warning") == said.count(SLOWER) == 1
    assert not files(tmp_path / "cache", ".o")
    never = "from stnwarp.kernels.compiler import versions\nversions._run = None\n"
    told, said = python(never + SHIFTS + COUNTS, tmp_path / "cache", path=site)
    assert told == ""
    assert said.count("Warning") == said.count(SLOWER) == 1


def test_a_trial_that_passes_is_remembered_without_a_word(tmp_path: Path) -> None:
    assert python(UNTESTED + SHIFTS + COUNTS, tmp_path) == ("nearest_rows", "")
    assert len(files(tmp_path, ".o")) == len(list(tmp_path.rglob("numba-trial-*"))) == 1
    never = UNTESTED + "versions._run = None\n"
    loads = "import sys\nprint('numba' in sys.modules)"
    assert python(never + SHIFTS + "shifts()\n" + loads, tmp_path) == ("False", "")
    assert python(never + SHIFTS + "import numba\n" + COUNTS, tmp_path) == ("", "")
    float_kernel = "print(stnwarp.warp(np.ones((4, 4)), np.eye(2, 3), interpolation='nearest').all())\n"
    assert python(never + SHIFTS + float_kernel, tmp_path) == ("True", "")


@pytest.mark.parametrize(
    ("hindrance", "words"),
    [
        ("versions._SECONDS = 0.01", "timed out"),
        ("sys.executable = '/nowhere/python'", "No such file"),
        ("sys.executable = ''", "no Python here"),
        ("sys.frozen = True", "no Python here"),
    ],
)
def test_what_could_not_be_tried_is_not_used_and_tried_again(tmp_path: Path, hindrance: str, words: str) -> None:
    asks = f"import sys\n{UNTESTED}{hindrance}\nprint(versions.incompatibility())"
    assert words in python(asks, tmp_path)[0]
    assert not list(tmp_path.rglob("numba-trial-*"))


def test_without_a_cache_an_untested_version_is_tried_all_the_same(tmp_path: Path) -> None:
    assert python(UNTESTED + SHIFTS + COUNTS, tmp_path, STNWARP_NUMBA_CACHE="0") == ("nearest_rows", "")


@pytest.mark.parametrize(
    ("version", "tested"),
    [("0.62.0", True), ("0.68.1", True), ("0.65.0rc1", True), ("0.61.2", False), ("0.69.0dev0+1.g1", False)],
)
def test_versions_are_told_apart_by_their_first_two_numbers(version: str, tested: bool) -> None:
    assert versions._is_tested(version) == tested
    assert ("--force-reinstall" in versions.advice(version)) == tested
    assert not versions._is_tested("of today")
