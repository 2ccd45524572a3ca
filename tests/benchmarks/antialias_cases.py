"""What antialiasing is measured on: pictures full of detail, and mappings that shrink them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.folder import photograph
from tests.implementations.scenes import Matrix, Scene, turned

Picture = NDArray[np.uint8]

SHRINKS = {
    "rot17/1.1": "1.1",
    "rot17/2": "2",
    "rot17/2.6": "2.6",
    "rot17/8": "8",
    "rot17/20": "20",
    "squeeze8x1": "8:1",
    "squeeze8x1@30": "8:1",
    "horizon": "1 to 30",
}


def page(side: int) -> Picture:
    """Lines of made-up words in many sizes and inks."""
    rng, top = np.random.default_rng(0), side // 32
    image = Image.new("RGB", (side, side), (252, 250, 244))
    draw = ImageDraw.Draw(image)
    while top < side:
        height = int(rng.choice([10, 12, 14, 16, 20, 28, 44]))
        words = [
            "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 11))) for _ in range(side // 40)
        ]
        ink = tuple(rng.integers(0, 90, 3).tolist()) if rng.random() < 0.8 else tuple(rng.integers(0, 200, 3).tolist())
        draw.text((side // 32, top), " ".join(words), fill=ink, font=ImageFont.load_default(height))
        top += height * 5 // 4
    return np.array(image)


def zone_plate(side: int) -> Picture:
    """Rings that reach the highest frequency there is at the edges."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    gray = np.rint(127.5 + 127.5 * np.cos(np.pi * (x * x + y * y) / side)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, 2)


def photo(side: int) -> Picture:
    """Smooth noise in octaves, with grain."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 4, (side, side, 3))
    return np.clip(np.asarray(photograph(rng, side, side)) + grain, 0, 255).astype(np.uint8)


PICTURES: dict[str, Callable[[int], Picture]] = {"page": page, "zone plate": zone_plate, "photo": photo}


def scene(image: Picture, case: str) -> Scene:
    """The case, for a square picture."""
    side = len(image)
    kind, _, amount = case.partition("/")
    if kind == "rot17":
        output = (round(side / float(amount)),) * 2
        return Scene(image, turned(17, image.shape[:2], float(amount), output), output)
    if kind == "horizon":
        return Scene(image, _horizon(side, side // 4), (side // 4, side // 4))
    angle = 30 if kind.endswith("@30") else 0
    output = (side // 8, side // 2)
    return Scene(image, turned(angle, image.shape[:2], 1, output) @ _squeeze(output), output)


def _squeeze(size: tuple[int, int], by: float = 8) -> Matrix:
    """Rows `by` pixels apart, around the centre of the output."""
    return np.array([[1, 0, 0], [0, by, (1 - by) * (size[0] - 1) / 2], [0, 0, 1]])


def _horizon(side: int, output: int, most: float = 30) -> Matrix:
    """A plane from above its nearest line, where pixels are as wide as the output's, to where they are `most` wide."""
    slope = (1 - 1 / most) / output
    edges = np.array([[1, side / 2 * slope, (side / most - output) / 2], [0, side / output, 0], [0, slope, 1 / most]])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.linalg.inv(half) @ edges @ half
