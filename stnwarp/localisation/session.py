"""onnxruntime, asked for in one place: a model from its bytes, on the CPU, silent, and ended by a signal."""

import re
from typing import Any

from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.interrupts import Ended, interruptible

_FATAL = 4
_MOST_THREADS = 256  # a small network has no work for more
_LONGEST = 400  # characters of a reason
_PLACE = re.compile(r"\S*/onnxruntime\S*:\d+ ")  # of the source file where it was found out; a signature follows
_QUALIFIERS = re.compile(r"^(?: const| \[with [^\]]*\])* ?")


def opened(model: bytes, threads: int) -> Any:
    """An onnxruntime session of *model* that uses so many *threads* for one run.

    Raises:
        CheckpointError: onnxruntime does not take it; its reason in one line.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, _MOST_THREADS)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL
    # Threads that wait would otherwise keep turning, on the cores where the images are warped.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def load() -> Any:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    try:
        return interruptible(load, stop=_let_go)
    except Exception as error:  # onnxruntime has a dozen kinds, none of them documented
        raise CheckpointError(f"onnxruntime cannot load it: {reason(error)}") from error


class Runner:
    """Runs of one *session*, all of which `stop` ends, from any thread."""

    def __init__(self, session: Any) -> None:
        import onnxruntime

        self._session, self._new_options = session, onnxruntime.RunOptions
        self._under_way: set[Any] = set()  # the options of runs

    def run(self, output: str, given: dict[str, NDArray[Any]], is_quick: bool) -> Any:
        """What the session gives as *output* for the inputs *given*; raises what onnxruntime raises.

        With *is_quick*, a signal waits for the end of the run: listening costs as much time as a small network takes.

        Raises:
            Ended: after `stop`.
        """
        options = self._new_options()
        self._under_way.add(options)
        try:
            [result] = self._result([output], given, options, is_quick)
        except Exception:
            if options.terminate:
                raise Ended from None
            raise
        finally:
            self._under_way.discard(options)
        return result

    def stop(self) -> None:
        """End what runs, between two of its operators; runs that begin later are not meant."""
        for options in tuple(self._under_way):
            options.terminate = True

    def _result(self, outputs: list[str], given: dict[str, NDArray[Any]], options: Any, is_quick: bool) -> Any:
        def work() -> Any:
            return self._session.run(outputs, given, options)

        def stop() -> None:
            options.terminate = True

        return work() if is_quick else interruptible(work, stop)


def reason(error: Exception) -> str:
    """What *error* says, in one line of some length; a model's own names may stand in it, line breaks and all.

    Left out is where in its own source onnxruntime found it out, which would leave no room for what was found.
    """
    text = _without_place(" ".join(str(error).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _let_go() -> None:
    """Nothing ends the loading of a model from outside."""


def _without_place(text: str) -> str:
    """*text* without the first source file in it, its line, and the C++ signature that follows."""
    found = _PLACE.search(text)
    if found is None:
        return text
    return text[: found.start()] + _after_signature(text[found.end() :])


def _after_signature(text: str) -> str:
    """What follows the C++ signature at the beginning of *text*; all of it where there is none.

    Its parentheses may hold others, as in (const std::function<void(int)>&), and follow others, as in operator()(int).
    """
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth <= 0 and not text.startswith(("(", "::"), place + 1):
            return _QUALIFIERS.sub("", text[place + 1 :])
    return text
