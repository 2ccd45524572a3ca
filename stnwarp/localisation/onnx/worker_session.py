"""A model of others, loaded and run in a process of its own, which a signal, a stop or a limit of time ends.

onnxruntime cannot be stopped while it loads a model, a file of some kilobytes can make that take years or crash it,
and a process that ends while native code runs in one of its threads crashes. None of that is for the process that
holds other people's images.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.onnx.messages import Channel
from stnwarp.localisation.onnx.session import Argument, Declaration, Ended, Session

LONGEST = 300.0  # seconds that loading a model, or one run, may take

_MOST_BYTES = 2**28  # of an answer
_UNREADABLE = "gave no answer that can be read"
_DYING = 1.0  # seconds from the end of a process's pipes to its own
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from stnwarp.localisation.onnx.worker import main; main()"
)


class _Worker:
    """The process, and what it is at."""

    def __init__(self) -> None:
        self._process = _started()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.channel = Channel(self._process.stdout.fileno(), self._process.stdin.fileno(), _MOST_BYTES)
        self.parent = os.getpid()
        self.is_busy = False
        self.was_stopped = False
        self._end = weakref.finalize(self, _end, self._process, self.parent)

    @property
    def is_usable(self) -> bool:
        """Whether it is there, and this process's own: after a fork, two would talk to it at once."""
        return self.parent == os.getpid() and not self.was_stopped and self._process.poll() is None

    def stop(self) -> None:
        """End it, from any thread, if it is at something."""
        if self.is_busy and self.parent == os.getpid():
            self.was_stopped = True
            self._process.kill()

    def close(self) -> None:
        """End it, whatever it is at, and let go of it."""
        self._end()

    def end(self) -> str:
        """How it ended by itself, in words; to be asked once its pipes have ended."""
        try:
            return _how(self._process.wait(timeout=_DYING))
        except subprocess.TimeoutExpired:
            return _UNREADABLE


class WorkerSession(Session):
    """A session of *model* in a process of its own, with so many *threads* for one run.

    The process is started at once, and again where it has ended.

    Raises:
        CheckpointError: the model cannot be loaded, within the limits of time and memory; why, in one line.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        self._model, self._threads = model, threads
        self._turn = threading.Lock()
        self._worker: _Worker | None = None
        _, self.declaration = self._begin()

    def __getstate__(self) -> dict[str, Any]:
        return {"_model": self._model, "_threads": self._threads, "declaration": self.declaration}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._turn = threading.Lock()
        self._worker = None

    def run(self, output: str, input: str, batch: NDArray[Any]) -> NDArray[Any]:
        """See Session.run."""
        batch = np.ascontiguousarray(batch)
        facts = {"output": output, "input": input, "dtype": batch.dtype.str, "shape": batch.shape}
        with self._turn:
            worker = self._worker
            if worker is None or not worker.is_usable:
                worker, _ = self._begin()
            found, data = _answer(worker, facts, batch.data, "it does not end")
        return _array(found, data)

    def stop(self) -> None:
        """See Session.stop."""
        worker = self._worker
        if worker is not None:
            worker.stop()

    def _begin(self) -> tuple[_Worker, Declaration]:
        """Start a process and let it load the model, which says what it declares."""
        self._worker = worker = _Worker()
        try:
            found, _ = _answer(worker, {"threads": self._threads}, self._model, "it cannot be loaded")
            return worker, _declaration(found)
        except BaseException:
            worker.close()
            raise


def _answer(
    worker: _Worker, facts: dict[str, Any], data: bytes | memoryview, what: str
) -> tuple[dict[str, Any], bytearray]:
    """What *worker* answers; without an answer it is ended, and CheckpointError or Ended says why."""
    worker.is_busy = True
    try:
        worker.channel.send(facts, data)
        found, answer = worker.channel.receive(LONGEST)
    except TimeoutError:
        worker.close()
        raise CheckpointError(f"{what} within {LONGEST:g} seconds") from None
    except (EOFError, OSError, ValueError):
        how = worker.end()
        worker.close()
        if worker.was_stopped:
            raise Ended from None
        raise CheckpointError(f"its process {how}") from None
    except BaseException:
        worker.close()
        raise
    worker.is_busy = False
    if "error" in found:
        raise CheckpointError(found["error"])
    return found, answer


def _declaration(facts: dict[str, Any]) -> Declaration:
    try:
        inputs = tuple(Argument(name, kind, tuple(shape)) for name, kind, shape in facts["inputs"])
        return Declaration(inputs, tuple(facts["outputs"]), facts["metadata"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"its process {_UNREADABLE}") from error


def _array(facts: dict[str, Any], data: bytearray) -> NDArray[Any]:
    try:
        dtype = np.dtype(facts["dtype"])
        if dtype.kind != "f":
            raise TypeError(f"{dtype} is not floating-point")
        return np.frombuffer(data, dtype).reshape(facts["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"its process {_UNREADABLE}") from error


def _started() -> "subprocess.Popen[bytes]":
    """The process, apart from the terminal: what Ctrl-C means is decided here alone."""
    from multiprocessing.spawn import get_executable  # may have been set, where this program is not Python's own

    executable = os.fsdecode(get_executable() or "")
    if getattr(sys, "frozen", False) and executable == sys.executable:  # which would be this whole program again
        raise CheckpointError("no Python is known to load it in; name one by multiprocessing.set_executable")
    paths = json.dumps([path for path in sys.path if isinstance(path, str)])
    try:
        return subprocess.Popen(
            [executable, "-P", "-c", _PROGRAM, paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # NumPy's, which has nothing to multiply there
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no process can be started to load it in: {error}") from error


def _end(process: "subprocess.Popen[bytes]", parent: int) -> None:
    """Kill *process* if it is alive, and close its pipes; nothing in a fork of its *parent*."""
    if parent != os.getpid():
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _how(code: int) -> str:
    """How a process ended that left with *code*."""
    if code >= 0:
        return "ended before it answered, perhaps for want of memory"
    if code == -getattr(signal, "SIGKILL", 9):
        return "was killed, perhaps for want of memory"
    known = {int(each): each.name for each in signal.Signals}
    return f"crashed ({known.get(-code, f'signal {-code}')})"
