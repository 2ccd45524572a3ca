"""Opening what is to be read: never blocks, never follows a link in circles, says what is wrong in words."""

import contextlib
import errno
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stnwarp.errors import ImageError
from stnwarp.files.regular import NotRegularFileError, open_regular


@contextlib.contextmanager
def open_source(source: Path | BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """A seekable stream of *source*, at its beginning; a pipe is read into memory, up to *limit* bytes.

    Raises ImageError where there is nothing to read.
    """
    if isinstance(source, Path):
        with _open_file(source) as stream:
            yield stream
    elif source.seekable():
        source.seek(0)
        yield source
    else:
        yield _read_pipe(source, limit)


def _open_file(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:
        raise ImageError(_describe_failure(path, error)) from error


def _describe_failure(path: Path, error: Exception) -> str:
    """Why *path* could not be opened, in words."""
    if not isinstance(error, OSError):  # a NUL in the name
        return "not a possible file name"
    if isinstance(error, NotRegularFileError):
        return f"not a file but {error.kind}"
    if error.errno == errno.ELOOP:
        return "a symbolic link that leads in circles"
    if isinstance(error, FileNotFoundError):
        return "a symbolic link that leads nowhere" if path.is_symlink() else "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"cannot be opened: {(error.strerror or str(error)).lower()}"


def _read_pipe(source: BinaryIO, limit: int) -> io.BytesIO:
    try:
        data = source.read(limit + 1)
    except OSError as error:
        raise ImageError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > limit:
        raise ImageError(f"more than {limit:,} bytes came in")
    return io.BytesIO(data)
