"""A model that is ready to be run: what it declares, its runs, and an end to them; by onnxruntime, on the CPU."""

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.metadata import METADATA_KEY
from stnwarp.localisation.onnx.reasons import reason

_FATAL = 4
MOST_THREADS = 256  # a small network has no work for more
_MOST_NUMBERS = 2**22  # that a run may give: those of the largest batch with the most control points are fewer
_MEMORY_SIGNS = ("Failed to allocate memory", "bad_alloc", "bad allocation")


class Ended(BaseException):
    """A run was ended from outside: nothing is known to be wrong with what was worked on, and nobody waits for it."""


@dataclass(frozen=True)
class Argument:
    """An input as the model declares it; *type* is onnxruntime's word for it, and open sides are names or None."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class Declaration:
    """What a model says of itself: its inputs, the names of its outputs, and its metadata of stnwarp's, if any."""

    inputs: tuple[Argument, ...]
    outputs: tuple[str, ...]
    metadata: str | None


class Session(Protocol):
    """A model that has been loaded. It can be pickled, and is then loaded anew where it is run."""

    declaration: Declaration

    def run(self, output: str, input: str, batch: NDArray[Any]) -> NDArray[Any]:
        """What the model gives as *output* for *batch* as its *input*.

        Raises:
            CheckpointError: it cannot be run on that, or gives no array of some size.  Ended: after `stop`.
        """

    def stop(self) -> None:
        """End what runs in other threads; runs that begin later are not meant."""


class LocalSession(Session):
    """A session in this process, for a model that is trusted: what goes wrong in native code goes wrong here.

    Args:
        model: its bytes.
        threads: how many one run uses.

    Raises:
        CheckpointError: onnxruntime does not take it; its reason in one line.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime

        self._model, self._threads = model, threads
        self._new_options = onnxruntime.RunOptions
        self._under_way: set[Any] = set()  # the options of runs
        try:
            self._session = onnxruntime.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])
            self.declaration = _declaration(self._session)
        except UnicodeDecodeError as error:  # of a name or a text, when onnxruntime hands it over
            raise CheckpointError("a damaged file; some text in it is not UTF-8") from error
        except Exception as error:  # onnxruntime has a dozen kinds, none of them documented
            raise CheckpointError(f"onnxruntime cannot load it: {_words(error)}") from error

    def __reduce__(self) -> tuple[type["LocalSession"], tuple[bytes, int]]:
        return LocalSession, (self._model, self._threads)

    def run(self, output: str, input: str, batch: NDArray[Any]) -> NDArray[Any]:
        """See Session.run; Ctrl-C waits for its end."""
        options = self._new_options()
        self._under_way.add(options)
        try:
            [result] = self._session.run([output], {input: batch}, options)
        except Exception as error:
            if options.terminate:
                raise Ended from None
            raise CheckpointError(_words(error)) from error
        finally:
            self._under_way.discard(options)
        return _checked(result)

    def stop(self) -> None:
        """See Session.stop; a run ends between two of its operators."""
        for options in tuple(self._under_way):
            options.terminate = True


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, MOST_THREADS)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL
    # Threads that wait would otherwise keep turning, on the cores where the images are warped.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _declaration(session: Any) -> Declaration:
    inputs = tuple(Argument(each.name, each.type, tuple(each.shape)) for each in session.get_inputs())
    metadata = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    return Declaration(inputs, tuple(each.name for each in session.get_outputs()), metadata)


def _words(error: Exception) -> str:
    """What *error* of onnxruntime says, in one line; that memory was not enough, in words of our own."""
    text = reason(error)
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _MEMORY_SIGNS):
        return "it takes more memory than a localisation network may, or than there is"
    return text


def _checked(result: Any) -> NDArray[Any]:
    """*result*, unless it is no array of floating-point numbers, or of far too many."""
    import numpy as np

    if not isinstance(result, np.ndarray) or result.dtype.kind != "f":
        raise CheckpointError("gives something else than floating-point numbers")
    if result.size > _MOST_NUMBERS:
        raise CheckpointError(f"gives {result.size:,} numbers at a time; a localisation network gives fewer")
    return result
