"""Small copies of images, from which what a network sees can be made, whatever the warp."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial

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
        count: how many images there will be at the most.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings, self._count = settings, count
        self._frame = (0, 0)
        self._copies: list[NDArray[np.uint8]] = []
        self._sizes: list[Size] = []
        self._metadata = lru_cache(maxsize=64)(partial(_metadata, settings))  # images often have a size in common

    def add(self, image: NDArray[np.generic]) -> None:
        """Keep a copy of *image*: (H, W) or (H, W, C); ParameterError where memory does not hold as many as it."""
        size = image.shape[0], image.shape[1]
        frame = scene_size(self._settings, size)
        larger = max(self._frame[0], frame[0]), max(self._frame[1], frame[1])
        if larger != self._frame:
            check_memory(self._count, MODES[self._settings.colour].channels, larger)
            self._frame = larger
        self._copies.append(_small_copy(image, self._metadata(copy_size(self._settings, size))))
        self._sizes.append(size)

    def samples(self, names: tuple[str, ...]) -> Samples:
        """All that were added, with their *names*, in arrays that have room for the largest; once."""
        shape = len(self._copies), MODES[self._settings.colour].channels, *self._frame
        pictures = np.full(shape, round(self._settings.background * SHADES), np.uint8)
        extents = torch.tensor([copy.shape[1:] for copy in self._copies])
        for picture, copy in zip(pictures, _taken(self._copies), strict=True):
            picture[:, : copy.shape[1], : copy.shape[2]] = copy
        is_warped = self._settings.ranges is not None
        return Samples(torch.from_numpy(pictures), torch.tensor(self._sizes), names, extents if is_warped else None)


def scene_size(settings: Settings, size: Size) -> Size:
    """(height, width) of the frame that an image of *size* is warped on: as fine as its copy.

    One frame has room for all images of a run: the largest, on which what lies on smaller ones gets a little softer.
    """
    if settings.ranges is None:
        return settings.input_size
    finest, frame = _finest(settings), _own_frame(settings, size)
    return min(frame[0], finest[0]), min(frame[1], finest[1])


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


def _metadata(settings: Settings, extent: Size) -> Metadata:
    """How an image is laid on its copy, of *extent*."""
    metadata = frame_metadata(settings, extent)
    return metadata if settings.ranges is None else replace(metadata, fit=Fit.STRETCH)


def _taken(copies: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """*copies*, each of which is let go before the next, for the sake of memory."""
    copies.reverse()
    while copies:
        yield copies.pop()


def _small_copy(image: NDArray[np.generic], metadata: Metadata) -> NDArray[np.uint8]:
    """*image* as it is kept: (C, h, w); made smaller exactly as for prediction, then rounded."""
    height, width = image.shape[:2]
    is_as_kept = image.dtype == np.uint8 and image.ndim == 2 and metadata.mode is ColourMode.L
    if is_as_kept and (height, width) == metadata.input_size:
        return np.asarray(image[np.newaxis], np.uint8)
    return np.rint(np.clip(network_input(image, metadata), 0, 1) * SHADES).astype(np.uint8)
