"""A parameter file, read line by line: every line is checked at once, and its numbers are read when they are needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stnwarp.errors import ParameterFileError
from stnwarp.files.regular import open_regular
from stnwarp.files.strict_json import without_mark
from stnwarp.params.parsing import row_of
from stnwarp.params.rows import Row
from stnwarp.rectangle import Rectangle
from stnwarp.text import suggestion, truncate_repr

SUFFIX = ".jsonl"

_LONGEST_LINE = 2**22  # bytes; a spline of 90,000 control points has fewer, and parsed it takes thirty times as much
_BLANK = b" \t\r\n"


@dataclass(frozen=True)
class Parameters:
    """A parameter file that has been read and checked.

    *align_corners* holds for all of its rows; None where no row says it. *crop* is the first one that a row has, if one
    does. *lines* are the number and the text of the
    line of each image.
    """

    path: Path
    align_corners: bool | None
    lines: Mapping[str, tuple[int, bytes]]
    crop: Rectangle | None = None

    def row(self, image: str) -> Row | None:
        """The row of the image called so, if there is one."""
        if image not in self.lines:
            return None
        number, line = self.lines[image]
        row = row_of(line, image)
        if row.error is None:
            return row
        return Row(image, error=f"{self.path}, line {number}: {row.error}")

    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the file."""
        return (row_of(line, image) for image, (_, line) in self.lines.items())


def check_suffix(path: Path) -> None:
    """ParameterFileError unless *path* is named as a parameter file."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        raise ParameterFileError(f"{path}: parameter files are JSON Lines ({SUFFIX}); CSV is not read and not written")
    if suffix != SUFFIX:
        hint = suggestion(suffix, [SUFFIX])
        raise ParameterFileError(f"{path}: not a parameter file by its suffix{hint}; its name must end in {SUFFIX}")


def read_parameters(path: Path) -> Parameters:
    """The parameter file *path*.

    Raises:
        ParameterFileError: it cannot be read, or a line of it cannot be used; the line and the column or the key are
            named.
    """
    path = Path(path)
    check_suffix(path)
    try:
        with open_regular(path) as file:
            return _collected(path, file)
    except OSError as error:
        raise ParameterFileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except ParameterFileError as error:
        raise ParameterFileError(f"{path}: {error}") from error
    except ValueError:
        raise ParameterFileError(f"{str(path)!r} is not a possible file name") from None


def _collected(path: Path, file: IO[bytes]) -> Parameters:
    lines: dict[str, tuple[int, bytes]] = {}
    said: tuple[bool, int] | None = None
    crop: Rectangle | None = None
    for number, whole in _lines(file):
        line = whole.rstrip(_BLANK)
        try:
            row = row_of(line)
            if row.image in lines:
                raise ParameterFileError(
                    f"image: {truncate_repr(row.image)} stands in line {lines[row.image][0]} too; keep one"
                )
            said = _agreed(said, row.align_corners, number)
        except ParameterFileError as error:
            raise ParameterFileError(f"line {number}, {error}{_advice(whole)}") from error
        lines[row.image] = number, line
        crop = crop or row.crop
    if not lines:
        raise ParameterFileError("no row in it")
    return Parameters(path, said[0] if said else None, lines, crop)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers; line ends and all."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if number == 1:
            line = without_mark(line)
        if len(line) > _LONGEST_LINE:
            raise ParameterFileError(f"line {number}, more than {_LONGEST_LINE:,} bytes long")
        if line.strip(_BLANK):
            yield number, line


def _advice(line: bytes) -> str:
    """What to do about a *line* in which the file breaks off, as when the power fails while it is written."""
    return (
        ""
        if line.endswith((b"\n", b"}"))
        else "; the file ends partway through this line: delete the line and run again"
    )


def _agreed(said: tuple[bool, int] | None, align_corners: bool | None, number: int) -> tuple[bool, int] | None:
    """What the file says of align_corners, and in which line first."""
    if align_corners is None or said is None:
        return said if align_corners is None else (align_corners, number)
    if said[0] != align_corners:
        raise ParameterFileError(f"align_corners: differs from line {said[1]}; one file has one")
    return said
