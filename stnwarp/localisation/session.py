"""onnxruntime, asked for in one place: a model from its bytes, on the CPU, silent."""

from typing import Any

from stnwarp.errors import CheckpointError

_FATAL = 4
_MOST_THREADS = 256  # a small network has no work for more


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
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds, none of them documented
        raise CheckpointError(f"onnxruntime cannot load it: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What *error* says, in one line of some length; a model's own names may stand in it, line breaks and all."""
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else f"{text[:397]}..."
