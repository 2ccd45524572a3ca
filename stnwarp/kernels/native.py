"""Kernels by name, as machine code that is compiled once and loaded from then on.

Numba takes half a second to load, most of it for what compiling needs; a run whose kernels are cached goes without it.
The cache holds object code, one file for each kernel and set of array types. Its directory is named after a digest of
all that the code depends on (the sources of this package, the versions of Numba and LLVM, the processor), so that
nothing stale is ever found; and since what is loaded runs as us, it must be ours and closed to others. Whatever is
wrong with the cache costs a compilation and one warning, never the run.
"""

import ctypes
import hashlib
import importlib
import os
import stat
import sys
import threading
import warnings
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_Pointers = Callable[..., int]

_compile_listeners: list[Callable[[str], None]] = []
_engines: list[Any] = []  # the machine code lives as long as these
_warned: list[str] = []

_CHECKSUM_BYTES = 32


def on_compile(listener: Callable[[str], None]) -> None:
    """Call *listener* with a kernel's name each time one has to be compiled, before it is."""
    _compile_listeners.append(listener)


class Native:
    """The kernel *name* of `stnwarp.kernels.`*module*; called with its arguments, arrays as arrays.

    Arrays are handed over as addresses: they must be contiguous, and stay what the kernel believes them to be.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self.name = f"stnwarp.kernels.{module}", name
        self._loaded: dict[tuple[str, ...], _Pointers] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> None:
        """Run the kernel, without the interpreter's lock."""
        if _runs_in_python():
            getattr(importlib.import_module(self._module), self.name)(*arguments)
            return
        types = tuple(argument.dtype.name for argument in arguments if isinstance(argument, np.ndarray))
        function = self._loaded.get(types) or self._load(types, arguments)
        flat: list[int] = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                flat.append(argument.__array_interface__["data"][0])
            elif isinstance(argument, tuple):
                flat.extend(argument)
            else:
                flat.append(argument)
        function(_RESULT, _ERROR, *flat)

    @property
    def specialisations(self) -> list[tuple[str, ...]]:
        """The array types this kernel has been loaded for in this process."""
        return list(self._loaded)

    def _load(self, types: tuple[str, ...], arguments: tuple[Any, ...]) -> _Pointers:
        with self._lock:
            if types not in self._loaded:
                file = f"{self.name}-{'-'.join(types)}.o"
                found = _from_cache(file)
                if found is None:
                    for listener in _compile_listeners:
                        listener(self.name)
                    found = self._compile(arguments)
                    _to_cache(file, found)
                count = sum(len(a) if isinstance(a, tuple) else 1 for a in arguments)
                self._loaded[types] = _link(*found, count)
            return self._loaded[types]

    def _compile(self, arguments: tuple[Any, ...]) -> tuple[str, bytes]:
        """The name of the compiled function, and its object code."""
        from stnwarp.kernels.compiling import compile_kernel

        return compile_kernel(getattr(importlib.import_module(self._module), self.name), arguments)


# Where a compiled function puts its result (None) and an error (there are none).
_RESULT, _ERROR = ctypes.addressof(ctypes.c_void_p()), ctypes.addressof(ctypes.c_void_p())


@cache
def _runs_in_python() -> bool:
    """Whether Numba is told to leave kernels plain, or to check indices: both need arrays, not addresses."""
    names = ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK")
    return any(os.environ.get(name, "0") not in {"", "0"} for name in names)


def _link(symbol: str, code: bytes, count: int) -> _Pointers:
    """The function *symbol* of *code*, which takes *count* addresses and whole numbers of 64 bits."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * (count + 2))
    return prototype(engine.get_function_address(symbol))


def target_machine() -> Any:
    """LLVM's description of this processor, set up as Numba does it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = _processor()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def _processor() -> tuple[str, str]:
    import llvmlite.binding as llvm

    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    return cpu, os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()


def _from_cache(file: str) -> tuple[str, bytes] | None:
    directory = cache_directory()
    if directory is None or not (directory / file).exists():
        return None
    try:
        data = (directory / file).read_bytes()
    except OSError as error:
        _warn(f"{error}")
        return None
    checksum, content = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        _warn(f"{directory / file} is damaged and is made anew")
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def _to_cache(file: str, compiled: tuple[str, bytes]) -> None:
    directory = cache_directory()
    if directory is None:
        return
    content = compiled[0].encode() + b"\n" + compiled[1]
    temporary = directory / f"{file}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(directory / file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        _warn(f"cannot write to the cache of compiled kernels: {error}")


@cache
def cache_directory() -> Path | None:
    """The private directory of this version's compiled kernels, or None where there can be none."""
    if os.environ.get("STNWARP_NUMBA_CACHE", "1") == "0":
        return None
    try:
        directory = _cache_root() / _digest()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(directory)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home directory
        _warn(f"compiled kernels cannot be cached: {error}")
        return None
    return directory


def _cache_root() -> Path:
    if root := os.environ.get("STNWARP_CACHE_DIR"):
        return Path(root)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stnwarp"


def _check_private(directory: Path) -> None:
    """Raise OSError unless *directory* is ours, writable, and closed to others."""
    if hasattr(os, "getuid"):
        status = directory.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise PermissionError(f"{directory} belongs to somebody else or can be written by others")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(f"{directory} is not writable")


@cache
def _digest() -> str:
    digest = hashlib.sha256("\0".join((version("numba"), version("llvmlite"), *_processor())).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _warn(reason: str) -> None:
    """Say what is wrong with the cache, once a run."""
    if not _warned:
        _warned.append(reason)
        advice = "set STNWARP_CACHE_DIR to a directory of your own if this comes again"
        warnings.warn(f"{reason}; {advice}", RuntimeWarning, stacklevel=2)
