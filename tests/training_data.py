"""Small pictures to train on: letters that tell which way is up, drawn with Pillow."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from stnwarp.conventions import Family
from stnwarp.training.choices import Initialisation, LocalisationKind, Settings, TrainingRecipe
from stnwarp.training.ranges import Ranges

SIDE = 28
TURNS = Ranges.parse("angle=40")


def letter(text: str, seed: int, side: int = SIDE) -> NDArray[np.uint8]:
    """*text*, bright on black, a little elsewhere and larger or smaller by *seed*."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (side, side))
    size = side * random.uniform(0.62, 0.78)
    middle = side / 2 + random.uniform(-1, 1, 2)
    ImageDraw.Draw(image).text(tuple(middle), text, 255, ImageFont.load_default(size), anchor="mm")
    return np.array(image)


def letters(text: str, count: int) -> NDArray[np.uint8]:
    """*count* pictures of the letters of *text* in turn."""
    return np.stack([letter(text[index % len(text)], index) for index in range(count)])


def save_folder(folder: Path, text: str = "F", count: int = 24) -> Path:
    """The same as image files."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(letters(text, count)):
        Image.fromarray(picture).save(folder / f"{index:03}.png")
    return folder


def quick(recipe: TrainingRecipe = TrainingRecipe.RESTORE, **changes: object) -> Settings:
    """Settings that learn what there is to learn in seconds."""
    values: dict[str, object] = {
        "recipe": recipe,
        "family": Family.SIMILARITY,
        "network": LocalisationKind.CONV,
        "filters": 8,
        "init": Initialisation.IDENTITY,
        "input_size": (SIDE, SIDE),
        "ranges": TURNS,
        "scenes": 512,
        "epochs": 6,
        "batch": 32,
        "rate": 3e-3,
        "vary": 0.0,
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]
