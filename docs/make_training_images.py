"""Draw letters to train on, in the font that Pillow carries: upright ones, turned ones, and what they were turned by.

python docs/make_training_images.py drawn

    drawn/upright/       letters as they should stand, for recipe restore
    drawn/turned/        letters turned, moved and scaled, in a folder for each letter, for recipes classify and theta
    drawn/turned.jsonl   what puts each of those upright again, for recipe theta
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stnwarp import warp
from stnwarp.transforms import MatrixTransform

LETTERS = "FGJLPR2457"  # of which no two look alike, whichever way they are turned
SIDE = 48
COPIES = 40
LARGEST_ANGLE = 60.0

Picture = np.ndarray


def letter(text: str, random: np.random.Generator) -> Picture:
    """*text* as it should stand: not always in the same place, size and weight."""
    image = Image.new("L", (SIDE, SIDE))
    middle = tuple(SIDE / 2 + random.uniform(-1.5, 1.5, 2))
    font = ImageFont.load_default(SIDE * random.uniform(0.65, 0.8))
    ImageDraw.Draw(image).text(middle, text, 255, font, anchor="mm", stroke_width=int(random.integers(0, 2)))
    return np.asarray(image)


def motion(random: np.random.Generator) -> MatrixTransform:
    """What puts a letter upright that was turned, scaled and moved at random."""
    angle = math.radians(random.uniform(-LARGEST_ANGLE, LARGEST_ANGLE))
    scale, (x, y) = random.uniform(0.7, 1.1), random.uniform(-0.2, 0.2, 2)
    return MatrixTransform.from_parameters("similarity", (scale, angle, x, y))


def draw(folder: Path) -> None:
    """Write all of it below *folder*."""
    random = np.random.default_rng(0)
    rows = []
    for text in LETTERS:
        for index in range(COPIES):
            save(letter(text, random), folder / "upright" / f"{text}_{index:03}.png")
            upright = motion(random)
            name = f"{text}/{index:03}.png"
            save(warp(letter(text, random), upright.inverse()), folder / "turned" / name)
            rows.append({"image": name, "theta": upright.theta.tolist()})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "turned.jsonl").write_text(lines, encoding="utf-8")


def save(picture: Picture, path: Path) -> None:
    """Write *picture*, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "drawn"))
