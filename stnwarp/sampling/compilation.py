"""Kernels compiled ahead of time, in processes side by side, and kept in the cache.

Numba and LLVM do one thing at a time in a process. A process of its own also survives what ends a compiler, such as too
little memory: that costs one kernel.
"""

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from stnwarp.kernels.compiler.compiled_kernel import Specialisation
from stnwarp.kernels.compiler.memory_needs import compilers_at_once
from stnwarp.resources import free_memory, usable_cores
from stnwarp.sampling.specialisations import specialisations

# Seconds, measured on one core of 2.5 GHz: for what every process has to do before, and for each kernel.
_START, _EACH = 1.6, 1.1

# Kernels that a process compiles before another takes its place: what Numba keeps of each is never given back.
_MOST = 40

# -P keeps the folder that a user happens to be in off the path; what the path is instead comes as arguments.
_PROGRAM = """if True:
    import sys
    sys.path[:] = sys.argv[1:]
    from stnwarp.sampling.compilation import compile_what_is_asked
    compile_what_is_asked()
"""


class Result(NamedTuple):
    """What became of one kernel: the name of its file, and why it is not in the cache, or nothing."""

    file: str
    fault: str


def processes_for(kernels: int) -> int:
    """How many processes are worth starting for so many kernels, with the cores and the memory there are."""
    return min(kernels, usable_cores(), compilers_at_once(free_memory()))


def seconds_for(kernels: int, processes: int) -> float:
    """About how long that takes."""
    return _START + _EACH * -(-kernels // processes)


def compile_side_by_side(
    files: Sequence[str], processes: int, settings: Mapping[str, str] | None = None
) -> Generator[Result]:
    """Compile the kernels of *files*, names of `specialisations`, in so many processes; yield each as it is done.

    *settings* are added to the environment of these processes. They end with the iteration, whatever ends it.
    """
    todo: SimpleQueue[str] = SimpleQueue()
    done: SimpleQueue[Result] = SimpleQueue()
    for file in files:
        todo.put(file)
    compilers = [_Compiler(todo, done, {**os.environ, **(settings or {})}) for _ in range(processes)]
    try:
        for compiler in compilers:
            compiler.start()
        for _ in files:
            yield done.get()
    finally:
        for compiler in compilers:
            compiler.end()


class _Compiler(threading.Thread):
    """A thread that has a process compile one kernel after the other, and a new one if that ends."""

    def __init__(self, todo: "SimpleQueue[str]", done: "SimpleQueue[Result]", environment: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._todo, self._done, self._environment = todo, done, environment
        self._process: subprocess.Popen[str] | None = None
        self._compiled = 0  # by this process
        self._is_ending = False
        self._starting = threading.Lock()

    def run(self) -> None:
        """Work off what there is to do."""
        with suppress(Empty):
            while True:
                file = self._todo.get_nowait()
                self._done.put(Result(file, self._compile(file)))

    def end(self) -> None:
        """End the process, whatever it is doing."""
        with self._starting:
            self._is_ending = True
            if self._process is not None:
                self._process.kill()
        if self.is_alive():
            self.join()  # it finds its process gone, and nothing to do
        if self._process is not None:
            with self._process:  # which closes its pipes and waits
                pass

    def _compile(self, file: str) -> str:
        """Why the kernel of *file* could not be kept; nothing if it could."""
        try:
            process = self._running_process()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{file}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            self._compiled += 1
        except OSError as error:
            return f"cannot start a process to compile in: {error}"
        return answer.rstrip("\n") if answer else f"the process that compiled it ended with code {process.wait()}"

    def _running_process(self) -> "subprocess.Popen[str]":
        with self._starting:
            if self._is_ending:
                raise OSError("the run is over")
            if self._process is not None and (self._compiled == _MOST or self._process.poll() is not None):
                with self._process:  # which closes its pipes and waits
                    self._process.kill()
                self._process = None
            if self._process is None:
                self._compiled = 0
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            return self._process


def compile_what_is_asked() -> None:
    """Compile the kernels that standard input names, one a line; answer each with a line, empty if it is kept."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    known = specialisations(wants_all=True)
    for line in sys.stdin:
        sys.stdout.write(f"{_compile_and_keep(known[line.strip()])}\n")
        sys.stdout.flush()


def _compile_and_keep(specialisation: Specialisation) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            specialisation.compile()
        except Exception as error:
            return " ".join(f"{type(error).__name__}: {error}".split())
        if specialisation.is_compiled():
            return ""
    return " ".join("; ".join(str(warning.message) for warning in caught).split()) or "it was not kept"
