"""Localisation networks: images to final parameters, in the order of `Family`.

What bounds the parameters is inside, so that an exported checkpoint needs nothing else.

Source: Jaderberg et al., Spatial Transformer Networks, 2015, appendix A.4.
"""

import copy
import itertools

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from stnwarp.conventions import Family, parse_enum
from stnwarp.errors import ShapeError
from stnwarp.localisation.values import written
from stnwarp.training.choices import Initialisation, LocalisationKind
from stnwarp.training.geometry import Size, parameter_count
from stnwarp.training.networks.bounds import DEFAULT_BOUNDS, BoundedParameters, Bounds

_PERTURBATION = 0.01  # standard deviation of the last layer's weights and biases, of raw parameters
_LEAST_SIDE = 7  # of the deep network's last feature map, at most
_HIDDEN = {LocalisationKind.CONV: 20, LocalisationKind.FC: 32, LocalisationKind.DEEP: 64}


class LocalisationNetwork(nn.Module):
    """Images (N, C, h, w) to parameters (N, P), at first the identity's.

    Args:
        kind: one of LocalisationKind.
        channels: of the images, C.
        input_size: (height, width) of the images, in pixels.
        family: one of Family.
        control_points: (rows, cols) of a thin plate spline.
        init: one of Initialisation; the perturbation is drawn from torch's own generator, as all weights are.
        bounds: how far the parameters can get from the identity.
        filters: of the convolutions (conv), or of the first of them (deep, where they grow).
        hidden: width of the fully connected layers; by default 20 (conv), 32 (fc) or 64 (deep).
        normalised: batch normalisation before every ReLU of conv and fc too, which the paper has not: the network
            learns to turn images in a tenth of the steps, and of batches of two images or more.

    Raises:
        ShapeError: an input too small for the network.  ParameterError: an unknown name, or control points that do
        not fit the family.
    """

    def __init__(
        self,
        kind: str,
        channels: int,
        input_size: Size,
        family: str,
        control_points: Size | None = None,
        init: str = Initialisation.IDENTITY,
        bounds: Bounds = DEFAULT_BOUNDS,
        filters: int | None = None,
        hidden: int | None = None,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.kind = parse_enum(LocalisationKind, kind, "kind")
        self.family, self.control_points = parse_enum(Family, family, "family"), control_points
        self.input_size = input_size
        width = hidden or _HIDDEN[self.kind]
        if self.kind is LocalisationKind.CONV:
            self.features = _conv_features(channels, input_size, filters or 20, width, normalised)
        elif self.kind is LocalisationKind.FC:
            self.features = _fc_features(channels, input_size, width, normalised)
        else:
            self.features = _deep_features(channels, input_size, filters or 16, width)
        self.last = nn.Linear(width, parameter_count(family, control_points))
        _initialise(self.last, parse_enum(Initialisation, init, "init"))
        self.bounded = BoundedParameters(family, control_points, bounds)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The parameters of *images*."""
        parameters: torch.Tensor = self.bounded(self.last(self.features(images)))
        return parameters

    def folded(self) -> "LocalisationNetwork":
        """A copy of the network in use (`eval`), with its batch normalisation in the weights of the layers before it.

        PyTorch's exporter folds it, too, but under names of its own: weights could not be exchanged any more.
        """
        folded = copy.deepcopy(self)
        layers = folded.features
        for index, (layer, norm) in enumerate(itertools.pairwise(self.features)):
            if isinstance(norm, nn.BatchNorm2d) and isinstance(layer, nn.Conv2d):
                layers[index], layers[index + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
            elif isinstance(norm, nn.BatchNorm1d) and isinstance(layer, nn.Linear):
                layers[index], layers[index + 1] = fuse_linear_bn_eval(layer, norm), nn.Identity()
        return folded.requires_grad_(False)


def _conv_features(channels: int, input_size: Size, filters: int, width: int, normalised: bool) -> nn.Sequential:
    height, breadth = (((side // 2 - 4) // 2) - 4 for side in input_size)
    if min(height, breadth) < 1:
        raise ShapeError(
            f"network conv needs at least 28x28 pixels, got {written(input_size)}; give a larger --input-size, such as "
            "28x28, or take network fc or deep"
        )
    return nn.Sequential(
        nn.AvgPool2d(2),
        nn.Conv2d(channels, filters, 5),
        *_activation(nn.BatchNorm2d(filters), normalised),
        nn.MaxPool2d(2),
        nn.Conv2d(filters, filters, 5),
        *_activation(nn.BatchNorm2d(filters), normalised),
        nn.Flatten(),
        nn.Linear(filters * height * breadth, width),
        *_activation(nn.BatchNorm1d(width), normalised),
    )


def _fc_features(channels: int, input_size: Size, width: int, normalised: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = channels * input_size[0] * input_size[1]
    for size in (inputs, width, width):
        layers += [nn.Linear(size, width), *_activation(nn.BatchNorm1d(width), normalised)]
    return nn.Sequential(*layers)


def _activation(normalisation: nn.Module, normalised: bool) -> tuple[nn.Module, ...]:
    return (normalisation, nn.ReLU()) if normalised else (nn.ReLU(),)


def _deep_features(channels: int, input_size: Size, filters: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    sides, wide = input_size, channels
    while True:
        stage = filters * (1 + len(layers) // 7)  # a stage is seven layers
        layers += [*_normalised(wide, stage), *_normalised(stage, stage)]
        wide = stage
        if max(sides) <= _LEAST_SIDE or min(sides) < 2:
            break
        layers.append(nn.MaxPool2d(2))
        sides = (sides[0] // 2, sides[1] // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * sides[0] * sides[1], width), nn.ReLU())


def _normalised(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def _initialise(last: nn.Linear, init: Initialisation) -> None:
    spread = 0.0 if init is Initialisation.IDENTITY else _PERTURBATION
    nn.init.normal_(last.weight, std=spread)
    nn.init.normal_(last.bias, std=spread)
