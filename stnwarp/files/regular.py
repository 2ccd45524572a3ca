"""Opening what must be a file: a named pipe in its place would block, a device might never end."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}
_FLAGS = os.O_RDONLY
_FLAGS |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class NotRegularFileError(OSError):
    """What is there is no file but *kind*."""

    def __init__(self, mode: int, path: Path) -> None:
        self.kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        super().__init__(errno.EINVAL, f"not a regular file but {self.kind}", str(path))


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """*path* open for reading, without ever waiting for another process.

    Raises:
        NotRegularFileError: it is no file; with *follow_links* False, a link is none.  OSError: it cannot be opened.
        ValueError: it is no possible name.
    """
    # Looked at first, because to open a pipe would disturb its writer; and again, for it may have been exchanged.
    _check(path.stat(follow_symlinks=follow_links), path)
    descriptor = os.open(path, _FLAGS if follow_links else _FLAGS | getattr(os, "O_NOFOLLOW", 0))
    try:
        _check(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularFileError(status.st_mode, path)
