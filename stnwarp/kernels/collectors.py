"""Neighbours of a group of places, copied pixel by pixel into words that the blending loops read one after the other.

Two loads take all four neighbours: pixels that lie side by side come in one word. Here the loads are plain, and the
loops that blend run over contiguous words and are vectorised; on processors whose gather instructions are slower than
the loads they stand for, that is faster than gathering inside the blending loop, and nowhere slower. The words are put
together in vectors: a vector that is read where several narrower ones were just stored has to wait for them.

A group of GROUP places is collected while the one before is blended: loads and arithmetic then overlap.

Offsets are those of FIRST, *begin* the group's first place; *shift* is added to all of them, and *down* is the distance
to the lower neighbours.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.blocks import FIRST, GROUP, LOWER_WORDS, UPPER_WORDS, Memory
from stnwarp.kernels.jit import ARRAYS, inlined
from stnwarp.kernels.memory import as_word, load_points, load_source, load_word64, store_output, store_pixels, tag

QUAD = 4  # pixels of three bytes that are copied at once

_ONE, _TWO = np.uintp(1), np.uintp(2)


def _load(builder: Any, memory: Any, at: Any, kind: Any, scope: str, align: int) -> Any:
    where = builder.bitcast(builder.gep(memory, [at], inbounds=True), kind.as_pointer())
    loaded = builder.load(where, align=align)
    tag(builder, loaded, scope)
    return loaded


def _collector(bits: int, lanes: int, together: bool) -> Callable[..., Any]:
    """Words of *bits* bits, put into vectors of so many *lanes* that are stored at once.

    The upper and the lower word of a place lie *together*, or all upper words at UPPER_WORDS and all lower ones at
    LOWER_WORDS.
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

            def place(number: int) -> Any:
                return _load(builder, offsets, builder.add(begin, index(int(FIRST) + number)), index, "points", 8)

            def store(neighbours: list[tuple[Any, Any]], to: Any) -> None:
                words = ir.Constant(vector, ir.Undefined)
                for number, (row, at) in enumerate(neighbours):
                    words = builder.insert_element(words, _load(builder, row, at, word, "source", align), lane(number))
                where = builder.bitcast(builder.gep(pixels, [to], inbounds=True), vector.as_pointer())
                tag(builder, builder.store(words, where, align=bits * lanes // 8), "pixels")

            stride = 2 * bits // 32 if together else bits // 32  # of a place among the words of 32 bits
            first = builder.mul(begin, index(stride))
            places = lanes // 2 if together else lanes
            for part in range(0, GROUP, places):
                here = [place(part + number) for number in range(places)]
                to = builder.add(first, index(int(UPPER_WORDS) + stride * part))
                if together:
                    store([(row, at) for at in here for row in (upper, lower)], to)
                else:
                    store([(upper, at) for at in here], to)
                    store([(lower, at) for at in here], builder.add(first, index(int(LOWER_WORDS) + stride * part)))
            return context.get_dummy_value()

        places = types.uintp
        return types.void(source, places, places, offsets, pixels, places), codegen

    return intrinsic(collect)  # type: ignore[no-any-return]


@inlined
def _read_pair(source: Memory, at: Any) -> Any:
    left, right = as_word(load_source(source, at)), as_word(load_source(source, at + _ONE))
    return np.uint64(left) | np.uint64(right) << np.uint64(32)


def _reader(count: int) -> Callable[..., Any]:
    def read(source: Memory, at: Any) -> Any:
        word = np.uint64(0)
        for byte in range(np.uintp(count)):
            word |= np.uint64(load_source(source, at + byte)) << np.uint64(np.uintp(8) * byte)
        return word

    return inlined(read)


def _plain_collector(read: Callable[..., Any], bits: int, together: bool) -> Callable[..., Any]:
    """The same, each word by *read*."""

    def collect(source: Memory, shift: Any, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
        for place in range(np.uintp(GROUP)):
            k = begin + place
            at = np.uintp(load_points(offsets, FIRST + k)) + shift
            upper, lower = read(source, at), read(source, at + down)
            if bits == 16:
                store_pixels(pixels, UPPER_WORDS + k, np.uint32(upper | lower << np.uint64(16)))
            elif together:
                store_pixels(pixels, UPPER_WORDS + _TWO * k, np.uint32(upper))
                store_pixels(pixels, UPPER_WORDS + _TWO * k + _ONE, np.uint32(lower))
            else:
                _store_halves(pixels, UPPER_WORDS + _TWO * k, upper)
                _store_halves(pixels, LOWER_WORDS + _TWO * k, lower)

    return inlined(collect)


def _copier() -> Callable[..., Any]:
    """Four bytes of each of QUAD pixels, in one vector from which every fourth is left out."""
    word, byte, index, lane = ir.IntType(32), ir.IntType(8), ir.IntType(64), ir.IntType(32)
    words, packed = ir.VectorType(word, QUAD), ir.VectorType(byte, 4 * QUAD)
    kept = [at for at in range(4 * QUAD) if at % 4 < 3]

    def copy(typingctx: Any, source: Any, offsets: Any, begin: Any, output: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, offsets, begin, output, to = args
            pixels = ir.Constant(words, ir.Undefined)
            for number in range(QUAD):
                at = _load(builder, offsets, builder.add(begin, index(int(FIRST) + number)), index, "points", 8)
                pixels = builder.insert_element(pixels, _load(builder, source, at, word, "source", 1), lane(number))
            places = ir.Constant(ir.VectorType(lane, 4 * QUAD), kept + [0] * QUAD)
            narrow = builder.shuffle_vector(builder.bitcast(pixels, packed), ir.Constant(packed, ir.Undefined), places)
            where = builder.bitcast(builder.gep(output, [to], inbounds=True), packed.as_pointer())
            tag(builder, builder.store(narrow, where, align=1), "output")
            return context.get_dummy_value()

        return types.void(source, offsets, types.uintp, output, types.uintp), codegen

    return intrinsic(copy)  # type: ignore[no-any-return]


def _plain_copy(source: Memory, offsets: Memory, begin: Any, output: Memory, to: Any) -> None:
    for place in range(np.uintp(QUAD)):
        at = np.uintp(load_points(offsets, FIRST + begin + place))
        for byte in range(np.uintp(3)):
            store_output(output, to + np.uintp(3) * place + byte, load_source(source, at + byte))


@inlined
def _store_halves(pixels: Memory, to: Any, word: Any) -> None:
    store_pixels(pixels, to, np.uint32(word & np.uint64(0xFFFFFFFF)))
    store_pixels(pixels, to + _ONE, np.uint32(word >> np.uint64(32)))


# collect(source, shift, down, offsets, pixels, begin), as wide as the processor that this was measured on likes it.
# Words of two or four bytes lie together, those of eight, and pairs of float32, apart.
if ARRAYS:
    collect_bytes, collect_words = _plain_collector(_reader(2), 16, True), _plain_collector(_reader(4), 32, True)
    collect_fours = _plain_collector(load_word64, 64, False)
    collect_pairs = _plain_collector(_read_pair, 64, False)
    copy_threes = inlined(_plain_copy)
else:
    collect_bytes, collect_words = _collector(16, 32, True), _collector(32, 16, True)
    collect_fours, collect_pairs = _collector(64, 2, False), _collector(64, 4, False)
    # copy(source, offsets, begin, output, to): QUAD pixels of three bytes; reads one more byte of each, and may
    # overwrite as many as there are pixels behind the last
    copy_threes = _copier()
