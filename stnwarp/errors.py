"""One tree of errors; each class carries the exit code the command line ends with.

A message is one line: what is wrong, where, what to do about it.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a run of `stnwarp` ended."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOTHING_MATCHED = 3
    CANNOT_GO_ON = 4
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class StnwarpError(Exception):
    """Anything stnwarp reports in words rather than with a traceback."""

    exit_code: ExitCode = ExitCode.CANNOT_GO_ON


class ParameterError(StnwarpError, ValueError):
    """A number, an array or an option that cannot be used; nothing was written."""

    exit_code = ExitCode.USAGE


class ShapeError(ParameterError):
    """An array of the wrong shape."""


class DtypeError(ParameterError, TypeError):
    """An array of a dtype that the argument does not take."""


class ThetaError(ParameterError):
    """Transformation parameters that are not finite, or of the wrong number."""


class DerivativeError(ParameterError, NotImplementedError):
    """A derivative that is not computed; torch's own name for that is NotImplementedError, a RuntimeError."""


class SingularTransformError(ThetaError):
    """A transformation that has no usable inverse, judged by its condition number."""


class ParameterFileError(ParameterError):
    """A transform, grid or parameter file that cannot be used."""


class OutputClashError(ParameterError):
    """Targets that collide with each other, with a source, or with a file that exists."""


class SizeLimitError(ParameterError):
    """A size that was asked for and would need more memory than the limit allows."""


class ImageError(StnwarpError):
    """One image that cannot be read, warped or written; the others go on.

    *remedy* names an option that helps; a command that has no such option tells the *reason* alone.
    """

    exit_code = ExitCode.SOME_FAILED

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason if remedy is None else f"{reason}; {remedy}")
        self.reason = reason


class NothingMatchedError(StnwarpError):
    """No image was found in what was named."""

    exit_code = ExitCode.NOTHING_MATCHED


class OutputError(StnwarpError):
    """The output cannot take any file: full disk, no permission, closed pipe."""


class LoadingError(StnwarpError):
    """A library, or the compiler, that there is not enough memory for; no image can be worked on without it."""


class CheckpointError(StnwarpError):
    """A checkpoint that cannot be read, trusted or run, or that does not fit what is asked of it."""


class MissingExtraError(StnwarpError):
    """A feature whose optional packages are not installed."""


class TrainingError(StnwarpError):
    """A training run that cannot go on; the last good checkpoint is kept."""
