"""The process in which a network of others is loaded and run: it may crash, take its time, or be killed.

It reads a model and then batches from standard input and writes numbers to standard output; when standard input ends,
so does the process, whatever it is at. Its memory is limited before the model is looked at.
"""

import os
import sys
import threading
from queue import SimpleQueue
from typing import Any

import numpy as np

from stnwarp.errors import CheckpointError
from stnwarp.localisation.onnx.messages import Channel
from stnwarp.localisation.onnx.session import MOST_THREADS, LocalSession
from stnwarp.resources import used_data

MOST_BYTES = 2**31  # of a model or a batch

_ROOM = 2**30  # bytes that any network may take
_COPIES_OF_MODEL = 4  # as read, as parsed, as optimised, as laid out for the processor
_MAPS_OF_BATCH = 64  # as large as the pictures: what a network makes of them on its way
_BYTES_PER_THREAD = 2**24  # its stack

_Message = tuple[dict[str, Any], bytearray]


def main() -> None:
    """Load the model that comes first, say what it declares, and run it on each batch that follows."""
    channel = Channel(0, _private_output(), MOST_BYTES)
    messages: SimpleQueue[_Message] = SimpleQueue()
    threading.Thread(target=_listen, args=(channel, messages), daemon=True).start()
    facts, model = messages.get()
    memory = _Memory(_ROOM + _COPIES_OF_MODEL * len(model) + _BYTES_PER_THREAD * min(facts["threads"], MOST_THREADS))
    try:
        session = LocalSession(bytes(model), facts["threads"])
        _reply(channel, _as_facts(session))
    except CheckpointError as error:
        channel.send({"error": str(error)})
        return
    del model
    while True:
        facts, data = messages.get()
        memory.allow(_MAPS_OF_BATCH * len(data))
        _answer(channel, session, facts, data)


def _private_output() -> int:
    """Standard output under another number: what native code prints there must not come between the messages."""
    private = os.dup(1)
    empty = os.open(os.devnull, os.O_WRONLY)
    os.dup2(empty, 1)
    os.close(empty)
    return private


def _listen(channel: Channel, messages: "SimpleQueue[_Message]") -> None:
    """Pass on what comes in; in a thread of its own, so that the end of the other process is heard at any time."""
    try:
        while True:
            messages.put(channel.receive())
    except BaseException:  # whatever it is, there is nobody left to work for
        os._exit(0)


def _as_facts(session: LocalSession) -> dict[str, Any]:
    declared = session.declaration
    inputs = [[each.name, each.type, list(each.shape)] for each in declared.inputs]
    return {"inputs": inputs, "outputs": list(declared.outputs), "metadata": declared.metadata}


def _reply(channel: Channel, facts: dict[str, Any]) -> None:
    try:
        channel.send(facts)
    except ValueError:
        raise CheckpointError("its names and metadata take megabytes; a localisation network has few") from None


def _answer(channel: Channel, session: LocalSession, facts: dict[str, Any], data: bytearray) -> None:
    batch = np.frombuffer(data, np.dtype(facts["dtype"])).reshape(facts["shape"])
    try:
        result = session.run(facts["output"], facts["input"], batch)
    except CheckpointError as error:
        channel.send({"error": str(error)})
        return
    channel.send({"dtype": result.dtype.str, "shape": result.shape}, result.tobytes())


class _Memory:
    """The limit to this process's data, beside what it takes so far; where the system has none, nothing.

    Memory is refused before it is taken, and onnxruntime says so: a file of 2 kB can ask for any number of gigabytes.
    """

    def __init__(self, room: int) -> None:
        self._base = used_data() + room
        self._most = -1
        self._inherited: list[int] = []
        self.allow(0)

    def allow(self, more: int) -> None:
        """Let the process take so many bytes *more* than the model was given, if that is more than it may by now."""
        if sys.platform != "linux" or more <= self._most:
            return
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if self._most < 0:
            self._inherited = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
        self._most = more
        resource.setrlimit(resource.RLIMIT_DATA, (min([self._base + more, *self._inherited]), hard))


if __name__ == "__main__":
    main()
