"""A page as a scanner or a camera hands it over: turned, lit, bordered, blurred, noisy, thresholded, compressed."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pages.pictures import Floats, layered_noise, scribble, smooth_noise, stamp

Bytes = NDArray[np.uint8]


def tilt_by_chance(rng: np.random.Generator) -> float:
    """Degrees counter-clockwise within 45 either way; small ones, as of scanners, come more often."""
    kind = rng.random()
    if kind < 0.08:
        return 0.0
    if kind < 0.3:
        return float(rng.uniform(-4, 4))
    if kind < 0.6:
        return float(rng.uniform(-15, 15))
    return float(rng.uniform(-45, 45))


def scan(rng: np.random.Generator, page: Image.Image, tilt: float) -> Bytes:
    """*page* (mode L) turned by *tilt* degrees counter-clockwise in a frame of its own, as (H, W) uint8."""
    page = _written_on(rng, page)
    frame, zoom = _frame(rng, page.size, tilt)
    place = _placing(rng, page.size, frame, tilt, zoom)
    around = "paper" if rng.random() < 0.45 else "ground"
    levels = np.asarray(_moved(page, frame, place, 255), np.float32) / 255
    sheet = np.asarray(_moved(Image.new("L", page.size, 255), frame, place, 0), np.float32) / 255
    paper, ink = _levels(rng)
    lit = (ink + (paper - ink) * levels) * _light(rng, frame)
    if around == "ground":
        lit = lit * sheet + _ground(rng, frame, paper) * (1 - sheet)
    return captured(rng, _bordered(rng, lit))


def _written_on(rng: np.random.Generator, page: Image.Image) -> Image.Image:
    """The page with its back showing through, stamps, notes, holes."""
    if rng.random() < 0.2:
        back = page.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(1.5))
        shifted = np.roll(np.asarray(back, np.float32), tuple(rng.integers(-60, 60, 2)), (0, 1))
        faint = 255 - (255 - shifted) * rng.uniform(0.05, 0.35)
        page = Image.fromarray(np.minimum(np.asarray(page), faint).astype(np.uint8))
    page = page.copy()
    draw = ImageDraw.Draw(page)
    for _ in range(int(rng.poisson(0.5))):
        stamp(rng, draw, *page.size)
    for _ in range(int(rng.poisson(0.3))):
        x, y = rng.uniform(0, page.width), rng.uniform(0, page.height)
        scribble(rng, draw, (x, y, x + rng.uniform(30, 300), y + rng.uniform(10, 80)))
    return page


def _frame(rng: np.random.Generator, size: tuple[int, int], tilt: float) -> tuple[tuple[int, int], float]:
    """(width, height) of the picture, and how much larger the page is in it than it was set."""
    width, height = size
    zoom = float(rng.uniform(0.75, 1.0))
    angle = math.radians(abs(tilt))
    whole = (width * math.cos(angle) + height * math.sin(angle), width * math.sin(angle) + height * math.cos(angle))
    kind = rng.random()
    share = 1.0 if kind < 0.4 else float(rng.uniform(0.6, 1.25))
    grown = whole if kind > 0.3 else (width, height)
    across = share * (1 if rng.random() < 0.7 else float(rng.uniform(0.7, 1.4)))
    return (max(60, round(grown[0] * zoom * across)), max(60, round(grown[1] * zoom * share))), zoom


def _placing(
    rng: np.random.Generator, size: tuple[int, int], frame: tuple[int, int], tilt: float, zoom: float
) -> tuple[float, ...]:
    """Pillow's six numbers: where each pixel of the frame lies in the page. The lines' direction stays exact."""
    stretch = 1 + rng.normal() * 0.01
    cosine, sine = math.cos(math.radians(tilt)) / zoom, math.sin(math.radians(tilt)) / zoom
    off = rng.uniform(-0.06, 0.06, 2) * frame
    x, y = frame[0] / 2 + off[0], frame[1] / 2 + off[1]
    first, second = (cosine, -sine), (sine * stretch, cosine * stretch)
    return (
        *first, size[0] / 2 - first[0] * x - first[1] * y,
        *second, size[1] / 2 - second[0] * x - second[1] * y,
    )  # fmt: skip


def _moved(image: Image.Image, frame: tuple[int, int], place: tuple[float, ...], fill: int) -> Image.Image:
    return image.transform(frame, Image.Transform.AFFINE, place, Image.Resampling.BILINEAR, fillcolor=fill)


def _levels(rng: np.random.Generator) -> tuple[float, float]:
    """Paper and ink, from 0 to 1; now and then white on black."""
    paper = 1.0 if rng.random() < 0.3 else float(rng.uniform(0.55, 1.0))
    ink = paper * (float(rng.uniform(0.0, 0.35)) if rng.random() < 0.8 else float(rng.uniform(0.35, 0.75)))
    return (ink, paper) if rng.random() < 0.03 else (paper, ink)


def _light(rng: np.random.Generator, frame: tuple[int, int]) -> Floats:
    """What the light multiplies by: even, a slope, a spot, or the shadow of a spine."""
    width, height = frame
    if rng.random() < 0.4:
        return np.ones((height, width), np.float32)
    light = 1 - rng.uniform(0, 0.5) * (smooth_noise(rng, width, height, max(frame) / rng.uniform(1, 3)) + 1) / 2
    if rng.random() < 0.25:
        across = np.linspace(0, 1, width, dtype=np.float32)
        light = light * (1 - rng.uniform(0.3, 0.9) * np.exp(-(((across - rng.random()) / rng.uniform(0.01, 0.1)) ** 2)))
    return np.asarray(light, np.float32)


def _ground(rng: np.random.Generator, frame: tuple[int, int], paper: float) -> Floats | float:
    """What lies around the paper: the lid of a scanner, black or white, or a table with its grain."""
    kind = rng.random()
    if kind < 0.35:
        return float(rng.uniform(0, 0.15))
    if kind < 0.5:
        return float(np.clip(paper + rng.uniform(-0.1, 0.1), 0, 1))
    if kind < 0.65:
        return float(rng.uniform(0, 1))
    if kind < 0.85:
        return rng.uniform(0.1, 0.6) + rng.uniform(0.05, 0.4) * layered_noise(rng, *frame)
    return _planks(rng, frame)


def _planks(rng: np.random.Generator, frame: tuple[int, int]) -> Floats:
    """Stripes at any angle, as of a wooden table."""
    columns, rows = np.meshgrid(np.arange(frame[0]), np.arange(frame[1]))
    angle = rng.uniform(0, np.pi)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    waves = sum(np.sin(along / rng.uniform(3, 60) + rng.uniform(0, 6)) for _ in range(4)) / 4
    return np.asarray(0.45 + rng.uniform(0.03, 0.2) * waves + 0.1 * smooth_noise(rng, *frame, 3), np.float32)


def _bordered(rng: np.random.Generator, lit: Floats) -> Floats:
    """Dark or light bands along some edges of the frame, as scanners and copiers leave them."""
    if rng.random() < 0.65:
        return lit
    level, (height, width) = float(rng.uniform(0, 0.25)) if rng.random() < 0.8 else 1.0, lit.shape
    lit = lit.copy()
    for side in range(4):
        if rng.random() < 0.5:
            continue
        turned = np.rot90(lit, side)  # a view: what is written to it is written to lit
        depth = rng.uniform(0.002, 0.1) * max(height, width)
        slope, rough = rng.normal() * 0.02 * (rng.random() < 0.5), rng.uniform(0, 2) * (rng.random() < 0.5)
        across = np.arange(turned.shape[1])
        edge = depth + slope * across + rough * rng.normal(size=len(across))
        turned[np.arange(turned.shape[0])[:, None] < edge[None, :]] = level
    return lit


def captured(rng: np.random.Generator, lit: Floats) -> Bytes:
    """Size, blur, noise, threshold and compression of what took the picture."""
    image = Image.fromarray((np.clip(lit, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.5:
        image = _shrunk(rng, image)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.6))))
    pixels = np.asarray(image, np.float32)
    if rng.random() < 0.5:
        pixels = pixels + rng.normal(size=pixels.shape) * rng.uniform(1, 25)
    if rng.random() < 0.25:
        pixels = _fax(rng, pixels)
    taken = np.clip(pixels, 0, 255).astype(np.uint8)
    return _compressed(rng, taken) if rng.random() < 0.35 else taken


def _shrunk(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    share = float(rng.uniform(0.45, 1.0))
    size = (max(40, round(image.width * share)), max(40, round(image.height * share)))
    return image.resize(size, Image.Resampling.BOX if rng.random() < 0.5 else Image.Resampling.BICUBIC)


def _fax(rng: np.random.Generator, pixels: Floats) -> Floats:
    """Black and white only, with specks and their opposite."""
    threshold = np.percentile(pixels, 60) * rng.uniform(0.6, 0.95)
    black = np.where(pixels < threshold, 0.0, 255.0)
    specks = rng.random(black.shape) < rng.uniform(0, 0.01) * (rng.random() < 0.5)
    return np.where(specks, 255 - black, black).astype(np.float32)


def _compressed(rng: np.random.Generator, taken: Bytes) -> Bytes:
    data = io.BytesIO()
    Image.fromarray(taken).save(data, "JPEG", quality=int(rng.integers(15, 90)))
    return np.asarray(Image.open(data))
