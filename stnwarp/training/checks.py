"""What is refused of a run before its images are read."""

import torch

from stnwarp.errors import ParameterError
from stnwarp.training.choices import Device, Settings, TrainingRecipe
from stnwarp.training.classify import new_classifier
from stnwarp.training.memory import check_sizes, memory_in_words
from stnwarp.training.randomness import seeded
from stnwarp.training.recipe import new_localisation

_FEWEST_CLASSES = 2


def chosen_device(wanted: Device) -> torch.device:
    """The device that *wanted* means here; ParameterError for a GPU where there is none."""
    has_gpu = torch.cuda.is_available()
    if wanted is Device.CUDA and not has_gpu:
        raise ParameterError("--device cuda: PyTorch finds no GPU here; leave it out to compute on the CPU")
    return torch.device("cuda" if has_gpu and wanted is not Device.CPU else "cpu")


def check_settings(settings: Settings) -> None:
    """Refuse, before images are read, what no network can be made of: ShapeError, ParameterError, TrainingError."""
    check_sizes(settings)
    with memory_in_words(settings), seeded(settings.seed, 0):
        new_localisation(settings)
        if settings.recipe is TrainingRecipe.CLASSIFY:
            new_classifier(settings, _FEWEST_CLASSES)
