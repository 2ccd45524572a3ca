"""From a kernel to object code that needs nothing of Numba to run."""

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types

from stnwarp.kernels.compiler.numba_pipeline import refresh
from stnwarp.kernels.compiler.target import target_machine

# What the machine code may call: the C library, which every process has. Anything else would have to come from Numba,
# and a process without Numba would end when the code is loaded.
_C_LIBRARY = re.compile(r"llvm\..*|mem(set|cpy|move)|(ceil|floor|rint|fma|fmod|fabs)f?")

_was_collecting = False  # whether garbage collection is to be enabled again after what is being compiled


def compile_kernel(kernel: Any, arguments: tuple[Any, ...], literals: tuple[int, ...]) -> tuple[str, bytes]:
    """Compile `kernel` for arguments of the types of `arguments`, and behind them `literals`; arrays become addresses.

    Returns:
        The name of the function, and the object code that holds it. It takes the address of its arguments, one after
        the other as whole numbers of 64 bits, tuples entry by entry, without the literals.
    """
    signature = (*map(_native_type, arguments), *map(types.literal, literals))
    refresh()
    with _no_garbage_collection():
        kernel.compile(signature)
    overload = kernel.overloads[signature]
    name = overload.fndesc.llvm_func_name
    module = overload.library.link()
    entries = [str(argument.type) for argument in module.get_function(name).arguments]
    module.link_in(llvm.parse_assembly(_entry_point(name, entries[2:], literals)))
    module.verify()
    machine = target_machine()
    _optimise(module, machine)
    overload.library.show(module)
    for function in module.functions:
        if function.is_declaration and not _C_LIBRARY.fullmatch(function.name):
            raise RuntimeError(f"{kernel.__name__} was compiled to something that calls {function.name}")
    return _ENTRY, machine.emit_object(module)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Disable garbage collection meanwhile: Numba makes so many objects that it takes a tenth of the time."""
    global _was_collecting
    _was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _enable_garbage_collection()


def _enable_garbage_collection() -> None:
    """Enable it if it was; in a forked process, too, which lacks the thread that was compiling and would do it."""
    global _was_collecting
    if _was_collecting:
        gc.enable()
    _was_collecting = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enable_garbage_collection)


def _optimise(module: Any, machine: Any) -> None:
    """Bring `module` into the form that is translated; nothing but the entry point is seen from outside."""
    for function in module.functions:
        if not function.is_declaration and function.name != _ENTRY:
            function.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=int(numba.config.OPT))
    options.loop_vectorization = True
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


_ENTRY = "stnwarp_entry"


def _entry_point(name: str, entries: list[str], literals: tuple[int, ...]) -> str:
    """Write a function that takes its arguments from memory: handing over forty takes longer than a small image.

    A function of Numba's begins with two addresses, for its result and for an error; a kernel has neither.
    """
    lines = []
    given = ["ptr %nothing", "ptr %nothing"]
    for number, entry in enumerate(entries[: len(entries) - len(literals)]):
        lines.append(f"  %at{number} = getelementptr i64, ptr %arguments, i64 {number}")
        lines.append(f"  %given{number} = load {entry}, ptr %at{number}")
        given.append(f"{entry} %given{number}")
    given += [f"i64 {literal}" for literal in literals]
    declaration = f'declare i32 @"{name}"({", ".join(["ptr", "ptr", *entries])})'
    call = f'  %code = call i32 @"{name}"({", ".join(given)})'
    body = "\n".join(["  %nothing = alloca i64", *lines, call, "  ret void"])
    return f"{declaration}\ndefine void @{_ENTRY}(ptr %arguments) {{\n{body}\n}}\n"


def _native_type(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        return types.CPointer(numba.from_dtype(argument.dtype))
    if isinstance(argument, tuple):
        return types.NamedTuple(tuple(map(_native_type, argument)), type(argument))
    return types.int64 if isinstance(argument, int) else numba.typeof(argument)
