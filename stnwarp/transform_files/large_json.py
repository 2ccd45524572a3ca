"""JSON transform files of any size: the grid of a large one is read piece by piece, never as one text.

A grid is rows of points of two numbers, three levels of brackets. So it ends where three of them close, it can be cut
after any point, and each piece is JSON by itself with the brackets that are open there. All else in the file is short
and is read with null instead of the grid. A large file of another kind is refused before it is parsed.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import ParameterFileError
from stnwarp.files.strict_json import parse_json, without_mark
from stnwarp.transform_files.content import kind_of
from stnwarp.transform_files.json_files import fields_of_document, fields_of_json, numbers

MAX_JSON_BYTES = 2**28  # a grid of some six million points, as it is written
_SMALL = 2**20  # bytes that are parsed as a whole, which takes thirty times as much memory at the worst
_PIECE = 2**18
_LONGEST_PIECE = 2**19  # without the end of a point in it, this is no grid

_BLANK = b" \t\r\n"
_BLANKS = rb"[ \t\r\n]*"
# A quote within a string is written with a backslash, so that this is a key, or the end of one that is not known.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_KEY = re.compile(rb'"grid"' + _BLANKS + rb":" + _BLANKS + rb"(?=\[)")
_BEGIN = re.compile(rb"\[(?=" + _BLANKS + rb"\[" + _BLANKS + rb"\[)")
_END = re.compile(rb"\]" + _BLANKS + rb"\](?=" + _BLANKS + rb"\])")
_COMMA = re.compile(_BLANKS + rb",")

_NO_GRID = "no grid of shape (height, width, 2), which is a list of rows of points"


def fields_of_json_file(file: IO[bytes], size: int) -> dict[str, Any]:
    """Read the fields of an open JSON transform file of `size` bytes, see `fields_of_json`.

    Raises ParameterFileError for a large file that holds more than a grid.
    """
    if size > MAX_JSON_BYTES:
        raise ParameterFileError(f"has {size:,} bytes; the limit for JSON is {MAX_JSON_BYTES:,}, use .npz")
    head = file.read(_SMALL)
    if size <= _SMALL:
        return fields_of_json(head)
    head = without_mark(head)
    key = _KEY.search(head)
    if key is None:
        raise _too_large(size)
    before = head[: key.end()]
    _check_before(before, size)
    reader = _GridReader(file, head[key.end() :], _Place().after(before))
    grid = reader.read()
    behind = reader.rest(_SMALL - len(before))
    if behind is None:
        raise _too_large(size)
    document = parse_json(before + b"null" + behind, place=_places(before + b"null", reader.place))
    return {**fields_of_document(document), "grid": grid}


def _check_before(before: bytes, size: int) -> None:
    """Refuse a file by what comes `before` its grid, so that no grid is read in vain."""
    outside = _STRING.sub(b"", before)
    if outside.count(b"{") != outside.count(b"}") + 1 or outside.count(b"[") != outside.count(b"]"):
        raise _too_large(size)  # what is called grid stands deeper
    kind_of(fields_of_document(parse_json(before + b"null}")))


def _too_large(size: int) -> ParameterFileError:
    return ParameterFileError(f"has {size:,} bytes; only a grid may be so large, and beside it {_SMALL:,} at the most")


@dataclass(frozen=True)
class _Place:
    """A position in the file."""

    line: int = 1
    column: int = 1

    def after(self, passed: bytes | str) -> "_Place":
        """Return the position after the text `passed`, which begins here."""
        text = passed.decode("utf-8", "replace") if isinstance(passed, bytes) else passed
        lines = text.count("\n")
        column = len(text) - text.rfind("\n") if lines else self.column + len(text)
        return _Place(self.line + lines, column)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def _places(before: bytes, behind: _Place) -> Callable[[str], str]:
    """Return a function from a leading part of the text that was parsed to the position where it ends in the file.

    The text is `before`, and then what the file has at `behind`.
    """
    cut = len(before.decode("utf-8", "replace"))
    return lambda text: str(_Place().after(text) if len(text) < cut else behind.after(text[cut:]))


@dataclass(eq=False)
class _GridReader:
    """A reader of the grid at the current position of `file`.

    `unread` has already been read from the file, and begins at `place`.
    """

    file: IO[bytes]
    unread: bytes
    place: _Place
    _blocks: list[NDArray[Any]] = field(default_factory=list)  # points, (N, 2)
    _height: int = 0
    _width: int = 0
    _begun: int = 0  # points of the last row, if that has not ended

    def read(self) -> NDArray[Any]:
        """Read the grid, (height, width, 2). Afterwards `unread` is what follows it."""
        self._fill(_PIECE)
        begin = _BEGIN.match(self.unread)
        if begin is None:
            raise ParameterFileError(f"{self.place}: {_NO_GRID}")
        self._pass(begin.end())
        is_last = False
        while not is_last:
            self._fill(_PIECE)
            end = _END.search(self.unread)
            is_last = end is not None
            piece = self.unread[: self._cut() if end is None else end.end()]
            self._add(piece)
            self._pass(len(piece))
            comma = _COMMA.match(self.unread)
            self._pass(comma.end() if comma else 0)
        self._pass(self.unread.index(b"]") + 1)
        return self._whole()

    def rest(self, limit: int) -> bytes | None:
        """Read what follows the grid, up to the end of the file; None if that is more than `limit` bytes."""
        while len(self.unread) <= limit:
            if not self._fill(limit + 1):
                return self.unread
        return None

    def _fill(self, length: int) -> bool:
        """Fill `unread` up to `length` bytes, if the file has so many; return whether any were read."""
        more = self.file.read(max(0, length - len(self.unread)))
        self.unread += more
        return bool(more)

    def _pass(self, length: int) -> None:
        self.place = self.place.after(self.unread[:length])
        self.unread = self.unread[length:]

    def _cut(self) -> int:
        """Find the end of the last point in `unread` that is followed by another one."""
        while True:
            last = self.unread.rfind(b"]")
            while last >= 0 and not _COMMA.match(self.unread, last + 1):
                last = self.unread.rfind(b"]", 0, last)
            if last >= 0:
                return last + 1
            if len(self.unread) >= _LONGEST_PIECE:
                raise ParameterFileError(f"{self.place}: {_NO_GRID}")
            if not self._fill(_LONGEST_PIECE):
                raise ParameterFileError(f"{self.place.after(self.unread)}: the grid is cut off, or is none")

    def _add(self, piece: bytes) -> None:
        """Add `piece`: rows, of which the first may continue the last row before, and the last may be incomplete."""
        opened = b"[[" if self._begun else b"["
        has_end = piece[:-1].rstrip(_BLANK).endswith(b"]")
        rows = self._parse(opened, piece + (b"]" if has_end else b"]]"))
        if not rows or not all(type(row) is list for row in rows):
            raise ParameterFileError(f"{self.place}: {_NO_GRID}")
        points = numbers(list(chain.from_iterable(rows)), "grid")
        if points.dtype.kind not in "iuf":
            raise ParameterFileError(f"{self.place}: grid must be real numbers, and something else is among them")
        if points.ndim != 2 or points.shape[1] != 2:
            raise ParameterFileError(f"{self.place}: {_NO_GRID}")
        self._blocks.append(points)
        lengths = [len(row) for row in rows]
        lengths[0] += self._begun
        self._begun = 0 if has_end else lengths.pop()
        self._width = self._width or (lengths[0] if lengths else 0)
        if any(length != self._width for length in lengths):
            raise ParameterFileError("the rows of grid differ in length")
        self._height += len(lengths)

    def _parse(self, opened: bytes, piece: bytes) -> Any:
        try:
            return json.loads((opened + piece).decode("utf-8"))
        except json.JSONDecodeError as error:
            place = self.place.after(error.doc[len(opened) : error.pos])
            raise ParameterFileError(f"{place}: {_NO_GRID} ({error.msg})") from None
        except (ValueError, RecursionError) as error:  # letters that are not UTF-8, thousands of digits or brackets
            raise ParameterFileError(f"{self.place}: {_NO_GRID} ({str(error).partition(':')[0]})") from None

    def _whole(self) -> NDArray[Any]:
        grid = np.empty((self._height * self._width, 2), np.result_type(*self._blocks))
        end = len(grid)
        while self._blocks:  # from the last one on, so that each is let go when it has been copied
            block = self._blocks.pop()
            grid[end - len(block) : end] = block
            end -= len(block)
        return grid.reshape(self._height, self._width, 2)
