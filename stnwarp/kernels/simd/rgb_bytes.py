"""Blocks of pixels of three or four bytes inside the image, chunk by chunk: from the input to the output in registers.

Two loads of eight bytes take the four neighbours of a pixel. What other kernels gather into memory first, see
`simd.gather`, is put together in vectors here, while the vectors of the chunk before are blended: the loads of one and
the arithmetic of the other do not wait for each other. The arithmetic is that of `byte_floats`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.layout import CHUNK, FIRST, LOWER_WEIGHT, RIGHT_WEIGHT, Memory
from stnwarp.kernels.simd.byte_floats import BIAS, BYTE_MASK, ROUNDING, blend_bytes, byte_as_float
from stnwarp.kernels.simd.fma import emit_fma
from stnwarp.kernels.simd.memory import load_points, load_uint64, set_alias_scope, store_output, store_pixels

_BYTE, _UINT32, _LONG, _FLOAT, _DOUBLE = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_HALF = CHUNK // 2
_BYTES, _UINT32S, _FLOATS = ir.VectorType(_BYTE, 4 * CHUNK), ir.VectorType(_UINT32, CHUNK), ir.VectorType(_FLOAT, CHUNK)
_PAIRS = ir.VectorType(_DOUBLE, _HALF)  # of pixels side by side, eight bytes each
_LOW, _NONE = np.uint64(255), np.int64(0)


class _Chunk:
    """Writes the code for a chunk; positions are those of its first pixel."""

    def __init__(self, builder: Any, channels: int) -> None:
        self.builder, self.channels = builder, channels

    def gather(self, rows: Sequence[Any], offsets: Any, begin: Any) -> list[Any]:
        """Load the pixels of the upper row and of the lower one: two vectors of pairs each."""
        at = [self._load(offsets, self._part(begin, FIRST + k), _LONG, "points", 8) for k in range(CHUNK)]
        return [self._pairs(row, at[half : half + _HALF]) for row in rows for half in (0, _HALF)]

    def blend(self, pairs_of_rows: Sequence[Any], weights: Any, begin: Any) -> Any:
        """Blend to one uint32 a pixel, its channels from the low byte on."""
        upper, lower = self._split(*pairs_of_rows[:2]), self._split(*pairs_of_rows[2:])
        shares = self._shares(weights, begin)
        packed = None
        for channel in range(self.channels):
            corners = [
                self._byte_as_float(row, byte) for row in (upper, lower) for byte in (channel, channel + self.channels)
            ]
            value = self.builder.fmul(corners[0], shares[0])
            for corner, share in zip(corners[1:], shares[1:], strict=True):
                value = emit_fma(self.builder, corner, share, value)
            rounded = self.builder.bitcast(self.builder.fadd(value, _every(_FLOATS, float(ROUNDING))), _UINT32S)
            byte = self.builder.and_(rounded, _every(_UINT32S, 255))
            part = self.builder.shl(byte, _every(_UINT32S, 8 * channel))
            packed = part if packed is None else self.builder.or_(packed, part)
        return packed

    def store_bytes(self, packed: Any, output: Any, where: Any) -> None:
        """Store the channels of the pixels side by side."""
        order = _indices([byte for byte in range(4 * CHUNK) if byte % 4 < self.channels])
        narrow = self.builder.shuffle_vector(
            self.builder.bitcast(packed, _BYTES), ir.Constant(_BYTES, ir.Undefined), order
        )
        self._store(narrow, output, where, "output", 1)

    def store_packed(self, packed: Any, pixels: Any, begin: Any) -> None:
        self._store(packed, pixels, begin, "pixels", 4)

    def _pairs(self, row: Any, positions: list[Any]) -> Any:
        # As doubles: LLVM loads these straight into the upper half of a register, integers of 64 bits it does not.
        pairs = ir.Constant(_PAIRS, ir.Undefined)
        for index, position in enumerate(positions):
            pair = self._load(row, position, _DOUBLE, "source", 1)
            pairs = self.builder.insert_element(pairs, pair, _UINT32(index))
        return pairs

    def _split(self, *pairs: Any) -> tuple[Any, Any]:
        """Return the first and the second four bytes of each pair, as uint32."""
        halves = [self.builder.bitcast(vector, _UINT32S) for vector in pairs]
        first, second = (self.builder.shuffle_vector(*halves, _indices(range(n, 2 * CHUNK, 2))) for n in (0, 1))
        return first, second

    def _byte_as_float(self, row: tuple[Any, Any], byte: int) -> Any:
        """Return 256 + that byte of the eight."""
        half, at = row[byte // 4], 8 * (byte % 4)
        shift = self.builder.shl if at < 15 else self.builder.lshr
        moved = self.builder.and_(shift(half, _every(_UINT32S, abs(15 - at))), _every(_UINT32S, int(BYTE_MASK)))
        return self.builder.bitcast(self.builder.or_(moved, _every(_UINT32S, int(BIAS))), _FLOATS)

    def _shares(self, weights: Any, begin: Any) -> list[Any]:
        """Return the shares of the four neighbours, as in `byte_floats.blend_bytes`."""
        across, along = (
            self._load(weights, self._part(begin, part), _FLOATS, "points", 4) for part in (RIGHT_WEIGHT, LOWER_WEIGHT)
        )
        both = self.builder.fmul(across, along)
        lower_left = self.builder.fsub(along, both)
        upper_left = self.builder.fsub(self.builder.fsub(_every(_FLOATS, 1.0), across), lower_left)
        return [upper_left, self.builder.fsub(across, both), lower_left, both]

    def _part(self, begin: Any, part: Any) -> Any:
        return self.builder.add(begin, _LONG(int(part)))

    def _load(self, memory: Any, at: Any, kind: Any, scope: str, align: int) -> Any:
        where = self.builder.bitcast(self.builder.gep(memory, [at], inbounds=True), kind.as_pointer())
        loaded = self.builder.load(where, align=align)
        set_alias_scope(self.builder, loaded, scope)
        return loaded

    def _store(self, vector: Any, memory: Any, at: Any, scope: str, align: int) -> None:
        where = self.builder.bitcast(self.builder.gep(memory, [at], inbounds=True), vector.type.as_pointer())
        set_alias_scope(self.builder, self.builder.store(vector, where, align=align), scope)


def _every(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * kind.count)


def _indices(numbers: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(_UINT32, len(numbers)), list(numbers))


def _sampler(channels: int) -> Callable[..., Any]:
    def sample(
        typingctx: Any,
        source: Any,
        down: Any,
        offsets: Any,
        weights: Any,
        pixels: Any,
        output: Any,
        where: Any,
        last: Any,
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, down, offsets, weights, pixels, output, where, last = args
            chunk, rows = _Chunk(builder, channels), (source, builder.gep(source, [down]))
            first, start = chunk.gather(rows, offsets, _LONG(0)), builder.block
            loop, end = builder.append_basic_block("chunks"), builder.append_basic_block("last_group")
            builder.cbranch(builder.icmp_unsigned("<", _LONG(0), last), loop, end)

            builder.position_at_end(loop)
            begin, held = builder.phi(_LONG), [builder.phi(_PAIRS) for _ in first]
            after = builder.add(begin, _LONG(CHUNK))
            ahead = chunk.gather(rows, offsets, after)
            to = builder.add(where, builder.mul(begin, _LONG(channels)))
            chunk.store_bytes(chunk.blend(held, weights, begin), output, to)
            _join([begin, *held], start, [_LONG(0), *first])
            _join([begin, *held], loop, [after, *ahead])
            builder.cbranch(builder.icmp_unsigned("<", after, last), loop, end)

            builder.position_at_end(end)
            rest = [builder.phi(_PAIRS) for _ in first]
            _join(rest, start, first)
            _join(rest, loop, ahead)
            chunk.store_packed(chunk.blend(rest, weights, last), pixels, last)
            return context.get_dummy_value()

        position = types.uintp
        return types.void(source, position, offsets, weights, pixels, output, position, position), codegen

    return intrinsic(sample)  # type: ignore[no-any-return]


def _join(phis: Sequence[Any], block: Any, values: Sequence[Any]) -> None:
    for phi, value in zip(phis, values, strict=True):
        phi.add_incoming(value, block)


def _plain_sampler(channels: int) -> Callable[..., Any]:
    def sample(
        source: Memory,
        down: Any,
        offsets: Memory,
        weights: Memory,
        pixels: Memory,
        output: Memory,
        where: Any,
        last: Any,
    ) -> None:
        for k in range(last + np.uintp(CHUNK)):
            at, packed = np.uintp(load_points(offsets, FIRST + k)), np.uint32(0)
            upper, lower = load_uint64(source, at), load_uint64(source, at + down)
            across, along = load_points(weights, RIGHT_WEIGHT + k), load_points(weights, LOWER_WEIGHT + k)
            for channel in range(channels):
                left, right = np.uint64(8 * channel), np.uint64(8 * (channel + channels))
                a, b = (
                    byte_as_float(np.uint32(upper >> left & _LOW), _NONE),
                    byte_as_float(np.uint32(upper >> right & _LOW), _NONE),
                )
                c, d = (
                    byte_as_float(np.uint32(lower >> left & _LOW), _NONE),
                    byte_as_float(np.uint32(lower >> right & _LOW), _NONE),
                )
                value = blend_bytes(a, b, c, d, across, along)
                packed |= value << np.uint32(8 * channel)
                if k < last:
                    store_output(output, where + np.uintp(channels) * k + np.uintp(channel), np.uint8(value))
            if k >= last:
                store_pixels(pixels, k, packed)

    return inline(sample)


# sample(source, down, offsets, weights, pixels, output, where, last): the block's chunks before `last`, where a chunk
# begins, to the output from `where` on, and that one to `pixels`, packed; `down` is the distance to the lower
# neighbours. The offsets are those of FIRST, and all of them can be read from.
_make = _plain_sampler if TAKES_ARRAYS else _sampler
sample_rgb, sample_rgba = _make(3), _make(4)
