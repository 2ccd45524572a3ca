"""What an ONNX model may not hold, looked for before onnxruntime sees a byte of it.

Refused are weights kept in other files, wherever in the model they stand, operators that are not onnxruntime's own, and
bytes that are no ONNX model. Numbers of fields are those of onnx.proto.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from stnwarp.errors import CheckpointError
from stnwarp.localisation.wire import Wire, fields

# What onnxruntime has built in. Other domains come with a library of their own, unless the model defines them itself.
_BUILT_IN = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_READS_FILES = {("com.microsoft", "EPContext")}  # a model compiled for other hardware, in a file beside it

_DEEPEST = 64  # messages within messages: some ten subgraphs within each other
_MOST_FIELDS = 2_000_000  # some seconds' work


class _Kind(Enum):
    """The messages of onnx.proto on the way to tensors and nodes."""

    MODEL = auto()
    TRAINING = auto()
    FUNCTION = auto()
    GRAPH = auto()
    NODE = auto()
    ATTRIBUTE = auto()
    SPARSE = auto()
    TENSOR = auto()


# For each message, the numbers of its fields that are messages to look into.
_WITHIN: dict[_Kind, dict[int, _Kind]] = {
    _Kind.MODEL: {7: _Kind.GRAPH, 20: _Kind.TRAINING, 25: _Kind.FUNCTION},
    _Kind.TRAINING: {1: _Kind.GRAPH, 2: _Kind.GRAPH},
    _Kind.FUNCTION: {7: _Kind.NODE, 11: _Kind.ATTRIBUTE},
    _Kind.GRAPH: {1: _Kind.NODE, 5: _Kind.TENSOR, 15: _Kind.SPARSE},
    _Kind.NODE: {5: _Kind.ATTRIBUTE},
    _Kind.ATTRIBUTE: {
        5: _Kind.TENSOR,
        6: _Kind.GRAPH,
        10: _Kind.TENSOR,
        11: _Kind.GRAPH,
        22: _Kind.SPARSE,
        23: _Kind.SPARSE,
    },
    _Kind.SPARSE: {1: _Kind.TENSOR, 2: _Kind.TENSOR},
    _Kind.TENSOR: {},
}


@dataclass
class _Found:
    """What has been seen of a model so far."""

    fields: int = 0
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)


def inspect_model(model: bytes) -> None:
    """Nothing, if the bytes of *model* are an ONNX model that stands on its own.

    Raises:
        CheckpointError: they are not, in words.
    """
    found = _Found()
    numbers = {number for number, _, _ in _counted(memoryview(model), found)}
    if not {1, 7, 8} <= numbers:  # the version of the format, the graph, the version of its operators
        raise CheckpointError("not an ONNX file, or a truncated one: it has no graph, or no operator set")
    _walk(memoryview(model), _Kind.MODEL, found, 0)
    for domain, operator in sorted(found.operators - found.functions):
        if domain not in _BUILT_IN or (domain, operator) in _READS_FILES:
            raise CheckpointError(
                f"uses the operator {_printable(operator)!r} of the domain {_printable(domain)!r}; "
                "only onnxruntime's own operators are run, export it with those"
            )


def _walk(message: memoryview, kind: _Kind, found: _Found, depth: int) -> None:
    if depth > _DEEPEST:
        raise CheckpointError(f"graphs are nested more than {_DEEPEST} messages deep")
    if kind in _LOOK:
        _LOOK[kind](message, found)
    within = _WITHIN[kind]
    if not within:
        return
    for number, wire, value in _counted(message, found):
        if number in within:
            _walk(_message(value, wire), within[number], found, depth + 1)


def _counted(message: memoryview, found: _Found) -> Iterator[tuple[int, Wire, int | memoryview]]:
    """The fields of *message*, up to a limit for the whole model."""
    for each in fields(message):
        found.fields += 1
        if found.fields > _MOST_FIELDS:
            raise CheckpointError(f"has more than {_MOST_FIELDS:,} fields; a localisation network is smaller")
        yield each


def _message(value: int | memoryview, wire: Wire) -> memoryview:
    if wire is not Wire.BYTES or not isinstance(value, memoryview):
        raise CheckpointError("not an ONNX file, or a damaged one")
    return value


def _look_at_tensor(message: memoryview, found: _Found) -> None:
    """Refuses a tensor whose numbers are elsewhere: it says so (field 14), or says where (field 13)."""
    for number, _, value in _counted(message, found):
        if number == 13 or (number == 14 and value != 0):
            location = _location(message)
            place = f" ({location!r})" if location else ""
            raise CheckpointError(
                f"keeps weights in another file{place}, which is never read; save the model with its weights inside"
            )


def _location(tensor: memoryview) -> str:
    """Where a tensor says that its numbers are; empty where it does not."""
    for number, wire, entry in fields(tensor):
        if number == 13 and wire is Wire.BYTES:
            pair = _strings(_message(entry, wire))
            if pair.get(1) == "location":
                return _printable(pair.get(2, ""))
    return ""


def _look_at_node(message: memoryview, found: _Found) -> None:
    names = _strings(message, 4, 7)
    found.operators.add((names.get(7, ""), names.get(4, "")))


def _look_at_function(message: memoryview, found: _Found) -> None:
    names = _strings(message, 1, 10)
    found.functions.add((names.get(10, ""), names.get(1, "")))


def _strings(message: memoryview, *wanted: int) -> dict[int, str]:
    """The text in the fields *wanted* of *message*, or in all of them."""
    return {
        number: bytes(_message(value, wire)).decode("utf-8", "replace")
        for number, wire, value in fields(message)
        if number in wanted or (not wanted and wire is Wire.BYTES)
    }


def _printable(text: str) -> str:
    """*text* short enough for a message."""
    return text if len(text) <= 80 else f"{text[:77]}..."


_LOOK: dict[_Kind, Callable[[memoryview, _Found], None]] = {
    _Kind.TENSOR: _look_at_tensor,
    _Kind.NODE: _look_at_node,
    _Kind.FUNCTION: _look_at_function,
}
