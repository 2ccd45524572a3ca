"""The training data of a run: read from where it is, and part of it kept back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stnwarp.errors import ParameterError
from stnwarp.params import read_parameters
from stnwarp.training.archives import SUFFIX, Archive
from stnwarp.training.choices import Settings, Size, TrainingRecipe
from stnwarp.training.reading import (
    Note,
    Reject,
    image_sizes,
    images_below,
    images_listed,
    images_of_classes,
    read_classes,
    read_folder,
    read_listed,
)
from stnwarp.training.samples import Samples, split

_LEAST, _SMALL = 28, 64  # sides from which the default network can be made, and up to which images are seen as they are


@dataclass(frozen=True, eq=False)
class Data:
    """The images to learn from, and those that the network is tried on."""

    training: Samples
    validation: Samples


def default_input_size(source: Path, params: Path | None, recipe: TrainingRecipe) -> Size:
    """The size of the images to learn from where all have one and it is small; 28x28 for smaller ones, else 64x64.

    Args and errors as `load_data`; images whose headers cannot be read do not count.
    """
    kinds: set[Size] = set()
    largest = 0
    for size in _sizes(source, params, recipe):
        kinds.add(size)
        largest = max(largest, *size)
        if largest > _SMALL or (largest > _LEAST and len(kinds) > 1):
            return _SMALL, _SMALL
    if 0 < largest <= _LEAST:
        return _LEAST, _LEAST
    (size,) = kinds or {(_SMALL, _SMALL)}
    return size if min(size) >= _LEAST else (_SMALL, _SMALL)


def _sizes(source: Path, params: Path | None, recipe: TrainingRecipe) -> Iterator[Size]:
    """(height, width) of the images of *source*, one after the other."""
    if _is_archive(source):
        return iter([Archive(source).image_size()])
    if recipe is TrainingRecipe.CLASSIFY:
        return image_sizes(images_of_classes(source, _later))
    if recipe is TrainingRecipe.THETA and params is not None:
        return image_sizes(images_listed(source, read_parameters(params), _later))
    return image_sizes(images_below(source, _later))


def _later(name: str, reason: str) -> None:
    """What cannot be searched is told when the images are read."""


def load_data(
    source: Path, params: Path | None, settings: Settings, reject: Reject, note: Note = lambda _: None
) -> Data:
    """The data of a run.

    Args:
        source: a folder, or an .npz file.
        params: the parameter file of recipe theta, where the images are in a folder.
        settings: of the run.
        reject: called with the name of each image or sub-folder that cannot be used, and why.
        note: called with what is odd, though nothing is lost by it: empty classes, rows without an image.

    Raises:
        ParameterError: what is there does not fit the recipe, or the network.  NothingMatchedError: no image can be
        read.
    """
    if params is not None and (settings.recipe is not TrainingRecipe.THETA or _is_archive(source)):
        raise ParameterError("a parameter file is for recipe theta and a folder of images; leave it out")
    if settings.validation == 0 and not _is_archive(source):
        raise ParameterError(f"{source}: only an .npz has a test set; keep back a share of the images, such as 0.1")
    samples = _samples(source, params, settings, reject, note)
    if settings.validation == 0:
        return Data(samples, Archive(source).test(settings))
    learnt, kept_back = split(len(samples), settings.validation, settings.seed)
    if settings.recipe is TrainingRecipe.CLASSIFY:
        _check_classes(source, samples.chosen(learnt))
    if settings.batch_norm and settings.scenes_of(len(learnt)) < 2:
        raise ParameterError(
            f"{source}: {len(samples)} images leave one to learn from, and batch normalisation needs two; add images, "
            "or take network conv or fc without it"
        )
    return Data(samples.chosen(learnt), samples.chosen(kept_back))


def _check_classes(source: Path, training: Samples) -> None:
    """ParameterError where all images of but one class were kept back."""
    assert training.labels is not None
    if len(set(training.labels.tolist())) < 2:
        raise ParameterError(
            f"{source}: what is left to learn from when some images are kept back is of one class, and recipe classify "
            "needs two classes or more; add images, or give another --validation or --seed"
        )


def _samples(source: Path, params: Path | None, settings: Settings, reject: Reject, note: Note) -> Samples:
    if _is_archive(source):
        return Archive(source).training(settings)
    if settings.recipe is TrainingRecipe.CLASSIFY:
        return read_classes(source, settings, reject, note)
    if settings.recipe is TrainingRecipe.RESTORE:
        return read_folder(source, settings, reject)
    if params is None:
        raise ParameterError("recipe theta needs the transforms of the images in a parameter file, or an .npz")
    return read_listed(source, params, settings, reject, note)


def _is_archive(source: Path) -> bool:
    return source.suffix.lower() == SUFFIX
