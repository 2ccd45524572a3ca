"""Vectors of eight numbers as LLVM's instructions, and the kernels of interpolations on them."""

import math
from typing import Any

from llvmlite import ir

from stnwarp.kernels.simd.fma import emit_fma

VECTOR = 8  # numbers
HAT, CUBIC, LANCZOS = 0, 1, 2  # the kernels
REACH = (1, 2, 3)  # of each, in output pixels

_INT32 = ir.IntType(32)

# sin(pi u) / (pi u) for u in [0, 1] as a polynomial in u squared: Taylor's series, to the precision of float64.
_SINC = tuple((-1) ** n * math.pi ** (2 * n) / math.factorial(2 * n + 1) for n in range(14))


class VectorEmitter:
    """Instructions on vectors, or numbers, of `element`s."""

    def __init__(self, builder: Any, element: Any) -> None:
        self.builder, self.element = builder, element
        self.vector = ir.VectorType(element, VECTOR)

    def constant(self, kind: Any, value: float) -> Any:
        """Return `value` as a number or a vector of the type `kind`."""
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)
        return ir.Constant(kind, value)

    def broadcast(self, number: Any) -> Any:
        """Return a vector that has `number` in each element."""
        single = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), number, _INT32(0))
        zeros = ir.Constant(ir.VectorType(_INT32, VECTOR), [0] * VECTOR)
        return self.builder.shuffle_vector(single, ir.Constant(self.vector, ir.Undefined), zeros)

    def call(self, name: str, number: Any) -> Any:
        """Call LLVM's function `name` of one argument."""
        kind, suffix = number.type, "f32" if self.element == ir.FloatType() else "f64"
        suffix = f"v{kind.count}{suffix}" if isinstance(kind, ir.VectorType) else suffix
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.{suffix}", (), ir.FunctionType(kind, [kind]))
        return self.builder.call(function, [number])

    def choose(self, a: Any, comparison: str, b: Any, then: Any, otherwise: Any) -> Any:
        """Return `then` where `comparison` of `a` and `b` holds, else `otherwise`, also where one is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(comparison, a, b), then, otherwise)

    def least(self, a: Any, b: Any) -> Any:
        """Return the lesser of each two; `b` where one is NaN."""
        return self.choose(a, "<", b, a, b)

    def greatest(self, a: Any, b: Any) -> Any:
        """Return the greater of each two; `b` where one is NaN."""
        return self.choose(a, ">", b, a, b)

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """Evaluate by Horner's rule; the coefficient of x^0 comes first."""
        total = self.constant(x.type, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            total = emit_fma(self.builder, total, x, self.constant(x.type, coefficient))
        return total

    def weight(self, offset: Any, kernel: int) -> Any:
        """Return the weight of the kernel at `offset`."""
        builder, x = self.builder, self.call("fabs", offset)
        zero, one = (self.constant(x.type, number) for number in (0, 1))
        if kernel == HAT:
            return self.greatest(builder.fsub(one, x), zero)
        if kernel == CUBIC:  # a = -0.75
            near = self.polynomial(x, (1, 0, -2.25, 1.25))
            far = self.polynomial(x, (3, -6, 3.75, -0.75))
            far = self.choose(x, "<", self.constant(x.type, 2), far, zero)
            return self.choose(x, "<", one, near, far)
        # With u = x / 3 and s = sin(pi u) = pi u g, sinc(x) sinc(u) is g g (1 - 4/3 s s), as sin(pi x) = 3 s - 4 s^3.
        square = builder.fmul(x, builder.fmul(x, self.constant(x.type, 1 / 9)))
        g = self.polynomial(square, _SINC)
        g = builder.fmul(g, g)
        factor = builder.fmul(self.constant(x.type, -4 / 3 * math.pi**2), builder.fmul(square, g))
        value = builder.fmul(g, builder.fadd(one, factor))
        return self.choose(x, "<", self.constant(x.type, 3), value, zero)
