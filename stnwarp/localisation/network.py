"""A network that has been tried out: pictures in, numbers out, in batches of the size it takes."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.session import reason
from stnwarp.localisation.signature import Signature, pattern, written_shape

LARGEST_BATCH = 32

Pictures = NDArray[np.float32]


class Network:
    """An onnxruntime session, run on batches whose numbers do not depend on what else is in the batch.

    Args:
        session: of onnxruntime.
        signature: which input and output to use.
        shape: of one picture, in the network's own layout.

    Raises:
        CheckpointError: it does not run, or does not give real numbers for each picture.
    """

    def __init__(self, session: Any, signature: Signature, shape: tuple[int, int, int]) -> None:
        self._session, self._signature = session, signature
        self._most = signature.batch or LARGEST_BATCH
        self._least = signature.batch or 2
        both = self._run(pattern(self._least, shape))
        self.output_shape = tuple(both.shape[1:])
        if signature.batch is None and np.array_equal(self._run(pattern(2, shape)[:1]), both[:1], equal_nan=True):
            self._least = 1  # most processors do a batch of one the same way; on the others it is filled up

    def run(self, pictures: Sequence[Pictures]) -> NDArray[np.float64]:
        """The numbers for each of *pictures* in a row: (N, P)."""
        width = math.prod(self.output_shape)
        rows = [self._numbers(batch)[:count].reshape(count, width) for batch, count in self._batches(pictures)]
        return np.concatenate([np.empty((0, width)), *rows])

    def _batches(self, pictures: Sequence[Pictures]) -> Iterator[tuple[Pictures, int]]:
        """Batches of the size that the network takes, and how many pictures in them count."""
        for start in range(0, len(pictures), self._most):
            chunk = list(pictures[start : start + self._most])
            missing = max(self._least - len(chunk), 0)
            yield np.stack(chunk + chunk[-1:] * missing), len(chunk)

    def _numbers(self, batch: Pictures) -> NDArray[np.float64]:
        output = self._run(batch)
        if output.shape[1:] != self.output_shape:  # a network with branches, or one that counts what it sees
            found, first = written_shape(output.shape[1:]), written_shape(self.output_shape)
            raise CheckpointError(f"gives numbers of shape {found} for some pictures and {first} for others")
        return output

    def _run(self, batch: Pictures) -> NDArray[np.float64]:
        given = _as_type(batch, self._signature.dtype)
        try:
            (output,) = self._session.run([self._signature.output], {self._signature.input: given})
        except Exception as error:  # onnxruntime has a dozen kinds, none of them documented
            raise CheckpointError(f"cannot be run on {len(batch)} pictures: {reason(error)}") from error
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise CheckpointError("gives something else than floating-point numbers")
        if output.ndim < 2 or len(output) != len(batch):
            raise CheckpointError(f"gives {output.shape} for {len(batch)} pictures; the first axis must be the batch")
        return output.astype(np.float64)


def _as_type(batch: Pictures, dtype: type[np.generic]) -> NDArray[Any]:
    if dtype is np.uint8:
        return np.nan_to_num(np.rint(batch)).clip(0, 255).astype(np.uint8)
    with np.errstate(over="ignore"):  # float16
        return batch.astype(dtype, copy=False)
