"""Rows of the output that run obliquely through the input: their lines of memory are prefetched.

Such a row reads a few pixels of one line of memory and goes on to a line of the next row of the image. Hardware takes
that for many short runs, and fetches what follows each of them instead of what the next row will read. So does a row
that leaves out pixels. Of rows that run down the image, most lines are still there from the row before.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import AFFINE, FIRST, PROJECTIVE, Block, Memory, SampleCall, SampleTask, X, Y
from stnwarp.kernels.simd.memory import load_points, prefetch_source
from stnwarp.kernels.simd.mixed_precision import greatest, least

_LINE = 64.0  # bytes that memory hands over at once
# Rows of the input that a step of one column may take, and pixels from which on it leaves some out; both measured. RGB
# pixels of bytes take the longest to unpack: of steep rows only lines of images that no cache holds are asked for.
_STEEP, _GENTLE, _SPARSE = 0.9, 0.25, 1.5
_AHEAD = 3.0  # rows of the output
_CACHED, _LARGE = 1 << 19, 1 << 24  # bytes of an image that need not be asked for, and of one that no cache holds
_FAR = 2.0**31  # no row of an image is as far away: what is asked for need not exist, but the number must


@inline
def prefetch_step(call: SampleCall, matrices: Memory, image: int, itemsize: int) -> tuple[Any, Any]:
    """Return the distance in columns between prefetches, and how far ahead they are; 0 columns for none.

    For images of elements of `itemsize` bytes under affine maps.
    """
    m = image * 9
    return _step(call, matrices[m], matrices[m + 3], _AHEAD * matrices[m + 1], _AHEAD * matrices[m + 4], itemsize)


@inline
def prefetch_step_of_block(task: SampleTask, block: Block, itemsize: int) -> tuple[Any, Any]:
    """Return `prefetch_step` for one block under another map, whose positions are known.

    Where a grid leads to in the next rows is not looked at: it is taken to turn and scale as it does along this one.
    """
    image, row, column, count = block
    call, matrices, positions = task.call, task.matrices, task.positions
    left, top = load_points(positions, X), load_points(positions, Y)
    last, per_step = np.uintp(count - 1), 1.0 / np.float64(greatest(count - 1, 1))
    advance = (load_points(positions, X + last) - left) * per_step
    climb = (load_points(positions, Y + last) - top) * per_step
    if call.mapping != PROJECTIVE:
        return _step(call, advance, climb, -_AHEAD * climb, _AHEAD * advance, itemsize)
    m, far = image * 9, np.float64(row) + _AHEAD
    per_w = 1.0 / (matrices[m + 6] * column + matrices[m + 7] * far + matrices[m + 8])
    x = (matrices[m] * column + matrices[m + 1] * far + matrices[m + 2]) * per_w
    y = (matrices[m + 3] * column + matrices[m + 4] * far + matrices[m + 5]) * per_w
    return _step(call, advance, climb, x - left, y - top, itemsize)


@inline
def _step(call: SampleCall, advance: Any, climb: Any, right: Any, down: Any, itemsize: int) -> tuple[Any, Any]:
    climb, advance, right, down = abs(climb), abs(advance), np.rint(right), np.rint(down)
    near = (abs(right) < _FAR) & (abs(down) < _FAR)
    size, pixel = call.height * call.row_stride * itemsize, call.column_stride * itemsize
    steep = _GENTLE if pixel == 3 and size < _LARGE else _STEEP
    asks = (climb < steep) | (climb > _SPARSE) | (advance > _SPARSE)
    if size < _CACHED or not (near & asks):
        return np.int64(0), np.int64(0)
    crossed = greatest(climb, advance * np.float64(pixel) / _LINE)
    columns = 1.0 / least(greatest(crossed, 1.0 / _LINE), 1.0)
    return np.int64(columns), np.int64(down) * call.row_stride + np.int64(right) * call.column_stride


@inline
def prefetch_block(task: SampleTask, block: Block, itemsize: int) -> None:
    """Prefetch what a block some rows ahead will read, by the offsets of this one; elements of `itemsize` bytes."""
    columns, ahead = np.int64(0), np.int64(0)
    if task.call.mapping == AFFINE:
        columns, ahead = prefetch_step(task.call, task.matrices, block.image, itemsize)
    elif task.call.output_width == task.call.joined_width:
        columns, ahead = prefetch_step_of_block(task, block, itemsize)
    if columns > 0:
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
