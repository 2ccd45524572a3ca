"""Small copies of images, from which what a network sees can be made, whatever the warp."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from stnwarp.localisation.frames import shares
from stnwarp.localisation.inputs import network_input
from stnwarp.localisation.metadata import ColourMode, Fit, Metadata
from stnwarp.localisation.values import LONGEST_INPUT
from stnwarp.training.choices import Settings, Size
from stnwarp.training.memory import check_memory
from stnwarp.training.samples import MODES, SHADES, Samples, frame_metadata

_FINER = 2  # how many times as fine as the network's input the copies are that random warps read


class Copies:
    """The small copies of images, made one by one.

    Without random warps a copy is what the network sees. With them it has the image's own pixels where these are few,
    and else so many that a warp and then the reduction to the input lose what they lose in use, and nothing more.

    Args:
        settings: of the run.
        count: the most there will be.
        sizes: (height, width) of the images, of each kind once at the least.

    Raises:
        ParameterError: more than memory holds.
    """

    def __init__(self, settings: Settings, count: int, sizes: Iterable[Size]) -> None:
        self._settings = settings
        height, width = scene_size(settings, sizes)
        channels = MODES[settings.colour].channels
        check_memory(count, channels, (height, width))
        self._pictures = np.full((count, channels, height, width), round(settings.background * SHADES), np.uint8)
        self._sizes: list[Size] = []
        self._extents: list[Size] = []

    def add(self, image: NDArray[np.generic]) -> None:
        """Keep a copy of *image*: (H, W) or (H, W, C)."""
        size = image.shape[0], image.shape[1]
        rows, columns = extent = copy_size(self._settings, size)
        self._pictures[len(self), :, :rows, :columns] = _small_copy(image, self._metadata(extent))
        self._sizes.append(size)
        self._extents.append(extent)

    def __len__(self) -> int:
        return len(self._sizes)

    def samples(self, names: tuple[str, ...]) -> Samples:
        """All that were added, with their *names*."""
        pictures, sizes = torch.from_numpy(self._pictures[: len(self)]), torch.tensor(self._sizes)
        return Samples(pictures, sizes, names, None if self._settings.ranges is None else torch.tensor(self._extents))

    def _metadata(self, extent: Size) -> Metadata:
        """How an image is laid on its copy."""
        metadata = frame_metadata(self._settings, extent)
        return metadata if self._settings.ranges is None else replace(metadata, fit=Fit.STRETCH)


def scene_size(settings: Settings, sizes: Iterable[Size]) -> Size:
    """(height, width) of the frame that images of *sizes* are warped on: no coarser than any of their copies."""
    if settings.ranges is None:
        return settings.input_size
    finest, largest = _finest(settings), (1, 1)
    for size in sizes:
        frame = _own_frame(settings, size)
        largest = min(max(largest[0], frame[0]), finest[0]), min(max(largest[1], frame[1]), finest[1])
        if largest == finest:  # nothing that follows changes it
            break
    return largest


def copy_size(settings: Settings, size: Size) -> Size:
    """(height, width) of the copy of an image of *size*."""
    if settings.ranges is None:
        return settings.input_size
    finest, frame = _finest(settings), _own_frame(settings, size)
    if settings.fit == Fit.STRETCH or all(side <= most for side, most in zip(frame, finest, strict=True)):
        return min(size[0], finest[0]), min(size[1], finest[1])
    height, width = shares(size, frame_metadata(settings, settings.input_size))
    return max(1, round(finest[0] * height)), max(1, round(finest[1] * width))


def _finest(settings: Settings) -> Size:
    """(height, width) of the largest frame for warps; for the very largest inputs none is finer."""
    height, width = settings.input_size
    finer = _FINER if _FINER * max(height, width) <= LONGEST_INPUT else 1
    return finer * height, finer * width


def _own_frame(settings: Settings, size: Size) -> Size:
    """(height, width) of the network's frame in the pixels of an image of *size* that lies on it."""
    (height, width), (rows, columns) = size, settings.input_size
    if settings.fit == Fit.STRETCH:
        return size
    if height * columns >= width * rows:
        return height, -(-height * columns // rows)
    return -(-width * rows // columns), width


def _small_copy(image: NDArray[np.generic], metadata: Metadata) -> NDArray[np.uint8]:
    """*image* as it is kept: (C, h, w); made smaller exactly as for prediction, then rounded."""
    height, width = image.shape[:2]
    is_as_kept = image.dtype == np.uint8 and image.ndim == 2 and metadata.mode is ColourMode.L
    if is_as_kept and (height, width) == metadata.input_size:
        return np.asarray(image[np.newaxis], np.uint8)
    return np.rint(np.clip(network_input(image, metadata), 0, 1) * SHADES).astype(np.uint8)
