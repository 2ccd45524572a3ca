"""Images to transforms by one network or several after another, each seeing what those before it made of the image.

The parameters are composed, as in inverse compositional spatial transformer networks, and the image itself is read
once, by whoever warps it. Source: Lin and Lucey, Inverse Compositional Spatial Transformer Networks, 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.errors import CheckpointError, ParameterError, ThetaError
from stnwarp.localisation.batching import Batcher
from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.localisation.colours import size_of
from stnwarp.localisation.inputs import network_input, warped_input
from stnwarp.localisation.network import LARGEST_BATCH
from stnwarp.localisation.values import Size
from stnwarp.transforms import Transform, compose

Fault = ThetaError | CheckpointError  # of one image


@dataclass(frozen=True, eq=False)
class _Stage:
    """One run of one network."""

    checkpoint: Checkpoint
    batcher: Batcher
    is_last: bool

    def picture(self, image: ArrayLike, so_far: Transform | None) -> NDArray[np.float32]:
        """What the network sees of *image* after the transform *so_far*."""
        metadata = self.checkpoint.metadata
        return network_input(image, metadata) if so_far is None else warped_input(image, so_far, metadata)

    def after(
        self, numbers: ArrayLike, image: ArrayLike, so_far: Transform | None, output_size: Size | None
    ) -> Transform:
        """The transform of this stage's *numbers* after the one *so_far*; ThetaError where there is none."""
        size = size_of(image)
        found = self.checkpoint.transform(numbers, size, output_size if self.is_last else size)
        return found if so_far is None else compose(so_far, found)


class Localiser:
    """Localisation networks in sequence: an image to the one transform that all of them together ask for.

    Args:
        checkpoints: in the order in which they see the image.
        repeat: how often the whole sequence is run, each time on what it made of the image so far.

    Raises:
        CheckpointError: two of them have different align_corners.
        ParameterError: no checkpoint, or a *repeat* below 1.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint], repeat: int = 1) -> None:
        if not checkpoints:
            raise ParameterError("a localiser needs at least one checkpoint")
        if type(repeat) is not int or repeat < 1:
            raise ParameterError(f"repeat must be a whole number of at least 1, got {repeat!r}")
        for each in checkpoints:
            if each.metadata.align_corners != checkpoints[0].metadata.align_corners:
                raise CheckpointError(
                    f"{checkpoints[0].name} and {each.name} have different align_corners; they cannot be composed"
                )
        self.checkpoints, self.repeat = tuple(checkpoints), repeat
        batchers = [Batcher(each.numbers_or_faults, LARGEST_BATCH) for each in checkpoints]
        last = len(checkpoints) * repeat - 1
        pairs = list(zip(checkpoints, batchers, strict=True)) * repeat
        self._stages = [_Stage(*pair, is_last=index == last) for index, pair in enumerate(pairs)]

    @property
    def align_corners(self) -> bool:
        """What -1 and 1 mean in the transforms."""
        return self.checkpoints[0].metadata.align_corners

    @property
    def output_size(self) -> Size | None:
        """(height, width) of the canonical output, which the last checkpoint tells; None for the image's own."""
        return self.checkpoints[-1].metadata.output_size

    def localise(self, images: Sequence[ArrayLike], output_size: Size | None = None) -> list[Transform]:
        """The transform for each of *images*; see `predict`.

        Raises:
            ThetaError: the numbers for one cannot be used; its place is named.
            CheckpointError: a network cannot be run on one; its place is named.
        """
        found: list[Transform] = []
        for index, result in enumerate(self.predict(images, output_size)):
            if not isinstance(result, Transform):
                raise result if len(images) == 1 else _placed(result, f"image {index + 1} of {len(images)}") from result
            found.append(result)
        return found

    def predict(self, images: Sequence[ArrayLike], output_size: Size | None = None) -> list[Transform | Fault]:
        """The transform for each of *images*, or why there is none; one image's fault spoils no other.

        Args:
            images: each (H, W) or (H, W, C) as in `network_input`, of any sizes together.
            output_size: (height, width) of the outputs; by default each image's own. It matters for networks that
                see padded images, whose frame is around the output as well.

        Returns:
            For each image a mapping of normalised output to normalised input coordinates, by `align_corners`; or a
            ThetaError for numbers that are not finite or describe no transform; or a CheckpointError where a network
            cannot be run on what it sees.

        Raises:
            ShapeError: one is not an image.
        """
        results: list[Transform | Fault] = []
        for start in range(0, len(images), LARGEST_BATCH):
            results += self._predict_some(images[start : start + LARGEST_BATCH], output_size)
        return results

    def transform_of(self, image: ArrayLike, output_size: Size | None = None) -> Transform:
        """The transform for one *image*; to be called by any number of threads, whose images are run together.

        The same as `predict` gives, whatever else is run at the time.

        Raises:
            ThetaError: the numbers cannot be used.  ShapeError: not an image.  CheckpointError: see `predict`.
        """
        so_far: Transform | None = None
        for stage in self._stages:
            so_far = stage.after(stage.batcher.numbers(stage.picture(image, so_far)), image, so_far, output_size)
        assert so_far is not None
        return so_far

    def stop(self) -> None:
        """End what the networks work on in other threads: Ended is raised there. What begins later is not meant."""
        for checkpoint in self.checkpoints:
            checkpoint.stop()

    def _predict_some(self, images: Sequence[ArrayLike], output_size: Size | None) -> list[Transform | Fault]:
        results: list[Transform | Fault | None] = [None] * len(images)
        for stage in self._stages:
            pictures: dict[int, NDArray[np.float32]] = {}
            for place, result in enumerate(results):
                if isinstance(result, Fault):
                    continue
                try:
                    pictures[place] = stage.picture(images[place], result)
                except ThetaError as error:  # of a warp so large that the network cannot be shown what it makes
                    results[place] = error
            rows = stage.checkpoint.numbers_or_faults(list(pictures.values()))
            for place, row in zip(pictures, rows, strict=True):
                results[place] = _result(stage, row, images[place], results[place], output_size)
        return [result for result in results if result is not None]


def _result(
    stage: _Stage,
    row: NDArray[np.float64] | CheckpointError,
    image: ArrayLike,
    so_far: Transform | Fault | None,
    output_size: Size | None,
) -> Transform | Fault:
    """What *stage* makes of its *row* of numbers for *image*, or why that is nothing."""
    if isinstance(row, CheckpointError):
        return row
    try:
        return stage.after(row, image, so_far if isinstance(so_far, Transform) else None, output_size)
    except ThetaError as error:
        return error


def _placed(fault: Fault, place: str) -> Fault:
    kind = CheckpointError if isinstance(fault, CheckpointError) else ThetaError
    return kind(f"{place}: {fault}")
