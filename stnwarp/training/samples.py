"""The images of a training run, in memory, and what is known about them."""

from dataclasses import dataclass, replace

import torch

from stnwarp.conventions import Family
from stnwarp.localisation.metadata import ColourMode, Fit, Metadata
from stnwarp.training.choices import Colour, Settings, Size
from stnwarp.transforms import Transform

MODES = {Colour.GRAY: ColourMode.L, Colour.RGB: ColourMode.RGB}
SHADES = 255


@dataclass(frozen=True, eq=False)
class Samples:
    """Images that were read, and what is known about them.

    Args:
        pictures: (N, C, H, W) uint8: what the network sees of the images; for random warps the images themselves,
            with nothing around them but what is left of the array, to their right and below.
        sizes: (N, 2) int64, heights and widths of the images themselves.
        names: of the images, for messages.
        extents: (N, 2) int64, heights and widths of what they take of the array; None where it is what is seen.
        labels: (N,) int64, the classes' numbers; None without classes.
        classes: their names.
        transforms: the known transform of each image, from the normalised coordinates of its canonical output to its
            own; None where none is known.
        output_sizes: (N, 2) int64, of these outputs.
    """

    pictures: torch.Tensor
    sizes: torch.Tensor
    names: tuple[str, ...]
    extents: torch.Tensor | None = None
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
            extents=None if self.extents is None else self.extents[indices],
            labels=None if self.labels is None else self.labels[indices],
            transforms=None if self.transforms is None else tuple(self.transforms[index] for index in picked),
            output_sizes=None if self.output_sizes is None else self.output_sizes[indices],
        )


def frame_metadata(settings: Settings, size: Size) -> Metadata:
    """How images are laid on a frame of *size* pixels as they are on the network's input; the values stay 0 to 1."""
    return Metadata(
        family=Family.AFFINE,
        input_size=size,
        mode=MODES[settings.colour],
        fit=Fit(settings.fit),
        background=settings.background,
    )


def as_floats(pictures: torch.Tensor) -> torch.Tensor:
    """Kept pictures as float32 from 0 to 1."""
    return pictures.float() / SHADES


def split(count: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers of the images to learn from, and of those kept back: a *share*, one at the least, by *seed*."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    kept_back = min(max(1, round(share * count)), count - 1)
    return order[kept_back:], order[:kept_back]
