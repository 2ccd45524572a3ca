"""Tools the pictures share: smooth noise, blending, and the way from a large canvas down to a picture.

Every picture is drawn several times larger than it ends up and averaged down, which keeps the edges clean.
Canvases are (height, width, channels) arrays, mostly float32, with values from 0 to 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Canvas = NDArray[np.floating[Any]]
Points = list[tuple[float, float]]


def rgb(text: str) -> Canvas:
    """The colour '#rrggbb' as three numbers from 0 to 1."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def ramp(stops: list[tuple[float, str]], at: Canvas) -> Canvas:
    """The colours of *stops* (position, '#rrggbb') looked up at every value of *at*: shape of at + (3,)."""
    places = [place for place, _ in stops]
    colours = np.array([rgb(colour) for _, colour in stops])
    return np.stack([np.interp(at, places, colours[:, channel]) for channel in range(3)], -1).astype(np.float32)


def noise(size: tuple[int, int], cells: tuple[int, int], seed: int) -> Canvas:
    """Smooth noise of *size* (height, width), about 0 to 1, with *cells* (down, across) bumps."""
    # only `random()` is drawn: that stream is the part of NumPy's generators that releases keep
    coarse = np.random.default_rng(seed).random((cells[0] + 3, cells[1] + 3)).astype(np.float32)
    fine = Image.fromarray(coarse).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC, (1, 1, cells[1] + 2, cells[0] + 2)
    )
    return np.asarray(fine, np.float32)


def layered_noise(size: tuple[int, int], cells: tuple[int, int], octaves: int, seed: int) -> Canvas:
    """Noise at *octaves* scales, each twice as fine and half as strong as the one before."""
    layers = [
        noise(size, (cells[0] << octave, cells[1] << octave), seed + octave) * 0.5**octave for octave in range(octaves)
    ]
    return np.asarray(np.sum(layers, axis=0) / (2 - 0.5 ** (octaves - 1)), np.float32)


def over(below: Canvas, colour: Canvas, cover: Canvas) -> Canvas:
    """*colour* laid over *below* where *cover* (height, width), from 0 to 1, says so."""
    return below + (colour - below) * cover[..., None]


def shape_cover(size: tuple[int, int], polygons: list[Points], blur: float = 0.0) -> Canvas:
    """Coverage of *polygons* of (x, y) points on a canvas of *size*, softened by *blur* pixels."""
    mask = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(mask)
    for polygon in polygons:
        draw.polygon(polygon, fill=255)
    if blur:
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(mask, np.float32) / 255


def smoothstep(low: float, high: float, value: Canvas) -> Canvas:
    """0 below *low*, 1 above *high*, and a soft passage between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def to_picture(canvas: Canvas, shrink: int) -> Image.Image:
    """The 8-bit picture (L or RGB) of *canvas*, averaged over blocks of *shrink* x *shrink* pixels."""
    height, width, channels = canvas.shape
    blocks = canvas.reshape(height // shrink, shrink, width // shrink, shrink, channels).mean((1, 3), dtype=np.float64)
    levels = np.rint(np.clip(blocks, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if channels == 1 else levels)
