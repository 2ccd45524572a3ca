"""Neighbours of a chunk of positions, copied pixel by pixel into words that the blending loops read one after the
other.

Two loads take all four neighbours: pixels that lie side by side come in one word. Here the loads are plain, and the
loops that blend run over contiguous words and are vectorised; on processors whose gather instructions are slower than
the loads they stand for, that is faster than gathering inside the blending loop, and nowhere slower. The words are put
together in vectors: a vector that is read where several narrower ones were just stored has to wait for them.

A chunk of CHUNK positions is gathered while the one before is blended: loads and arithmetic then overlap.

Offsets are those of FIRST, *begin* the chunk's first position; *shift* is added to all of them, and *down* is the
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


def _gatherer(bits: int, lanes: int, together: bool) -> Callable[..., Any]:
    """Words of *bits* bits, put into vectors of so many *lanes* that are stored at once.

    The upper and the lower word of a position lie *together*, or all upper words at UPPER_NEIGHBOURS and all lower
    ones at LOWER_NEIGHBOURS.
    """
    # LLVM loads a double straight into the upper half of a register, an integer of 64 bits it does not.
    word = ir.DoubleType() if bits == 64 else ir.IntType(bits)
    index, lane = ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(word, lanes)

    def collect(typingctx: Any, source: Any, shift: Any, down: Any, offsets: Any, pixels: Any, begin: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, shift, down, offsets, pixels, begin = args
            align = 4 if source.type.pointee == ir.FloatType() else 1
            upper = builder.gep(source, [shift])
            lower = builder.gep(upper, [down])

            def position(number: int) -> Any:
                return _load(builder, offsets, builder.add(begin, index(int(FIRST) + number)), index, "points", 8)

            def store(neighbours: list[tuple[Any, Any]], to: Any) -> None:
                words = ir.Constant(vector, ir.Undefined)
                for number, (row, at) in enumerate(neighbours):
                    words = builder.insert_element(words, _load(builder, row, at, word, "source", align), lane(number))
                where = builder.bitcast(builder.gep(pixels, [to], inbounds=True), vector.as_pointer())
                set_alias_scope(builder, builder.store(words, where, align=bits * lanes // 8), "pixels")

            stride = 2 * bits // 32 if together else bits // 32  # of a position among the words of 32 bits
            first = builder.mul(begin, index(stride))
            positions = lanes // 2 if together else lanes
            for part in range(0, CHUNK, positions):
                here = [position(part + number) for number in range(positions)]
                to = builder.add(first, index(int(UPPER_NEIGHBOURS) + stride * part))
                if together:
                    store([(row, at) for at in here for row in (upper, lower)], to)
                else:
                    store([(upper, at) for at in here], to)
                    store(
                        [(lower, at) for at in here], builder.add(first, index(int(LOWER_NEIGHBOURS) + stride * part))
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
        word = np.uint64(0)
        for byte in range(np.uintp(count)):
            word |= np.uint64(load_source(source, at + byte)) << np.uint64(np.uintp(8) * byte)
        return word

    return inline(read)


def _plain_gatherer(read: Callable[..., Any], bits: int, together: bool) -> Callable[..., Any]:
    """The same, each word by *read*."""

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
    """Four bytes of each of PIXELS_PER_COPY pixels, in one vector from which every fourth is left out."""
    word, byte, index, lane = ir.IntType(32), ir.IntType(8), ir.IntType(64), ir.IntType(32)
    words, packed = ir.VectorType(word, PIXELS_PER_COPY), ir.VectorType(byte, 4 * PIXELS_PER_COPY)
    kept = [at for at in range(4 * PIXELS_PER_COPY) if at % 4 < 3]

    def copy(typingctx: Any, source: Any, offsets: Any, begin: Any, output: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, offsets, begin, output, to = args
            pixels = ir.Constant(words, ir.Undefined)
            for number in range(PIXELS_PER_COPY):
                at = _load(builder, offsets, builder.add(begin, index(int(FIRST) + number)), index, "points", 8)
                pixels = builder.insert_element(pixels, _load(builder, source, at, word, "source", 1), lane(number))
            positions = ir.Constant(ir.VectorType(lane, 4 * PIXELS_PER_COPY), kept + [0] * PIXELS_PER_COPY)
            narrow = builder.shuffle_vector(
                builder.bitcast(pixels, packed), ir.Constant(packed, ir.Undefined), positions
            )
            where = builder.bitcast(builder.gep(output, [to], inbounds=True), packed.as_pointer())
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
def _store_halves(pixels: Memory, to: Any, word: Any) -> None:
    store_pixels(pixels, to, np.uint32(word & np.uint64(0xFFFFFFFF)))
    store_pixels(pixels, to + _ONE, np.uint32(word >> np.uint64(32)))


# collect(source, shift, down, offsets, pixels, begin), as wide as the processor that this was measured on likes it.
# Words of two or four bytes lie together, those of eight, and pairs of float32, apart.
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
    """`gather_4_channels` where some of the eight bytes may lie behind the memory: none begin behind *last*."""
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
    """The eight bytes from *at* on; those behind the memory, whose last eight begin at *last*, are 0."""
    back = at - last if at > last else np.uintp(0)
    return load_uint64(source, at - back) >> (np.uint64(8) * np.uint64(back))


@inline
def complete_chunks(offsets: Memory, count: int) -> Any:
    """Complete the last chunk of *count* positions with an offset that can be read; returns the number of chunks."""
    chunks = np.uintp((count + CHUNK - 1) // CHUNK)
    last = load_points(offsets, FIRST + np.uintp(count - 1))
    for k in range(np.uintp(count), chunks * np.uintp(CHUNK)):
        store_points(offsets, FIRST + np.uintp(k), last)
    return chunks
