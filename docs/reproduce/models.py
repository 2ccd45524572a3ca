"""The networks of Table 1, about 400,000 parameters each: the plain CNN, and the CNN behind a spatial transformer."""

from typing import Any

import torch
from distortions import CONTROL_POINTS, SIZES
from torch import nn

from stnwarp.training.networks import Bounds, Classifier, LocalisationNetwork, SpatialTransformerClassifier

CLASSES = 10
# Of 400,000 parameters images of 42x42 pixels leave fewer for the second convolution than those of 28x28.
PLAIN_FILTERS = {"R": (32, 240), "RTS": (32, 216), "P": (32, 216), "E": (32, 240)}
FILTERS = {"R": (32, 224), "RTS": (32, 192), "P": (32, 192), "E": (32, 224)}
LOCALISATION_FILTERS, LOCALISATION_HIDDEN = 40, 64
FAMILIES = {"st-cnn-affine": "affine", "st-cnn-projective": "projective", "st-cnn-tps": "tps"}
MODELS = ("cnn", *FAMILIES)

# A quarter turn moves the corner points of a spline by two: they must get that far.
BOUNDS = Bounds(linear=2.0, shift=1.0, perspective=0.45, points=2.5)


def network(model: str, distortion: str, dropout: float = 0.0, jitter: float = 0.0) -> nn.Module:
    """An untrained *model* for images under *distortion*; its weights come of torch's own generator."""
    size = SIZES[distortion]
    if model == "cnn":
        return classifier(size, PLAIN_FILTERS[distortion], dropout)
    family = FAMILIES[model]
    control_points = CONTROL_POINTS if family == "tps" else None
    localisation = LocalisationNetwork(
        "conv",
        1,
        size,
        family,
        control_points,
        bounds=BOUNDS,
        filters=LOCALISATION_FILTERS,
        hidden=LOCALISATION_HIDDEN,
        normalised=True,
    )
    # 42x42: averaged down by two after the transformer, so that the classifier's input is 28x28 as everywhere.
    pool = 2 if size == (42, 42) else 1
    behind = classifier((28, 28), FILTERS[distortion], dropout)
    return JitteredTransformer(localisation, behind, (28 * pool, 28 * pool), pool, jitter=jitter)


def classifier(size: tuple[int, int], filters: tuple[int, int], dropout: float) -> Classifier:
    """The paper's CNN for images of *size*, made fast, with batch normalisation, and dropout before its last layer."""
    built = Classifier(CLASSES, 1, size, filters)
    _, *first, convolution = built.layers[:4]
    *second, last = built.layers[4:]
    built.layers = nn.Sequential(
        PatchConvolution(1, filters[0], 9),
        nn.BatchNorm2d(filters[0]),
        *first,
        convolution,
        nn.BatchNorm2d(filters[1]),
        *second,
        nn.Dropout(dropout),
        last,
    )
    return built


class JitteredTransformer(SpatialTransformerClassifier):
    """Samples a little beside theta while it is trained, so that the classifier does not see the same digit each time.

    The better a transformer turns its images upright, the less a classifier behind it sees of the distortions: it
    learns the training images by heart. *jitter* is the standard deviation of six numbers that are added to the
    identity for each image and composed with theta: of the entries of a matrix, and of shifts, where 1 is half a side.
    """

    def __init__(self, *arguments: Any, jitter: float) -> None:
        super().__init__(*arguments)
        self.jitter = jitter

    def sample(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """As ever in evaluation."""
        return super().sample(images, self._jittered(parameters) if self.training and self.jitter else parameters)

    def _jittered(self, parameters: torch.Tensor) -> torch.Tensor:
        count = len(parameters)
        moves = torch.eye(3).repeat(count, 1, 1)
        moves[:, :2] += self.jitter * torch.randn(count, 2, 3)
        if self.localisation.family == "affine":
            return (parameters.view(count, 2, 3) @ moves).flatten(1)
        if self.localisation.family == "projective":
            matrices = torch.cat((parameters, torch.ones(count, 1)), dim=1).view(count, 3, 3) @ moves
            return (matrices / matrices[:, 2:, 2:]).flatten(1)[:, :8]
        points = parameters.view(count, -1, 2)  # of a spline: about their mean
        centre = points.mean(dim=1, keepdim=True)
        return (centre + (points - centre) @ moves[:, :2, :2] + moves[:, None, :2, 2]).flatten(1)


class PatchConvolution(nn.Conv2d):
    """A convolution of one channel as a product of its patches: the gradient to the image takes half the time."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What the convolution gives, but for rounding: (N, F, H', W')."""
        side = self.kernel_size[0]
        patches = images.unfold(2, side, 1).unfold(3, side, 1)  # (N, 1, H', W', side, side)
        count, _, height, width = patches.shape[:4]
        products = nn.functional.linear(patches.reshape(-1, side * side), self.weight.flatten(1), self.bias)
        return products.view(count, height, width, -1).permute(0, 3, 1, 2)  # in memory channels last


def parameter_total(model: nn.Module) -> int:
    """How many numbers of *model* are learned."""
    return sum(parameter.numel() for parameter in model.parameters())
