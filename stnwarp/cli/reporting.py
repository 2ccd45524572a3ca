"""How a run ends: every error as one line on standard error, and the exit code that goes with it."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType
from typing import Any

import click

from stnwarp.cli.console import PROGRAM, Console
from stnwarp.errors import ExitCode, StnwarpError
from stnwarp.resources import is_shortage

# What ends a run. Windows has no SIGHUP.
SIGNALS = {"SIGHUP": ExitCode.HUNG_UP, "SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED}
_WORDS = {ExitCode.HUNG_UP: "hung up", ExitCode.INTERRUPTED: "interrupted", ExitCode.TERMINATED: "terminated"}


class SignalInterrupt(KeyboardInterrupt):
    """A signal that ends the run with *code*: it unwinds the way Ctrl-C does, so that temporary files are removed."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__()
        self.code = code


class Interrupted(BaseException):
    """Ctrl-C or a signal like it, once nothing is under way any more; the text is what to do about it."""

    def __init__(self, advice: str, code: ExitCode) -> None:
        super().__init__(advice)
        self.code = code

    @classmethod
    def by(cls, cause: BaseException, advice: str) -> "Interrupted":
        """The end that *cause*, a KeyboardInterrupt, stands for."""
        return cls(advice, cause.code if isinstance(cause, SignalInterrupt) else ExitCode.INTERRUPTED)


def run_reported(console: Console, command: Callable[[], object], *, is_last: bool = False) -> ExitCode:
    """Run *command*, tell how it ended, and return the exit code; nothing but this code gets out.

    With *is_last* the process ends afterwards, and signals are ignored meanwhile.
    """
    with _signals_raise(console, is_last):
        try:
            return _flushed(console, _run(console, command))
        except KeyboardInterrupt as error:  # the first signal, as the end was being told
            return _report(console, error)


def _run(console: Console, command: Callable[[], object]) -> ExitCode:
    try:
        with _warnings_said(console):
            return ExitCode(int(command() or 0))  # type: ignore[call-overload]
    except BaseException as error:
        return _report(console, error)


def _report(console: Console, error: BaseException) -> ExitCode:
    """Say what *error* means to the user."""
    if isinstance(error, click.Abort | KeyboardInterrupt):  # before the command began
        error = Interrupted.by(error.__cause__ or error, "")
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
    if is_shortage(error):
        what = f" to load {_library(error)}" if isinstance(error, ImportError) else ""
        advice = "make some free, raise its limit, or work on less at a time"
        return f"not enough memory{what}; {advice}", ExitCode.CANNOT_GO_ON
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}; check the disk and its permissions", ExitCode.CANNOT_GO_ON
    name = type(error).__name__
    return f"unexpected {name}: {error}; run again with -vv and report the traceback", ExitCode.CANNOT_GO_ON


def _library(error: ImportError) -> str:
    return PurePath(error.path).name if error.path else error.name or "a library"


def _usage_message(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return f"{message} (see '{path} --help')"


def _report_interrupt(console: Console, error: Interrupted) -> ExitCode:
    console.error("; ".join(filter(None, [_WORDS[error.code], str(error)])))
    return error.code


def _code_of_exit(error: SystemExit) -> ExitCode:
    """click leaves this way, without a word, when the reader of a pipe has gone."""
    return ExitCode.CANNOT_GO_ON if error.code else ExitCode.OK


@contextmanager
def _signals_raise(console: Console, is_last: bool) -> Iterator[None]:
    """Signals raise `SignalInterrupt` in the main thread, but for those that the parent wants ignored (nohup).

    The first one does. Terminals that are closed and managers of services send several in a row, and the second must
    not break off what cleans up.
    """
    previous: dict[int, Any] = {}

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        console.is_ending = True
        raise SignalInterrupt(SIGNALS[signal.Signals(number).name])

    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
        previous = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
        for number in previous:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if is_last else handler)


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
