"""All taps of a position in a few loads, as vectors.

Taps that lie side by side in memory come as one vector for each row of taps, where a gather would fetch them one by
one. The rows are summed first, each with its weight along the column; then the taps of what is left are summed with the
weights across. Channels that lie side by side come along with the taps and are summed apart.

A load takes a whole vector, which may reach past the last tap of its row: into the next row of the image, never past
the last of the taps. What it finds there is not used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline, overload
from stnwarp.kernels.simd.fma import emit_fma
from stnwarp.kernels.simd.mixed_precision import cast_to_weight

_BYTES = {"i8": 1, "i16": 2, "float": 4, "double": 8}


def _vector_length(taps: int, channels: int) -> int:
    return int(2 ** np.ceil(np.log2(taps * channels)))


def _at(builder: Any, memory: Any, index: Any, length: int) -> tuple[Any, int]:
    """Return a pointer to `length` elements of `memory` from `index` on, and their alignment."""
    element = memory.type.pointee
    start = builder.bitcast(builder.gep(memory, [index]), ir.VectorType(element, length).as_pointer())
    return start, _BYTES[str(element)]


def _load(builder: Any, memory: Any, index: Any, length: int) -> Any:
    start, align = _at(builder, memory, index, length)
    return builder.load(start, align=align)


def _as_floats(builder: Any, vector: Any, number: Any) -> Any:
    """Convert a vector of unsigned integers by way of int32, which vectorises; floats are of type `number` already."""
    if not isinstance(vector.type.element, ir.IntType):
        return vector
    integers = builder.zext(vector, ir.VectorType(ir.IntType(32), vector.type.count))
    return builder.sitofp(integers, ir.VectorType(number, vector.type.count))


def _shuffle(builder: Any, vector: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _lengthen(builder: Any, vector: Any, length: int) -> Any:
    """Put zeros behind `vector`: these cost nothing, and what nobody reads is then a number all the same."""
    mask = [min(index, vector.type.count) for index in range(length)]
    return builder.shuffle_vector(
        vector, ir.Constant(vector.type, None), ir.Constant(ir.VectorType(ir.IntType(32), length), mask)
    )


def _broadcast(builder: Any, memory: Any, index: Any, length: int) -> Any:
    """Return a vector of `length` elements, all the number at `index`."""
    number = builder.load(builder.gep(memory, [index]))
    vector = ir.Constant(ir.VectorType(number.type, 1), ir.Undefined)
    return _shuffle(builder, builder.insert_element(vector, number, ir.IntType(32)(0)), [0] * length)


def _row(builder: Any, source: Any, at: Any, number: Any, count: int, length: int) -> Any:
    """Return `count` elements of the source from `at` on as floats, in a vector of `length`."""
    pixels = _load(builder, source, at, count)
    if count < length:
        pixels = _lengthen(builder, pixels, length)
    return _as_floats(builder, pixels, number)


def _sum_rows(builder: Any, source: Any, at: Any, down: Any, weights: Any, along: Any, taps: int, channels: int) -> Any:
    total, length = None, _vector_length(taps, channels)
    for row in range(taps):
        count = length if row < taps - 1 else taps * channels
        pixels = _row(builder, source, at, weights.type.pointee, count, length)
        weight = _broadcast(builder, weights, builder.add(along, along.type(row)), length)
        total = emit_fma(builder, pixels, weight, total) if total else builder.fmul(pixels, weight)
        at = builder.add(at, down)
    return total


def _sum_taps(builder: Any, products: Any, taps: int, channels: int) -> Any:
    """Sum over the taps, an element for each channel; of three channels there is a fourth that means nothing."""
    while taps > 1:
        parts = 3 if taps == 3 else 2
        taps //= parts
        indices = range(4 if taps * channels == 3 else taps * channels)
        halves = [
            _shuffle(builder, products, [part * taps * channels + index for index in indices]) for part in range(parts)
        ]
        products = halves[0]
        for half in halves[1:]:
            products = builder.fadd(products, half)
    return products


def _blender(taps: int, channels: int) -> Callable[..., Any]:
    length = _vector_length(taps, channels)

    def blend(typingctx: Any, source: Any, at: Any, down: Any, weights: Any, across: Any, along: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, at, down, weights, across, along, to = args
            rows = _sum_rows(builder, source, at, down, weights, along, taps, channels)
            columns = _load(builder, weights, across, _vector_length(taps, 1))
            repeated = [min(index // channels, taps - 1) for index in range(length)]
            products = builder.fmul(rows, _shuffle(builder, columns, repeated))
            sums = _sum_taps(builder, products, taps, channels)
            start, align = _at(builder, weights, to, sums.type.count)
            builder.store(sums, start, align=align)
            return context.get_dummy_value()

        index = types.uintp
        return types.void(source, index, index, weights, index, index, index), codegen

    return intrinsic(blend)  # type: ignore[no-any-return]


def _plain_blender(taps: int, channels: int) -> Callable[..., Any]:
    def blend(source: Any, at: Any, down: Any, weights: Any, across: Any, along: Any, to: Any) -> None:
        for channel in range(np.uintp(channels)):
            total = cast_to_weight(weights, 0)
            for row in range(np.uintp(taps)):
                line = cast_to_weight(weights, 0)
                for tap in range(np.uintp(taps)):
                    value = source[at + row * down + tap * np.uintp(channels) + channel]
                    line += cast_to_weight(weights, value) * weights[across + tap]
                total += line * weights[along + row]
            weights[to + channel] = total

    return inline(blend)


_make = _plain_blender if TAKES_ARRAYS else _blender

# blend(source, first tap, row stride, weights, across, along, to): the position whose first tap lies at that index of
# the source, with the weights from the indices `across` and `along` on, into one element of weights for each channel.
# Where it is three channels, a fourth element may be overwritten.
blend_4x4_one, blend_4x4_two, blend_4x4_three, blend_4x4_four = (_make(4, channels) for channels in (1, 2, 3, 4))
blend_6x6_one, blend_6x6_two, blend_6x6_three, blend_6x6_four = (_make(6, channels) for channels in (1, 2, 3, 4))


def clamp_to_range(memory: Any, value: Any) -> Any:
    """Bring `value` within the range of an integer `memory`: negative weights overshoot."""
    return value if memory.dtype.kind == "f" else type(value)(min(max(value, 0), np.iinfo(memory.dtype).max))


@overload(clamp_to_range)
def _overload_clamp_to_range(memory: Any, value: Any) -> Any:
    if not isinstance(memory.dtype, types.Integer):
        return lambda memory, value: value
    number = np.float32 if value == types.float32 else np.float64
    low, high = number(0), number(memory.dtype.maxval)
    return lambda memory, value: min(max(value, low), high)
