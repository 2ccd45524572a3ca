"""What LLVM and Numba take of the memory; where the limits of the process leave less, they would end it."""

import sys

from stnwarp.errors import LoadingError
from stnwarp.resources import check_room

# Megabytes of address space, and of memory that is written to: measured, with some to spare.
LLVM = (175, 20)
FIRST_COMPILER = (300, 220)  # Numba, and what has to lie beside it by then: threads, and the smallest of images
_COMPILER = (250, 200)  # Numba, and what it takes to compile one kernel
_COMPILATION = (120, 100)
_LONG_RUN = 320  # written to by a process that compiles forty kernels; its libraries lie in memory once for all
_CODE = (30, 20)


def check_llvm() -> None:
    """Raise MemoryError where LLVM has to be loaded and cannot be."""
    if "llvmlite" not in sys.modules:
        _check("LLVM", *LLVM)


def check_compiling() -> None:
    """Raise MemoryError where nothing can be compiled."""
    is_loaded = "stnwarp.kernels.compiler.codegen" in sys.modules
    _check("the compiler", *(_COMPILATION if is_loaded else _COMPILER))


def check_code() -> None:
    """Raise MemoryError where no machine code can be loaded."""
    _check("compiled code", *_CODE)


def compilers_at_once(free: int) -> int:
    """Return how many processes may compile side by side in so many bytes of free memory; at least one."""
    return max(1, free // (_LONG_RUN * 10**6))


def _check(what: str, space: int, data: int) -> None:
    """Raise MemoryError where LLVM would end the process; another image may leave it enough."""
    try:
        check_room(what, space, data)
    except LoadingError as error:
        raise MemoryError(str(error)) from None
