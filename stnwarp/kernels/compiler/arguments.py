"""What kernels are called with: whole numbers, and arrays that they take as addresses."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PointerArgs:
    """Arrays that are handed over again and again, one after the other; their addresses are looked up once."""

    def __init__(self, *arrays: NDArray[np.generic]) -> None:
        self.arrays = arrays
        self.types = "".join([array.dtype.char for array in arrays])
        self.addresses = [address_of(array) for array in arrays]


_thread = threading.local()


def thread_workspace(make: Callable[..., tuple[NDArray[Any], ...]], *types: type[np.generic]) -> PointerArgs:
    """Return this thread's own `make(*types)`, made once: a small image takes no longer than that."""
    spaces: dict[Any, PointerArgs] = _thread.__dict__.setdefault("spaces", {})
    if (make, types) not in spaces:
        spaces[make, types] = PointerArgs(*make(*types))
    return spaces[make, types]


def flatten(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Replace each PointerArgs of `arguments` by its arrays."""
    return tuple(
        one for argument in arguments for one in (argument.arrays if isinstance(argument, PointerArgs) else (argument,))
    )


def address_of(array: NDArray[np.generic]) -> int:
    """Return where `array` begins, 0 for an empty one; found in a third of the time that NumPy takes."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array)) if array.size else 0  # type: ignore[arg-type]
