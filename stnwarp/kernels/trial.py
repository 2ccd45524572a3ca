"""One small kernel that has in it what the others are made of, to see what an untested Numba makes of it.

All its numbers are multiples of 1/64 that float32 holds: compiled or not, whatever order they are summed in, they come
out the same to the bit.
"""

from typing import Any, NamedTuple

import numpy as np

from stnwarp.kernels import jit
from stnwarp.kernels.arithmetic import as_weight, like, weighted
from stnwarp.kernels.blocks import Memory
from stnwarp.kernels.byte_floats import biased, rounded
from stnwarp.kernels.jit import hot, inlined, kernel
from stnwarp.kernels.lanes import blend_4x4_three, clamped
from stnwarp.kernels.memory import (
    load_pixels,
    load_points,
    load_source,
    load_word64,
    prefetch_source,
    store_output,
    store_pixels,
    store_points,
    store_rounded,
)
from stnwarp.kernels.native import Held, Native
from stnwarp.kernels.pairs import copy_pair

CHANNELS, _WIDTH, _HEIGHT, _COUNT = 3, 16, 8, 20
_OFFSETS, _SHARES, _SUMS = np.uintp(0), np.uintp(64), np.uintp(128)


class Sizes(NamedTuple):
    """What a kernel is told beside arrays."""

    width: int
    row_stride: int
    columns: int


@kernel
def trial_rows(
    source: Memory,
    output: Memory,
    sizes: Sizes,
    places: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    start: int,
    stop: int,
    channels: int,
) -> None:
    """Rows [start, stop) of the output: per place two bytes of each channel, a mean and a sum over 4x4 pixels."""
    for row in range(start, stop):
        _locate(sizes, row, places, offsets, weights)
        for k in range(np.uintp(sizes.columns)):
            _blend(source, output, sizes, offsets, weights, pixels, np.uintp(row * sizes.columns) + k, k, channels)


@inlined
def _locate(sizes: Sizes, row: int, places: Memory, offsets: Memory, weights: Memory) -> None:
    for k in range(np.uintp(sizes.columns)):
        place = load_points(places, k)
        inside = min(max(place, 0.0), np.float64(sizes.width - 5)) if place == place else 0.0
        left = np.floor(inside)
        store_points(offsets, _OFFSETS + k, np.int64(left) * CHANNELS + row * sizes.row_stride)
        store_points(weights, _SHARES + k, as_weight(weights, inside - left))


@hot
def _blend(
    source: Memory,
    output: Memory,
    sizes: Sizes,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    to: Any,
    k: Any,
    channels: int,
) -> None:
    at, down = np.uintp(load_points(offsets, _OFFSETS + k)), np.uintp(sizes.row_stride)
    across = load_points(weights, _SHARES + k)
    prefetch_source(source, at + down)
    store_pixels(pixels, k, np.uint32(load_word64(source, at) >> np.uint64(8) & np.uint64(0xFFFFFFFF)))
    copy_pair(weights, _SHARES + k, weights, _SUMS + np.uintp(4))
    blend_4x4_three(source, at, down, weights, np.uintp(192), np.uintp(196), _SUMS)
    every = np.uintp(2 * channels)
    for channel in range(np.uintp(channels)):
        left = weighted(load_source(source, at + channel), like(across, 1) - across)
        mean = left + weighted(load_source(source, at + np.uintp(channels) + channel), across)
        byte = rounded(biased(load_pixels(pixels, k), np.int64(8) * np.int64(channel)))
        store_rounded(output, to * every + channel, clamped(output, mean + load_points(weights, _SUMS + np.uintp(4))))
        total = clamped(output, load_points(weights, _SUMS + channel))
        store_output(output, to * every + np.uintp(channels) + channel, np.uint8(np.int32(total)) ^ np.uint8(byte))


def result() -> str:
    """What the kernel writes, as text; through all that stands between a caller and the machine code."""
    if jit.FALLBACK:
        raise ImportError(jit.OBSTACLE)
    random = np.random.default_rng(0)
    source = random.integers(0, 256, _HEIGHT * _WIDTH * CHANNELS).astype(np.uint8)
    places = random.integers(-64, 64 * _WIDTH, _COUNT) / 64
    places[:3] = np.nan, np.inf, -1e300
    weights = np.zeros(256, np.float32)
    weights[192:200] = np.array([-1, 5, 6, -2, 1, 4, 5, -2]) / 8
    rows = _HEIGHT - 4
    output = np.zeros(rows * _COUNT * 2 * CHANNELS + 16, np.uint8)
    space = Held(places, np.zeros(_COUNT, np.int64), weights, np.zeros(64, np.uint32))
    trial = Native("trial", "trial_rows", CHANNELS)
    trial(source, output, Sizes(_WIDTH, _WIDTH * CHANNELS, _COUNT), space, 0, rows)
    return output.tobytes().hex()
