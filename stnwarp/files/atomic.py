"""Writing a file whole or not at all.

The bytes go to a hidden sibling first, which takes the target's name only when it is complete and on the disk, so
that a full disk, a killed process or a power cut leaves the old file or the new one.
"""

import errno
import os
import stat
from pathlib import Path

from stnwarp.errors import ImageError, OutputClashError, OutputError, StnwarpError
from stnwarp.files.temporaries import temporary_beside

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES}
_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "the file is larger than the limit that is set for files",
    errno.EROFS: "choose an output on a disk that can be written",
    errno.EACCES: "choose an output directory you may write to",
    errno.EPERM: "choose an output directory you may write to",
}
# How file systems say that they cannot sync a directory, or do not let it be opened for that: no fault of the write.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}


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
    try:
        with temporary_beside(target) as temporary:
            _write(temporary, data, _mode_to_keep(target) if overwrite else None)
            if overwrite:
                temporary.replace(target)
            else:
                _link(temporary, target)
        sync_directory(target.parent)
    except OSError as error:
        raise _in_words(error, target) from error


def sync_directory(directory: Path) -> None:
    """Have the names in *directory* on the disk, as far as its file system does that; OSError where the disk fails."""
    if os.name == "nt":  # a directory cannot be opened there
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _mode_to_keep(target: Path) -> int | None:
    """The permissions of the file that will be replaced; None where there is none, or a link in its place.

    Raises:
        OutputClashError: it is neither, and stays.
    """
    try:
        status = target.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "something that is no file"
        raise OutputClashError(f"{target}: {kind} is in the way; choose another output")
    return stat.S_IMODE(status.st_mode) & 0o777


def _write(temporary: Path, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    # A new file as the umask has it; what replaces one that is closed to others is closed to them from the beginning.
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
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
        return OutputClashError(f"{name}: exists already; use --overwrite to replace it")
    if isinstance(error, IsADirectoryError):
        return OutputClashError(f"{name}: a directory is in the way; choose another output")
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENAMETOOLONG:
        return ImageError(f"cannot write {name}: {reason}")
    advice = _ADVICE.get(error.errno or 0)
    return OutputError(f"cannot write {name}: {reason}" + (f"; {advice}" if advice else ""))
