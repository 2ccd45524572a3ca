"""The one door to Numba: what is compiled, and how.

`kernel` marks an entry point, `inline` a helper that only kernels call. Both are lazy: nothing is compiled at import.
Kernels are called through `compiled_kernel`, which hands over plain addresses and keeps the machine code for the next
run.

That takes internal classes of Numba's (`numba_pipeline`). Where they are not what they were, kernels take arrays,
helpers use plain twins of all that is written in LLVM's language, and `fallback` compiles them with what Numba
documents.

Two settings of Numba's own change that, too, for tests: with NUMBA_DISABLE_JIT=1 everything stays plain Python, and
with NUMBA_BOUNDSCHECK=1 kernels take arrays and check every index.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numba.extending
from numba.extending import register_jitable

from stnwarp.kernels.compiler.fallback import NjitKernel
from stnwarp.kernels.compiler.versions import incompatibility

_Function = TypeVar("_Function", bound=Callable[..., Any])

PLAIN_PYTHON = bool(numba.config.DISABLE_JIT)
BOUNDS_CHECK = bool(numba.config.BOUNDSCHECK) and not PLAIN_PYTHON

# Why the internal classes cannot be used, where that is so.
OBSTACLE: str | None = None
_internal: dict[str, Any] = {}
if not PLAIN_PYTHON:
    try:
        from stnwarp.kernels.compiler.numba_pipeline import IrPipeline
    except Exception as error:  # whatever it is that another version raises
        OBSTACLE = " ".join(f"{type(error).__name__}: {error}".split())
    else:
        OBSTACLE = incompatibility()
        _internal["pipeline_class"] = IrPipeline
FALLBACK = OBSTACLE is not None
TAKES_ARRAYS = PLAIN_PYTHON or BOUNDS_CHECK or FALLBACK  # what kernels take; otherwise addresses

# No `fastmath`: each of its flags leaves something to LLVM, which decides by the length of the processor's vectors, and
# otherwise for what is left over at the end of a loop. What is to be fused is written so, see `simd.fma`.
_DOCUMENTED: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
# Kernels own no memory: with `_nrt` Numba would count references to each array at each use, which costs more than the
# sampling. Its rewrites are for expressions of whole arrays, of which there are none; to look for them takes a tenth of
# the time.
_OPTIONS: dict[str, Any] = {**_DOCUMENTED, "_nrt": False, "no_rewrites": True, **_internal}
# Nobody calls this from Python directly; the wrappers for that take longer to compile than the code.
_NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inline(function: _Function) -> _Function:
    """Compile `function` into the kernels that call it."""
    if FALLBACK:  # not njit, which adds wrappers for Python: without them it compiles in two thirds of the time
        return register_jitable(**_DOCUMENTED)(function)  # type: ignore[no-any-return]
    compiled: _Function = numba.njit(**_OPTIONS, **_NO_WRAPPERS)(function)
    return compiled


def force_inline(function: _Function) -> _Function:
    """Compile `function` into the loops that call it, however large it is: a call would reload all that it needs."""
    if FALLBACK:
        return inline(function)
    compiled: _Function = numba.njit(forceinline=True, **_OPTIONS, **_NO_WRAPPERS)(function)
    return compiled


def overload(plain: Callable[..., Any]) -> Callable[[_Function], _Function]:
    """Have compiled code call, for `plain`, what the decorated function returns for the types of its arguments."""
    options = {} if FALLBACK else {**_OPTIONS, **_NO_WRAPPERS}
    # strict=False: Numba would compare annotations too, and a lambda has none.
    decorator: Callable[[_Function], _Function] = numba.extending.overload(plain, jit_options=options, strict=False)
    return decorator


def kernel(function: _Function) -> _Function:
    """Compile `function` when `compiled_kernel` asks for it."""
    if FALLBACK:
        return NjitKernel(function, _DOCUMENTED)  # type: ignore[return-value]
    # An index outside its array is an exception, for which Python has to call a kernel the way that Numba makes.
    options = _DOCUMENTED if BOUNDS_CHECK else {**_OPTIONS, **_NO_WRAPPERS}
    compiled: _Function = numba.njit(**options)(function)
    return compiled
