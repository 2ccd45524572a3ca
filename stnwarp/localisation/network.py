"""A network that has been tried out: pictures in, numbers out, in batches of the size it takes."""

import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.onnx.session import Session
from stnwarp.localisation.signature import Picture, Signature, trial_pictures, written_shape

LARGEST_BATCH = 32
_LARGEST_SHARED = 2**14  # numbers in a picture; networks for larger ones take as long together as one by one

Numbers = NDArray[np.float64]


class Network:
    """A session, run on batches whose numbers do not depend on what else is in the batch.

    Args:
        session: of the model.
        signature: which input and output to use.
        shape: of one picture, in the network's own layout.

    Raises:
        CheckpointError: it does not run, or does not give real numbers for each picture.
    """

    def __init__(self, session: Session, signature: Signature, shape: tuple[int, int, int]) -> None:
        self._session, self._signature = session, signature
        self._most = signature.batch or _open_batch(math.prod(shape))  # pictures that share a batch
        # A batch of fewer is filled up with copies of its last picture. Also an open one: onnxruntime multiplies a row
        # by a matrix another way than several rows, and the last bits of a picture alone would be others.
        self._least = signature.batch or min(2, self._most)
        self.output_shape = self._tried_out(*trial_pictures(shape))

    @property
    def width(self) -> int:
        """How many numbers there are for a picture."""
        return math.prod(self.output_shape)

    def run(self, pictures: Sequence[Picture]) -> list[Numbers | CheckpointError]:
        """For each of *pictures* its numbers in a row (P,), or why there are none; one's fault spoils no other's."""
        rows: list[Numbers | CheckpointError] = []
        for start in range(0, len(pictures), self._most):
            rows += self._rows(pictures[start : start + self._most])
        return rows

    def stop(self) -> None:
        """End the runs that are under way in other threads, which raise Ended."""
        self._session.stop()

    def _tried_out(self, quiet: Picture, loud: Picture) -> tuple[int, ...]:
        """Find out what may share a batch, by the numbers of *quiet* and *loud*; the shape of those for one picture.

        Where others in the batch play a part, such as in dynamic quantisation, whose ranges are those of the whole
        batch, or cannot be run beside each other at all, each picture is run without others. Both pictures are
        compared: a range that they share is another one than at least one of them has by itself.
        """
        if self._most == 1:
            return self._run(quiet[np.newaxis]).shape[1:]
        copies = self._tried([quiet] * self._least)
        if copies is None:  # it takes one picture at a time, whatever it declares
            self._most, self._least = 1, self._signature.batch or 1
            return self._run(np.stack([quiet] * self._least)).shape[1:]
        mixed = self._tried([loud] * (self._least - 1) + [quiet])
        if not _agree(mixed, copies, lambda: self._tried([loud] * self._least)):
            self._most, self._least = 1, self._signature.batch or 1
        return copies.shape[1:]

    def _tried(self, pictures: Sequence[Picture]) -> Numbers | None:
        """The numbers of a batch of *pictures*; None where it cannot be run, for some fault of one of them."""
        try:
            return self._run(np.stack(pictures))
        except CheckpointError:
            return None

    def _rows(self, pictures: Sequence[Picture]) -> list[Numbers | CheckpointError]:
        """Those of one batch; where it fails, each of its pictures is run as one that comes alone is."""
        try:
            return list(self._numbers(pictures))
        except CheckpointError as error:
            if len(pictures) == 1:
                return [_without_pictures(error)]
        return [row for picture in pictures for row in self._rows([picture])]

    def _numbers(self, pictures: Sequence[Picture]) -> Numbers:
        """The numbers (N, P) of *pictures* that share a batch."""
        missing = max(self._least - len(pictures), 0)
        output = self._run(np.stack([*pictures, *[pictures[-1]] * missing]), len(pictures))
        if output.shape[1:] != self.output_shape:  # a network with branches, or one that counts what it sees
            found, first = written_shape(output.shape[1:]), written_shape(self.output_shape)
            raise CheckpointError(f"gives numbers of shape {found} for some pictures and {first} for others")
        return output[: len(pictures)].reshape(len(pictures), self.width)

    def _run(self, batch: NDArray[np.float32], different: int | None = None) -> Numbers:
        given = _as_type(batch, self._signature.dtype)
        count = "a picture" if different == 1 or len(batch) == 1 else f"{len(batch)} pictures"
        try:
            output = self._session.run(self._signature.output, self._signature.input, given)
        except CheckpointError as error:
            raise CheckpointError(f"cannot be run on {count}: {error}") from error
        if output.ndim < 2 or len(output) != len(batch):
            raise CheckpointError(f"gives {output.shape} for {count}; the first axis must be the batch")
        return output.astype(np.float64)


def _open_batch(length: int) -> int:
    """How many pictures of *length* numbers share a batch, where a network takes any number of them."""
    return LARGEST_BATCH if length <= _LARGEST_SHARED else 1


def _agree(mixed: Numbers | None, quiet: Numbers, loud: Callable[[], Numbers | None]) -> bool:
    """Whether *mixed* ends with the row of *quiet* and begins with that of *loud*, which is asked for if need be."""
    if mixed is None or not np.array_equal(mixed[-1], quiet[0], equal_nan=True):
        return False
    other = loud()
    return other is not None and np.array_equal(mixed[0], other[0], equal_nan=True)


def _without_pictures(error: CheckpointError) -> CheckpointError:
    """*error*, which is kept for its picture's sake, without the batches that its tracebacks hold."""
    for each in (error, error.__cause__):
        traceback.clear_frames(each.__traceback__ if each else None)
    return error


def _as_type(batch: Picture, dtype: type[np.generic]) -> NDArray[Any]:
    if dtype is np.uint8:
        return np.nan_to_num(np.rint(batch)).clip(0, 255).astype(np.uint8)
    with np.errstate(over="ignore"):  # float16
        return batch.astype(dtype, copy=False)
