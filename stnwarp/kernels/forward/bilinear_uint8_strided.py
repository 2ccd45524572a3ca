"""Bilinear sampling of uint8 pictures whose pixels do not lie side by side: every other column, or columns backwards.

The channels of a pixel do. The integers that `forward.bilinear_uint8` reads at once are put together from a load for
each neighbour; from there on everything is the same.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.bilinear_uint8 import blend_chunk, fill_packed, margin, unpack
from stnwarp.kernels.forward.rows import sample_rows
from stnwarp.kernels.geometry.neighbours import locate_block, locate_pairs
from stnwarp.kernels.geometry.regions import (
    SLACK,
    all_neighbours_bounds,
    any_neighbour_bounds,
)
from stnwarp.kernels.layout import (
    BLOCK,
    CHUNK,
    FIRST,
    INSIDE,
    LOWER_NEIGHBOURS,
    OUTSIDE,
    PARTIAL,
    UPPER_NEIGHBOURS,
    Block,
    Memory,
    SampleTask,
)
from stnwarp.kernels.simd.gather import complete_chunks, load_within
from stnwarp.kernels.simd.memory import load_points, store_points, unsigned_stride

_ONE, _TWO = np.uintp(1), np.uintp(2)


@kernel
def bilinear_uint8_strided_rows(task: SampleTask, start: int, stop: int, channels: int) -> None:
    """Sample rows [start, stop) of the batch's outputs, as `bilinear_uint8_rows`; of at least eight bytes."""
    inside, touching = all_neighbours_bounds(task.call, margin(channels), SLACK), any_neighbour_bounds(task.call)
    sample_rows(task, start, stop, inside, touching, BLOCK, 1, 1, 0, _sample_block, channels)


@inline
def _sample_block(task: SampleTask, block: Block, region: int, channels: int) -> None:
    region = locate_block(task, block, region, margin(channels))
    if region == OUTSIDE:
        fill_packed(task, block, channels)
    elif region == INSIDE:
        _sample(task, block, INSIDE, channels)
    else:
        locate_pairs(task, block, region)
        _sample(task, block, PARTIAL, channels)
    unpack(task, block, np.uintp(0), channels)


@inline
def _sample(task: SampleTask, block: Block, region: int, channels: int) -> None:
    source, call, offsets, pixels = task.source, task.call, task.offsets, task.pixels
    right, down, last = (
        unsigned_stride(call.column_stride),
        unsigned_stride(call.row_stride),
        np.uintp(call.last_uint64),
    )
    for chunk in range(complete_chunks(offsets, block.length)):
        begin = chunk * np.uintp(CHUNK)
        for position in range(np.uintp(CHUNK)):
            k = begin + position
            at = np.uintp(load_points(offsets, FIRST + k))
            upper = _pair(source, at, right, last, channels)
            _store_pairs(pixels, k, upper, _pair(source, at + down, right, last, channels), channels)
        blend_chunk(task, begin, region, channels)


@inline
def _pair(source: Memory, at: Any, right: Any, last: Any, channels: int) -> Any:
    """Return two neighbours in one uint64: the left one in the low bytes."""
    bits = np.uint64(8 * channels)
    pixel = (np.uint64(1) << bits) - np.uint64(1)
    return load_within(source, at, last) & pixel | (load_within(source, at + right, last) & pixel) << bits


@inline
def _store_pairs(pixels: Memory, k: Any, upper: Any, lower: Any, channels: int) -> None:
    """Store neighbours as `simd.gather` leaves them."""
    if channels == 1:
        store_points(pixels, UPPER_NEIGHBOURS + k, np.uint32(upper | lower << np.uint64(16)))
    elif channels == 2:
        store_points(pixels, UPPER_NEIGHBOURS + _TWO * k, np.uint32(upper))
        store_points(pixels, UPPER_NEIGHBOURS + _TWO * k + _ONE, np.uint32(lower))
    else:
        _store_halves(pixels, UPPER_NEIGHBOURS + _TWO * k, upper)
        _store_halves(pixels, LOWER_NEIGHBOURS + _TWO * k, lower)


@inline
def _store_halves(pixels: Memory, to: Any, value: Any) -> None:
    store_points(pixels, to, np.uint32(value & np.uint64(0xFFFFFFFF)))
    store_points(pixels, to + _ONE, np.uint32(value >> np.uint64(32)))
