"""Rows of the output that climb slowly through the input: their lines of memory are asked for in time.

Such a row reads a few pixels of one line of memory and goes on to a line of the next row of the image. Hardware takes
that for many short runs, and fetches what follows each of them instead of what the next row will read. On steeper
slopes, where every pixel or two lies in a row of its own, most lines are still there from the row before.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import FIRST, Call, Memory
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, prefetch_source

_LINE = 64.0  # bytes that memory hands over at once
_STEEP, _SPARSE = 0.25, 2.0  # rows, and columns, of the input that a step of one column may take
_AHEAD = 2.0  # rows of the output
_CACHED = 1 << 19  # bytes of an image that need not be asked for
_FAR = 2.0**31  # no row of an image is as far away: what is asked for need not exist, but the number must


@inlined
def lines_ahead(call: Call, matrices: Memory, image: int) -> tuple[Any, Any]:
    """How many columns lie between two lines to ask for, and how far ahead those are; 0 columns: nothing to ask for.

    For images of bytes, and affine maps.
    """
    m = image * 9
    climb, advance = abs(matrices[m + 3]), abs(matrices[m])
    right, down = np.rint(_AHEAD * matrices[m + 1]), np.rint(_AHEAD * matrices[m + 4])
    near = (abs(right) < _FAR) & (abs(down) < _FAR)
    if call.height * call.row_stride < _CACHED or not (near & (climb < _STEEP) & (advance < _SPARSE)):
        return np.int64(0), np.int64(0)
    crossed = max(climb, advance * np.float64(call.column_stride) / _LINE)
    columns = 1.0 / max(crossed, 1.0 / _LINE)
    return np.int64(columns), np.int64(down) * call.row_stride + np.int64(right) * call.column_stride


@inlined
def ask_ahead(source: Memory, offsets: Memory, count: int, columns: Any, ahead: Any) -> None:
    """Ask for the lines *ahead* of a block whose offsets are known."""
    if columns > 0:
        for k in range(np.uintp(0), np.uintp(count), np.uintp(columns)):
            prefetch_source(source, np.uintp(load_points(offsets, FIRST + k) + ahead))
