"""Loads and stores that tell the compiler what they cannot alias.

LLVM does not vectorise a gather while the output may alias the source, and Numba has no `noalias`. Every access here
says to which of four kinds of memory it belongs, and that it does not alias the other three:

- source: images, sampling grids and tables; only read;
- points: the block of places, offsets and weights in the first-level cache;
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
from numba.extending import intrinsic, overload

from stnwarp.kernels.jit import CHECKED, PLAIN, inlined

_KINDS = ("source", "points", "pixels", "output")


def _tag(builder: Any, instruction: Any, kind: str) -> None:
    """Put *instruction* in the alias scope of *kind* and out of the three others."""
    module = builder.module
    domain = module.add_metadata(["stnwarp"])
    scopes = {name: module.add_metadata([f"stnwarp.{name}", domain]) for name in _KINDS}
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[kind]]))
    instruction.set_metadata("noalias", module.add_metadata([scopes[name] for name in _KINDS if name != kind]))


def _loader(kind: str) -> Callable[..., Any]:
    def load(typingctx: Any, memory: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            loaded = builder.load(builder.gep(args[0], [args[1]]))
            _tag(builder, loaded, kind)
            return loaded

        return memory.dtype(memory, types.uintp), codegen

    return intrinsic(load)  # type: ignore[no-any-return]


def _storer(kind: str) -> Callable[..., Any]:
    def store(typingctx: Any, memory: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _tag(builder, builder.store(args[2], builder.gep(args[0], [args[1]])), kind)
            return context.get_dummy_value()

        return types.void(memory, types.uintp, memory.dtype), codegen

    return intrinsic(store)  # type: ignore[no-any-return]


def _word_loader(word: Any) -> Callable[..., Any]:
    def load(typingctx: Any, memory: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start = builder.gep(builder.bitcast(args[0], ir.IntType(8).as_pointer()), [args[1]])
            loaded = builder.load(builder.bitcast(start, ir.IntType(word.bitwidth).as_pointer()), align=1)
            _tag(builder, loaded, "source")
            return loaded

        return word(memory, types.uintp), codegen

    return intrinsic(load)  # type: ignore[no-any-return]


def _plain_load(memory: Any, index: Any) -> Any:
    return memory[index]


def _plain_store(memory: Any, index: Any, value: Any) -> None:
    memory[index] = value


def _plain_load_word32(memory: Any, index: Any) -> Any:
    word = np.uint32(0)
    for byte in range(np.uintp(4)):
        word |= np.uint32(memory[index + np.uintp(byte)]) << np.uint32(8 * byte)
    return word


def _plain_load_word64(memory: Any, index: Any) -> Any:
    word = np.uint64(0)
    for byte in range(np.uintp(8)):
        word |= np.uint64(memory[index + np.uintp(byte)]) << np.uint64(8 * byte)
    return word


if PLAIN or CHECKED:
    load_source = load_points = load_pixels = inlined(_plain_load)
    store_points = store_pixels = store_output = inlined(_plain_store)
    load_word32, load_word64 = inlined(_plain_load_word32), inlined(_plain_load_word64)
else:
    # load(memory, index) -> element
    load_source, load_points, load_pixels = _loader("source"), _loader("points"), _loader("pixels")
    # store(memory, index, value)
    store_points, store_pixels, store_output = _storer("points"), _storer("pixels"), _storer("output")
    # load(memory of bytes, index) -> the four or eight bytes from there on, at any alignment, low byte first
    load_word32, load_word64 = _word_loader(types.uint32), _word_loader(types.uint64)


def store_rounded(memory: Any, index: Any, value: Any) -> None:
    """Set element *index* of the output; an integer output takes *value* rounded half to even."""
    memory[index] = np.rint(value) if memory.dtype.kind == "u" else value


@overload(store_rounded, strict=False)  # type: ignore[untyped-decorator]
def _compiled_store_rounded(memory: Any, index: Any, value: Any) -> Any:
    # strict=False: Numba would compare annotations too, and a lambda has none.
    if isinstance(memory.dtype, types.Integer):
        # By way of int32: the direct conversion to a narrow unsigned integer does not vectorise.
        return lambda memory, index, value: store_output(memory, index, np.int32(np.rint(value)))
    return lambda memory, index, value: store_output(memory, index, value)
