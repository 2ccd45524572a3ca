"""Transform files as .npy and .npz: every header is checked before any of its data is read.

Nothing is unpickled, and no claimed size is believed: neither a header's shape nor a zip directory's.
"""

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from stnwarp.errors import ParameterFileError
from stnwarp.text import suggestion
from stnwarp.transform_files.content import ARRAY_KEYS, Kind, refuse_unknown

MAX_ARRAY_BYTES = 2**30  # a grid for 67 million pixels in float64
_MAX_NOTE_BYTES = 2**16  # the other entries of an .npz are a word or two
_MAX_DIRECTORY_BYTES = 2**21  # of an archive: thousands of entries, each of which takes ten times as much in memory
_LISTED = 3  # names in one message
_HEADERS: dict[tuple[int, int], Callable[[Any], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def fields_of_npy(file: IO[bytes], size: int) -> dict[str, Any]:
    """Read the array of an open .npy of `size` bytes: a theta, or a grid; points have the shape of a grid, too."""
    shape = _read_shape(file, size, "the array", MAX_ARRAY_BYTES)
    if shape in ((2, 3), (3, 3)):
        return {Kind.THETA: _data(file)}
    if len(shape) == 3 and shape[2] == 2:
        return {Kind.GRID: _data(file)}
    expected = "a theta of shape (2, 3) or (3, 3) nor a grid of shape (height, width, 2)"
    raise ParameterFileError(f"holds neither {expected}; its shape is {shape}")


def fields_of_npz(file: IO[bytes], size: int) -> dict[str, Any]:
    """Read the fields of an open .npz: one array each, named after its field; sizes are (height, width)."""
    with open_archive(file) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        if len(members) < len(archive.infolist()):
            raise ParameterFileError("two entries have the same name; keep one")
        _check_is_transform(members)
        refuse_unknown(members)
        return {key: _field(archive, key, member) for key, member in members.items()}


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open `file` as an .npz; zipfile.BadZipFile also for one whose list of entries alone would fill the memory."""
    return zipfile.ZipFile(_LimitedReads(file))


class _LimitedReads:
    """A file that refuses long reads: only the list of an archive's entries is read at once, whatever its length."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"a list of entries of {size:,} bytes; the limit is {_MAX_DIRECTORY_BYTES:,}")
        return self._file.read(size)


def _check_is_transform(members: Mapping[str, Any]) -> None:
    """Refuse the archive of something else, unless one of its names is just misspelt."""
    known = tuple(ARRAY_KEYS.values())
    if any(key in members for key in known) or any(suggestion(name, known) for name in members):
        return
    names = [repr(name[:40]) for name in members]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    held = f"{', '.join(names[:_LISTED])}{more}" if names else "nothing"
    raise ParameterFileError(f"a transform .npz has theta, grid or points; this one has {held}")


def _field(archive: zipfile.ZipFile, key: str, member: zipfile.ZipInfo) -> Any:
    limit = MAX_ARRAY_BYTES if key == Kind.GRID else _MAX_NOTE_BYTES
    with archive.open(member) as entry:
        _read_shape(entry, member.file_size, key, limit)
        array = _data(entry)
    return array if key in ARRAY_KEYS.values() else _note(array, key)


def _read_shape(file: IO[bytes], size: int, what: str, limit: int) -> tuple[int, ...]:
    """Read the shape in the header of `file`, which claims to have `size` bytes; its data is not read."""
    head = io.BytesIO(file.read(_MAX_NOTE_BYTES))
    file.seek(0)
    shape, dtype = _header(head, what)
    if min(shape, default=0) < 0:
        raise ParameterFileError(f"{what} has the shape {shape}; no side can be negative")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > limit:
        raise ParameterFileError(f"{what} of shape {shape} would take {claimed:,} bytes; the limit is {limit:,}")
    if head.tell() + claimed > size:
        raise ParameterFileError(f"{what} is cut off: its shape is {shape}, and {claimed:,} bytes are not there")
    return shape


def _data(file: IO[bytes]) -> NDArray[Any]:
    """Read the array in `file`, in native byte order."""
    array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _header(head: io.BytesIO, what: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(head)
    if version not in _HEADERS:
        raise ParameterFileError(f"{what} is in .npy version {version}; save it again with numpy.save")
    shape, _, dtype = _HEADERS[version](head)
    if dtype.hasobject or dtype.kind not in "iufUb":
        raise ParameterFileError(f"{what} must be plain numbers, got {dtype} of shape {shape}")
    return shape, dtype


def _note(array: NDArray[Any], key: str) -> Any:
    """Convert a field of an .npz that is not the transform itself to plain Python."""
    if key in ("input_size", "output_size"):
        if array.shape != (2,):
            raise ParameterFileError(f"{key} must be (height, width), got shape {array.shape}")
        return tuple(array.tolist())
    if key == "crop":
        if array.shape != (4,):
            raise ParameterFileError(f"crop must be (x, y, width, height), got shape {array.shape}")
        return tuple(array.tolist())
    if array.shape != ():
        raise ParameterFileError(f"{key} must be a single value, got shape {array.shape}")
    return array.item()
