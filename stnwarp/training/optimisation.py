"""How steps follow from gradients, and how their rate falls."""

import math

import torch

from stnwarp.training.choices import Optimiser, Schedule, Settings
from stnwarp.training.recipe import Recipe

_MOMENTUM = 0.9


def new_optimiser(recipe: Recipe, settings: Settings) -> torch.optim.Optimizer:
    """The optimiser of a run that begins; the localisation network has a rate of its own."""
    own = list(recipe.localisation.parameters())
    others = [each for each in recipe.module.parameters() if all(each is not one for one in own)]
    rates = (settings.rate * settings.localisation_rate, settings.rate)
    groups = [
        {"params": parameters, "lr": rate, "full_rate": rate}
        for parameters, rate in zip((own, others), rates, strict=True)
        if parameters
    ]
    if settings.optimiser is Optimiser.SGD:
        return torch.optim.SGD(groups, momentum=_MOMENTUM)
    return torch.optim.Adam(groups)


def share_of_rate(settings: Settings, epochs: float) -> float:
    """What is left of the rate after so many *epochs*, from 0 to 1."""
    done = epochs / settings.epochs
    if settings.schedule is Schedule.COSINE:
        return (1 + math.cos(math.pi * done)) / 2
    return 0.1 ** min(2, int(3 * done + 1e-9)) if settings.schedule is Schedule.STEPS else 1.0
