"""How a run ends: every error as one line on standard error, and the exit code that goes with it."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from stnwarp.cli.console import PROGRAM, Console
from stnwarp.errors import ExitCode, StnwarpError


class Terminated(KeyboardInterrupt):
    """SIGTERM: it unwinds the way Ctrl-C does, so that temporary files are removed."""


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM once nothing is under way any more; the text is what to do about it."""

    def __init__(self, advice: str, *, terminated: bool) -> None:
        super().__init__(advice)
        self.terminated = terminated


def run_reported(console: Console, command: Callable[[], object]) -> ExitCode:
    """Run *command*, tell how it ended, and return the exit code; nothing but this code gets out."""
    try:
        with _sigterm_raises(), _warnings_said(console):
            code = ExitCode(int(command() or 0))  # type: ignore[call-overload]
    except BaseException as error:
        code = _report(console, error)
    return _flushed(console, code)


def _report(console: Console, error: BaseException) -> ExitCode:
    """Say what *error* means to the user."""
    if isinstance(error, click.Abort | KeyboardInterrupt):  # before the command began
        error = Interrupted("", terminated=isinstance(error.__cause__ or error, Terminated))
    if isinstance(error, Interrupted):
        return _report_interrupt(console, error)
    if isinstance(error, SystemExit):
        return _code_of_exit(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return ExitCode.USAGE
    if not isinstance(error, click.UsageError):
        console.traceback(error)
    message, code = _explained(error)
    console.error(message)
    return code


def _explained(error: BaseException) -> tuple[str, ExitCode]:
    """One line and the exit code for *error*."""
    if isinstance(error, StnwarpError):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        return _usage_message(error), ExitCode.USAGE
    if isinstance(error, MemoryError):
        return "not enough memory; work on one image at a time (-j 1)", ExitCode.CANNOT_GO_ON
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}; check the disk and its permissions", ExitCode.CANNOT_GO_ON
    name = type(error).__name__
    return f"unexpected {name}: {error}; run again with -vv and report the traceback", ExitCode.CANNOT_GO_ON


def _usage_message(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return f"{message} (see '{path} --help')"


def _report_interrupt(console: Console, error: Interrupted) -> ExitCode:
    what = "terminated" if error.terminated else "interrupted"
    console.error("; ".join(filter(None, [what, str(error)])))
    return ExitCode.TERMINATED if error.terminated else ExitCode.INTERRUPTED


def _code_of_exit(error: SystemExit) -> ExitCode:
    """click leaves this way, without a word, when the reader of a pipe has gone."""
    return ExitCode.CANNOT_GO_ON if error.code else ExitCode.OK


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM raises `Terminated` in the main thread, unless the parent asked for it to be ignored."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        yield
        return
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def _warnings_said(console: Console) -> Iterator[None]:
    """Python's warnings become lines like all others, without the place in the code they come from."""

    def say(message: Warning | str, *_place: object, **_more: object) -> None:
        console.warn(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield


def _flushed(console: Console, code: ExitCode) -> ExitCode:
    """Flush standard output while a failure can be told: at the interpreter's end it is a traceback."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return code or ExitCode.CANNOT_GO_ON
    except OSError as error:
        _forget_stdout()
        if code == ExitCode.OK:
            console.error(f"standard output: {error.strerror}; write elsewhere")
        return code or ExitCode.CANNOT_GO_ON
    return code


def _forget_stdout() -> None:
    """What could not be written must not be tried again when the interpreter ends."""
    sys.stdout = None
