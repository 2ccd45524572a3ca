"""One float32 pixel of 3 or 4 channels side by side, between its four neighbours: a vector, its elements the channels.

Neighbours of three numbers are read as four, the fourth for nothing: it must be there to be read.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline
from stnwarp.kernels.layout import Memory
from stnwarp.kernels.simd.fma import emit_fma
from stnwarp.kernels.simd.memory import load_source, set_alias_scope, store_output
from stnwarp.kernels.simd.mixed_precision import add_unless_zero, cast_like, multiply_unless_zero

_LENGTH = 4
_VECTOR, _INT32 = ir.VectorType(ir.FloatType(), _LENGTH), ir.IntType(32)


def _blender(channels: int) -> Callable[..., Any]:
    def blend(typingctx: Any, source: Any, at: Any, down: Any, across: Any, along: Any, output: Any, where: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, at, down, across, along, output, where = args
            none, one = (ir.Constant(_VECTOR, [number] * _LENGTH) for number in (0.0, 1.0))
            right, lower = _broadcast(builder, across), _broadcast(builder, along)
            left, upper = builder.fsub(one, right), builder.fsub(one, lower)
            value, next_pixel = none, ir.IntType(64)(channels)
            for row, share_of_row in ((at, upper), (builder.add(at, down), lower)):
                for position, share_of_column in ((row, left), (builder.add(row, next_pixel), right)):
                    share = builder.fmul(share_of_row, share_of_column)
                    start = builder.bitcast(builder.gep(source, [position], inbounds=True), _VECTOR.as_pointer())
                    neighbour = builder.load(start, align=4)
                    set_alias_scope(builder, neighbour, "source")
                    more = emit_fma(builder, neighbour, share, value)
                    # What has weight 0 is not read, be it NaN or infinite.
                    value = builder.select(builder.fcmp_unordered("!=", share, none), more, value)
            indices = ir.Constant(ir.VectorType(_INT32, channels), list(range(channels)))
            pixel = builder.shuffle_vector(value, ir.Constant(_VECTOR, ir.Undefined), indices)
            to = builder.bitcast(builder.gep(output, [where], inbounds=True), pixel.type.as_pointer())
            set_alias_scope(builder, builder.store(pixel, to, align=4), "output")
            return context.get_dummy_value()

        position, number = types.uintp, types.float32
        return types.void(source, position, position, number, number, output, position), codegen

    return intrinsic(blend)  # type: ignore[no-any-return]


def _broadcast(builder: Any, number: Any) -> Any:
    """Return a vector that holds `number` in every element."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, _INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, _LENGTH), [0] * _LENGTH))


def _plain_blender(channels: int) -> Callable[..., Any]:
    def blend(source: Memory, at: Any, down: Any, across: Any, along: Any, output: Memory, where: Any) -> None:
        left, upper, right = cast_like(across, 1) - across, cast_like(along, 1) - along, np.uintp(channels)
        for channel in range(np.uintp(channels)):
            here = at + channel
            value = multiply_unless_zero(load_source(source, here), upper * left)
            value = add_unless_zero(value, load_source(source, here + right), upper * across)
            value = add_unless_zero(value, load_source(source, here + down), along * left)
            value = add_unless_zero(value, load_source(source, here + down + right), along * across)
            store_output(output, where + channel, value)

    return inline(blend)


# blend(source, at, down, across, along, output, where): the pixel between the one `at` that element and its neighbours
_make = _plain_blender if TAKES_ARRAYS else _blender
blend_3_channels, blend_4_channels = _make(3), _make(4)
