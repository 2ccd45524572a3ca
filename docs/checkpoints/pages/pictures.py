"""What stands on pages beside text, or instead of it: pictures, scribbles, stamps."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, width: int, height: int, grain: float) -> Floats:
    """(height, width) of noise from -1 to 1 whose lumps are about *grain* pixels wide."""
    coarse = (max(2, round(height / grain)), max(2, round(width / grain)))
    lumps = Image.fromarray((rng.random(coarse) * 255).astype(np.uint8))
    return np.asarray(lumps.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1


def layered_noise(rng: np.random.Generator, width: int, height: int) -> Floats:
    """Noise at every grain, as clouds and stones have it, from 0 to 1."""
    total = np.zeros((height, width), np.float32)
    grain, weight, fading = max(width, height) / 2.0, 1.0, float(rng.uniform(0.4, 0.8))
    while grain > 1.5:
        total += weight * smooth_noise(rng, width, height, grain)
        grain, weight = grain / 2, weight * fading
    low, high = total.min(), total.max()
    return (total - low) / max(float(high - low), 1e-6)


def picture_of_anything(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A photograph of nothing in particular: noise, a horizon, shapes; mode L."""
    image = Image.fromarray((layered_noise(rng, width, height) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 9))):
        _shape(rng, draw, width, height)
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 4))))
    if rng.random() < 0.3:
        image = _halftone(rng, image)
    return image


def _shape(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    level = int(rng.integers(256))
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    across, down = rng.uniform(0.05, 0.5) * width, rng.uniform(0.05, 0.5) * height
    kind = int(rng.integers(3))
    if kind == 0:
        draw.ellipse((x - across, y - down, x + across, y + down), level)
    elif kind == 1:
        corners = [(x + across * rng.normal(), y + down * rng.normal()) for _ in range(int(rng.integers(3, 7)))]
        draw.polygon(corners, level)
    else:
        end = (rng.uniform(0, width), rng.uniform(0, height))
        draw.line(((x, y), end), level, int(rng.integers(1, 8)))


def _halftone(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Dots of a printing screen, at an angle of its own."""
    rows, columns = np.mgrid[: image.height, : image.width].astype(np.float32)
    pitch, angle = rng.uniform(2.5, 7), rng.uniform(0, np.pi)
    u = (np.cos(angle) * columns + np.sin(angle) * rows) * 2 * np.pi / pitch
    v = (np.cos(angle) * rows - np.sin(angle) * columns) * 2 * np.pi / pitch
    screen = (np.cos(u) * np.cos(v) + 1) / 2
    return Image.fromarray(np.where(np.asarray(image) / 255 > screen, 255, 0).astype(np.uint8))


def scribble(rng: np.random.Generator, draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    """A pen's wavy stroke across *box*, as of a signature."""
    left, top, right, bottom = box
    places = np.linspace(0, 1, 40)
    waves = sum(np.sin(places * rng.uniform(5, 45) + rng.uniform(0, 6)) for _ in range(3)) / 3
    slope = rng.uniform(-0.5, 0.5)
    xs = left + (right - left) * (places + 0.02 * np.sin(places * 60))
    ys = (top + bottom) / 2 + (bottom - top) / 2 * (waves * 0.8 + slope * (places - 0.5))
    places_on_page = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    draw.line(places_on_page, int(rng.integers(0, 120)), int(rng.integers(1, 4)))


def stamp(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """A round or square outline, or a filled blot, somewhere."""
    size = rng.uniform(0.04, 0.16) * max(width, height)
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    level = int(rng.integers(0, 170))
    box = (x - size, y - size * rng.uniform(0.4, 1), x + size, y + size * rng.uniform(0.4, 1))
    if rng.random() < 0.3:
        draw.ellipse(box, level)
    elif rng.random() < 0.5:
        draw.ellipse(box, outline=level, width=int(rng.integers(1, 6)))
    else:
        turn = rng.uniform(0, np.pi)
        turns = turn + np.array((0.4, 2.7, 3.5, 5.9))
        corners = [(x + size * np.cos(each) * 1.2, y + size * np.sin(each) * 1.2) for each in turns]
        draw.polygon(corners, outline=level, width=int(rng.integers(1, 5)))
