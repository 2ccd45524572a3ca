"""Where a process may have little memory, it says so: an exit code of the contract, no traceback, no crash."""

import errno
import sys
import threading
from pathlib import Path

import pytest

from stnwarp import parallel
from stnwarp.errors import ExitCode, ImageError, LoadingError
from stnwarp.folder import crew
from stnwarp.images import plugins
from stnwarp.resources import check_room, is_limited, is_shortage
from tests.cli_tools import Ran, assert_good_ones_done, clean_outputs, contents, good_files, noise, run, save, spawn

resource = pytest.importorskip("resource")
LIMITED = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not keep to RLIMIT_AS")
MOVE = ("--rotate", "20")


def limited(megabytes: int, *args: object, kind: str = "RLIMIT_AS", cache: Path | None = None) -> Ran:
    """`stnwarp ARGS` in a process that may have so many megabytes."""
    size = megabytes * 10**6
    before = f"import resource\nresource.setrlimit(resource.{kind}, ({size}, {size}))"
    return spawn(*args, before=before, env={} if cache is None else {"STNWARP_CACHE_DIR": str(cache)})


def assert_in_words(ran: Ran) -> None:
    lines = ran.stderr.splitlines()
    assert ran.code in (ExitCode.OK, ExitCode.SOME_FAILED, ExitCode.CANNOT_GO_ON), ran.stderr
    assert all(line.startswith("stnwarp: ") for line in lines), ran.stderr
    assert all("not enough memory" in line or "more than there is" in line for line in lines if "failed: " in line)
    if ran.code == ExitCode.CANNOT_GO_ON:
        assert lines[-1].startswith("stnwarp: error: not enough memory"), ran.stderr


@LIMITED
@pytest.mark.parametrize(
    ("megabytes", "workers"), [(60, "-j2"), (150, "-j2"), (210, "-j1"), (360, "-j3"), (430, "-j1"), (2000, "-j3")]
)
def test_each_image_is_done_or_fails_in_words(tmp_path: Path, megabytes: int, workers: str) -> None:
    good_files(tmp_path / "in")
    clean = clean_outputs(tmp_path)
    save(tmp_path / "in" / "large.bmp", noise(3, 2500, 2500))
    ran = limited(megabytes, "apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, workers)
    assert_in_words(ran)
    written = contents(tmp_path / "out")
    assert {name: data for name, data in written.items() if name in clean}.items() <= clean.items()
    assert len(written) == 3 - ran.stderr.count("failed: ") or ran.code == ExitCode.CANNOT_GO_ON
    if megabytes <= 210:
        assert (ran.code, "not enough memory to load" in ran.stderr) == (4, True)
        assert written == {}
    if megabytes == 2000:
        assert ran.code == 0


@LIMITED
@pytest.mark.parametrize("megabytes", [30, 130])
def test_a_limit_to_what_is_written_to_counts_as_well(tmp_path: Path, megabytes: int) -> None:
    good_files(tmp_path / "in")
    ran = limited(megabytes, "apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "-j2", kind="RLIMIT_DATA")
    assert_in_words(ran)
    if megabytes == 30:
        assert (ran.code, "ulimit -d" in ran.stderr) == (4, True)


@LIMITED
@pytest.mark.parametrize("megabytes", [400])
def test_the_compiler_is_not_begun_where_it_would_abort(tmp_path: Path, megabytes: int) -> None:
    good_files(tmp_path / "in")
    ran = limited(megabytes, "apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, cache=tmp_path / "cache")
    assert_in_words(ran)
    assert ran.code == 4
    assert contents(tmp_path / "out") == {}


@LIMITED
@pytest.mark.parametrize("megabytes", [70, 170])
def test_other_commands_say_it_as_well(tmp_path: Path, megabytes: int) -> None:
    source = good_files(tmp_path)[0]
    made = limited(megabytes, "grid", "-o", tmp_path / "g.png", "--image", source, "--size", "200x200", *MOVE)
    told = limited(megabytes, "info", source)
    for ran in (made, told):
        assert_in_words(ran)
    assert told.code == (0 if megabytes > 150 else 4)
    assert limited(megabytes, "--help").code == 0


def test_room_is_looked_for_only_in_what_limits_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"RLIMIT_AS": resource.RLIM_INFINITY, "RLIMIT_DATA": resource.RLIM_INFINITY}
    kinds = {getattr(resource, name): name for name in limits}
    monkeypatch.setattr("stnwarp.resources.resource.getrlimit", lambda kind: (limits[kinds[kind]], 0))
    assert not is_limited()
    check_room("a world", 10**9, 10**9)
    limits["RLIMIT_DATA"] = 10**12
    assert is_limited()
    check_room("a mouse", 10**9, 1)
    with pytest.raises(LoadingError, match=r"to load a world: it takes 1000000000 MB, and .* \(ulimit -d\)"):
        check_room("a world", 1, 10**9)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (ImportError("libx.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (SystemError("error return without exception set"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ImportError("No module named 'x'"), False),
        (ValueError("out of memory, it says in a file"), False),
    ],
)
def test_what_is_a_lack_of_memory(error: Exception, expected: bool) -> None:
    assert is_shortage(error) is expected
    outer = OSError("Could not find/load shared object file")
    outer.__context__ = error
    assert is_shortage(outer) is expected
    error.__cause__ = outer  # a circle
    assert is_shortage(outer) is expected


class _Few(threading.Thread):
    """Threads of which the system has memory for one only."""

    started = 0

    def start(self) -> None:
        if type(self).started >= 1:
            raise RuntimeError("can't start new thread")
        type(self).started += 1
        super().start()


def test_fewer_threads_than_asked_for_do_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    with monkeypatch.context() as patch:
        patch.setattr(crew, "Thread", type("Few", (_Few,), {"started": 0}))
        ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "-j4")
    assert ran.code == 0, ran.stderr
    assert_good_ones_done(tmp_path, tmp_path / "out")


def test_without_a_single_thread_the_run_ends_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    monkeypatch.setattr(crew, "Thread", type("Few", (_Few,), {"started": 1}))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, "-j4")
    assert (ran.code, "stnwarp: error: not enough memory; " in ran.stderr) == (4, True), ran.stderr
    assert contents(tmp_path / "out") == {}


def test_parts_are_worked_off_without_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def submit(self, _: object) -> object:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "_pools", [Pool()])
    done: list[int] = []
    parallel.run_parallel(done.append, range(20), 4)
    assert done == list(range(20))


def test_a_library_of_a_format_that_is_not_there_fails_that_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good_files(tmp_path / "in")
    save(tmp_path / "in" / "bad.webp", noise(3))
    plugin = plugins.load_plugin("WEBP")
    monkeypatch.setattr(plugin, "SUPPORTED", False)
    monkeypatch.setitem(sys.modules, "PIL._webp", None)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE)
    assert (ran.code, "bad.webp: broken or unsupported WEBP file: import of PIL._webp halted" in ran.stderr) == (
        1,
        True,
    )
    assert_good_ones_done(tmp_path, tmp_path / "out")

    def refuse(name: str) -> object:
        raise ImportError(f"{name}: failed to map segment from shared object")

    monkeypatch.setattr(plugins, "import_module", lambda name: plugin if "Plugin" in name else refuse(name))
    with pytest.raises(ImageError, match=r"^not enough memory"), plugins.guarded("broken"):
        plugins.load_format("WEBP")
