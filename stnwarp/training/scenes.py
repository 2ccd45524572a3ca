"""What the network sees of the kept pictures: as they are, or warped afresh and then made small as in use."""

from dataclasses import replace

import numpy as np
import torch

from stnwarp.localisation.inputs import network_input
from stnwarp.localisation.metadata import ColourMode, Fit, Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.samples import Samples, as_floats, frame_metadata
from stnwarp.training.sampling import Frames, Parts, sampled, shares_of
from stnwarp.training.warps import Warps, draw, no_warps

_FINEST = 4  # how many times as fine as the network's input a scene is drawn, at the most


class Scenes:
    """Makes batches of the network's input, 0 to 1, from pictures that lie in memory.

    Args:
        samples: the pictures.
        settings: of the run.
        device: where the batches are made.

    Attributes:
        shares: (N, 2), that the pictures take of the width and height of the network's frame.
    """

    def __init__(self, samples: Samples, settings: Settings, device: torch.device) -> None:
        self.samples, self.settings, self.device = samples, settings, device
        self._pictures = samples.pictures.to(device)
        self._aspects = aspects(samples, settings)
        self.shares = shares_of(samples.sizes, settings)
        height, width = samples.pictures.shape[2:]
        self._finer = _finer(settings, (height, width))
        self._has_parts = samples.extents is not None and bool((samples.extents != torch.tensor((height, width))).any())
        is_one_shape = bool((self.shares == self.shares[:1]).all())
        self._frames = self._frames_of(self.shares[:1]) if is_one_shape else None
        self._down = self._reduction(height, 0).to(device)
        self._across = self._reduction(width, 1).T.to(device)

    def __len__(self) -> int:
        return len(self.samples)

    def draw(self, indices: torch.Tensor, generator: torch.Generator) -> Warps:
        """A random warp for each of the pictures *indices*; those that do nothing without a range."""
        if self.settings.ranges is None:
            return no_warps(len(indices)).to(self.device)
        return draw(self.settings.ranges, self._aspects[indices], self.shares[indices], generator).to(self.device)

    def inputs(self, indices: torch.Tensor, warps: Warps) -> torch.Tensor:
        """What the network sees of the pictures *indices* under *warps*: (N, C, h, w), not normalised yet.

        A warped picture has the shape and size it had before, as a photograph has, and lies on the frame as that does:
        what a warp brings in comes from beyond the picture's own edges, and bars around it stay where they are.
        """
        pictures = as_floats(self._pictures[indices.to(self.device)])
        extents = self.samples.extents
        if extents is None:  # they are not warped
            return pictures
        taken = self.shares[indices].to(self.device)
        frames = self._frames or self._frames_of(taken)
        seen = frames.points.flatten(1, 2).expand(len(indices), -1, -1)
        points = (warps.to_canonical(seen) / taken[:, None]).reshape(-1, *frames.points.shape[1:])
        size = (pictures.shape[2], pictures.shape[3])
        parts = Parts.at_top_left(extents[indices].to(self.device), size) if self._has_parts else None
        read = sampled(pictures, points, parts, self.settings.padding_mode, self.settings.background)
        return self._down @ frames.laid(read, self.settings.background) @ self._across

    def _frames_of(self, taken: torch.Tensor) -> Frames:
        """The frames that scenes of pictures are drawn on that take shares (N, 2) of them."""
        height, width = self.samples.pictures.shape[2:]
        return Frames.of(taken.to(self.device), (height * self._finer, width * self._finer))

    def _reduction(self, side: int, axis: int) -> torch.Tensor:
        """The matrix that makes a finer scene's *side* that of the input: what prediction does to rows of pixels."""
        wanted = self.settings.input_size[axis]
        metadata = frame_metadata(self.settings, (wanted, side))
        rows = np.eye(side, dtype=np.float32)
        reduced = torch.from_numpy(network_input(rows, _plain(metadata))[0])
        return reduced.repeat_interleave(self._finer, dim=1) / self._finer


def _plain(metadata: Metadata) -> Metadata:
    """Gray and stretched: nothing but the filter."""
    return replace(metadata, mode=ColourMode.L, fit=Fit.STRETCH)


def aspects(samples: Samples, settings: Settings) -> torch.Tensor:
    """Width over height of what the frame of each picture stands for: (N,)."""
    height, width = settings.input_size
    if settings.fit == Fit.PAD:
        return torch.full((len(samples),), width / height)
    return samples.sizes[:, 1] / samples.sizes[:, 0]


def _finer(settings: Settings, size: tuple[int, int]) -> int:
    """How many times as fine as the kept pictures scenes are drawn: what gets small must not alias."""
    if settings.ranges is None:
        return 1
    wanted = round(1 / settings.ranges.scale[0])
    finest = min(_FINEST * side // kept for side, kept in zip(settings.input_size, size, strict=True))
    return max(1, min(wanted, finest))
