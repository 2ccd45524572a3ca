"""Write sampling grids as the bytes of a file, with their convention wherever the format has room for it."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import DIRECTION, Units
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.rectangle import Rectangle
from stnwarp.text import suggestion, truncate_repr
from stnwarp.transform_files.content import FORMAT_VERSION, Kind, Size
from stnwarp.transforms import Frame


@dataclass(frozen=True, eq=False)
class _Dump:
    """A grid in the units it is written in."""

    grid: NDArray[Any]
    units: Units
    align_corners: bool
    crop: Rectangle | None
    input_size: Size | None
    output_size: Size


def dump_grid(
    suffix: str,
    grid: NDArray[Any],
    *,
    units: Units,
    align_corners: bool,
    input_size: Size | None,
    output_size: Size | None,
    crop: Rectangle | None = None,
) -> bytes:
    """Return the bytes of a file with `suffix` that holds the sampling grid `grid`.

    `grid` is (H', W', 2) in normalised coordinates, whatever `units` the file is to have: pixels are computed
    here, from `input_size`. Sizes are (height, width); `output_size`, if given, must be the grid's own. `crop` is the
    part of an image that the grid reads, if it is not all of it; `input_size` is that of the part.

    `.npy` holds the points alone; `.npz` and `.json` the whole convention; `.csv` a row i, j, y, x for each
    point, i being the row and j the column of the output pixel. NaN and infinity are null in JSON, which has
    no words for them, and nan and inf in CSV.

    Raises:
        ParameterError: an unknown suffix, or pixels without an input_size.  ShapeError: not a grid, or not of
            output_size.
    """
    if suffix.lower() not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise ParameterError(
            f"cannot write a grid as {truncate_repr(suffix)}{suggestion(suffix, _WRITERS)}; known are {known}"
        )
    size = _check_size(grid, output_size)
    if units is Units.PIXEL:
        if input_size is None:
            raise ParameterError("a grid in pixels needs an input_size")
        grid = Frame(input_size, align_corners).to_pixels(grid)
    return _WRITERS[suffix.lower()](_Dump(grid, units, align_corners, crop, input_size, size))


def _check_size(grid: NDArray[Any], output_size: Size | None) -> Size:
    if grid.ndim != 3 or grid.shape[2] != 2 or grid.dtype.kind != "f":
        raise ShapeError(f"a grid must be (height, width, 2) of floats, got {grid.shape} {grid.dtype}")
    size = (int(grid.shape[0]), int(grid.shape[1]))
    if output_size not in (None, size):
        raise ShapeError(f"output_size {output_size} is not the grid's own, {size}")
    return size


def _npy(dump: _Dump) -> bytes:
    written = io.BytesIO()
    np.save(written, dump.grid, allow_pickle=False)
    return written.getvalue()


def _npz(dump: _Dump) -> bytes:
    fields: dict[str, Any] = {
        "kind": Kind.GRID.value,
        "grid": dump.grid,
        "units": dump.units.value,
        "align_corners": dump.align_corners,
        "direction": DIRECTION,
        "output_size": dump.output_size,
        "version": FORMAT_VERSION,
    }
    if dump.input_size is not None:
        fields["input_size"] = dump.input_size
    if dump.crop is not None:
        fields["crop"] = astuple(dump.crop)
    written = io.BytesIO()
    np.savez(written, **fields)
    return written.getvalue()


def _csv(dump: _Dump) -> bytes:
    return b"".join(_csv_rows(dump.grid))


def _csv_rows(grid: NDArray[Any]) -> Iterator[bytes]:
    yield b"i,j,y,x\n"
    for i, row in enumerate(grid):
        lines = [f"{i},{j},{y!r},{x!r}\n" for j, (x, y) in enumerate(row.tolist())]
        yield "".join(lines).encode("ascii")


def _json(dump: _Dump) -> bytes:
    """Write one line for each fact, and one for each row of the grid."""
    facts: dict[str, Any] = {
        "kind": Kind.GRID,
        "units": dump.units,
        "align_corners": dump.align_corners,
        "direction": DIRECTION,
        "output_size": _json_size(dump.output_size),
        "version": FORMAT_VERSION,
    }
    if dump.input_size is not None:
        facts["input_size"] = _json_size(dump.input_size)
    if dump.crop is not None:
        facts["crop"] = asdict(dump.crop)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items()]
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in _json_rows(dump.grid))
    return ("{\n" + ",\n".join(lines) + ',\n"grid": [\n' + rows + "\n]\n}\n").encode("ascii")


def _json_rows(grid: NDArray[Any]) -> Iterator[list[Any]]:
    finite = np.isfinite(grid)
    whole = bool(finite.all())
    for row, known in zip(grid, finite, strict=True):
        yield row.tolist() if whole else _with_nulls(row, known)


def _with_nulls(row: NDArray[Any], known: NDArray[np.bool_]) -> list[Any]:
    cells = row.astype(object)
    cells[~known] = None
    listed: list[Any] = cells.tolist()
    return listed


def _json_size(size: Size) -> dict[str, int]:
    return {"width": size[1], "height": size[0]}


_WRITERS: dict[str, Callable[[_Dump], bytes]] = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".json": _json}
GRID_SUFFIXES = tuple(_WRITERS)
