"""Temporaries: closed to others while they are written, on the disk before they count, swept when left behind."""

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stnwarp.files import temporaries
from stnwarp.files.temporaries import is_temporary, sweep_temporaries, temporary_name
from tests.cli_tools import MOVE, contents, environment, noise, run, save

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and process numbers")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are of Linux")
DAY = 24 * 60 * 60


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images."""
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png", noise(number))
    return tmp_path / "in"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def dead_process() -> int:
    code = "import os; print(os.getpid())"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def left_in(directory: Path, home: str, process: int, age: float = 0) -> str:
    """A temporary of *process*, written *age* seconds ago; its name."""
    directory.mkdir(exist_ok=True)
    path = directory / f".x.png.{home}-{process}-0123abcd.stnwarp"
    path.write_bytes(b"part")
    os.utime(path, (time.time() - age,) * 2)
    return path.name


# Waits, while it writes its file, until there is a file called go; then goes on as if nothing had been.
WAITING = """
import os, sys, time
real = os.fsync
def wait(descriptor):
    open(sys.argv[1] + ".writing", "w").close()
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    real(descriptor)
os.fsync = wait
from stnwarp.cli import main
main(sys.argv[2:])
"""
APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork")


def _can_unshare() -> bool:
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


@linux_only
@pytest.mark.external("unshare")
def test_runs_in_two_containers_leave_each_other_alone(photos: Path, tmp_path: Path) -> None:
    if not _can_unshare():
        pytest.skip("no namespace may be made here")
    target, go = tmp_path / "out", tmp_path / "go"
    target.mkdir()
    last = [sys.executable, "-c", WAITING, str(go), "apply", str(photos / "0.png"), "-o", f"{target}/", *MOVE]
    # Its number must mean nobody in the other namespace, where the other run and its threads have the first ones.
    count = 'i=0; while [ $i -lt 200 ]; do (:); i=$((i + 1)); done; "$@"; exit $?'
    first = subprocess.Popen([*APART, "sh", "-c", count, "sh", *last], env=environment())
    while first.poll() is None and not Path(f"{go}.writing").exists():
        time.sleep(0.01)
    written = names(target)
    second = [sys.executable, "-m", "stnwarp", "apply", str(photos / "1.png"), "-o", f"{target}/", *MOVE]
    assert subprocess.run([*APART, *second], env=environment(), check=False, timeout=60).returncode == 0
    during = names(target)
    go.touch()
    assert first.wait(timeout=60) == 0
    assert len(written) == 1
    assert is_temporary(written[0])
    assert during == [*written, "1.png"]
    assert names(target) == ["0.png", "1.png"]
    assert run("apply", photos, "-o", tmp_path / "clean", *MOVE).code == 0
    assert contents(target).items() <= contents(tmp_path / "clean").items()


@linux_only
def test_a_home_is_a_host_a_boot_and_a_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot, namespace = tmp_path / "boot", tmp_path / "namespace"
    boot.write_text("one boot")
    namespace.touch()
    monkeypatch.setattr(temporaries, "_BOOT", boot)
    monkeypatch.setattr(temporaries, "_NAMESPACE", namespace)
    homes = [temporaries._home(), temporaries._home()]
    assert homes[0] == homes[1]
    boot.write_text("another boot")
    homes.append(temporaries._home())
    (tmp_path / "other").touch()
    monkeypatch.setattr(temporaries, "_NAMESPACE", tmp_path / "other")
    homes.append(temporaries._home())
    monkeypatch.setattr(temporaries.platform, "node", lambda: "another host")
    homes.append(temporaries._home())
    boot.unlink()
    homes.append(temporaries._home())
    assert len(set(homes[1:])) == 5
    assert all(home is not None and len(home) == 6 for home in homes)


def test_a_run_sweeps_what_its_own_dead_left_and_what_is_old(photos: Path, tmp_path: Path) -> None:
    target, dead, home = tmp_path / "out", dead_process(), temporaries._home()
    assert home is not None
    spared = {
        left_in(target, home, os.getppid()),  # alive
        left_in(target, home, 1),  # alive, perhaps not ours to signal
        left_in(target, "abcdef", dead),  # in another container, on another machine, or of an older version
        left_in(target, "abcdee", dead, age=DAY - 60),
    }
    (target / f"x.png.{home}-{dead}-0123abcd.stnwarp").touch()  # not hidden
    (target / f".x.png.{home}-{dead}-0123abcd.stnwarp.bak").touch()
    left_in(target, home, dead)
    left_in(target, home, os.getpid())  # of a run that had the number before us
    left_in(target, home, 10**30)
    left_in(target, "abcded", dead, age=DAY + 60)
    left_in(target, "abcdec", os.getppid(), age=30 * DAY)  # the number means another process there
    assert run("apply", photos, "-o", target, *MOVE).code == 0
    left = set(names(target)) - {"0.png", "1.png", "2.png"}
    others = {f"x.png.{home}-{dead}-0123abcd.stnwarp", f".x.png.{home}-{dead}-0123abcd.stnwarp.bak"}
    assert left == spared | others


@linux_only
def test_where_the_namespace_is_not_known_only_the_age_counts(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, dead, home = tmp_path / "out", dead_process(), temporaries._home()
    assert home is not None
    monkeypatch.setattr(temporaries, "_NAMESPACE", tmp_path / "nothing")
    own = temporary_name("y.png")
    assert is_temporary(own)
    assert home not in own
    nowhere = own.split(".")[-2].partition("-")[0]
    spared = {left_in(target, home, dead), left_in(target, nowhere, dead)}
    left_in(target, home, dead + 1, age=2 * DAY)
    left_in(target, nowhere, os.getpid(), age=2 * DAY)
    assert run("apply", photos, "-o", target, *MOVE).code == 0
    assert names(target) == sorted([*spared, "0.png", "1.png", "2.png"])


def test_what_this_process_is_writing_is_not_swept_by_it(tmp_path: Path) -> None:
    with temporaries.temporary_beside(tmp_path / "a.png") as path:
        path.write_bytes(b"part")
        sweep_temporaries(tmp_path)
        assert names(tmp_path) == [path.name]
    assert names(tmp_path) == []


def _watched(monkeypatch: pytest.MonkeyPatch, seen: list[int]) -> None:
    """Have *seen* the permissions of the temporary at every step of a write."""
    opened, write, fsync = os.open, os.write, os.fsync

    def look(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            seen.append(stat.S_IMODE(status.st_mode))

    def watched_open(path: str, flags: int, *more: int, **named: int) -> int:
        descriptor = opened(path, flags, *more, **named)
        if flags & os.O_CREAT:
            look(descriptor)
        return descriptor

    def watched_write(descriptor: int, data: bytes) -> int:
        look(descriptor)
        return write(descriptor, data[:1000])

    def watched_fsync(descriptor: int) -> None:
        look(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "write", watched_write)
    monkeypatch.setattr(os, "fsync", watched_fsync)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o604, 0o644, 0o606])
def test_what_replaces_a_closed_file_is_never_open_to_others(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    target = tmp_path / "out"
    assert run("apply", photos, "-o", target, *MOVE).code == 0
    (target / "1.png").chmod(mode)
    seen: list[int] = []
    old = os.umask(0)
    try:
        with monkeypatch.context() as patch:
            _watched(patch, seen)
            assert run("apply", photos / "1.png", "-o", f"{target}/", *MOVE, "--overwrite", "-j", 1).code == 0
    finally:
        os.umask(old)
    assert len(seen) > 3
    assert all(each & ~mode & 0o077 == 0 for each in seen), [oct(each) for each in seen]
    assert seen[-1] == mode  # what is synced is what will stay
    assert stat.S_IMODE((target / "1.png").stat().st_mode) == mode
    assert stat.S_IMODE((target / "0.png").stat().st_mode) == 0o666 & ~old


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_file_is_on_the_disk_before_its_name_and_the_name_after(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    target, events = tmp_path / "new" / "deep" / "out", list[str]()
    fsync, replace, link = os.fsync, os.replace, os.link

    def synced(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink() if sys.platform == "linux" else Path("?")
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append(f"folder {path.name}" if is_folder else "file")
        fsync(descriptor)

    def step(name: str, real: Callable[..., None]) -> Callable[..., None]:
        return lambda *args, **named: (events.append(name), real(*args, **named))[1]

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", step("name", replace))
    monkeypatch.setattr(os, "link", step("name", link))
    assert run("apply", photos / "0.png", photos / "1.png", "-o", target, *MOVE, *options, "-j", 1).code == 0
    if sys.platform == "linux":
        assert events[:3] == [f"folder {tmp_path.name}", "folder new", "folder deep"]
        assert events[3:] == ["file", "name", "folder out"] * 2
    assert names(target) == ["0.png", "1.png"]


def _failing_for_folders(monkeypatch: pytest.MonkeyPatch, code: int, name: str = "") -> None:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if folder and str(Path(f"/proc/self/fd/{descriptor}").readlink()).endswith(name):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


@linux_only
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_syncs_no_folders_is_no_fault(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        _failing_for_folders(patch, code)
        ran = run("apply", photos, "-o", tmp_path / "a" / "out", *MOVE)
    assert (ran.code, "warning" in ran.stderr) == (0, False), ran.stderr
    assert run("apply", photos, "-o", tmp_path / "clean", *MOVE).code == 0
    assert contents(tmp_path / "a" / "out") == contents(tmp_path / "clean")


@linux_only
@pytest.mark.parametrize("where", ["/out", "/a"])
def test_a_disk_that_fails_to_sync_a_folder_ends_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    target = tmp_path / "a" / "out"
    with monkeypatch.context() as patch:
        _failing_for_folders(patch, errno.EIO, where)
        ran = run("apply", photos, "-o", target, *MOVE, "-j", 1)
    assert ran.code == 4
    assert "input/output error" in ran.stderr.splitlines()[-1].lower()
    assert "Traceback" not in ran.stderr
    assert run("apply", photos, "-o", tmp_path / "clean", *MOVE).code == 0
    assert contents(target).items() <= contents(tmp_path / "clean").items()  # whole files or none
    assert len(contents(target)) <= 1
    assert run("apply", photos, "-o", target, *MOVE, "--skip-existing").code == 0
    assert contents(target) == contents(tmp_path / "clean")
