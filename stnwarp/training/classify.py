"""Recipe `classify`: from images of classes; the localisation network learns what helps a classifier.

Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 4.1.
"""

import math

import torch
from torch.nn import functional

from stnwarp.localisation.metadata import Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.describing import metadata_for
from stnwarp.training.lattice import edge, places
from stnwarp.training.networks.classifier import Classifier, SpatialTransformerClassifier
from stnwarp.training.recipe import SHOWN, Measured, Recipe, Shown, Step, batches, new_localisation
from stnwarp.training.samples import Samples
from stnwarp.training.scenes import Scenes


class Classify(Recipe):
    """Learning end to end: the spatial transformer stands on the input, before the classifier.

    Args:
        training: the images to learn from, with labels.
        validation: the images that were kept back, with labels.
        settings: of the run.
        device: where it computes.
    """

    def __init__(self, training: Samples, validation: Samples, settings: Settings, device: torch.device) -> None:
        assert training.labels is not None
        assert validation.labels is not None
        self.settings, self.count, self._classes = settings, len(training), len(training.classes)
        self._training, self._validation = (Scenes(samples, settings, device) for samples in (training, validation))
        self._labels, self._wanted = training.labels.to(device), validation.labels.to(device)
        self.localisation = new_localisation(settings)
        classifier = new_classifier(settings, self._classes)
        size = classifier.input_size
        self.module = self._transformer = SpatialTransformerClassifier(self.localisation, classifier, size).to(device)

    def metadata(self) -> Metadata:
        """What the checkpoint will say of itself."""
        # The sampler reads 0 outside the image: that has to be the background.
        return metadata_for(self.settings, (self.settings.background,), (1.0,))

    def step(self, indices: torch.Tensor, generator: torch.Generator) -> Step:
        """The cross-entropy of the classes."""
        inputs = self._inputs(self._training, indices, generator)
        parameters = self._transformer.localise(inputs)
        logits = self._logits(inputs, parameters)
        return Step(functional.cross_entropy(logits, self._labels[indices.to(logits.device)]), parameters)

    def validate(self, generator: torch.Generator) -> Measured:
        """How many of the images kept back are taken for another class, in percent."""
        loss = wrong = 0.0
        for batch in batches(torch.arange(len(self._validation))):
            inputs = self._inputs(self._validation, batch, generator)
            logits, wanted = self._transformer(inputs), self._wanted[batch.to(inputs.device)]
            loss += float(functional.cross_entropy(logits, wanted, reduction="sum"))
            wrong += int((logits.argmax(1) != wanted).sum())
        count = len(self._validation)
        return Measured(loss / count, 100 * wrong / count, "%")

    def baseline(self, generator: torch.Generator) -> Measured:
        """A guess, one class as likely as another."""
        return Measured(math.log(self._classes), 100 * (1 - 1 / self._classes), "%")

    def shown(self, generator: torch.Generator) -> Shown:
        """The first images kept back, as they are and as the classifier sees them."""
        indices = torch.arange(min(SHOWN, len(self._validation)))
        inputs = self._inputs(self._validation, indices, generator)
        parameters = self._transformer.localise(inputs)
        outputs = self._transformer.sample(inputs, parameters)
        background = self.settings.background
        return Shown(inputs + background, outputs + background, places(parameters, self.settings)[:, edge()])

    def _inputs(self, scenes: Scenes, indices: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return scenes.inputs(indices, scenes.draw(indices, generator)) - self.settings.background

    def _logits(self, inputs: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        sampled = self._transformer.sample(inputs, parameters)
        logits: torch.Tensor = self._transformer.classifier(self._transformer.pool(sampled))
        return logits


def new_classifier(settings: Settings, classes: int) -> Classifier:
    """The classifier of a run that begins, of what the transformer samples; ShapeError where that is too small."""
    return Classifier(classes, settings.channels, settings.output_size or settings.input_size)
