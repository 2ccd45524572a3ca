"""Writing a file whole or not at all.

The bytes go to a hidden sibling first, which takes the target's name only when it is complete, so that a full
disk or a killed process leaves the old file. The sibling's name tells who made it, so that a later run can
remove what a dead process left.
"""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import stat
from pathlib import Path

from stnwarp.errors import ImageError, OutputClashError, OutputError, StnwarpError

_NAME_LIMIT = 255  # bytes in one file name, on every file system in common use
_TEMPORARY = re.compile(r"\.([0-9a-f]{6})-(\d+)-[0-9a-f]{8}\.stnwarp$")
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES}
_ADVICE = {
    errno.ENOSPC: "free some space, then run again with --skip-existing",
    errno.EDQUOT: "free some of your quota, then run again with --skip-existing",
    errno.EFBIG: "the file is larger than the limit that is set for files",
    errno.EROFS: "choose an output on a disk that can be written",
    errno.EACCES: "choose an output directory you may write to",
    errno.EPERM: "choose an output directory you may write to",
}
_live: set[str] = set()  # temporaries of this process


def write_atomically(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Make *target* a file that holds *data*: in the end the old file or the new one, never a part.

    A symbolic link at *target* is replaced, never followed. The mode follows the umask, or that of the file
    that is replaced.

    Args:
        target: the file; its directory exists.
        data: all of its bytes.
        overwrite: whether a file that exists may be replaced; without it the refusal has no race.

    Raises:
        OutputClashError: *target* exists and *overwrite* is False, or is a directory.
        OutputError: the directory takes no file: full disk, no permission.
        ImageError: this one name is not possible there.
    """
    temporary = target.with_name(_temporary_name(target.name))
    try:
        _live.add(str(temporary))
        _write(temporary, data, _mode_to_keep(target) if overwrite else None)
        if overwrite:
            temporary.replace(target)
        else:
            _link(temporary, target)
    except OSError as error:
        raise _in_words(error, target) from error
    finally:
        # Also when interrupted; after the replacement there is nothing left under this name.
        with contextlib.suppress(OSError):
            temporary.unlink()
        _live.discard(str(temporary))


def sweep_temporaries(directory: Path) -> None:
    """Remove from *directory* the temporaries of processes of this machine that are dead."""
    if os.name == "nt":  # there is no harmless way to ask whether a process is alive
        return
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            found = _TEMPORARY.search(entry.name) if entry.name.startswith(".") else None
            if found and found[1] == _machine() and not _is_alive(int(found[2])):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()


def remove_own_temporaries() -> None:
    """Remove what this process is writing at this moment: for an end that cannot wait for its threads."""
    for name in tuple(_live):
        with contextlib.suppress(OSError):
            Path(name).unlink()


def is_temporary(name: str) -> bool:
    """Whether a file called *name* is a temporary of this or of another run."""
    return name.startswith(".") and _TEMPORARY.search(name) is not None


def _temporary_name(name: str) -> str:
    """A hidden name derived from *name*, unlike any other, no longer than a name can be."""
    suffix = f".{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.stnwarp"
    stem = os.fsencode(name)[: _NAME_LIMIT - 1 - len(suffix)]
    stem = stem.decode("utf-8", "ignore").encode()  # never half a letter: some file systems take UTF-8 only
    return f".{os.fsdecode(stem)}{suffix}"  # whatever the encoding that Python takes file names to be in


def _machine() -> str:
    """Six letters for this machine: on a shared disk the processes of another one cannot be asked for."""
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:6]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def _mode_to_keep(target: Path) -> int | None:
    """The permissions of the file that will be replaced; None where there is none, or a link in its place."""
    try:
        status = target.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) & 0o777 if stat.S_ISREG(status.st_mode) else None


def _write(temporary: Path, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)  # less the umask, as for any new file
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary: Path, target: Path) -> None:
    """Give *temporary* the name *target* unless that is taken, in one step."""
    if os.name == "nt":
        temporary.rename(target)  # refuses by itself there
        return
    try:
        target.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _claim(temporary, target)


def _claim(temporary: Path, target: Path) -> None:
    """The same where the file system has no hard links: take the name with an empty file first."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        temporary.replace(target)
    except BaseException:
        target.unlink()
        raise


def _in_words(error: OSError, target: Path) -> StnwarpError:
    """*error* as one of our own, in one line."""
    name = str(target)
    if isinstance(error, FileExistsError):
        return OutputClashError(f"{name}: exists already; use --overwrite to replace it or --skip-existing to keep it")
    if isinstance(error, IsADirectoryError):
        return OutputClashError(f"{name}: a directory is in the way; choose another output")
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENAMETOOLONG:
        return ImageError(f"cannot write {name}: {reason}")
    advice = _ADVICE.get(error.errno or 0)
    return OutputError(f"cannot write {name}: {reason}" + (f"; {advice}" if advice else ""))
