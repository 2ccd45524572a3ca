"""Means of the pixels of footprints: up to eight pixels of a row at once.

A footprint is a parallelogram. A window of the source holds it: rows of pixels whose channels lie side by side. The
weight of a pixel is k(dx) k(dy), where (dx, dy) is its offset from the middle of the footprint in output pixels, linear
in the column and the row of the window. Where a window is wider than what a row can have of the footprint, the first
column that has a weight is solved for in each row.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.layout import LONGEST_SIDE, TAP_BLOCK
from stnwarp.kernels.simd.fma import emit_fma
from stnwarp.kernels.simd.mixed_precision import cast_to_weight
from stnwarp.kernels.simd.vector_emitter import CUBIC, HAT, REACH, VECTOR, VectorEmitter

# The work space of a block of footprints, in parts of TAP_BLOCK. Numbers, of the weights' type: (dx, dy) of a window's
# first pixel, what they grow by from column to column and from row to row; what comes out, the means of up to four
# channels, and room for as many others. Offsets, int64: of a window's first pixel, and how many rows, columns, and
# vectors of pixels in a row it has; no rows where a footprint is left out.
DX, DY, DX_COLUMN, DY_COLUMN, DX_ROW, DY_ROW, MEANS, OTHERS = (np.uintp(part * TAP_BLOCK) for part in (*range(7), 10))
NUMBER_PARTS = 14
AT, ROWS, COLUMNS, VECTORS = (np.uintp(part * TAP_BLOCK) for part in range(4))
OFFSET_PARTS = 4

_INT32, _INDEX = ir.IntType(32), ir.IntType(64)
_NUMBER = 1e20  # stands for 1 / 0


class _Sums:
    """The sums of weights and of weighted channels of one footprint, kept in vectors."""

    def __init__(self, emitter: VectorEmitter, channels: int) -> None:
        self.emitter, self.channels, self.builder = emitter, channels, emitter.builder
        zero = ir.Constant(emitter.vector, None)
        self.total = cgutils.alloca_once(self.builder, emitter.vector)
        self.parts = [cgutils.alloca_once(self.builder, emitter.vector) for _ in range(channels)]
        for memory in (self.total, *self.parts):
            self.builder.store(zero, memory)

    def add(self, source: Any, at: Any, weights: Any) -> None:
        """Add the eight pixels of `source` from element `at` on."""
        builder, vector = self.builder, self.emitter.vector
        builder.store(builder.fadd(builder.load(self.total), weights), self.total)
        for number, part in enumerate(self.parts):
            start = builder.gep(source, [builder.add(at, _INDEX(number * VECTOR))])
            pixels = ir.VectorType(source.type.pointee, VECTOR).as_pointer()
            values = builder.load(builder.bitcast(start, pixels), align=1)
            repeated = self._shuffle(
                weights, weights, [(number * VECTOR + element) // self.channels for element in range(VECTOR)]
            )
            if isinstance(source.type.pointee, ir.IntType):
                values = builder.sitofp(builder.zext(values, ir.VectorType(_INT32, VECTOR)), vector)
            else:  # what has no weight is not read, be it NaN or infinite
                zero = ir.Constant(vector, None)
                values = builder.select(builder.fcmp_unordered("!=", repeated, zero), values, zero)
            builder.store(emit_fma(builder, values, repeated, builder.load(part)), part)

    def store_means(self, numbers: Any, at: Any) -> None:
        """Store the mean of each channel. Halves are added, and halves of these: the same on every processor."""
        builder, channels = self.builder, self.channels
        (total,) = self._fold([builder.load(self.total)], 1)
        sums = self._fold([builder.load(part) for part in self.parts], channels)[0]
        total = builder.extract_element(total, _INT32(0))
        reciprocal = builder.fdiv(ir.Constant(total.type, 1), total)
        for channel in range(channels):
            mean = builder.fmul(builder.extract_element(sums, _INT32(channel)), reciprocal)
            builder.store(mean, builder.gep(numbers, [builder.add(at, _INDEX(int(MEANS) + channel * TAP_BLOCK))]))

    def _fold(self, parts: list[Any], channels: int) -> list[Any]:
        """Add the pixels of interleaved `channels` that lie one behind the other in `parts`, vectors of eight."""
        count = VECTOR * channels
        while count > channels:
            count //= 2
            parts = [
                self.builder.fadd(
                    self._slice(parts, start, min(VECTOR, count - start)),
                    self._slice(parts, count + start, min(VECTOR, count - start)),
                )
                for start in range(0, count, VECTOR)
            ]
        return parts

    def _slice(self, parts: list[Any], start: int, count: int) -> Any:
        """Return the elements from `start` on, which lie in one of `parts` or two."""
        first, skipped = divmod(start, VECTOR)
        one = parts[first]
        other = parts[min(first + 1, len(parts) - 1)]
        if other.type != one.type:  # the last one may be shorter
            other = self._shuffle(other, other, [min(k, other.type.count - 1) for k in range(VECTOR)])
        return self._shuffle(one, other, [skipped + k for k in range(count)])

    def _shuffle(self, one: Any, other: Any, elements: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(_INT32, len(elements)), elements)
        return self.builder.shuffle_vector(one, other, mask)


class _Window:
    """The weights of the pixels of a window."""

    def __init__(self, emitter: VectorEmitter, kernel: int, numbers: Any, where: Any) -> None:
        self.emitter, self.kernel, builder = emitter, kernel, emitter.builder

        def load(part: Any) -> Any:
            return builder.load(builder.gep(numbers, [builder.add(where, _INDEX(int(part)))]))

        self.first, self.growth = [load(DX), load(DY)], [load(DX_COLUMN), load(DY_COLUMN)]
        self.descent = [load(DX_ROW), load(DY_ROW)]
        ascending = ir.Constant(emitter.vector, [ir.Constant(emitter.element, k) for k in range(VECTOR)])
        self.starts = [
            emit_fma(builder, emitter.broadcast(growth), ascending, emitter.broadcast(first))
            for growth, first in zip(self.growth, self.first, strict=True)
        ]
        self.descents = [emitter.broadcast(number) for number in self.descent]

    def offsets(self, row: Any) -> list[Any]:
        """Return those of the first eight pixels of a row; `row` is its number in a vector."""
        pairs = zip(self.descents, self.starts, strict=True)
        return [emit_fma(self.emitter.builder, descent, row, start) for descent, start in pairs]

    def move(self, offsets: list[Any], column: Any) -> list[Any]:
        """Return `offsets` of the eight pixels from `column` on, a number."""
        emitter, column = self.emitter, self.emitter.broadcast(column)
        pairs = zip(self.growth, offsets, strict=True)
        return [emit_fma(emitter.builder, emitter.broadcast(growth), column, offset) for growth, offset in pairs]

    def weights(self, offsets: list[Any]) -> Any:
        """Return the weights of eight pixels."""
        return self.emitter.builder.fmul(*(self.emitter.weight(offset, self.kernel) for offset in offsets))

    def reciprocals(self) -> list[Any]:
        """Return those of what offsets grow by; a large number for that of 0."""
        emitter, found = self.emitter, []
        for number in self.growth:
            quotient = emitter.builder.fdiv(ir.Constant(number.type, 1), number)
            most = ir.Constant(number.type, _NUMBER)
            found.append(emitter.choose(emitter.call("fabs", quotient), "<", most, quotient, most))
        return found

    def first_columns(self, rows: Any, reciprocals: list[Any], last: Any) -> Any:
        """Return the first column of each of eight rows that has a weight, whole numbers of 0 to `last`."""
        emitter, builder = self.emitter, self.emitter.builder
        low = ir.Constant(rows.type, None)
        for descent, first, reciprocal in zip(self.descents, self.first, reciprocals, strict=True):
            offset = emit_fma(builder, descent, rows, emitter.broadcast(first))
            ends = [
                builder.fmul(
                    builder.fsub(emitter.constant(rows.type, sign * REACH[self.kernel]), offset),
                    emitter.broadcast(reciprocal),
                )
                for sign in (-1, 1)
            ]
            low = emitter.greatest(emitter.least(*ends), low)
        return emitter.call("ceil", emitter.least(low, emitter.broadcast(last)))


class _Loop:
    """The loop over the rows of a window, from `start`, the index of its first element, on."""

    def __init__(self, emitter: VectorEmitter, start: Any, stride: Any) -> None:
        self.emitter, self.builder, self.stride = emitter, emitter.builder, stride
        self._at = cgutils.alloca_once(self.builder, _INDEX)
        self._row = cgutils.alloca_once(self.builder, emitter.vector)
        self.builder.store(start, self._at)
        self.builder.store(ir.Constant(emitter.vector, None), self._row)

    def run(self, rows: Any, body: Callable[[Any, Any], None]) -> None:
        """Emit `body` of the row's number, in a vector, and of the index of its first element."""
        builder = self.builder
        with cgutils.for_range(builder, rows, intp=_INDEX):
            row, at = builder.load(self._row), builder.load(self._at)
            body(row, at)
            builder.store(builder.fadd(row, self.emitter.constant(row.type, 1)), self._row)
            builder.store(builder.add(at, self.stride), self._at)


def _emit(builder: Any, args: tuple[Any, ...], channels: int, kernel: int) -> None:
    source, shift, stride, offsets, numbers, where = args
    emitter = VectorEmitter(builder, numbers.type.pointee)

    def load(part: Any) -> Any:
        return builder.load(builder.gep(offsets, [builder.add(where, _INDEX(int(part)))]))

    rows, columns, vectors = load(ROWS), load(COLUMNS), load(VECTORS)
    sums, window = _Sums(emitter, channels), _Window(emitter, kernel, numbers, where)
    loop = _Loop(emitter, builder.add(load(AT), shift), stride)
    spare = builder.sub(columns, builder.shl(vectors, _INDEX(3)))

    def add_first(row: Any, at: Any) -> None:
        sums.add(source, at, window.weights(window.offsets(row)))

    def add_vectors(row: Any, at: Any, begin: Any) -> None:
        offsets = window.offsets(row)
        at = builder.add(at, builder.mul(builder.fptosi(begin, _INDEX), _INDEX(channels)))
        with cgutils.for_range(builder, vectors, intp=_INDEX) as chunk:
            skipped = builder.shl(chunk.index, _INDEX(3))
            column = builder.fadd(begin, builder.sitofp(skipped, emitter.element))
            pixels = builder.add(at, builder.mul(skipped, _INDEX(channels)))
            sums.add(source, pixels, window.weights(window.move(offsets, column)))

    one = builder.icmp_unsigned("==", vectors, _INDEX(1))
    whole = builder.icmp_unsigned("==", spare, _INDEX(0))
    with builder.if_else(builder.and_(one, whole)) as (then, otherwise):
        with then:
            loop.run(rows, add_first)
        with otherwise:
            reciprocals, last = window.reciprocals(), builder.sitofp(spare, emitter.element)
            columns_of_rows = cgutils.alloca_once(builder, emitter.element, LONGEST_SIDE)
            ascending = ir.Constant(emitter.vector, [ir.Constant(emitter.element, k) for k in range(VECTOR)])
            eighths = builder.lshr(builder.add(rows, _INDEX(VECTOR - 1)), _INDEX(3))
            with cgutils.for_range(builder, eighths, intp=_INDEX) as eighth:
                first = builder.shl(eighth.index, _INDEX(3))
                numbers_of_rows = builder.fadd(emitter.broadcast(builder.sitofp(first, emitter.element)), ascending)
                found = window.first_columns(numbers_of_rows, reciprocals, last)
                place = builder.bitcast(builder.gep(columns_of_rows, [first]), emitter.vector.as_pointer())
                builder.store(found, place, align=4)

            def add_row(row: Any, at: Any) -> None:
                number = builder.fptoui(builder.extract_element(row, _INT32(0)), _INDEX)
                add_vectors(row, at, builder.load(builder.gep(columns_of_rows, [number])))

            loop.run(rows, add_row)
    sums.store_means(numbers, where)


def _averager(channels: int) -> Callable[..., Any]:
    def average(
        typingctx: Any, source: Any, shift: Any, stride: Any, offsets: Any, numbers: Any, where: Any, kernel: Any
    ) -> Any:
        if not isinstance(kernel, types.IntegerLiteral):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _emit(builder, args[:6], channels, kernel.literal_value)
            return context.get_dummy_value()

        index = types.uintp
        return types.void(source, index, index, offsets, numbers, index, kernel), codegen

    return intrinsic(prefer_literal=True)(average)  # type: ignore[no-any-return]


def _plain_weight(offset: Any, kernel: int) -> Any:
    x = abs(offset)
    if kernel == HAT:
        return 1 - x if x < 1 else 0 * x
    if kernel == CUBIC:
        if x < 1:
            return (1.25 * x - 2.25) * x * x + 1
        return ((-0.75 * x + 3.75) * x - 6) * x + 3 if x < 2 else 0 * x
    if x >= 3:
        return 0 * x
    g = np.sinc(x / 3)
    s = np.sin(math.pi * x / 3)
    return g * g * (1 - 4 / 3 * s * s)


_weight_of = inline(_plain_weight)


def _plain_averager(channels: int) -> Callable[..., Any]:
    def average(source: Any, shift: Any, stride: Any, offsets: Any, numbers: Any, where: Any, kernel: int) -> None:
        total, at = cast_to_weight(numbers, 0), np.uintp(offsets[where + AT]) + shift
        for channel in range(channels):
            numbers[where + MEANS + np.uintp(channel * TAP_BLOCK)] = 0
        for row in range(np.uintp(offsets[where + ROWS])):
            for column in range(np.uintp(offsets[where + COLUMNS])):
                dx = numbers[where + DX] + numbers[where + DX_COLUMN] * column + numbers[where + DX_ROW] * row
                dy = numbers[where + DY] + numbers[where + DY_COLUMN] * column + numbers[where + DY_ROW] * row
                weight = cast_to_weight(numbers, _weight_of(dx, kernel) * _weight_of(dy, kernel))
                if weight != 0:
                    total += weight
                    for channel in range(np.uintp(channels)):
                        value = source[at + row * stride + column * np.uintp(channels) + channel]
                        place = where + MEANS + channel * np.uintp(TAP_BLOCK)
                        numbers[place] += cast_to_weight(numbers, value) * weight
        for channel in range(channels):
            numbers[where + MEANS + np.uintp(channel * TAP_BLOCK)] /= total

    return inline(average)


_make = _plain_averager if TAKES_ARRAYS else _averager

# average(source, shift, row stride, offsets, numbers, k, kernel): set the means of footprint k of a block; `shift` is
# added to the offset of its window, `kernel` is a literal.
average_one, average_two, average_three, average_four = (_make(channels) for channels in (1, 2, 3, 4))
