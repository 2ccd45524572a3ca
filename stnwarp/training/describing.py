"""What a checkpoint says about itself, and what the values of its input are."""

import torch

from stnwarp.localisation.metadata import Fit, Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.samples import MODES, Samples, as_floats

_ENOUGH = 2000  # pictures, for a mean of all their pixels
_LEAST_STD = 0.01


def statistics(
    samples: Samples, shares: torch.Tensor, background: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, from 0 to 1, of *samples* that are not warped, on their frames.

    They take *shares* (N, 2) of the frames; the rest is *background*.
    """
    some = torch.arange(0, len(samples), max(1, len(samples) // _ENOUGH))
    pictures = as_floats(samples.pictures[some]).double()
    if samples.extents is None:  # as they lie on the frames
        means, squares = pictures.mean((2, 3)), pictures.square().mean((2, 3))
    else:
        height, width = pictures.shape[2:]
        rows, columns = samples.extents[some].T[:, :, None, None, None]
        inside = (torch.arange(height)[:, None] < rows) & (torch.arange(width) < columns)
        pixels, cover = inside.sum((2, 3)), shares[some].double().prod(1)[:, None]
        means, squares = (
            cover * (power * inside).sum((2, 3)) / pixels + (1 - cover) * outside
            for power, outside in ((pictures, background), (pictures.square(), background**2))
        )
    mean = means.mean(0)
    std = (squares.mean(0) - mean.square()).clamp_min(0).sqrt().clamp_min(_LEAST_STD)
    return tuple(round(value, 4) for value in mean.tolist()), tuple(round(value, 4) for value in std.tolist())


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
