"""What a checkpoint says about itself, and what the values of its input are."""

import torch

from stnwarp.localisation.metadata import Fit, Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.samples import MODES, as_floats

_ENOUGH = 2000  # pictures, for a mean of all their pixels
_LEAST_STD = 0.01


def statistics(pictures: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of kept *pictures* (N, C, H, W), from 0 to 1."""
    some = as_floats(pictures[:: max(1, len(pictures) // _ENOUGH)])
    channels = some.transpose(0, 1).flatten(1)
    mean, std = channels.mean(1), channels.std(1).clamp_min(_LEAST_STD)
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
