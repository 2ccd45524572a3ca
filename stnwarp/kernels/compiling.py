"""From a kernel to object code that needs nothing of Numba to run."""

import re
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types

from stnwarp.kernels.machine import target_machine

# What the machine code may call: the C library, which every process has. Anything else would have to come from Numba,
# and a process without Numba would end when the code is loaded.
_C_LIBRARY = re.compile(r"llvm\..*|mem(set|cpy|move)|(ceil|floor|rint|fma|fmod|fabs)f?")


def compile_kernel(kernel: Any, arguments: tuple[Any, ...]) -> tuple[str, bytes]:
    """Compile *kernel* for arguments of the types of *arguments*; arrays become addresses.

    Returns:
        The name of the function, and the object code that holds it. It takes two addresses (for its result, and for an
        error; it has neither) and then its arguments, tuples entry by entry.
    """
    signature = tuple(_native_type(argument) for argument in arguments)
    kernel.compile(signature)
    overload = kernel.overloads[signature]
    module = llvm.parse_assembly(kernel.inspect_llvm(signature))
    for function in module.functions:
        if function.is_declaration and not _C_LIBRARY.fullmatch(function.name):
            raise RuntimeError(f"{kernel.__name__} was compiled to something that calls {function.name}")
    return overload.fndesc.llvm_func_name, target_machine().emit_object(module)


def _native_type(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        return types.CPointer(numba.from_dtype(argument.dtype))
    return types.int64 if isinstance(argument, int) else numba.typeof(argument)
