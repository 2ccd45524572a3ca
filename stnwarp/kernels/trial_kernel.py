"""One small kernel that has in it what the others are made of, to see what an untested Numba makes of it.

All its numbers are multiples of 1/64 that float32 holds: compiled or not, whatever order they are summed in, they come
out the same to the bit.
"""

from typing import Any, NamedTuple

import numpy as np

from stnwarp.kernels.compiler import decorators
from stnwarp.kernels.compiler.arguments import PointerArgs
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.kernels.compiler.decorators import force_inline, inline, kernel
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.byte_floats import byte_as_float, to_byte
from stnwarp.kernels.simd.memory import (
    copy_pair,
    load_pixels,
    load_points,
    load_source,
    load_uint64,
    prefetch_source,
    round_and_store,
    store_output,
    store_pixels,
    store_points,
)
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, cast_to_weight, multiply_unless_zero
from stnwarp.kernels.simd.tap_window import blend_4x4_three, clamp_to_range

CHANNELS, _WIDTH, _HEIGHT, _COUNT = 3, 16, 8, 20
_OFFSETS, _SHARES, _SUMS = np.uintp(0), np.uintp(64), np.uintp(128)


class Sizes(NamedTuple):
    """The sizes that the trial kernel takes beside its arrays."""

    width: int
    row_stride: int
    columns: int


@kernel
def trial_rows(
    source: Memory,
    output: Memory,
    sizes: Sizes,
    positions: Memory,
    offsets: Memory,
    weights: Memory,
    pixels: Memory,
    start: int,
    stop: int,
    channels: int,
) -> None:
    """Set rows [start, stop) of the output: per position two bytes of a channel, a mean and a sum over 4x4 pixels."""
    for row in range(start, stop):
        _locate(sizes, row, positions, offsets, weights)
        for k in range(np.uintp(sizes.columns)):
            _blend(source, output, sizes, offsets, weights, pixels, np.uintp(row * sizes.columns) + k, k, channels)


@inline
def _locate(sizes: Sizes, row: int, positions: Memory, offsets: Memory, weights: Memory) -> None:
    for k in range(np.uintp(sizes.columns)):
        position = load_points(positions, k)
        inside = min(max(position, 0.0), np.float64(sizes.width - 5)) if position == position else 0.0
        left = np.floor(inside)
        store_points(offsets, _OFFSETS + k, np.int64(left) * CHANNELS + row * sizes.row_stride)
        store_points(weights, _SHARES + k, cast_to_weight(weights, inside - left))


@force_inline
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
    store_pixels(pixels, k, np.uint32(load_uint64(source, at) >> np.uint64(8) & np.uint64(0xFFFFFFFF)))
    copy_pair(weights, _SHARES + k, weights, _SUMS + np.uintp(4))
    blend_4x4_three(source, at, down, weights, np.uintp(192), np.uintp(196), _SUMS)
    every = np.uintp(2 * channels)
    for channel in range(np.uintp(channels)):
        left = multiply_unless_zero(load_source(source, at + channel), cast_like(across, 1) - across)
        mean = add_unless_zero(left, load_source(source, at + np.uintp(channels) + channel), across)
        byte = to_byte(byte_as_float(load_pixels(pixels, k), np.int64(8) * np.int64(channel)))
        round_and_store(
            output, to * every + channel, clamp_to_range(output, mean + load_points(weights, _SUMS + np.uintp(4)))
        )
        total = clamp_to_range(output, load_points(weights, _SUMS + channel))
        store_output(output, to * every + np.uintp(channels) + channel, np.uint8(np.int32(total)) ^ np.uint8(byte))


def result() -> str:
    """Return what the kernel writes, as text; through all that stands between a caller and the machine code."""
    if decorators.FALLBACK:
        raise ImportError(decorators.OBSTACLE)
    random = np.random.default_rng(0)
    source = random.integers(0, 256, _HEIGHT * _WIDTH * CHANNELS).astype(np.uint8)
    positions = random.integers(-64, 64 * _WIDTH, _COUNT) / 64
    positions[:3] = np.nan, np.inf, -1e300
    weights = np.zeros(256, np.float32)
    weights[192:200] = np.array([-1, 5, 6, -2, 1, 4, 5, -2]) / 8
    rows = _HEIGHT - 4
    output = np.zeros(rows * _COUNT * 2 * CHANNELS + 16, np.uint8)
    space = PointerArgs(positions, np.zeros(_COUNT, np.int64), weights, np.zeros(64, np.uint32))
    trial = CompiledKernel("trial_kernel", "trial_rows", CHANNELS)
    trial(source, output, Sizes(_WIDTH, _WIDTH * CHANNELS, _COUNT), space, 0, rows)
    return output.tobytes().hex()
