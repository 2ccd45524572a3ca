"""What a training run can be told, as plain values: nothing here needs PyTorch, or NumPy."""

import json
import unicodedata
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from stnwarp.conventions import Family, PaddingMode
from stnwarp.errors import ParameterError
from stnwarp.training.ranges import Ranges

Size = tuple[int, int]

_LONGEST_DESCRIPTION = 500  # characters: a line or a few, not a page
_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories of controls, surrogates, and ends of lines and paragraphs
_LEAST_SCENES = 1024  # in an epoch with random warps, however few images there are


class TrainingRecipe(StrEnum):
    """The ways to learn."""

    CLASSIFY = "classify"  # from classes: localisation network and classifier, end to end
    RESTORE = "restore"  # from images in canonical pose: to undo random warps
    THETA = "theta"  # from images and their known transforms


class LocalisationKind(StrEnum):
    """The architectures of a localisation network."""

    CONV = "conv"  # the paper's: the input halved, two 5x5 convolutions of 20 filters with a max-pool between, FC 20
    FC = "fc"  # the paper's: three fully connected layers of 32 before the one for the parameters
    DEEP = "deep"  # stronger: pairs of normalised 3x3 convolutions, halved until 7 pixels or fewer are left, FC 64


class Initialisation(StrEnum):
    """What an untrained localisation network predicts."""

    IDENTITY = "identity"  # the identity for every image: last weights 0
    PERTURBED = "perturbed"  # the identity but for a little that depends on the image, which some texts need


class Optimiser(StrEnum):
    """How steps follow from gradients."""

    ADAM = "adam"
    SGD = "sgd"  # with momentum 0.9


class Schedule(StrEnum):
    """How the rate falls."""

    COSINE = "cosine"  # to nothing over all epochs
    STEPS = "steps"  # to a tenth after each third of the epochs, as in the paper
    CONSTANT = "constant"


class Colour(StrEnum):
    """What the network sees."""

    GRAY = "gray"
    RGB = "rgb"


class Device(StrEnum):
    """What the run computes on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides what a run learns; a run that is resumed has the same. Sizes are (height, width).

    Args:
        recipe: the way to learn.
        family: what the network predicts.
        control_points: (rows, columns) of a thin plate spline.
        network: its architecture.
        filters: of its convolutions; None for the architecture's own.
        batch_norm: whether it has batch normalisation; the paper's have none, deep always has it.
        init: what it predicts before it has learnt anything.
        input_size: of what it sees.
        output_size: of the canonical output; None for an image's own.
        fit: how images are laid on the input, "stretch" or "pad".
        colour: gray or RGB.
        background: from 0 to 1, what is behind transparency, around padded images, and outside under zeros.
        ranges: random warps of the training images; None for none.
        padding_mode: what they read outside the image; wrap and fill are not possible.
        vary: from 0 to 1, how much sharpness, brightness and noise of the images differ, in restore and theta.
        picture_weight: share of the difference between pictures in the loss of restore.
        epochs: how many there are, at the most; after each the network is tried on the images kept back.
        patience: epochs without a better validation error after which the run stops; 0 for never.
        batch: images in a step; see `steps`.
        scenes: images seen in an epoch; None for every image once, and 1024 at the least where they are warped.
        rate: of learning.
        localisation_rate: what the rate of the localisation network is multiplied by.
        optimiser: how steps are made.
        schedule: how the rate falls.
        validation: share of the images that is kept back; 0 means the test set of an .npz.
        seed: of every random choice.
        description: what the checkpoint says that it is for; empty for the recipe's name. It decides nothing.

    Raises:
        ParameterError: values that do not go together.
    """

    recipe: TrainingRecipe
    family: Family = Family.AFFINE
    control_points: Size | None = None
    network: LocalisationKind = LocalisationKind.CONV
    filters: int | None = None
    batch_norm: bool = True
    init: Initialisation = Initialisation.IDENTITY
    input_size: Size = (64, 64)
    output_size: Size | None = None
    fit: str = "pad"
    colour: Colour = Colour.GRAY
    background: float = 0.0
    ranges: Ranges | None = None
    padding_mode: PaddingMode = PaddingMode.ZEROS
    vary: float = 0.5
    picture_weight: float = 0.0
    epochs: int = 30
    patience: int = 10
    batch: int = 64
    scenes: int | None = None
    rate: float = 1e-3
    localisation_rate: float = 1.0
    optimiser: Optimiser = Optimiser.ADAM
    schedule: Schedule = Schedule.COSINE
    validation: float = 0.1
    seed: int = 0
    description: str = ""

    def __post_init__(self) -> None:
        is_spline = self.family is Family.THIN_PLATE_SPLINE
        if is_spline != (self.control_points is not None):
            what = "needs control points, such as 4x4" if is_spline else "has no control points; leave them out"
            raise ParameterError(f"family {self.family} {what}")
        if self.recipe is TrainingRecipe.RESTORE and self.ranges is None:
            raise ParameterError("recipe restore needs the range of warps to undo, such as angle=45,scale=0.7..1.3")
        if self.padding_mode in (PaddingMode.WRAP, PaddingMode.FILL):
            raise ParameterError(
                f"padding mode {self.padding_mode} is not possible in training; take reflection, border or zeros"
            )
        if self.picture_weight and self.recipe is not TrainingRecipe.RESTORE:
            raise ParameterError("a picture weight is for the recipe restore; leave it out")
        if self.network is LocalisationKind.DEEP and not self.batch_norm:
            raise ParameterError("network deep always has batch normalisation; take conv or fc to do without")
        if self.network is LocalisationKind.FC and self.filters is not None:
            raise ParameterError("network fc has no convolutions, and so no filters; leave them out")
        for name, images in (("a batch", self.batch), ("an epoch", self.scenes)):
            if images is not None and images < 2:
                raise ParameterError(f"{name} has two images or more, got {images}")
        _check_description(self.description)

    @property
    def channels(self) -> int:
        """How many the network sees."""
        return 3 if self.colour is Colour.RGB else 1

    def scenes_of(self, count: int) -> int:
        """How many images an epoch shows where there are *count* to learn from."""
        if self.scenes is not None:
            return self.scenes
        is_warped = self.ranges is not None and self.recipe is not TrainingRecipe.CLASSIFY
        return max(count, _LEAST_SCENES if is_warped else 0)

    def steps(self, count: int) -> int:
        """Into how many steps an epoch of as many images is shared out evenly.

        No step has a single image, which batch normalisation has no mean of, unless the epoch has: of an odd number
        in batches of two, one step has three.
        """
        scenes = self.scenes_of(count)
        return max(1, min(-(-scenes // self.batch), scenes // 2))

    def to_json(self) -> str:
        """All of it as a text that `from_json` reads."""
        values = asdict(self)
        values["ranges"] = None if self.ranges is None else self.ranges.to_text()
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The settings in *text*; ValueError, TypeError or KeyError where it holds something else."""
        values: dict[str, Any] = json.loads(text)
        for name, kind in _KINDS.items():
            values[name] = kind(values[name])
        for name in ("control_points", "input_size", "output_size"):
            values[name] = None if values[name] is None else tuple(values[name])
        values["ranges"] = None if values["ranges"] is None else Ranges.parse(values["ranges"])
        return cls(**{field.name: values.pop(field.name) for field in fields(cls)}, **values)


_KINDS: dict[str, type[StrEnum]] = {
    "recipe": TrainingRecipe,
    "family": Family,
    "network": LocalisationKind,
    "init": Initialisation,
    "colour": Colour,
    "padding_mode": PaddingMode,
    "optimiser": Optimiser,
    "schedule": Schedule,
}


def _check_description(text: str) -> None:
    if len(text) > _LONGEST_DESCRIPTION:
        raise ParameterError(f"a description has at most {_LONGEST_DESCRIPTION} characters, got {len(text):,}")
    for character in text:
        if unicodedata.category(character) in _CONTROLS:
            raise ParameterError(f"a description is one line of text; take the character {character!a} out of it")


def sheet_path(directory: Path, epoch: int) -> Path:
    """Where the contact sheet of *epoch* is written, in the *directory* for sheets."""
    return directory / f"epoch_{epoch:04}.png"


def state_path(checkpoint: Path) -> Path:
    """Where the state of the run that makes *checkpoint* is kept."""
    return checkpoint.with_name(f"{checkpoint.name}.state")
