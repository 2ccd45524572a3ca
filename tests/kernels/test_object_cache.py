"""What can be wrong with the cache of compiled kernels: the run goes on, slower, with one line of warning at most."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import stnwarp
from stnwarp.cli.compiling import COMPILING
from tests.cli_tools import DROP_PRIVILEGES, Ran, noise, pixels, save

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
        reason="kernels run in Python or check their indices: nothing is compiled that could be kept",
    ),
]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="privileges are dropped by a call of Linux")

# Nearest is the smallest kernel, and without optimisation it compiles sooner.
QUICK = {"NUMBA_OPT": "0"}
SHIFT = ("--interpolation", "nearest", "--translate", "3,0", "-j", "2")
IMAGES = {"a.png": noise(1), "b.png": noise(2), "c.png": noise(3)}
START = "import sys\nfrom stnwarp.cli import main\nsys.exit(main())"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of images that every run has to shift by three pixels."""
    for name, array in IMAGES.items():
        save(tmp_path / "in" / name, array)
    return tmp_path / "in"


@pytest.fixture(scope="module")
def whole_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache that a first run leaves; tests take copies."""
    folder = tmp_path_factory.mktemp("first")
    for name, array in IMAGES.items():
        save(folder / "in" / name, array)
    first = run(folder / "in", folder / "out", environment(folder / "cache"))
    assert (first.code, first.stderr.count(COMPILING)) == (0, 1), first.stderr
    assert_right(folder / "out")
    return folder / "cache"


@pytest.fixture
def cache(whole_cache: Path, tmp_path: Path) -> Path:
    """A filled cache of the test's own."""
    return Path(shutil.copytree(whole_cache, tmp_path / "cache"))


def command(images: Path, output: Path, patch: str = "", *options: str, unprivileged: bool = False) -> list[str]:
    """`stnwarp apply` as a process of its own, in which *patch* runs first."""
    program = [sys.executable, "-c", f"{patch}\n{START}", "apply", str(images), "-o", str(output), *SHIFT, *options]
    if not unprivileged or os.geteuid() != 0:
        return program
    # The capabilities of root are lost with the next program that is started.
    return [sys.executable, "-c", f"{DROP_PRIVILEGES}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])", *program]


def environment(cache: Path | None, package: Path | None = None) -> dict[str, str]:
    """One that tells of no folder but *cache*, and takes stnwarp from *package*."""
    left_out = {"HOME", "XDG_CACHE_HOME", "STNWARP_CACHE_DIR", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    told = {} if cache is None else {"STNWARP_CACHE_DIR": str(cache)}
    return {**kept, **QUICK, **told, "PYTHONPATH": str(package or Path(stnwarp.__file__).parents[1])}


def run(images: Path, output: Path, env: dict[str, str], patch: str = "", unprivileged: bool = False) -> Ran:
    program = command(images, output, patch, "--overwrite", unprivileged=unprivileged)
    done = subprocess.run(program, env=env, cwd=images.parent, capture_output=True, text=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def assert_right(output: Path) -> None:
    """All images are there, shifted, and nothing else is."""
    assert sorted(path.name for path in output.iterdir()) == sorted(IMAGES)
    for name, array in IMAGES.items():
        shifted = np.zeros_like(array)
        shifted[:, 3:] = array[:, :-3]
        np.testing.assert_array_equal(pixels(output / name), shifted)


def assert_slower_with_one_warning(ran: Ran, output: Path, words: str) -> None:
    assert ran.code == 0, ran.stderr
    assert_right(output)
    warnings = [line for line in ran.stderr.splitlines() if "warning" in line.lower()]
    assert len(warnings) == 1, ran.stderr
    assert words in warnings[0]
    assert ran.stderr.count(COMPILING) == 1


def cached(cache: Path) -> Path:
    """The one kernel that lies in *cache*, and nothing beside it."""
    (file,) = (path for path in cache.rglob("*") if path.is_file())
    assert file.suffix == ".o"
    return file


@linux_only
@pytest.mark.parametrize("home", ["there is none", "it cannot be written"])
def test_a_read_only_install_without_a_home_works(images: Path, tmp_path: Path, home: str) -> None:
    package = tmp_path / "site"
    shutil.copytree(Path(stnwarp.__file__).parent, package / "stnwarp", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*package.rglob("*"), package]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    env, patch, words = environment(None, package), "", "Permission denied"
    if home == "there is none":
        patch = "import pathlib\ndef home():\n    raise RuntimeError('no home')\npathlib.Path.home = home"
        words = "no home"
    else:
        env["HOME"] = str(package)
    ran = run(images, tmp_path / "out", env, patch, unprivileged=True)
    for path in [package, *package.rglob("*")]:
        path.chmod(0o755)
    assert_slower_with_one_warning(ran, tmp_path / "out", words)
    assert not (package / ".cache").exists()


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _garble(file: Path) -> None:
    file.write_bytes(np.random.default_rng(0).bytes(5000))


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def _replace_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _replace_by_circle(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _close(file: Path) -> None:
    file.chmod(0)


@linux_only
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_truncate, "is damaged and is made anew"),
        (_empty, "is damaged and is made anew"),
        (_garble, "is damaged and is made anew"),
        (_replace_by_folder, "not a regular file"),
        (_replace_by_pipe, "not a regular file"),
        (_replace_by_circle, "not a regular file"),
        (_close, "Permission denied"),
    ],
)
def test_a_damaged_cache_works(
    images: Path, cache: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    file, output = cached(cache), tmp_path / "out"
    damage(file)
    again = run(images, output, environment(cache), unprivileged=True)
    assert_slower_with_one_warning(again, output, words)
    if file.is_file():  # it was made anew
        healed = run(images, output, environment(cache))
        assert (healed.code, healed.stderr.count(COMPILING), "warning" in healed.stderr) == (0, 0, False)


@linux_only
@pytest.mark.parametrize("place", ["the folder", "the folder of this version"])
def test_a_pipe_in_the_place_of_the_cache_works(images: Path, cache: Path, tmp_path: Path, place: str) -> None:
    folder, output = cached(cache).parent, tmp_path / "out"
    shutil.rmtree(folder)
    if place == "the folder":
        cache.rmdir()
        os.mkfifo(cache)
        assert_slower_with_one_warning(run(images, output, environment(cache)), output, "cannot be cached")
        assert cache.is_fifo()  # it may be somebody's, by that name
    else:
        os.mkfifo(folder)
        ran = run(images, output, environment(cache))
        assert (ran.code, ran.stderr.count(COMPILING), "warning" in ran.stderr) == (0, 1, False), ran.stderr
        assert_right(output)
        assert cached(cache).parent == folder


@linux_only
def test_a_cache_that_is_read_only_is_read(images: Path, cache: Path, tmp_path: Path) -> None:
    folder, output = cached(cache).parent, tmp_path / "out"
    for path in (folder, cache):
        path.chmod(0o500)
    ran = run(images, output, environment(cache), unprivileged=True)
    assert (ran.code, ran.stderr.count(COMPILING), "warning" in ran.stderr) == (0, 0, False), ran.stderr
    assert_right(output)
    cache.chmod(0o700)
    folder.chmod(0o700)
    cached(cache).unlink()
    folder.chmod(0o500)
    lacks = run(images, output, environment(cache), unprivileged=True)
    folder.chmod(0o700)
    assert_slower_with_one_warning(lacks, output, "cannot write to the cache")


FULL_WHEN_WRITING = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
"""
FULL_FOR_NEW_FILES = """
import errno, os
real = os.open
def full(path, flags, *mode, **more):
    if flags & os.O_CREAT and str(path).endswith(".tmp"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return real(path, flags, *mode, **more)
os.open = full
"""
FULL_FOR_FOLDERS = """
import errno, os
real = os.mkdir
def full(path, *mode, **more):
    if "cache" in str(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return real(path, *mode, **more)
os.mkdir = full
"""


@linux_only
@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (FULL_WHEN_WRITING, "File too large"),
        (FULL_FOR_NEW_FILES, "No space left on device"),
        (FULL_FOR_FOLDERS, "No space left on device"),
    ],
    ids=["when a file is written", "for new files", "for folders"],
)
def test_a_full_disk_works_and_nothing_half_written_stays(images: Path, tmp_path: Path, patch: str, words: str) -> None:
    cache, output = tmp_path / "cache", tmp_path / "out"
    ran = run(images, output, environment(cache), patch)
    assert_slower_with_one_warning(ran, output, words)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_cache_of_somebody_else_is_neither_read_nor_written(images: Path, cache: Path, tmp_path: Path) -> None:
    output, before = tmp_path / "out", cached(cache).stat().st_mtime_ns
    other = "import os\nreal = os.getuid()\nos.getuid = lambda: real + 1"
    ran = run(images, output, environment(cache), other)
    assert_slower_with_one_warning(ran, output, "belongs to somebody else")
    assert cached(cache).stat().st_mtime_ns == before


def test_two_cold_runs_at_once_share_a_cache_and_an_output_folder(images: Path, tmp_path: Path) -> None:
    cache, output = tmp_path / "cache", tmp_path / "out"
    program = command(images, output, "", "--overwrite")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(program, env=environment(cache), cwd=tmp_path, **pipes) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert "warning" not in "".join(told)
    assert_right(output)
    assert cached(cache).name.startswith("nearest")
    third = run(images, output, environment(cache))
    assert (third.code, third.stderr.count(COMPILING)) == (0, 0)
