"""Kernels by name, as machine code that is compiled once and loaded from then on.

Numba takes half a second to load, most of it for what compiling needs; a run whose kernels are cached goes without it.
"""

import ctypes
import importlib
import os
import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stnwarp.kernels.compiler import memory_needs
from stnwarp.kernels.compiler.arguments import PointerArgs, address_of, flatten
from stnwarp.kernels.compiler.object_cache import cache_directory, from_cache, to_cache
from stnwarp.kernels.compiler.shipped_objects import from_package, shipped_directory
from stnwarp.kernels.compiler.target import is_code_small, processor, target_machine
from stnwarp.resources import check_room

_Function = Callable[[int], None]

_compile_listeners: list[Callable[[str], None]] = []
_kernels: list["CompiledKernel"] = []  # all there are
_engines: list[Any] = []  # the machine code lives as long as these
_loading = threading.RLock()  # LLVM is asked for one thing at a time


class _Collecting(threading.local):
    """What calls need, while they are not to run kernels: those of one thread, or by the class those of all."""

    specialisations: list["Specialisation"] | None = None


_collecting = _Collecting()


def _reset_in_child() -> None:
    """Make a new lock: a process forked while another thread compiled lacks the thread that would release it."""
    global _loading
    _loading = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)


@contextmanager
def on_compile(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with a kernel's name each time one has to be compiled within the block, before it is.

    It is called in the thread that compiles.
    """
    _compile_listeners.append(listener)
    try:
        yield
    finally:
        _compile_listeners.remove(listener)


def notify_compile(name: str) -> None:
    """Tell the listeners that the kernel `name` is about to be compiled."""
    for listener in list(_compile_listeners):
        listener(name)


class Specialisation(NamedTuple):
    """A kernel for arrays of some types, and arguments of these types."""

    kernel: "CompiledKernel"
    types: str
    arguments: tuple[Any, ...]

    @property
    def file(self) -> str:
        """The name of its file in the cache, which tells it from all others."""
        return self.kernel.file(self.types)

    def is_shipped(self) -> bool:
        """Return whether its object code for this processor came with the package."""
        return from_package(self.file) is not None

    def is_compiled(self) -> bool:
        """Return whether its object code came with the package, or lies in the cache, whole."""
        return _find(self.file) is not None

    def compile(self) -> None:
        """Compile it for this processor and keep it; it is not run. MemoryError where there is too little for that."""
        with _loading:
            memory_needs.check_compiling()
            self.kernel.compile(self.types, self.arguments)


@contextmanager
def collect_specialisations(all_threads: bool = False) -> Iterator[list[Specialisation]]:
    """Run no kernel within the block and collect those that calls need; what the calls return is worthless.

    It takes a process in which kernels take addresses.

    Args:
        all_threads: whether that goes for the calls of all threads. Otherwise it is for those of this one, which must
            be small enough not to be shared out among threads; others may have to load again what they had loaded.
    """
    with _loading:
        loaded = [(kernel, kernel._loaded) for kernel in _kernels]
        for kernel in _kernels:
            kernel._loaded = {}
    scope = _Collecting if all_threads else _collecting
    scope.specialisations = collected = list[Specialisation]()
    try:
        yield collected
    finally:
        if all_threads:
            _Collecting.specialisations = None
        else:
            del _collecting.specialisations  # so that the class's is found again
        for kernel, functions in loaded:
            kernel._loaded = functions


class CompiledKernel:
    """A kernel of `stnwarp.kernels`, compiled or loaded when it is first called for arrays of such types.

    Arrays are passed on as addresses: they must be contiguous, and stay what the kernel believes them to be.

    Args:
        module: where the kernel is, below `stnwarp.kernels`.
        name: what it is called there.
        literal: its last argument in every call, known to the compiler.
        task: the named tuple that is the kernel's first argument; calls give its fields one by one.
    """

    def __init__(
        self, module: str, name: str, literal: int | None = None, task: Callable[..., Any] | None = None
    ) -> None:
        self._module, self.name = f"stnwarp.kernels.{module}", name
        self._literals = () if literal is None else (literal,)
        self._task = task
        self._loaded: dict[str, _Function] = {}
        _kernels.append(self)

    def __call__(self, *arguments: Any) -> None:
        """Run the kernel, without the interpreter's lock."""
        if takes_arrays():
            self._run_on_arrays(arguments)
            return
        types = ""  # of the arrays, by NumPy's letters: their names take longer to find than a small image to sample
        flat: list[int] = []
        for argument in arguments:
            kind = type(argument)
            if kind is int:
                flat.append(argument)
            elif kind is PointerArgs:
                types += argument.types
                flat += argument.addresses
            elif isinstance(argument, np.ndarray):
                types += argument.dtype.char
                flat.append(address_of(argument))
            else:
                flat += argument
        function = self._loaded.get(types) or self._load(types, flatten(arguments))
        if function is None:
            self._run_on_arrays(arguments)
            return
        numbers = array("q", flat)
        function(numbers.buffer_info()[0])

    @property
    def specialisations(self) -> list[str]:
        """The types of arrays this kernel has been loaded for in this process."""
        return list(self._loaded)

    def loaded(self, types: str) -> _Function | None:
        """Return the kernel for arrays of `types`, if it has been loaded."""
        return self._loaded.get(types)

    def _group(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the kernel's own arguments: the leading ones packed into its task."""
        if self._task is None:
            return arguments
        count = len(self._task._fields)  # type: ignore[attr-defined]
        return (self._task(*arguments[:count]), *arguments[count:])

    def _run_on_arrays(self, arguments: tuple[Any, ...]) -> None:
        from stnwarp.kernels.compiler import decorators
        from stnwarp.kernels.compiler.fallback import warn_once

        kernel = getattr(importlib.import_module(self._module), self.name)
        given = (*self._group(flatten(arguments)), *self._literals)
        if decorators.FALLBACK:
            warn_once(decorators.OBSTACLE)
            if kernel.compiles(given):
                notify_compile(self.name)
        kernel(*given)

    def _load(self, types: str, arguments: tuple[Any, ...]) -> _Function | None:
        """Return the kernel for arrays of `types`; None if it turns out that kernels take arrays here."""
        with _loading:
            if _collecting.specialisations is not None:
                _collecting.specialisations.append(Specialisation(self, types, arguments))
                return _run_nothing
            if types not in self._loaded:
                memory_needs.check_llvm()
                found = _find(self.file(types))
                if found is None:
                    memory_needs.check_compiling()
                    if takes_arrays_once_loaded():
                        return None
                    notify_compile(self.name)
                    found = self.compile(types, arguments)
                memory_needs.check_code()
                self._loaded[types] = _link(*found)
            return self._loaded[types]

    def file(self, types: str) -> str:
        """Return the name in the cache of this kernel for arrays of `types`."""
        return "-".join([self.name, *map(str, self._literals), f"{types}.o"])

    def compile(self, types: str, arguments: tuple[Any, ...]) -> tuple[str, bytes]:
        """Compile for arrays of `types` and cache; return symbol and object code."""
        from stnwarp.kernels.compiler.codegen import compile_kernel

        kernel = getattr(importlib.import_module(self._module), self.name)
        compiled = compile_kernel(kernel, self._group(arguments), self._literals)
        to_cache(self.file(types), compiled)
        return compiled


def _find(file: str) -> tuple[str, bytes] | None:
    return from_package(file) or from_cache(file)


def load_compiler() -> None:
    """Load LLVM, before images take what the limits of this process leave of its memory.

    LoadingError where that is too little for it, or for the compiler if nothing has been compiled yet.
    """
    if takes_arrays():
        return
    check_room("LLVM", *memory_needs.LLVM)
    processor()
    if is_first_run():
        check_room("the compiler", *memory_needs.FIRST_COMPILER)


def is_first_run() -> bool:
    """Return whether no kernel has been compiled for this processor yet, or none can be kept."""
    directory = shipped_directory() or cache_directory()
    return directory is None or next(directory.glob("*.o"), None) is None


@cache
def takes_arrays() -> bool:
    """Return whether Numba must leave kernels plain or check indices, or cannot be used the fast way.

    All three need arrays, not addresses. Numba is asked, if there is any sign of it: loading it only to hear no would
    take half a second.
    """
    signs = any(os.environ.get(name) for name in ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"))
    if not signs and "numba" not in sys.modules and not Path(".numba_config.yaml").exists():
        return False
    from stnwarp.kernels.compiler import decorators

    return decorators.TAKES_ARRAYS


def takes_arrays_once_loaded() -> bool:
    """Call `takes_arrays` once more, now that Numba has to be loaded whatever the answer is."""
    importlib.import_module("numba")
    takes_arrays.cache_clear()
    return takes_arrays()


def _run_nothing(_: int) -> None:
    pass


def _link(symbol: str, code: bytes) -> _Function:
    """Return the function `symbol` of `code`, which takes the address of its arguments."""
    import llvmlite.binding as llvm

    # llvmlite's own way to take memory keeps code and constants side by side.
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(), use_lmm=is_code_small() or None)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    address = engine.get_function_address(symbol)
    if not address:
        raise RuntimeError(f"the object code of {symbol} does not hold it")
    return ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)
