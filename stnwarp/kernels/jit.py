"""The one door to Numba: what is compiled, and how.

`kernel` marks an entry point, `inlined` a helper that only kernels call. Both are lazy: nothing is compiled at import.
Kernels are called through `native`, which hands over plain addresses and keeps the machine code for the next run.

Two settings of Numba's own change that, for tests: with NUMBA_DISABLE_JIT=1 everything stays plain Python, and with
NUMBA_BOUNDSCHECK=1 kernels take arrays and check every index.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from stnwarp.kernels.front_end import FrontEnd

_Function = TypeVar("_Function", bound=Callable[..., Any])

PLAIN = bool(numba.config.DISABLE_JIT)
CHECKED = bool(numba.config.BOUNDSCHECK) and not PLAIN

# `contract` lets multiply-add fuse, which can move the last bit of a float. Flags that assume no NaN would remove the
# range tests, which are NaN tests; `reassoc` would let coordinates depend on how a row is cut into blocks. Kernels
# own no memory: with `_nrt` Numba would count references to each array at each use, which costs more than the sampling.
# Its rewrites are for expressions of whole arrays, of which there are none; to look for them takes a tenth of the time.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
    "_nrt": False,
    "no_rewrites": True,
}
if not CHECKED:
    _OPTIONS["pipeline_class"] = FrontEnd
# Nobody calls this from Python directly; the wrappers for that take longer to compile than the code.
_NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inlined(function: _Function) -> _Function:
    """Compile *function* into the kernels that call it."""
    compiled: _Function = numba.njit(**_OPTIONS, **_NO_WRAPPERS)(function)
    return compiled


def hot(function: _Function) -> _Function:
    """Compile *function* into the loops that call it, however large it is: a call would reload all that it needs."""
    compiled: _Function = numba.njit(forceinline=True, **_OPTIONS, **_NO_WRAPPERS)(function)
    return compiled


def kernel(function: _Function) -> _Function:
    """Compile *function* when `native` asks for it."""
    wrappers: dict[str, Any] = {} if CHECKED else _NO_WRAPPERS
    compiled: _Function = numba.njit(**_OPTIONS, **wrappers)(function)
    return compiled
