"""The images of a training run, in memory: small copies that a network's input can be made of, whatever the warp."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from stnwarp.conventions import ParameterFamily
from stnwarp.localisation.inputs import network_input
from stnwarp.localisation.metadata import ColourMode, Fit, Metadata
from stnwarp.localisation.values import LONGEST_INPUT
from stnwarp.training.choices import Colour, Settings, Size
from stnwarp.transforms import Transform

FINER = 2  # how many times as fine as the network's input the copies are that random warps read

MODES = {Colour.GRAY: ColourMode.L, Colour.RGB: ColourMode.RGB}
_SHADES = 255


@dataclass(frozen=True, eq=False)
class Samples:
    """Images that were read, and what is known about them.

    Args:
        pictures: (N, C, H, W) uint8, laid on the network's frame.
        sizes: (N, 2) int64, heights and widths of the images themselves.
        names: of the images, for messages.
        labels: (N,) int64, the classes' numbers; None without classes.
        classes: their names.
        transforms: the known transform of each image, from the normalised coordinates of its canonical output to its
            own; None where none is known.
        output_sizes: (N, 2) int64, of these outputs.
    """

    pictures: torch.Tensor
    sizes: torch.Tensor
    names: tuple[str, ...]
    labels: torch.Tensor | None = None
    classes: tuple[str, ...] = ()
    transforms: tuple[Transform, ...] | None = None
    output_sizes: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def chosen(self, indices: torch.Tensor) -> "Samples":
        """Those of *indices*, in that order."""
        picked = indices.tolist()
        return replace(
            self,
            pictures=self.pictures[indices],
            sizes=self.sizes[indices],
            names=tuple(self.names[index] for index in picked),
            labels=None if self.labels is None else self.labels[indices],
            transforms=None if self.transforms is None else tuple(self.transforms[index] for index in picked),
            output_sizes=None if self.output_sizes is None else self.output_sizes[indices],
        )


def frame_metadata(settings: Settings, size: Size) -> Metadata:
    """How images are laid on a frame of *size* pixels as they are on the network's input; the values stay 0 to 1."""
    return Metadata(
        family=ParameterFamily.AFFINE,
        input_size=size,
        mode=MODES[settings.colour],
        fit=Fit(settings.fit),
        background=settings.background,
    )


def frame_size(settings: Settings, image_size: Size) -> Size:
    """(height, width) of the copies that are kept, where images are mostly of *image_size*.

    Without random warps the network's input itself. With them the images' own size where that is small, and else
    enough pixels that a warp and then the reduction to the input lose what they lose in use, and nothing more; of the
    very largest inputs no copy is finer.
    """
    wanted = settings.input_size
    if settings.ranges is None:
        return wanted
    finer = (FINER * wanted[0], FINER * wanted[1])
    if max(finer) > LONGEST_INPUT:
        return wanted
    is_small = all(side <= most for side, most in zip(image_size, finer, strict=True))
    has_shape = image_size[0] * wanted[1] == image_size[1] * wanted[0]
    return image_size if is_small and (has_shape or settings.fit == Fit.STRETCH) else finer


def small_copy(image: NDArray[np.generic], metadata: Metadata) -> NDArray[np.uint8]:
    """*image* as it is kept: (C, h, w); made smaller exactly as for prediction, then rounded."""
    height, width = image.shape[:2]
    is_as_kept = image.dtype == np.uint8 and image.ndim == 2 and metadata.mode is ColourMode.L
    if is_as_kept and (height, width) == metadata.input_size:
        return np.asarray(image[np.newaxis], np.uint8)
    return np.rint(np.clip(network_input(image, metadata), 0, 1) * _SHADES).astype(np.uint8)


def as_floats(pictures: torch.Tensor) -> torch.Tensor:
    """Kept pictures as float32 from 0 to 1."""
    return pictures.float() / _SHADES


def split(count: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers of the images to learn from, and of those kept back: a *share*, one at the least, by *seed*."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    kept_back = min(max(1, round(share * count)), count - 1)
    return order[kept_back:], order[:kept_back]
