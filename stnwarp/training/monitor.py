"""What a run tells about itself, epoch by epoch, and what it is called when it goes wrong."""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch

from stnwarp.training.choices import Settings
from stnwarp.training.geometry import identity_parameters
from stnwarp.training.lattice import share_outside
from stnwarp.training.networks.bounds import BoundedParameters

_DIVERGED = 3.0  # times the least loss so far
_LEAST_LOSS = 0.02  # of which three times is nothing to worry about
_OUTSIDE = 0.95  # share of the sampling grid
# Share of the parameters. No more than a sign of too high a rate: wide ranges ask for half of them to lie at their
# bounds or beyond, so a network that is better than none is believed.
_AT_BOUNDS = 0.25
_FLAT = 0.1  # standard deviation of outputs, of that of inputs: noise is left even of nothing
_STILL = 1e-7  # norm of a gradient


class Diagnosis(StrEnum):
    """What goes wrong, each with what to do about it."""

    NOT_FINITE = "the loss is not finite; lower --rate, and look for images of one colour"
    DIVERGED = "divergence: the loss is far above its best; lower --rate"
    AT_BOUNDS = "theta was thrown to its bounds, where nothing is learnt any more; lower --rate"
    BLANK = "blank output: the grid reads next to nothing of the images; lower --localisation-rate or --rate"
    STILL = "the localisation network does not learn: its gradient is nothing; lower --rate, or give --init perturbed"


@dataclass(frozen=True)
class Epoch:
    """One epoch: means over its steps, and what the validation after it gave.

    Args:
        number: of the epoch, from 1.
        loss: of the training images.
        validation_loss: of the images kept back.
        error: of the images kept back, in *unit*: pixels of the network's input, or percent.
        baseline: the error without a network: the identity's in pixels, a guess's in percent.
        angle_error: in degrees; None for recipe classify.
        move: mean difference of the parameters from the identity's.
        outside: share of the sampling grid that lies outside the image.
        gradient: norm of the localisation network's gradient.
        rate: of learning, at the end of it.
        seconds: that it took.
        is_best: whether it has the least error so far, and is the checkpoint now.
        diagnosis: what is wrong; None if nothing is.
    """

    number: int
    loss: float
    validation_loss: float
    error: float
    unit: str
    baseline: float
    angle_error: float | None
    move: float
    outside: float
    gradient: float
    rate: float
    seconds: float
    is_best: bool
    diagnosis: Diagnosis | None


@dataclass(frozen=True)
class Means:
    """What the steps of an epoch tell, on the average.

    Args:
        loss: of the training images.
        first_loss: that of the first step alone, from before anything was learnt in the epoch.
        move: difference of the parameters from the identity's.
        outside: share of the sampling grid that lies outside the image.
        at_bounds: share of the parameters that lie at their bounds.
        gradient: norm of the localisation network's gradient.
    """

    loss: float
    first_loss: float
    move: float
    outside: float
    at_bounds: float
    gradient: float


class Meter:
    """Adds up what the steps of an epoch tell of a network whose parameters *bounded* gives."""

    def __init__(self, settings: Settings, bounded: BoundedParameters) -> None:
        device = bounded.bounds.device
        self._settings, self._bounded = settings, bounded
        self._identity = identity_parameters(settings.family, settings.control_points).to(device)
        self._sums = torch.zeros(5, dtype=torch.float64, device=device)
        self._steps, self._first_loss = 0, math.inf

    def add(self, loss: torch.Tensor, parameters: torch.Tensor, gradient: torch.Tensor) -> None:
        """One step."""
        with torch.no_grad():
            found = parameters.detach()
            move = (found - self._identity).abs().mean()
            outside, at_bounds = share_outside(found, self._settings), self._bounded.share_reached(found)
            self._sums += torch.stack((loss.detach().double(), move.double(), outside, at_bounds, gradient.double()))
        if not self._steps:
            self._first_loss = float(loss.detach())
        self._steps += 1

    def means(self) -> Means:
        """What there is of the steps that were added."""
        loss, move, outside, at_bounds, gradient = (self._sums / max(1, self._steps)).tolist()
        return Means(loss, self._first_loss, move, outside, at_bounds, gradient)


def gradient_norm(network: torch.nn.Module) -> torch.Tensor:
    """The norm of the gradient of all of *network* together."""
    norms = [parameter.grad.norm() for parameter in network.parameters() if parameter.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())


def diagnosis(means: Means, least_loss: float, contrasts: tuple[float, float], *, is_useful: bool) -> Diagnosis | None:
    """What is wrong with an epoch of these *means*.

    Args:
        means: of its steps.
        least_loss: of the epochs before it; before the first of them, without a network.
        contrasts: the spreads of inputs and of outputs.
        is_useful: whether the images kept back have less loss than without a network.
    """
    if not math.isfinite(means.loss):
        return Diagnosis.NOT_FINITE
    if means.outside > _OUTSIDE or contrasts[1] < _FLAT * contrasts[0]:
        return Diagnosis.BLANK
    if means.at_bounds > _AT_BOUNDS and not is_useful:
        return Diagnosis.AT_BOUNDS
    if means.loss > _DIVERGED * max(least_loss, _LEAST_LOSS):
        return Diagnosis.DIVERGED
    return Diagnosis.STILL if means.gradient < _STILL < means.loss else None
