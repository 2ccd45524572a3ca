"""Kernels compiled ahead of time, in processes side by side, and kept in the cache.

Numba and LLVM do one thing at a time in a process. A process of its own also survives what ends a compiler, such as too
little memory: that costs one kernel.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, NamedTuple

from stnwarp.kernels.compiler.compiled_kernel import Specialisation, takes_arrays_once_loaded
from stnwarp.kernels.compiler.memory_needs import compilers_at_once
from stnwarp.parallel import wait_for_item
from stnwarp.resources import free_memory, usable_cores

# Seconds, measured on one core of 2.5 GHz: for what every process has to do before, and for each kernel.
_START, _EACH = 1.6, 1.1

# Kernels that a process compiles before another takes its place: what Numba keeps of each is never given back.
_MOST = 40

# Seconds that a process which says no more has to end by itself.
_PATIENCE = 10

# -P keeps the folder that a user happens to be in off the path; what the path is instead comes as arguments.
_PROGRAM = """if True:
    import sys
    sys.path[:] = sys.argv[1:]
    from stnwarp.sampling.compilation import serve_requests
    serve_requests()
"""


class Result(NamedTuple):
    """What became of one kernel: the name of its file, and why it is not in the cache, or nothing."""

    file: str
    fault: str


def processes_for(kernels: int) -> int:
    """Return how many processes are worth starting for so many kernels, with the cores and the memory there are."""
    return min(kernels, usable_cores(), compilers_at_once(free_memory()))


def seconds_for(kernels: int, processes: int) -> float:
    """Estimate the seconds."""
    return _START + _EACH * -(-kernels // processes)


def compile_side_by_side(
    files: Sequence[str], processes: int, settings: Mapping[str, str] | None = None
) -> Generator[Result]:
    """Compile the kernels of `files`, names of `specialisations`, in so many processes; yield each as it is done.

    Fewer processes do it where not all can be started. `settings` are added to the environment of these processes. They
    end with the iteration, whatever ends it.
    """
    work, done = _Work(files, processes), SimpleQueue[Result]()
    compilers = [_Compiler(work, done, {**os.environ, **(settings or {})}) for _ in range(processes)]
    try:
        for compiler in compilers:
            _start(compiler, work)
        for _ in files:
            yield wait_for_item(done)
    finally:
        work.cancel()  # of all, before the first process ends and its thread starts another
        for compiler in compilers:
            compiler.kill()
        for compiler in compilers:
            compiler.close()


def _start(compiler: "_Compiler", work: "_Work") -> None:
    try:
        compiler.start()
    except RuntimeError:  # no memory for another thread: those that there are do it
        if not work.leave():
            raise


class _Work:
    """The files that are still to be compiled, and the number of threads that will take them."""

    def __init__(self, files: Iterable[str], threads: int) -> None:
        self.is_cancelled = False
        self._files, self._threads = deque(files), threads
        self._lock = threading.Lock()

    def take(self) -> str | None:
        """Return the next file; None if there is none, and the thread that asks has to end."""
        with self._lock:
            if self._files:
                return self._files.popleft()
            self._threads -= 1
            return None

    def leave(self, file: str | None = None) -> bool:
        """Leave the rest, with `file`, to the other threads; return False, and change nothing, if there are none."""
        with self._lock:
            if self._threads <= 1 and (file is not None or self._files):
                return False
            self._threads -= 1
            if file is not None:
                self._files.appendleft(file)
            return True

    def cancel(self) -> None:
        """Have threads find nothing more to do."""
        with self._lock:
            self.is_cancelled = True
            self._files.clear()


class _Compiler(threading.Thread):
    """A thread that has a process compile one kernel after the other, and a new one if that ends."""

    def __init__(self, work: _Work, done: "SimpleQueue[Result]", environment: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._work, self._done, self._environment = work, done, environment
        self._process: _Process | None = None
        self._starting = threading.Lock()

    def run(self) -> None:
        """Work off what there is to do."""
        while (file := self._work.take()) is not None:
            try:
                process = self._running_process()
            except Exception as error:
                if self._work.leave(file):
                    return
                self._done.put(Result(file, f"cannot start a process to compile in: {error}"))
            else:
                self._done.put(Result(file, process.compile(file)))

    def kill(self) -> None:
        """End the process, whatever it is doing; the thread ends then, too."""
        with self._starting:
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Wait for the thread and the process, which were killed, and give back what they held."""
        if self.is_alive():
            self.join()  # it finds its process gone, and nothing to do
        if self._process is not None:
            self._process.close()

    def _running_process(self) -> "_Process":
        with self._starting:
            if self._work.is_cancelled:
                raise OSError("the run is over")
            if self._process is not None and not self._process.is_usable():
                self._process.close()
                self._process = None
            if self._process is None:
                self._process = _Process(self._environment)
            return self._process


class _Process:
    """A process that compiles kernels by name. OSError if it cannot be started."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._compiled = 0
        self._errors = _temporary_file()
        try:
            self._popen = self._start(environment)
        except BaseException:
            if self._errors is not None:
                self._errors.close()
            raise

    def _start(self, environment: dict[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-c", _PROGRAM, *sys.path],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self._errors is None else self._errors,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def is_usable(self) -> bool:
        """Return whether it runs and has not compiled too much yet."""
        return self._compiled < _MOST and self._popen.poll() is None

    def compile(self, file: str) -> str:
        """Have it compile the kernel of `file`; return why that could not be kept, or nothing if it is."""
        self._compiled += 1
        try:
            answer = self._ask(file)
            return answer.rstrip("\n") if answer.endswith("\n") else self._ending()
        except Exception as error:
            self.kill()
            self._popen.wait()  # so that nobody takes its next answer for another kernel's
            return " ".join(f"{type(error).__name__}: {error}".split())

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._popen.kill()

    def close(self) -> None:
        """End it, and give back what it held."""
        self.kill()
        with suppress(OSError), self._popen:  # which closes its pipes, in one of which a line may be stuck, and waits
            pass
        if self._errors is not None:
            self._errors.close()

    def _ask(self, file: str) -> str:
        """Return the line that it answers, without an end if it has ended."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        with suppress(OSError):  # it has ended: there is nothing to read then
            self._popen.stdin.write(f"{file}\n")
            self._popen.stdin.flush()
        return self._popen.stdout.readline()

    def _ending(self) -> str:
        """Return how it ended, and what it said last."""
        try:
            code = self._popen.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._popen.wait()
        lines: list[str] = []
        if self._errors is not None:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").split("\n")
        reason = next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")
        return f"the process that compiled it ended with code {code}{reason}"


def _temporary_file() -> IO[bytes] | None:
    with suppress(OSError):
        return tempfile.TemporaryFile()
    return None


def serve_requests() -> None:
    """Compile the kernels that standard input names, one a line; answer each with a line, empty if it is kept."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    if takes_arrays_once_loaded():
        sys.exit("this version of Numba compiles kernels where they are called")
    from stnwarp.sampling.specialisations import specialisations  # which the process that asks has no use for

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
