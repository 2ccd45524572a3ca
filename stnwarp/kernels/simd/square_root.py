"""The square root as the processor's instruction, which vectorises; Numba's own calls the C library."""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import TAKES_ARRAYS, inline


def _square_root(typingctx: Any, number: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        function = builder.module.declare_intrinsic("llvm.sqrt.f64", (), ir.FunctionType(kind, [kind]))
        return builder.call(function, args)

    return types.float64(types.float64), codegen


def _plain_square_root(number: Any) -> Any:
    return math.sqrt(number)


# square_root(float64 that is not negative); NaN of NaN
square_root = inline(_plain_square_root) if TAKES_ARRAYS else intrinsic(_square_root)
