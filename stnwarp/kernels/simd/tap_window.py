"""All taps of a position in a few loads: the lanes of the processor's vectors.

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


def _lane_count(taps: int, channels: int) -> int:
    return int(2 ** np.ceil(np.log2(taps * channels)))


def _at(builder: Any, memory: Any, index: Any, lanes: int) -> tuple[Any, int]:
    """A pointer to *lanes* elements of *memory* from *index* on, and their alignment."""
    element = memory.type.pointee
    start = builder.bitcast(builder.gep(memory, [index]), ir.VectorType(element, lanes).as_pointer())
    return start, _BYTES[str(element)]


def _load(builder: Any, memory: Any, index: Any, lanes: int) -> Any:
    start, align = _at(builder, memory, index, lanes)
    return builder.load(start, align=align)


def _as_floats(builder: Any, vector: Any, number: Any) -> Any:
    """Convert a vector of unsigned integers by way of int32, which vectorises; floats are of type *number* already."""
    if not isinstance(vector.type.element, ir.IntType):
        return vector
    words = builder.zext(vector, ir.VectorType(ir.IntType(32), vector.type.count))
    return builder.sitofp(words, ir.VectorType(number, vector.type.count))


def _shuffle(builder: Any, vector: Any, lanes: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _lengthen(builder: Any, vector: Any, lanes: int) -> Any:
    """*vector* with zeros behind it: these cost nothing, and what nobody reads is then a number all the same."""
    mask = [min(lane, vector.type.count) for lane in range(lanes)]
    return builder.shuffle_vector(
        vector, ir.Constant(vector.type, None), ir.Constant(ir.VectorType(ir.IntType(32), lanes), mask)
    )


def _broadcast(builder: Any, memory: Any, index: Any, lanes: int) -> Any:
    """The number at *index* in each of *lanes* lanes."""
    number = builder.load(builder.gep(memory, [index]))
    vector = ir.Constant(ir.VectorType(number.type, 1), ir.Undefined)
    return _shuffle(builder, builder.insert_element(vector, number, ir.IntType(32)(0)), [0] * lanes)


def _row(builder: Any, source: Any, at: Any, number: Any, elements: int, lanes: int) -> Any:
    """*elements* elements of the source from *at* on, as floats in *lanes* lanes."""
    pixels = _load(builder, source, at, elements)
    if elements < lanes:
        pixels = _lengthen(builder, pixels, lanes)
    return _as_floats(builder, pixels, number)


def _sum_rows(builder: Any, source: Any, at: Any, down: Any, weights: Any, along: Any, taps: int, channels: int) -> Any:
    total, lanes = None, _lane_count(taps, channels)
    for row in range(taps):
        elements = lanes if row < taps - 1 else taps * channels
        pixels = _row(builder, source, at, weights.type.pointee, elements, lanes)
        weight = _broadcast(builder, weights, builder.add(along, along.type(row)), lanes)
        total = emit_fma(builder, pixels, weight, total) if total else builder.fmul(pixels, weight)
        at = builder.add(at, down)
    return total


def _sum_taps(builder: Any, products: Any, taps: int, channels: int) -> Any:
    """The sums over the taps, a lane for each channel; of three channels there is a fourth lane that means nothing."""
    while taps > 1:
        parts = 3 if taps == 3 else 2
        taps //= parts
        lanes = range(4 if taps * channels == 3 else taps * channels)
        halves = [
            _shuffle(builder, products, [part * taps * channels + lane for lane in lanes]) for part in range(parts)
        ]
        products = halves[0]
        for half in halves[1:]:
            products = builder.fadd(products, half)
    return products


def _blender(taps: int, channels: int) -> Callable[..., Any]:
    lanes = _lane_count(taps, channels)

    def blend(typingctx: Any, source: Any, at: Any, down: Any, weights: Any, across: Any, along: Any, to: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, at, down, weights, across, along, to = args
            rows = _sum_rows(builder, source, at, down, weights, along, taps, channels)
            columns = _load(builder, weights, across, _lane_count(taps, 1))
            repeated = [min(lane // channels, taps - 1) for lane in range(lanes)]
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
    """*value* within the range of an integer *memory*: negative weights overshoot."""
    return value if memory.dtype.kind == "f" else type(value)(min(max(value, 0), np.iinfo(memory.dtype).max))


@overload(clamp_to_range)
def _overload_clamp_to_range(memory: Any, value: Any) -> Any:
    if not isinstance(memory.dtype, types.Integer):
        return lambda memory, value: value
    number = np.float32 if value == types.float32 else np.float64
    low, high = number(0), number(memory.dtype.maxval)
    return lambda memory, value: min(max(value, low), high)
