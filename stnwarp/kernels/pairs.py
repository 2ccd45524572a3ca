"""Two neighbouring elements at once: a load and a store of whole words, which leave the floating-point units alone."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.blocks import Memory
from stnwarp.kernels.jit import ARRAYS, inlined


def _copy(typingctx: Any, source: Any, at: Any, values: Any, to: Any) -> Any:  # pragma: no cover: compiled only
    word = ir.IntType(2 * source.dtype.bitwidth)
    align = source.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, at, values, to = args
        pair = builder.load(builder.bitcast(builder.gep(source, [at]), word.as_pointer()), align=align)
        builder.store(pair, builder.bitcast(builder.gep(values, [to]), word.as_pointer()), align=align)
        return context.get_dummy_value()

    return types.void(source, types.uintp, values, types.uintp), codegen


def _plain_copy(source: Memory, at: Any, values: Memory, to: Any) -> None:
    values[to] = source[at]
    values[to + np.uintp(1)] = source[at + np.uintp(1)]


# copy_pair(source, at, values, to): elements at and at + 1 of the source to those of values from to on
copy_pair = inlined(_plain_copy) if ARRAYS else intrinsic(_copy)
