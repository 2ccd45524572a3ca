"""Loads and stores that tell the compiler what they cannot alias.

LLVM does not vectorise a gather while the output may alias the source, and Numba has no `noalias`. Every access here
says to which of four kinds of memory it belongs, and that it does not alias the other three:

- source: images, sampling grids and tables; only read;
- points: the block of positions, offsets and weights in the first-level cache;
- pixels: the block of packed output pixels in the first-level cache;
- output: only written.

Whoever calls a kernel hands over memory for which that is true. In compiled code a memory is an address; indices are
unsigned, because a signed one makes Numba emit a branch for negative indices. Where kernels run in Python or check
their indices, a memory is a flat array and the plain twins are used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stnwarp.kernels.compiler.decorators import PLAIN_PYTHON, TAKES_ARRAYS, inline, overload
from stnwarp.kernels.layout import Memory

_KINDS = ("source", "points", "pixels", "output")


def set_alias_scope(builder: Any, instruction: Any, kind: str) -> None:
    """Put `instruction` in the alias scope of `kind` and out of the three others."""
    module = builder.module
    domain = module.add_metadata(["stnwarp"])
    scopes = {name: module.add_metadata([f"stnwarp.{name}", domain]) for name in _KINDS}
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[kind]]))
    instruction.set_metadata("noalias", module.add_metadata([scopes[name] for name in _KINDS if name != kind]))


def _loader(kind: str) -> Callable[..., Any]:
    def load(typingctx: Any, memory: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            loaded = builder.load(builder.gep(args[0], [args[1]], inbounds=True))
            set_alias_scope(builder, loaded, kind)
            return loaded

        return memory.dtype(memory, types.uintp), codegen

    return intrinsic(load)  # type: ignore[no-any-return]


def _storer(kind: str) -> Callable[..., Any]:
    def store(typingctx: Any, memory: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            set_alias_scope(builder, builder.store(args[2], builder.gep(args[0], [args[1]], inbounds=True)), kind)
            return context.get_dummy_value()

        return types.void(memory, types.uintp, memory.dtype), codegen

    return intrinsic(store)  # type: ignore[no-any-return]


def _uint64_loader() -> Callable[..., Any]:
    def load(typingctx: Any, memory: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start = builder.gep(builder.bitcast(args[0], ir.IntType(8).as_pointer()), [args[1]], inbounds=True)
            loaded = builder.load(builder.bitcast(start, ir.IntType(64).as_pointer()), align=1)
            set_alias_scope(builder, loaded, "source")
            return loaded

        return types.uint64(memory, types.uintp), codegen

    return intrinsic(load)  # type: ignore[no-any-return]


def _uint32_storer() -> Callable[..., Any]:
    def store(typingctx: Any, memory: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at = builder.bitcast(builder.gep(args[0], [args[1]], inbounds=True), ir.IntType(32).as_pointer())
            set_alias_scope(builder, builder.store(args[2], at, align=1), "output")
            return context.get_dummy_value()

        return types.void(memory, types.uintp, types.uint32), codegen

    return intrinsic(store)  # type: ignore[no-any-return]


def _pair_storer() -> Callable[..., Any]:
    """Make code that stores two integers of 64 bits at once.

    A vector among scalars keeps LLVM from making gathers and scatters of the loop around it, which on some processors
    take longer than the loads and stores one by one.
    """
    int64, int32 = ir.IntType(64), ir.IntType(32)

    def store(typingctx: Any, memory: Any, index: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pair = ir.Constant(ir.VectorType(int64, 2), ir.Undefined)
            pair = builder.insert_element(pair, args[2], int32(0))
            pair = builder.insert_element(pair, args[3], int32(1))
            at = builder.bitcast(builder.gep(args[0], [args[1]], inbounds=True), pair.type.as_pointer())
            set_alias_scope(builder, builder.store(pair, at, align=4), "points")
            return context.get_dummy_value()

        return types.void(memory, types.uintp, types.uint64, types.uint64), codegen

    return intrinsic(store)  # type: ignore[no-any-return]


def _prefetcher(write: int) -> Callable[..., Any]:
    def prefetch(typingctx: Any, memory: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            where = builder.bitcast(builder.gep(args[0], [args[1]]), byte)
            builder.call(function, [where, number(write), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(memory, types.uintp), codegen

    return intrinsic(prefetch)  # type: ignore[no-any-return]


def _plain_prefetch(memory: Any, index: Any) -> None:
    pass


def _reinterpreter(argument: Any, result: Any, to: Any) -> Callable[..., Any]:
    def reinterpret(typingctx: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], to)

        return result(argument), codegen

    return intrinsic(reinterpret)  # type: ignore[no-any-return]


def _plain_load(memory: Any, index: Any) -> Any:
    return memory[index]


def _plain_store(memory: Any, index: Any, value: Any) -> None:
    memory[index] = value


def _plain_bits_to_float(bits: Any) -> Any:
    return np.uint32(bits).view(np.float32)


def _plain_float_to_bits(value: Any) -> Any:
    return np.float32(value).view(np.uint32)


def _plain_load_uint64(memory: Any, index: Any) -> Any:
    value = np.uint64(0)
    for byte in range(np.uintp(8)):
        value |= np.uint64(memory[index + np.uintp(byte)]) << np.uint64(8 * byte)
    return value


def _plain_store_uint32(memory: Any, index: Any, value: Any) -> None:
    for byte in range(np.uintp(4)):
        memory[index + np.uintp(byte)] = np.uint8((value >> np.uint32(8 * byte)) & np.uint32(255))


def _plain_store_uint64_pair(memory: Any, index: Any, a: Any, b: Any) -> None:
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    memory[index], memory[index + np.uintp(1)] = np.uint32(a & low), np.uint32(a >> high)
    memory[index + np.uintp(2)], memory[index + np.uintp(3)] = np.uint32(b & low), np.uint32(b >> high)


# bits_to_float(uint32), float_to_bits(float32): the same bits under the other type
if PLAIN_PYTHON:
    bits_to_float, float_to_bits = _plain_bits_to_float, _plain_float_to_bits
else:
    bits_to_float = _reinterpreter(types.uint32, types.float32, ir.FloatType())
    float_to_bits = _reinterpreter(types.float32, types.uint32, ir.IntType(32))

if TAKES_ARRAYS:
    load_source = load_points = load_pixels = inline(_plain_load)
    store_points = store_pixels = store_output = inline(_plain_store)
    load_uint64 = inline(_plain_load_uint64)
    prefetch_source = prefetch_output = inline(_plain_prefetch)
    store_uint32 = inline(_plain_store_uint32)
    store_uint64_pair = inline(_plain_store_uint64_pair)
else:
    # load(memory, index) -> element
    load_source, load_points, load_pixels = _loader("source"), _loader("points"), _loader("pixels")
    # store(memory, index, value)
    store_points, store_pixels, store_output = _storer("points"), _storer("pixels"), _storer("output")
    # load(memory of bytes, index) -> the eight bytes from there on, at any alignment, low byte first
    load_uint64 = _uint64_loader()
    # prefetch(memory, index): ask for the line of that element, which need not exist, to read it or to write it
    prefetch_source, prefetch_output = _prefetcher(0), _prefetcher(1)
    # store(memory of bytes, index, uint32): four bytes at any alignment, the low one first
    store_uint32 = _uint32_storer()
    # store(memory of uint32, index, two of uint64): low half first
    store_uint64_pair = _pair_storer()


@inline
def unsigned_stride(stride: int) -> Any:
    """Convert a `stride`, in elements, to be added to an index; one that leads back wraps around."""
    return np.uintp(np.int64(stride))


def round_and_store(memory: Any, index: Any, value: Any) -> None:
    """Set element `index` of the output; an integer output takes `value` rounded half to even."""
    memory[index] = np.rint(value) if memory.dtype.kind == "u" else value


@overload(round_and_store)
def _overload_round_and_store(memory: Any, index: Any, value: Any) -> Any:
    if isinstance(memory.dtype, types.Integer):
        # By way of int32: the direct conversion to a narrow unsigned integer does not vectorise.
        return lambda memory, index, value: store_output(memory, index, np.int32(np.rint(value)))
    return lambda memory, index, value: store_output(memory, index, value)


def _copy(typingctx: Any, source: Any, at: Any, values: Any, to: Any) -> Any:  # pragma: no cover: compiled only
    both = ir.IntType(2 * source.dtype.bitwidth)
    align = source.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, at, values, to = args
        pair = builder.load(builder.bitcast(builder.gep(source, [at]), both.as_pointer()), align=align)
        builder.store(pair, builder.bitcast(builder.gep(values, [to]), both.as_pointer()), align=align)
        return context.get_dummy_value()

    return types.void(source, types.uintp, values, types.uintp), codegen


def _plain_copy(source: Memory, at: Any, values: Memory, to: Any) -> None:
    values[to] = source[at]
    values[to + np.uintp(1)] = source[at + np.uintp(1)]


# copy_pair(source, at, values, to): elements at and at + 1 of the source to those of values from to on
copy_pair = inline(_plain_copy) if TAKES_ARRAYS else intrinsic(_copy)
