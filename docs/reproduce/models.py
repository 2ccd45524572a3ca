"""The networks of Table 1, about 400,000 parameters each: the plain CNN, and the CNN behind a spatial transformer."""

import torch
from distortions import CONTROL_POINTS, SIZES
from torch import nn

from stnwarp.training.networks import Bounds, Classifier, LocalisationNetwork, SpatialTransformerClassifier

CLASSES = 10
# Of 400,000 parameters RTS, of 42x42 pixels, leaves fewer for the second convolution than the others, of 28x28.
PLAIN_FILTERS = {"R": (32, 240), "RTS": (32, 216), "P": (32, 240), "E": (32, 240)}
FILTERS = {"R": (32, 224), "RTS": (32, 192), "P": (32, 224), "E": (32, 224)}
LOCALISATION_FILTERS, LOCALISATION_HIDDEN = 40, 64
FAMILIES = {"st-cnn-affine": "affine", "st-cnn-projective": "projective", "st-cnn-tps": "tps"}
MODELS = ("cnn", *FAMILIES)

# A quarter turn moves the corner points of a spline by two: they must get that far.
BOUNDS = Bounds(linear=2.0, shift=1.0, perspective=0.45, points=2.5)


def network(model: str, distortion: str) -> nn.Module:
    """An untrained *model* for images under *distortion*; its weights come of torch's own generator."""
    size = SIZES[distortion]
    if model == "cnn":
        return classifier(size, PLAIN_FILTERS[distortion])
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
    # RTS: averaged down by two after the transformer, so that the classifier's input is 28x28 as everywhere.
    pool = 2 if distortion == "RTS" else 1
    output_size = (28 * pool, 28 * pool)
    return SpatialTransformerClassifier(localisation, classifier((28, 28), FILTERS[distortion]), output_size, pool)


def classifier(size: tuple[int, int], filters: tuple[int, int]) -> Classifier:
    """The paper's CNN for images of *size*, its first layer made fast."""
    built = Classifier(CLASSES, 1, size, filters)
    built.layers[0] = PatchConvolution(1, filters[0], 9)
    return built


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
