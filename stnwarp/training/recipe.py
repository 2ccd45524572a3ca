"""What the ways to learn have in common: the loop asks them for a step, a validation, and something to show."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from stnwarp.localisation.metadata import Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.networks.localisation import LocalisationNetwork

SHOWN = 16  # images on a contact sheet
_VALIDATION_BATCH = 256


@dataclass(frozen=True, eq=False)
class Step:
    """One batch: its loss, to be differentiated, and the parameters (N, P) that were predicted."""

    loss: torch.Tensor
    parameters: torch.Tensor


@dataclass(frozen=True)
class Measured:
    """A validation: the mean loss, the error that decides which epoch is best, its unit, and the angle's in degrees."""

    loss: float
    error: float
    unit: str
    angle: float | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """What a contact sheet shows: inputs and outputs (N, C, h, w) from 0 to 1.

    *outlines* (N, M, 2), normalised, closed: where the edges of each output lie on its input. *targets*: where it
    should lie, if that is known.
    """

    inputs: torch.Tensor
    outputs: torch.Tensor
    outlines: torch.Tensor
    targets: torch.Tensor | None = None


class Recipe(ABC):
    """A way to learn.

    Attributes:
        module: everything that learns.
        localisation: the localisation network in it.
        count: how many images there are to learn from.
        settings: of the run.
    """

    module: nn.Module
    localisation: LocalisationNetwork
    count: int
    settings: Settings

    @abstractmethod
    def step(self, indices: torch.Tensor, generator: torch.Generator) -> Step:
        """The loss of the training images *indices*; random warps come from *generator*."""

    @abstractmethod
    def validate(self, generator: torch.Generator) -> Measured:
        """How well the images that were kept back fare; the same *generator* gives the same warps."""

    @abstractmethod
    def baseline(self, generator: torch.Generator) -> Measured:
        """How well they fare without a network; the same *generator* as for `validate` gives the same warps."""

    @abstractmethod
    def shown(self, generator: torch.Generator) -> Shown:
        """The first images that were kept back, and what becomes of them."""

    @abstractmethod
    def metadata(self) -> Metadata:
        """What the checkpoint will say of itself, but for how it was trained."""


def new_localisation(settings: Settings) -> LocalisationNetwork:
    """The localisation network of a run that begins; its weights come from torch's own generator."""
    return LocalisationNetwork(
        settings.network,
        settings.channels,
        settings.input_size,
        settings.family,
        settings.control_points,
        settings.init,
        filters=settings.filters,
        normalised=settings.batch_norm,
    )


def batches(indices: torch.Tensor) -> Iterator[torch.Tensor]:
    """*indices* in the batches of a validation, whose numbers do not depend on how they are cut."""
    for start in range(0, len(indices), _VALIDATION_BATCH):
        yield indices[start : start + _VALIDATION_BATCH]
