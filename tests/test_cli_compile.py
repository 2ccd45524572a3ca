"""`stnwarp compile`: what it compiles lies in the cache for later runs, and what stands in its way is said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli_tools import DROP_PRIVILEGES, ROOT, Ran

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
        reason="kernels run in Python or check their indices: nothing is compiled that could be kept",
    ),
]

# Nearest is the smallest kernel, and without optimisation it compiles sooner.
ONE = """
from stnwarp.sampling import specialisations
specialisations.TABLE = tuple(row for row in specialisations.TABLE if row.use == "nearest")[:1]
"""
START = "import sys\nfrom stnwarp.cli import main\nmain(sys.argv[1:])"
KERNEL = "nearest_rows-1-BBddBLdlfI"
WARP = """if True:
    import numpy as np
    import stnwarp
    from stnwarp.kernels.compiler.compiled_kernel import on_compile
    names = []
    with on_compile(names.append):
        stnwarp.warp(np.zeros((4, 4), np.uint8), np.eye(2, 3), interpolation="nearest")
    assert not names, names
"""


def environment(cache: Path, **more: str) -> dict[str, str]:
    settings = {"STNWARP_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), "NUMBA_OPT": "0"}
    return {**os.environ, **settings, **more}


def compile_one(cache: Path, *options: str, patch: str = "", unprivileged: bool = False, **settings: str) -> Ran:
    """`stnwarp compile --all` with a table of one row, in a process that runs *patch* first."""
    program = [sys.executable, "-c", f"{patch}\n{ONE}\n{START}", "compile", "--all", *options]
    if unprivileged and os.geteuid() == 0:
        # The capabilities of root are lost with the next program that is started.
        drop = f"{DROP_PRIVILEGES}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])"
        program = [sys.executable, "-c", drop, *program]
    done = subprocess.run(program, env=environment(cache, **settings), capture_output=True, text=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_what_is_compiled_is_there_for_later_runs(tmp_path: Path) -> None:
    first = compile_one(tmp_path, "-v")
    (file,) = tmp_path.rglob("*.o")
    assert (first.code, first.stdout, file.name) == (0, "", f"{KERNEL}.o"), first.stderr
    announced, compiled, summary = first.stderr.splitlines()
    assert announced.startswith("stnwarp: compiling 1 kernel; this takes about ")
    assert compiled == f"stnwarp: compiled: {KERNEL}"
    assert summary.startswith("stnwarp: 1 kernel ready; 1 compiled in ")
    again = compile_one(tmp_path)
    assert (again.code, again.stderr) == (0, "stnwarp: 1 kernel ready\n")
    assert compile_one(tmp_path, "-q").stderr == ""
    subprocess.run([sys.executable, "-c", WARP], env=environment(tmp_path), check=True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"STNWARP_NUMBA_CACHE": "0"}, "compiled kernels cannot be kept: STNWARP_NUMBA_CACHE is 0"),
        ({"STNWARP_CACHE_DIR": "file/cache"}, "compiled kernels cannot be kept: [Errno 20] Not a directory"),
        ({"NUMBA_DISABLE_JIT": "1"}, "kernels are not kept while NUMBA_DISABLE_JIT or NUMBA_BOUNDSCHECK is set"),
    ],
)
def test_where_nothing_can_be_kept_nothing_is_compiled(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    (tmp_path / "file").touch()
    ran = compile_one(tmp_path, patch=f"import os\nos.chdir({str(tmp_path)!r})", **settings)
    assert ran.code == 4
    assert ran.error.startswith(words)


def test_a_compiler_that_ends_costs_its_kernel_and_is_told(tmp_path: Path) -> None:
    ends = "from stnwarp.sampling import compilation\ncompilation._PROGRAM = 'import os; os._exit(7)'"
    ran = compile_one(tmp_path, "-q", patch=ends)
    assert ran.code == 4
    assert ran.error == "1 of 1 kernel could not be kept: the process that compiled it ended with code 7"


@pytest.mark.skipif(sys.platform != "linux", reason="privileges are dropped by a call of Linux")
def test_a_read_only_cache_is_told_before_anything_is_compiled(tmp_path: Path) -> None:
    make = "from stnwarp.kernels.compiler.object_cache import make_cache_directory\nmake_cache_directory().chmod(0o500)"
    subprocess.run([sys.executable, "-c", make], env=environment(tmp_path), check=True)
    ran = compile_one(tmp_path, unprivileged=True)
    assert ran.code == 4
    assert ran.error.startswith("compiled kernels cannot be kept: ")
    assert "is not writable" in ran.error


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_compilers_too(tmp_path: Path, signum: int, code: int) -> None:
    program = [sys.executable, "-m", "stnwarp", "compile", "--all", "-j", "2"]
    with subprocess.Popen(program, env=environment(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        children: list[str] = []
        while len(children) < 2:
            tasks = Path(f"/proc/{process.pid}/task").iterdir()
            children = [child for task in tasks for child in (task / "children").read_text().split()]
            time.sleep(0.02)
        process.send_signal(signum)
        told = process.stderr.read()
    word = "interrupted" if signum == signal.SIGINT else "terminated"
    assert told == f"stnwarp: error: {word}; what is compiled is kept; the same command goes on from there\n"
    assert process.returncode == code
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_plain_numba_keeps_what_the_calls_compile(tmp_path: Path) -> None:
    ran = compile_one(tmp_path, "-j", "2", patch="import tests.without_internal_classes")
    assert ran.code == 0
    announced, warning, summary = ran.stderr.splitlines()
    assert announced == "stnwarp: compiling 1 kernel one by one, whatever --jobs says, unless they are there"
    assert warning.startswith("stnwarp: warning: the kernels cannot be compiled the fast way")
    assert summary.startswith("stnwarp: 1 kernel ready; 1 compiled in ")
    assert list(tmp_path.rglob("*.nbi"))


def test_what_plain_numba_cannot_keep_is_an_error(tmp_path: Path) -> None:
    full = """
import errno, os
def full(*paths):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.replace = full
"""
    ran = compile_one(tmp_path, "-q", patch=f"import tests.without_internal_classes\n{full}")
    assert ran.code == 4
    assert ran.error.startswith("some of 1 kernel could not be kept: Numba's cache of compiled kernels: OSError")
    assert not list(tmp_path.rglob("*.compiled"))
