"""How far from the identity a network's parameters can get, as a layer that every localisation network ends with."""

from dataclasses import dataclass

import torch
from torch import nn

from stnwarp.conventions import Family, parse_enum
from stnwarp.errors import ParameterError
from stnwarp.training.geometry import Size, identity_parameters
from stnwarp.transforms import ParameterKind, parameters_of


@dataclass(frozen=True)
class Bounds:
    """How far from the identity parameters can get, so that no step of training throws the grid off the image.

    A parameter is identity + bound * tanh(raw / bound), so that near the identity it moves as the raw number does;
    a scale is exp(bound * tanh(raw / bound)). Raw numbers are what the last layer gives.

    Args:
        shift: of the centre, normalised: 1 is half the input.
        linear: of the four linear entries of an affine or projective theta; 1.5 lets a quarter turn through,
            and a half turn takes more than 2.
        log_scale: natural logarithm of the largest scale, of attention and similarity.
        angle: of similarity, in radians; half a turn is pi, and is reached only in the limit.
        perspective: of the two perspective entries; below 0.5 no horizon can enter the output.
        points: of each coordinate of a spline's points, normalised.

    Raises:
        ParameterError: a bound that is not positive.
    """

    shift: float = 1.0
    linear: float = 1.5
    log_scale: float = 1.5
    angle: float = 3.5
    perspective: float = 0.45
    points: float = 2.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 < value < float("inf"):
                raise ParameterError(f"the bound of {name} must be a positive number, got {value}")

    def of(self, family: str, control_points: Size | None = None) -> torch.Tensor:
        """Return the bound of each parameter of `family`: (P,)."""
        bounds = {
            ParameterKind.SHIFT: self.shift,
            ParameterKind.LINEAR: self.linear,
            ParameterKind.SCALE: self.log_scale,
            ParameterKind.ANGLE: self.angle,
            ParameterKind.PERSPECTIVE: self.perspective,
            ParameterKind.POINT: self.points,
        }
        kinds = parameters_of(parse_enum(Family, family, "family"), control_points).values()
        return torch.tensor([bounds[kind] for kind in kinds])


DEFAULT_BOUNDS = Bounds()
_REACHED = 0.98  # of a bound; beyond it a parameter keeps less than a twentieth of its gradient


class BoundedParameters(nn.Module):
    """Raw numbers (N, P) to parameters (N, P) of a family around its identity; see Bounds."""

    def __init__(self, family: str, control_points: Size | None = None, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        super().__init__()
        identity = identity_parameters(family, control_points)
        kinds = parameters_of(parse_enum(Family, family, "family"), control_points).values()
        self.has_scale = ParameterKind.SCALE in kinds  # there is one at the most, and it comes first
        if self.has_scale:
            identity = torch.cat((torch.zeros(1), identity[1:]))
        self.register_buffer("identity", identity, persistent=False)
        self.register_buffer("bounds", bounds.of(family, control_points), persistent=False)

    identity: torch.Tensor
    bounds: torch.Tensor

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """The parameters of *raw*."""
        parameters = self.identity + self.bounds * torch.tanh(raw / self.bounds)
        if not self.has_scale:
            return parameters
        return torch.cat((parameters[:, :1].exp(), parameters[:, 1:]), dim=1)

    def share_reached(self, parameters: torch.Tensor) -> torch.Tensor:
        """How many of *parameters* (N, P) lie at their bounds, from 0 to 1: nothing is learnt there any more."""
        if self.has_scale:
            parameters = torch.cat((parameters[:, :1].log(), parameters[:, 1:]), dim=1)
        return ((parameters - self.identity).abs() > _REACHED * self.bounds).double().mean()
