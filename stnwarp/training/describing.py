"""What a checkpoint says about itself, and what the values of its input are."""

import torch

from stnwarp.localisation.metadata import Fit, Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.samples import MODES, Samples, as_floats

_ENOUGH = 2000  # pictures, for a mean of all their pixels
_FEW = 64  # of them at a time
_LEAST_STD = 0.01


def statistics(
    samples: Samples, shares: torch.Tensor, background: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, from 0 to 1, of *samples* that are not warped, on their frames.

    They take *shares* (N, 2) of the frames; the rest is *background*.
    """
    some = torch.arange(0, len(samples), max(1, len(samples) // _ENOUGH))
    moments = torch.cat([_moments(samples.chosen(few), shares[few], background) for few in torch.split(some, _FEW)])
    mean, square = moments.mean(0)
    std = (square - mean.square()).clamp_min(0).sqrt().clamp_min(_LEAST_STD)
    return tuple(round(value, 4) for value in mean.tolist()), tuple(round(value, 4) for value in std.tolist())


def _moments(samples: Samples, shares: torch.Tensor, background: float) -> torch.Tensor:
    """The means of each channel of *samples* on their frames, and those of its squares: (N, 2, C)."""
    pictures = as_floats(samples.pictures).double()
    powers = torch.stack((pictures, pictures.square()), dim=1)
    if samples.extents is None:  # as they lie on the frames
        return powers.mean((3, 4))
    height, width = pictures.shape[2:]
    rows, columns = samples.extents.T[:, :, None, None]
    inside = ((torch.arange(height)[:, None] < rows) & (torch.arange(width) < columns))[:, None, None]
    cover = shares.double().prod(1)[:, None, None]
    around = torch.tensor((background, background**2), dtype=torch.float64)[:, None]
    own = (powers * inside).sum((3, 4)) / inside.sum((3, 4))
    return torch.lerp(around, own, cover)


def description_of(settings: Settings) -> str:
    """What the checkpoint is for, as far as that is known."""
    return settings.description or f"trained by recipe {settings.recipe}"


def metadata_for(settings: Settings, mean: tuple[float, ...], std: tuple[float, ...]) -> Metadata:
    """What the network of a run takes and gives."""
    return Metadata(
        family=settings.family,
        control_points=settings.control_points,
        input_size=settings.input_size,
        mode=MODES[settings.colour],
        mean=mean,
        std=std,
        fit=Fit(settings.fit),
        background=settings.background,
        output_size=settings.output_size,
        constraints="bounded around the identity",
        description=description_of(settings),
    )
