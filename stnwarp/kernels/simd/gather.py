"""Neighbours of a chunk of positions, copied pixel by pixel into integers that the blending loops read in order.

Two loads take all four neighbours: pixels that lie side by side come in one integer. Here the loads are plain, and the
loops that blend run over contiguous integers and are vectorised; on processors whose gather instructions are slower
than the loads they stand for, that is faster than gathering inside the blending loop, and nowhere slower. The integers
are put together in vectors: a vector that is read where several narrower ones were just stored has to wait for them.

A chunk of CHUNK positions is gathered while the one before is blended: loads and arithmetic then overlap.

Offsets are those of FIRST, `begin` the chunk's first position; `shift` is added to all of them, and `down` is the
distance to the lower neighbours.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.layout import CHUNK, FIRST, LOWER_NEIGHBOURS, UPPER_NEIGHBOURS, Memory
from stnwarp.kernels.simd.memory import (
    float_to_bits,
    load_points,
    load_source,
    load_uint64,
    set_alias_scope,
    store_output,
    store_pixels,
    store_points,
    store_uint64_pair,
)

PIXELS_PER_COPY = 4  # pixels of three bytes that are copied at once

_ONE, _TWO = np.uintp(1), np.uintp(2)


def _load(builder: Any, memory: Any, at: Any, kind: Any, scope: str, align: int) -> Any:
    where = builder.bitcast(builder.gep(memory, [at], inbounds=True), kind.as_pointer())
    loaded = builder.load(where, align=align)
    set_alias_scope(builder, loaded, scope)
    return loaded


def _gatherer(bits: int, length: int, together: bool) -> Callable[..., Any]:
    """Make code that gathers integers of `bits` bits, `length` of them at once, into vectors.

    The upper and the lower one of a position lie `together`, or all upper ones at UPPER_NEIGHBOURS and all lower ones
    at LOWER_NEIGHBOURS.
    """
    # LLVM loads a double straight into the upper half of a register, an integer of 64 bits it does not.
    element = ir.DoubleType() if bits == 64 else ir.IntType(bits)
    int64, int32 = ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(element, length)

    def collect(typingctx: Any, source: Any, shift: Any, down: Any, offsets: Any, pixels: Any, begin: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, shift, down, offsets, pixels, begin = args
            align = 4 if source.type.pointee == ir.FloatType() else 1
            upper = builder.gep(source, [shift])
            lower = builder.gep(upper, [down])

            def position(number: int) -> Any:
                return _load(builder, offsets, builder.add(begin, int64(int(FIRST) + number)), int64, "points", 8)

            def store(neighbours: list[tuple[Any, Any]], to: Any) -> None:
                values = ir.Constant(vector, ir.Undefined)
                for number, (row, at) in enumerate(neighbours):
                    value = _load(builder, row, at, element, "source", align)
                    values = builder.insert_element(values, value, int32(number))
                where = builder.bitcast(builder.gep(pixels, [to], inbounds=True), vector.as_pointer())
                set_alias_scope(builder, builder.store(values, where, align=bits * length // 8), "pixels")

            stride = 2 * bits // 32 if together else bits // 32  # of a position among the integers of 32 bits
            first = builder.mul(begin, int64(stride))
            positions = length // 2 if together else length
            for part in range(0, CHUNK, positions):
                here = [position(part + number) for number in range(positions)]
                to = builder.add(first, int64(int(UPPER_NEIGHBOURS) + stride * part))
                if together:
                    store([(row, at) for at in here for row in (upper, lower)], to)
                else:
                    store([(upper, at) for at in here], to)
                    store(
                        [(lower, at) for at in here], builder.add(first, int64(int(LOWER_NEIGHBOURS) + stride * part))
                    )
            return context.get_dummy_value()

        positions = types.uintp
        return types.void(source, positions, positions, offsets, pixels, positions), codegen

    return intrinsic(collect)  # type: ignore[no-any-return]


@inline
def _read_pair(source: Memory, at: Any) -> Any:
    left, right = float_to_bits(load_source(source, at)), float_to_bits(load_source(source, at + _ONE))
    return np.uint64(left) | np.uint64(right) << np.uint64(32)


def _reader(count: int) -> Callable[..., Any]:
    def read(source: Memory, at: Any) -> Any:
        value = np.uint64(0)
        for byte in range(np.uintp(count)):
            value |= np.uint64(load_source(source, at + byte)) << np.uint64(np.uintp(8) * byte)
        return value

    return inline(read)


def _plain_gatherer(read: Callable[..., Any], bits: int, together: bool) -> Callable[..., Any]:
    """Make the plain twin, which reads each integer by `read`."""

    def collect(source: Memory, shift: Any, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
        for position in range(np.uintp(CHUNK)):
            k = begin + position
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            upper, lower = read(source, at), read(source, at + down)
            if bits == 16:
                store_pixels(pixels, UPPER_NEIGHBOURS + k, np.uint32(upper | lower << np.uint64(16)))
            elif together:
                store_pixels(pixels, UPPER_NEIGHBOURS + _TWO * k, np.uint32(upper))
                store_pixels(pixels, UPPER_NEIGHBOURS + _TWO * k + _ONE, np.uint32(lower))
            else:
                _store_halves(pixels, UPPER_NEIGHBOURS + _TWO * k, upper)
                _store_halves(pixels, LOWER_NEIGHBOURS + _TWO * k, lower)

    return inline(collect)


def _copier() -> Callable[..., Any]:
    """Make code that copies four bytes of PIXELS_PER_COPY pixels as one vector, and leaves out every fourth byte."""
    int64, int32, int8 = ir.IntType(64), ir.IntType(32), ir.IntType(8)
    integers, single_bytes = ir.VectorType(int32, PIXELS_PER_COPY), ir.VectorType(int8, 4 * PIXELS_PER_COPY)
    first_three = [at for at in range(4 * PIXELS_PER_COPY) if at % 4 < 3]

    def copy(typingctx: Any, source: Any, offsets: Any, begin: Any, output: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, offsets, begin, output, to = args
            pixels = ir.Constant(integers, ir.Undefined)
            for number in range(PIXELS_PER_COPY):
                at = _load(builder, offsets, builder.add(begin, int64(int(FIRST) + number)), int64, "points", 8)
                pixels = builder.insert_element(pixels, _load(builder, source, at, int32, "source", 1), int32(number))
            positions = ir.Constant(ir.VectorType(int32, 4 * PIXELS_PER_COPY), first_three + [0] * PIXELS_PER_COPY)
            narrow = builder.shuffle_vector(
                builder.bitcast(pixels, single_bytes), ir.Constant(single_bytes, ir.Undefined), positions
            )
            where = builder.bitcast(builder.gep(output, [to], inbounds=True), single_bytes.as_pointer())
            set_alias_scope(builder, builder.store(narrow, where, align=1), "output")
            return context.get_dummy_value()

        return types.void(source, offsets, types.uintp, output, types.uintp), codegen

    return intrinsic(copy)  # type: ignore[no-any-return]


def _plain_copy(source: Memory, offsets: Memory, begin: Any, output: Memory, to: Any) -> None:
    for position in range(np.uintp(PIXELS_PER_COPY)):
        at = np.uintp(load_points(offsets, FIRST + begin + position))
        for byte in range(np.uintp(3)):
            store_output(output, to + np.uintp(3) * position + byte, load_source(source, at + byte))


@inline
def _store_halves(pixels: Memory, to: Any, value: Any) -> None:
    store_pixels(pixels, to, np.uint32(value & np.uint64(0xFFFFFFFF)))
    store_pixels(pixels, to + _ONE, np.uint32(value >> np.uint64(32)))


# collect(source, shift, down, offsets, pixels, begin), as wide as the processor that this was measured on likes it.
# Integers of two or four bytes lie together, those of eight, and pairs of float32, apart.
if TAKES_ARRAYS:
    gather_1_channel, gather_2_channels = _plain_gatherer(_reader(2), 16, True), _plain_gatherer(_reader(4), 32, True)
    gather_4_channels = _plain_gatherer(load_uint64, 64, False)
    gather_float_pairs = _plain_gatherer(_read_pair, 64, False)
    copy_rgb_pixels = inline(_plain_copy)
else:
    gather_1_channel, gather_2_channels = _gatherer(16, 32, True), _gatherer(32, 16, True)
    gather_4_channels, gather_float_pairs = _gatherer(64, 2, False), _gatherer(64, 4, False)
    # copy(source, offsets, begin, output, to): PIXELS_PER_COPY pixels of three bytes; reads one more byte of each,
    # and may overwrite as many as there are pixels behind the last
    copy_rgb_pixels = _copier()


_ONE, _TWO = np.uintp(1), np.uintp(2)


@inline
def gather_within(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any, last: Any) -> None:
    """Do what `gather_4_channels` does where eight bytes may lie behind the memory: none begin behind `last`."""
    for pair in range(np.uintp(CHUNK // 2)):
        k = begin + pair * _TWO
        at, after = np.uintp(load_points(offsets, FIRST + k)), np.uintp(load_points(offsets, FIRST + k + _ONE))
        store_uint64_pair(
            pixels, UPPER_NEIGHBOURS + _TWO * k, load_within(source, at, last), load_within(source, after, last)
        )
        at, after = at + down, after + down
        store_uint64_pair(
            pixels, LOWER_NEIGHBOURS + _TWO * k, load_within(source, at, last), load_within(source, after, last)
        )


@inline
def load_within(source: Memory, at: Any, last: Any) -> Any:
    """Load the eight bytes from `at` on; those behind the memory, whose last eight begin at `last`, are 0."""
    back = at - last if at > last else np.uintp(0)
    return load_uint64(source, at - back) >> (np.uint64(8) * np.uint64(back))


@inline
def complete_chunks(offsets: Memory, count: int) -> Any:
    """Complete the last chunk of `count` positions with an offset that can be read; return the number of chunks."""
    chunks = np.uintp((count + CHUNK - 1) // CHUNK)
    last = load_points(offsets, FIRST + np.uintp(count - 1))
    for k in range(np.uintp(count), chunks * np.uintp(CHUNK)):
        store_points(offsets, FIRST + np.uintp(k), last)
    return chunks
