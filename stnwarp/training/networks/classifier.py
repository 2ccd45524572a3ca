"""The paper's classifier, alone and behind a spatial transformer.

Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 4.1 and appendix A.4.
"""

import torch
from torch import nn

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import ShapeError
from stnwarp.localisation.values import written
from stnwarp.training.geometry import Size, transform_images
from stnwarp.training.networks.localisation import LocalisationNetwork

FILTERS = (60, 128)  # of its two convolutions


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

    def __init__(self, classes: int, channels: int, input_size: Size, filters: tuple[int, int] = FILTERS) -> None:
        super().__init__()
        self.input_size = input_size
        height, width = (((side - 8) // 2 - 6) // 2 for side in input_size)
        if min(height, width) < 1:
            raise ShapeError(
                f"the classifier needs images of at least 24x24 pixels, got {written(input_size)}; give a larger "
                "--output-size, such as 24x24"
            )
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
            raise ShapeError(f"a pooling of {pool} must divide both sides of the output, {written(output_size)}")
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
