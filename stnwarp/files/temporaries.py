"""The hidden siblings that files are written to first: their names, and the removal of those left behind.

A name tells the home of the process that made it and its process number there, so that a later run can tell what a
dead process left from what a living one is writing.
"""

import contextlib
import hashlib
import os
import platform
import re
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_NAME_LIMIT = 255  # bytes in one file name, on every file system in common use
_PATTERN = re.compile(r"\.([0-9a-f]{6})-(\d+)-[0-9a-f]{8}\.stnwarp$")
_NO_HOME = "000000"  # in names made where the home is not known
_LIFETIME = 24 * 60 * 60  # seconds; far beyond any write, and any difference between clocks
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_live: set[str] = set()  # temporaries of this process


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """A path for a temporary beside *target*; whatever lies there in the end is removed, also by an interrupt."""
    temporary = target.with_name(temporary_name(target.name))
    try:
        _live.add(str(temporary))
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _live.discard(str(temporary))


def temporary_name(name: str) -> str:
    """A hidden name derived from *name*, unlike any other, no longer than a name can be."""
    suffix = f".{_home() or _NO_HOME}-{os.getpid()}-{secrets.token_hex(4)}.stnwarp"
    stem = os.fsencode(name)[: _NAME_LIMIT - 1 - len(suffix)]
    stem = stem.decode("utf-8", "ignore").encode()  # never half a letter: some file systems take UTF-8 only
    return f".{os.fsdecode(stem)}{suffix}"  # whatever the encoding that Python takes file names to be in


def is_temporary(name: str) -> bool:
    """Whether a file called *name* is a temporary of this or of another run."""
    return name.startswith(".") and _PATTERN.search(name) is not None


def sweep_temporaries(directory: Path) -> None:
    """Remove from *directory* the temporaries of dead processes of this home, and all that are older than any write.

    The processes of another machine or container cannot be asked for: only the age of what they left tells.
    """
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_temporary(entry.name) and _is_left_behind(entry):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()


def remove_own_temporaries() -> None:
    """Remove what this process is writing at this moment: for an end that cannot wait for its threads."""
    for name in tuple(_live):
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _is_left_behind(entry: "os.DirEntry[str]") -> bool:
    found = _PATTERN.search(entry.name)
    if found and found[1] == _home():
        return not _is_written(entry.name, int(found[2]))
    try:
        age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return False
    return age > _LIFETIME


def _is_written(name: str, process: int) -> bool:
    """Whether the temporary called *name* may be in use by *process* of this home."""
    if process == os.getpid():  # in containers every run has the number of the one before
        return any(Path(live).name == name for live in tuple(_live))
    return _is_alive(process)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def _home() -> str | None:
    """Six letters for where process numbers mean what they mean here; None where that cannot be known.

    That is one boot of one machine, and one namespace of process numbers in it: containers can share a host name.
    """
    if os.name == "nt":  # there is no harmless way to ask whether a process is alive
        return None
    parts = [platform.node()]
    if sys.platform == "linux":
        try:
            namespace = _NAMESPACE.stat()
        except OSError:
            return None
        parts += [f"{namespace.st_dev}:{namespace.st_ino}", _boot()]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:6]


def _boot() -> str:
    try:
        return _BOOT.read_text()
    except OSError:
        return ""
