"""A sampling grid that was written as .csv, for `stnwarp info`: such a file is read by other programs, not here."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from stnwarp.errors import ParameterFileError
from stnwarp.files.regular import open_regular
from stnwarp.text import size_text

_HEADER = ["i", "j", "y", "x"]
_LONGEST_LINE = 1000


@dataclass
class _Range:
    """The least and the greatest finite number so far."""

    low: float = field(default=math.inf)
    high: float = field(default=-math.inf)

    def add(self, number: float) -> None:
        self.low, self.high = min(self.low, number), max(self.high, number)

    def ends(self) -> list[float] | None:
        return None if self.low > self.high else [self.low, self.high]


def describe_csv(path: Path) -> dict[str, Any]:
    """The facts about the grid in *path*; ParameterFileError, its name first, for a file that holds none."""
    try:
        with open_regular(path) as stream, TextIOWrapper(stream, encoding="ascii", newline="") as file:
            return {"file": str(path), "kind": "grid", "format": "CSV (i,j,y,x)"} | _facts(_rows(file))
    except OSError as error:
        raise ParameterFileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, csv.Error) as error:
        raise ParameterFileError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError | csv.Error):
        return "not a sampling grid: no text of the lines i,j,y,x"
    return str(error)


def _rows(file: IO[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, with their line numbers."""
    lines = csv.reader(_lines(file))
    if next(lines, None) != _HEADER:
        raise ParameterFileError("not a sampling grid: its first line is not i,j,y,x")
    yield from enumerate(lines, 2)


def _lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ParameterFileError("not a sampling grid: a line is too long for i,j,y,x")
        yield line


def _facts(rows: Iterator[tuple[int, list[str]]]) -> dict[str, Any]:
    x_range, y_range = _Range(), _Range()
    height, width, count, not_finite = 0, 0, 0, 0
    for number, row in rows:
        try:
            i, j, y, x = int(row[0]), int(row[1]), *map(float, row[2:])
        except (ValueError, IndexError):
            raise ParameterFileError(f"line {number}: not the four numbers i,j,y,x") from None
        height, width, count = max(height, i + 1), max(width, j + 1), count + 1
        if math.isfinite(x) and math.isfinite(y):
            x_range.add(x)
            y_range.add(y)
        else:
            not_finite += 1
    if not count or count != height * width:
        raise ParameterFileError(f"cut off: {count} points are there, and {width}x{height} are counted")
    return {
        "points": size_text((height, width)),
        "units": "not in the file",
        "x_range": x_range.ends(),
        "y_range": y_range.ends(),
        "not_finite": not_finite,
    }
