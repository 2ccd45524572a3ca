"""Multiplication and addition in one operation that rounds once, where it is written and nowhere else.

LLVM may not fuse what is written apart (see `compiler.decorators`): it would decide otherwise for vectors of another
length, and results would depend on the processor.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import PLAIN_PYTHON
from stnwarp.kernels.compiler.target import has_fma

_IN_ONE = has_fma()
_NAMES = {"float": "f32", "double": "f64"}


def emit_fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Write a * b + c for numbers or vectors of one type; apart where fused it would be a call for each number."""
    if not _IN_ONE:
        return builder.fadd(builder.fmul(a, b), c)
    kind = a.type
    name = f"v{kind.count}{_NAMES[str(kind.element)]}" if isinstance(kind, ir.VectorType) else _NAMES[str(kind)]
    function = builder.module.declare_intrinsic(f"llvm.fma.{name}", (), ir.FunctionType(kind, [kind] * 3))
    return builder.call(function, [a, b, c])


def _fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return emit_fma(builder, *args)

    one_type = a == b == c and a in (types.float32, types.float64)
    return (a(a, b, c), codegen) if one_type else None  # a conversion nobody wrote could round


def _plain_fma(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


# fma(a, b, c): a * b + c, all of one type, float32 or float64
fma = _plain_fma if PLAIN_PYTHON else intrinsic(_fma)
