"""Run the jobs of a plan on worker threads, one outcome each."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

from stnwarp.errors import OutputError, ParameterError
from stnwarp.files.directories import sweep
from stnwarp.folder.crew import Crew, Messages, Task, no_messages
from stnwarp.folder.jobs import Job, Outcome
from stnwarp.folder.kernels import compile_ahead
from stnwarp.folder.settings import Settings
from stnwarp.kernels.compiler.compiled_kernel import load_compiler
from stnwarp.resources import is_limited, load_blas

# No more is taken from standard input: what an image of so many pixels can take at the most, 16 bits RGBA and
# its metadata.
_BYTES_PER_PIXEL = 8
_METADATA_BYTES = 64 << 20


def run(
    jobs: Sequence[Job],
    settings: Settings,
    workers: int = 1,
    fail_fast: bool = False,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    noted: Callable[[Outcome], None] = lambda _: None,
    messages: Messages = no_messages,
) -> Iterator[Outcome]:
    """Do *jobs* on so many *workers* and yield one outcome each, in the order they are done.

    Nothing happens before the first outcome is asked for, and then only a few jobs are under way at any time.
    An image that cannot be read, warped or written gives a failed outcome and the others go on; with
    *fail_fast* no further one is begun from then on, and those under way are still finished and reported.
    Leaving the iterator early (close it, as by `contextlib.closing`, or let Ctrl-C end it) begins no further
    job, lets files that are being written be finished, and gives up the rest after a second.

    Args:
        stdin: where a job without a source path reads, standard input by default; in this thread, as is
            *stdout*.
        stdout: where a job without a target writes, standard output by default.
        noted: called with each outcome where and when it comes about, also of files that were still finished when
            the iterator was left, and nobody asked for their outcomes any more; in one thread or several at a time.
        messages: entered around the work on each job, in the thread that does it; the lines it yields by the end of
            the work become warnings of the outcome.

    Raises:
        OutputError: no further file can be written (disk full, no permission), once the outcomes of the jobs
            under way have been yielded.  ParameterError: fewer than one worker.  LoadingError: there is too little
            memory to load the compiler.
    """
    if workers < 1:
        raise ParameterError(f"the number of workers must be at least 1, got {workers}")
    if is_limited():
        load_blas()
        load_compiler()
    sweep(path for job in jobs for path in job.files)
    compile_ahead(jobs, settings, workers * settings.threads)
    crew = Crew(settings, min(workers, len(jobs)), fail_fast, noted, messages)
    try:
        yield from _outcomes(crew, _tasks(jobs, settings, stdin), stdout)
    finally:
        crew.stop()


def _tasks(jobs: Sequence[Job], settings: Settings, stdin: BinaryIO | None) -> Iterator[Task]:
    for job in jobs:
        data = _read(stdin, settings.max_pixels) if job.source.path is None else None
        yield Task(job, data, io.BytesIO() if job.target is None else None)


def _outcomes(crew: Crew, tasks: Iterator[Task], stdout: BinaryIO | None) -> Iterator[Outcome]:
    cannot_go_on: OutputError | None = None
    while True:
        crew.fill_up(tasks)
        if crew.is_idle:
            break
        result = crew.next_result()
        if isinstance(result, OutputError):
            cannot_go_on = cannot_go_on or result
        elif result is not None:
            _write(stdout, result.written)
            yield result.outcome
    if cannot_go_on is not None:
        raise cannot_go_on


def _read(stdin: BinaryIO | None, max_pixels: int) -> io.BytesIO | None:
    """All of standard input; None if it cannot be read.

    It is read in the thread that Ctrl-C interrupts: a worker stuck in it would hold up the end of the
    interpreter.
    """
    with suppress(OSError, ValueError, AttributeError):  # closed, or None where there is no console
        return io.BytesIO((stdin or sys.stdin.buffer).read(max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES))
    return None


def _write(stdout: BinaryIO | None, data: bytes) -> None:
    if not data:
        return
    try:
        stream = stdout or sys.stdout.buffer
        rest = memoryview(data)
        while rest:  # an unbuffered stream takes a part at a time
            rest = rest[stream.write(rest) :]
        stream.flush()
    except BrokenPipeError:
        raise  # the reader has gone, which is no fault
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is closed"
        raise OutputError(f"standard output cannot take the image: {reason}; write to a file instead") from error
