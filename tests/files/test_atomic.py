"""Files are written whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from stnwarp.errors import ExitCode, ImageError, OutputClashError, OutputError
from stnwarp.files.atomic import write_atomically
from stnwarp.files.temporaries import is_temporary, remove_own_temporaries, sweep_temporaries

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions, links and signals")


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_file_holds_the_bytes_and_nothing_else_is_left(tmp_path: Path, overwrite: bool) -> None:
    write_atomically(tmp_path / "new.png", b"x" * 3_000_000, overwrite=overwrite)
    assert (tmp_path / "new.png").read_bytes() == b"x" * 3_000_000
    assert names(tmp_path) == ["new.png"]


def test_without_overwrite_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    with pytest.raises(OutputClashError, match=r"old\.png: exists already; use --overwrite"):
        write_atomically(target, b"new", overwrite=False)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["old.png"]


def test_of_many_that_write_at_once_without_overwrite_one_wins(tmp_path: Path) -> None:
    target, barrier, results = tmp_path / "a.png", threading.Barrier(8), []

    def write(number: int) -> None:
        barrier.wait()
        try:
            write_atomically(target, bytes([number]) * 10_000, overwrite=False)
            results.append(number)
        except OutputClashError:
            results.append(None)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number in results if number is not None]
    assert len(results) == 8
    assert len(winners) == 1
    assert target.read_bytes() == bytes(winners) * 10_000
    assert names(tmp_path) == ["a.png"]


@posix_only
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_mode_follows_the_umask(tmp_path: Path, overwrite: bool) -> None:
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new.png", b"new", overwrite=overwrite)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o640


@posix_only
def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    target.chmod(0o604)
    write_atomically(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


@posix_only
def test_a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    precious, target = tmp_path / "precious.png", tmp_path / "link.png"
    precious.write_bytes(b"precious")
    target.symlink_to(precious)
    with pytest.raises(OutputClashError):
        write_atomically(target, b"new", overwrite=False)
    write_atomically(target, b"new", overwrite=True)
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"
    assert precious.read_bytes() == b"precious"


@posix_only
def test_a_link_that_leads_nowhere_counts_as_taken(tmp_path: Path) -> None:
    target = tmp_path / "link.png"
    target.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(OutputClashError):
        write_atomically(target, b"new", overwrite=False)
    assert not (tmp_path / "nowhere.png").exists()


@posix_only
def test_other_names_of_a_replaced_file_keep_the_old_bytes(tmp_path: Path) -> None:
    target, other = tmp_path / "a.png", tmp_path / "b.png"
    target.write_bytes(b"old")
    other.hardlink_to(target)
    write_atomically(target, b"new", overwrite=True)
    assert other.read_bytes() == b"old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_of_that_name_is_told(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputClashError, match=r"a\.png: "):
        write_atomically(tmp_path / "a.png", b"new", overwrite=overwrite)
    assert names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, overwrite: bool
) -> None:
    target = tmp_path / "old.png"
    if overwrite:
        target.write_bytes(b"old")
    real, written = os.write, []

    def write(descriptor: int, data: bytes) -> int:
        if written:
            raise OSError(code, os.strerror(code))
        written.append(descriptor)
        return real(descriptor, data[:100])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OutputError, match=r"cannot write .*old\.png: ") as caught:
        write_atomically(target, bytes(1000), overwrite=overwrite)
    assert caught.value.exit_code == ExitCode.CANNOT_GO_ON
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == (["old.png"] if overwrite else [])
    assert not overwrite or target.read_bytes() == b"old"


def test_bytes_that_are_taken_piece_by_piece_all_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    write_atomically(tmp_path / "a.png", bytes(range(100)), overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == bytes(range(100))


@posix_only
@pytest.mark.parametrize("step", ["fsync", "write", "close"])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    real = os.close

    def interrupt(descriptor: int, *_: object) -> None:
        if step == "close":
            real(descriptor)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, b"new", overwrite=True)
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["old.png"]


@posix_only
def test_a_limit_on_file_size_stops_with_the_old_file_intact(tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    code = """
        import resource, sys
        from pathlib import Path
        from stnwarp.errors import OutputError
        from stnwarp.files.atomic import write_atomically
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            write_atomically(Path(sys.argv[1]), bytes(100_000), overwrite=True)
        except OutputError as error:
            print(int(error.exit_code), error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(target)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("4 cannot write ")
    assert "file too large" in answer.stdout
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["old.png"]


@posix_only
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_stops_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="choose an output directory"):
            write_atomically(tmp_path / "a.png", b"new", overwrite=True)
    finally:
        tmp_path.chmod(0o755)


def test_a_directory_that_refuses_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="permission denied; choose an output directory you may write to"):
        write_atomically(tmp_path / "a.png", b"new", overwrite=True)


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_missing_directory_stops_the_run(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        write_atomically(tmp_path / parent / "a.png", b"new", overwrite=True)


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "ä" * 125 + ".png", "😀" * 62 + ".png", " .png", "-a\nb.png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_names_as_long_as_can_be_are_written(tmp_path: Path, name: str, overwrite: bool) -> None:
    write_atomically(tmp_path / name, b"new", overwrite=overwrite)
    assert (tmp_path / name).read_bytes() == b"new"
    assert len(names(tmp_path)) == 1


@posix_only
def test_a_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff\xfe.png")
    write_atomically(tmp_path / name, b"new", overwrite=False)
    assert os.listdir(os.fsencode(tmp_path)) == [b"a\xff\xfe.png"]  # noqa: PTH208 - bytes are wanted


@posix_only
@pytest.mark.parametrize("raw", ["ä.png".encode(), "ä".encode() * 125 + b".png", b"a\xff.png", b"\xff" * 251 + b".png"])
def test_any_name_is_written_where_python_takes_names_to_be_ascii(tmp_path: Path, raw: bytes) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from stnwarp.files.atomic import write_atomically
        name = os.fsdecode(bytes.fromhex(sys.argv[2]))
        write_atomically(Path(sys.argv[1]) / name, b"new", overwrite=False)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), raw.hex()]
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(command, env={**os.environ, **settings}, check=True)
    assert os.listdir(os.fsencode(tmp_path)) == [raw]  # noqa: PTH208 - bytes are wanted


def test_a_name_that_is_too_long_is_the_failure_of_that_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="file name too long"):
        write_atomically(tmp_path / ("n" * 300 + ".png"), b"new", overwrite=True)


def test_the_temporary_is_a_hidden_sibling_that_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        seen.extend(names(tmp_path))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "picture.png", b"new", overwrite=True)
    assert len(seen) == 2  # while the file is synced, and while the directory is
    assert seen[0].startswith(".picture.png.")
    assert is_temporary(seen[0])
    assert seen[1] == "picture.png"
    assert not is_temporary("picture.png")


@posix_only
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_there_are_no_hard_links_nothing_is_clobbered_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    write_atomically(tmp_path / "a.png", b"first", overwrite=False)
    with pytest.raises(OutputClashError):
        write_atomically(tmp_path / "a.png", b"second", overwrite=False)
    assert (tmp_path / "a.png").read_bytes() == b"first"
    assert names(tmp_path) == ["a.png"]


@posix_only
def test_a_claimed_name_is_given_back_when_the_replacement_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "a.png", b"first", overwrite=False)
    assert names(tmp_path) == []


@posix_only
def test_a_killed_process_leaves_the_old_file_and_the_next_run_sweeps(tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    code = """
        import os, signal, sys
        from pathlib import Path
        from stnwarp.files.atomic import write_atomically
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        write_atomically(Path(sys.argv[1]), bytes(100_000), overwrite=True)
    """
    answer = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(target)], check=False)
    assert answer.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    sweep_temporaries(tmp_path)
    assert names(tmp_path) == ["old.png"]


def test_a_sweep_of_no_directory_is_nothing(tmp_path: Path) -> None:
    sweep_temporaries(tmp_path / "missing")
    assert names(tmp_path) == []


def test_an_end_that_cannot_wait_removes_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def look(_: int) -> None:
        seen.append(names(tmp_path))
        remove_own_temporaries()
        seen.append(names(tmp_path))

    monkeypatch.setattr(os, "fsync", look)
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "a.png", b"new", overwrite=True)
    assert [len(found) for found in seen] == [1, 0]
    assert names(tmp_path) == []
