"""Rows of the output that run obliquely through the input: their lines of memory are prefetched.

Such a row reads a few pixels of one line of memory and goes on to a line of the next row of the image. Hardware takes
that for many short runs, and fetches what follows each of them instead of what the next row will read. So does a row
that leaves out pixels. Of rows that run down the image, most lines are still there from the row before.
"""

from typing import Any, TypeAlias

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import AFFINE, FIRST, PREFETCH, PROJECTIVE, Block, Memory, SampleCall, SampleTask, X, Y
from stnwarp.kernels.simd.memory import load_points, prefetch_source, store_points
from stnwarp.kernels.simd.mixed_precision import greatest, least

_LINE = 64.0  # bytes that memory hands over at once
# All measured: a row that takes no more columns for each row of the input runs down the image, and one that takes more
# pixels than this for each of its own leaves some out.
_DOWN, _SPARSE = 0.1, 1.5
# Rows of the input for each column, between which all rows of the output ask for larger images than this, in bytes.
_GENTLE, _STEEP, _SMALL = 0.5, 0.9, 1 << 22
_AHEAD = 3.0  # rows of the output
_ROWS_OF_LINE = 4.0  # that read a line of memory, from which on every second one asks for it
_CACHED, _LARGE = 1 << 19, 1 << 24  # bytes of an image that need not be asked for, and of one that no cache holds
_FAR = 2.0**31  # no row of an image is as far away: what is asked for need not exist, but the number must

# What is asked for: every so many columns, nothing for 0; so far ahead in memory; in rows that have no bit of a mask.
Request: TypeAlias = tuple[Any, Any, Any]


@inline
def tabulate_prefetch(task: SampleTask, image: int, itemsize: int) -> None:
    """Keep what is asked for under an affine map, which is the same for every block of an image."""
    m, matrices = image * 9, task.matrices
    columns, ahead, mask = _request(task.call, matrices[m], matrices[m + 3], matrices[m + 1], matrices[m + 4], itemsize)
    store_points(task.offsets, PREFETCH, columns)
    store_points(task.offsets, PREFETCH + np.uintp(1), ahead)
    store_points(task.offsets, PREFETCH + np.uintp(2), mask)


@inline
def _request_of_block(task: SampleTask, block: Block, itemsize: int) -> Request:
    """Return what is asked for by one block under another map, whose positions are known.

    Where a grid leads to in the next rows is not looked at: it is taken to turn and scale as it does along this one.
    """
    image, row, column, count = block
    call, matrices, positions = task.call, task.matrices, task.positions
    left, top = load_points(positions, X), load_points(positions, Y)
    last, per_step = np.uintp(count - 1), 1.0 / np.float64(greatest(count - 1, 1))
    advance = (load_points(positions, X + last) - left) * per_step
    climb = (load_points(positions, Y + last) - top) * per_step
    if call.mapping != PROJECTIVE:
        return _request(call, advance, climb, -climb, advance, itemsize)
    m, far = image * 9, np.float64(row) + _AHEAD
    per_w = 1.0 / (matrices[m + 6] * column + matrices[m + 7] * far + matrices[m + 8])
    x = (matrices[m] * column + matrices[m + 1] * far + matrices[m + 2]) * per_w
    y = (matrices[m + 3] * column + matrices[m + 4] * far + matrices[m + 5]) * per_w
    return _request(call, advance, climb, (x - left) * (1.0 / _AHEAD), (y - top) * (1.0 / _AHEAD), itemsize)


@inline
def _request(call: SampleCall, advance: Any, climb: Any, right: Any, down: Any, itemsize: int) -> Request:
    """Return what is asked for where the next column is read `advance` and `climb` away, the next row right and down.

    A line of memory is read by some rows of the output one after the other, and every second one asks for it. Of a
    large image all of them do: a processor may ignore who asks while it has to look up the page.
    """
    size, pixel = call.height * call.row_stride * itemsize, call.column_stride * itemsize
    line = _LINE / np.float64(pixel)
    area = abs(advance * down - climb * right)
    advance, climb = abs(advance), abs(climb)
    # line * climb / area is how many rows read a line.
    every_second = (line * climb > _ROWS_OF_LINE * area) & (size < _LARGE)
    every_second &= (climb < _GENTLE) | (climb > _STEEP) | (size < _SMALL)
    right, down = np.rint(right * _AHEAD), np.rint(down * _AHEAD)
    near = (abs(right) < _FAR) & (abs(down) < _FAR)
    asks = (advance > _DOWN * climb) | (climb > _SPARSE) | (advance > _SPARSE)
    if size < _CACHED or not (near & asks):
        return np.int64(0), np.int64(0), np.int64(0)
    crossed = greatest(climb, advance / line)
    columns = 1.0 / least(greatest(crossed, 1.0 / _LINE), 1.0)
    distance = np.int64(down) * call.row_stride + np.int64(right) * call.column_stride
    return np.int64(columns), distance, np.int64(1 if every_second else 0)


@inline
def prefetch_block(task: SampleTask, block: Block, itemsize: int) -> None:
    """Prefetch what a block some rows ahead will read, by the offsets of this one; elements of `itemsize` bytes."""
    columns, ahead, mask = np.int64(0), np.int64(0), np.int64(0)
    if task.call.mapping == AFFINE:
        columns = load_points(task.offsets, PREFETCH)
        ahead = load_points(task.offsets, PREFETCH + np.uintp(1))
        mask = load_points(task.offsets, PREFETCH + np.uintp(2))
    elif task.call.output_width == task.call.joined_width:
        columns, ahead, mask = _request_of_block(task, block, itemsize)
    if columns > 0 and block.row & mask == 0:
        for k in range(np.uintp(0), np.uintp(block.length), np.uintp(columns)):
            prefetch_source(task.source, np.uintp(load_points(task.offsets, FIRST + k) + ahead))


# Bytes of a batch that stay in the cache without being asked for.
CACHED_BYTES = 1 << 20


@inline
def prefetch_neighbours(source: Memory, shift: Any, down: Any, offsets: Memory, count: Any) -> None:
    """Ask for what a block is about to read: turned rows visit lines of memory that no hardware prefetcher foresees."""
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + np.uintp(k))) + shift
        prefetch_source(source, at)
        prefetch_source(source, at + down)
