"""The networks that are trained: localisation networks, a classifier, and both around a spatial transformer.

A localisation network gives final parameters, in the order of `Family`: what bounds them is inside, so that an
exported checkpoint needs nothing else.

Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 4.1 and appendix A.4.
"""

from dataclasses import dataclass

import torch
from torch import nn

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, ParameterFamily, member
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.training.choices import Initialisation, LocalisationKind
from stnwarp.training.geometry import Size, identity_parameters, parameter_count, transform_images


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
        """The bound of each parameter of *family*: (P,)."""
        linear, shift = self.linear, self.shift
        rows: dict[ParameterFamily, tuple[float, ...]] = {
            ParameterFamily.TRANSLATION: (shift, shift),
            ParameterFamily.ATTENTION: (self.log_scale, shift, shift),
            ParameterFamily.SIMILARITY: (self.log_scale, self.angle, shift, shift),
            ParameterFamily.AFFINE: (linear, linear, shift) * 2,
            ParameterFamily.PROJECTIVE: ((linear, linear, shift) * 2 + (self.perspective,) * 2),
        }
        if control_points is not None:
            return torch.full((parameter_count(family, control_points),), self.points)
        return torch.tensor(rows[member(ParameterFamily, family, "family")])


DEFAULT_BOUNDS = Bounds()
_PERTURBATION = 0.01  # standard deviation of the last layer's weights and biases, of raw parameters
_LEAST_SIDE = 7  # of the deep network's last feature map, at most


class BoundedParameters(nn.Module):
    """Raw numbers (N, P) to parameters (N, P) of a family around its identity; see Bounds."""

    def __init__(self, family: str, control_points: Size | None = None, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        super().__init__()
        identity = identity_parameters(family, control_points)
        self.has_scale = family in (ParameterFamily.ATTENTION, ParameterFamily.SIMILARITY)
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


class LocalisationNetwork(nn.Module):
    """Images (N, C, h, w) to parameters (N, P), at first the identity's.

    Args:
        kind: one of LocalisationKind.
        channels: of the images, C.
        input_size: (height, width) of the images, in pixels.
        family: one of ParameterFamily.
        control_points: (rows, cols) of a thin plate spline.
        init: one of Initialisation; the perturbation is drawn from torch's own generator, as all weights are.
        bounds: how far the parameters can get from the identity.
        filters: of the convolutions (conv), or of the first of them (deep, where they grow).
        hidden: width of the fully connected layers; by default 20 (conv), 32 (fc) or 64 (deep).
        normalised: batch normalisation before every ReLU of conv and fc too, which the paper has not: the network
            learns to turn images in a tenth of the steps.

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
        self.kind = member(LocalisationKind, kind, "kind")
        self.family, self.control_points = member(ParameterFamily, family, "family"), control_points
        self.input_size = input_size
        width = hidden or _HIDDEN[self.kind]
        if self.kind is LocalisationKind.CONV:
            self.features = _conv_features(channels, input_size, filters or 20, width, normalised)
        elif self.kind is LocalisationKind.FC:
            self.features = _fc_features(channels, input_size, width, normalised)
        else:
            self.features = _deep_features(channels, input_size, filters or 16, width)
        self.last = nn.Linear(width, parameter_count(family, control_points))
        _initialise(self.last, member(Initialisation, init, "init"))
        self.bounded = BoundedParameters(family, control_points, bounds)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The parameters of *images*."""
        parameters: torch.Tensor = self.bounded(self.last(self.features(images)))
        return parameters


class Classifier(nn.Module):
    """The paper's convolutional network: 9x9, max-pool 2, 7x7, max-pool 2, one linear layer.

    Args:
        classes: how many.
        channels: of the images.
        input_size: (height, width) of the images, in pixels; at least 24 each.
        filters: of the two convolutions.

    Raises:
        ShapeError: an input too small.
    """

    def __init__(self, classes: int, channels: int, input_size: Size, filters: tuple[int, int] = (60, 128)) -> None:
        super().__init__()
        self.input_size = input_size
        height, width = (((side - 8) // 2 - 6) // 2 for side in input_size)
        if min(height, width) < 1:
            raise ShapeError(f"the classifier needs images of at least 24x24 pixels, got {_words(input_size)}")
        first, second = filters
        self.layers = nn.Sequential(
            nn.Conv2d(channels, first, 9),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 7),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * height * width, classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits (N, classes) of *images* (N, C, h, w)."""
        logits: torch.Tensor = self.layers(images)
        return logits


class SpatialTransformerClassifier(nn.Module):
    """A spatial transformer on the input, and a classifier of what it samples: trained end to end.

    Args:
        localisation: images to parameters.
        classifier: of images of *output_size* / *pool*; any module that gives logits.
        output_size: (height, width) of the sampled images, in pixels.
        pool: side of the average pooling between the sampler and the classifier, which keeps a transformer that
            samples finely from aliasing; it divides both sides of output_size.
        align_corners: as in `sampling_grid`.

    Raises:
        ShapeError: sizes that do not go together.
    """

    def __init__(
        self,
        localisation: LocalisationNetwork,
        classifier: nn.Module,
        output_size: Size,
        pool: int = 1,
        align_corners: bool = DEFAULT_ALIGN_CORNERS,
    ) -> None:
        super().__init__()
        if output_size[0] % pool or output_size[1] % pool:
            raise ShapeError(f"a pooling of {pool} must divide both sides of the output, {_words(output_size)}")
        self.localisation, self.classifier = localisation, classifier
        self.output_size, self.align_corners = output_size, align_corners
        self.pool = nn.AvgPool2d(pool) if pool > 1 else nn.Identity()

    def localise(self, images: torch.Tensor) -> torch.Tensor:
        """The parameters (N, P) of *images*, in their own precision whatever the classifier is trained in."""
        with torch.autocast(
            images.device.type, enabled=False
        ):  # half precision would move the grid by a tenth of a pixel
            parameters: torch.Tensor = self.localisation(images)
        return parameters

    def transform(self, images: torch.Tensor) -> torch.Tensor:
        """*images* as the classifier sees them: sampled at their grids and pooled."""
        pooled: torch.Tensor = self.pool(self.sample(images, self.localise(images)))
        return pooled

    def sample(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """*images* (N, C, h, w) sampled by *parameters* (N, P): (N, C, *output_size)."""
        network = self.localisation
        return transform_images(
            images, parameters, network.family, self.output_size, network.control_points, self.align_corners
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits (N, classes) of *images*."""
        logits: torch.Tensor = self.classifier(self.transform(images))
        return logits


_HIDDEN = {LocalisationKind.CONV: 20, LocalisationKind.FC: 32, LocalisationKind.DEEP: 64}


def _conv_features(channels: int, input_size: Size, filters: int, width: int, normalised: bool) -> nn.Sequential:
    height, breadth = (((side // 2 - 4) // 2) - 4 for side in input_size)
    if min(height, breadth) < 1:
        raise ShapeError(f"a conv localisation network needs at least 28x28 pixels, got {_words(input_size)}")
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


def _words(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
