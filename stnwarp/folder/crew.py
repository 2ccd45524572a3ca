"""The worker threads of a run, fed a few jobs at a time."""

import atexit
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread
from threading import enumerate as living_threads

from stnwarp.errors import OutputError
from stnwarp.files.temporaries import remove_own_temporaries
from stnwarp.folder.budget import Budget
from stnwarp.folder.gate import Stopped, WriteGate
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.settings import Settings
from stnwarp.folder.work import process
from stnwarp.parallel import wait_for_item

_WRITING_PATIENCE = 1.5  # seconds that a stop waits for files being written: given up, they would be left half done
_BEAT = 0.05  # seconds
_WORKING_PATIENCE = 1.0  # and for images being worked on, which can be given up
_THREAD_NAME = "stnwarp-worker"


@dataclass(frozen=True)
class Task:
    """A job, with the bytes of standard input if it reads them, a buffer if it writes to standard output."""

    job: Job
    stdin: io.BytesIO | None = None
    stdout: io.BytesIO | None = None


@dataclass(frozen=True)
class Done:
    """What became of a task, and what it wrote for standard output."""

    outcome: Outcome
    written: bytes


# What is entered around the work on a job; the lines it yields are warnings of the job when it is left.
Messages = Callable[[Job], AbstractContextManager[Sequence[str]]]


def no_messages(_: Job) -> AbstractContextManager[Sequence[str]]:
    """Where nobody listens to what C libraries write."""
    return nullcontext(())


def is_at_work() -> bool:
    """Whether a thread of a crew is left, which was given up in native code."""
    return any(thread.name.startswith(_THREAD_NAME) for thread in living_threads())


class Crew:
    """Daemon threads that take tasks from a queue.

    Not a ThreadPoolExecutor: that one joins its threads when the interpreter ends, so that Ctrl-C would wait
    for the slowest image, and it takes in all jobs at once. Once a task has ended in an error, or with
    *fail_fast* in a failed outcome, those under way are finished and no other one is begun. Each outcome is *noted*
    in the thread it comes from.
    """

    def __init__(
        self,
        settings: Settings,
        workers: int,
        fail_fast: bool = False,
        noted: Callable[[Outcome], None] = lambda _: None,
        messages: Messages = no_messages,
    ) -> None:
        self._settings = settings
        self._messages = messages
        self._noted = noted
        self._fail_fast = fail_fast
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._results: SimpleQueue[Done | BaseException | None] = SimpleQueue()
        self._gate = WriteGate()
        self._budget = Budget() if workers > 1 else None
        self._beginning = True
        self._under_way = 0
        self._threads: list[Thread] = []
        for number in range(workers):
            self._start(number)
        atexit.register(self.stop)  # for a run that was left without being closed

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    def fill_up(self, tasks: Iterator[Task]) -> None:
        """Take as many *tasks* as keep every thread busy, and no more."""
        while self._beginning and self._under_way < 2 * len(self._threads):
            task = next(tasks, None)
            if task is None:
                return
            self._tasks.put(task)
            self._under_way += 1

    def next_result(self) -> Done | OutputError | None:
        """Wait for the next task to end; None for one that was not begun any more."""
        result = wait_for_item(self._results)
        self._under_way -= 1
        if isinstance(result, BaseException) and not isinstance(result, OutputError):
            raise result
        return result

    def _start(self, number: int) -> None:
        """Start another thread, if there is memory for it; at least one is needed."""
        thread = Thread(target=self._work, name=f"{_THREAD_NAME}-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def stop(self) -> None:
        """Begin nothing, finish what is being written, give up the rest; at once if all is done."""
        atexit.unregister(self.stop)
        deadline = time.monotonic() + _WORKING_PATIENCE
        self._beginning = False
        for _ in self._threads:
            self._tasks.put(None)
        if self._under_way and not self._gate.close(_WRITING_PATIENCE):
            remove_own_temporaries()
        self._join(deadline)

    def _join(self, deadline: float) -> None:
        """Wait for the threads to end, until *deadline*."""
        while True:
            if self._under_way:
                self._settings.guide.stop()  # again and again: a thread that waited for a network has it now
            for thread in self._threads:
                thread.join(_BEAT / len(self._threads))
            if time.monotonic() >= deadline or not any(thread.is_alive() for thread in self._threads):
                return

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            result = self._do(task) if self._beginning else None
            if self._is_the_end(result):
                # Here and not where results are taken: this thread would have begun the next task by then.
                self._beginning = False
            self._results.put(result)

    def _is_the_end(self, result: Done | BaseException | None) -> bool:
        """Whether nothing is to be begun after *result*."""
        if isinstance(result, Done):
            return self._fail_fast and result.outcome.status is Status.FAILED
        return isinstance(result, BaseException)

    def _do(self, task: Task) -> Done | BaseException | None:
        try:
            streams = {"stdin": task.stdin, "stdout": task.stdout}
            with self._messages(task.job) as lines:
                outcome = process(task.job, self._settings, **streams, gate=self._gate, budget=self._budget)
            if lines:
                outcome = replace(outcome, warnings=(*outcome.warnings, *lines))
            self._noted(outcome)
        except Stopped:
            return None
        except BaseException as error:  # whatever it is, somebody waits for it
            return error
        return Done(outcome, task.stdout.getvalue() if task.stdout else b"")
