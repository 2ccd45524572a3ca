"""Digits, test charts, the leaf with a soft edge and the 16-bit gray."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from samples.canvas import Canvas, Points, layered_noise, over, ramp, rgb, shape_cover, smoothstep, to_picture

DIGIT_SIZE = (64, 64)
# digit -> degrees counter-clockwise about the middle, then pixels right and down
DIGIT_MOVES = {
    "0": (0.0, 0.0, 0.0),
    "1": (20.0, 0.0, 0.0),
    "2": (-35.0, 0.0, 0.0),
    "3": (30.0, 6.0, -4.0),
    "4": (0.0, -9.0, 7.0),
    "5": (-15.0, 8.0, 5.0),
    "6": (60.0, 0.0, 0.0),
    "7": (-45.0, -5.0, -6.0),
    "8": (90.0, 0.0, 0.0),
    "9": (12.5, 3.5, 9.5),
}

CHECKERBOARD_SIZE, CHECKERBOARD_CELL = (384, 512), 32
ZONE_PLATE_SIZE = (385, 385)
LEAF_SIZE = (400, 400)
GRAY_SIZE = (256, 384)
GRAY_DISC = (192.0, 128.0, 84.0)  # x, y, radius


def digit(name: str) -> Image.Image:
    """White *name* on black, its bounding box centred, then turned and shifted by DIGIT_MOVES; mode L."""
    shrink = 8
    side = DIGIT_SIZE[0] * shrink
    image = Image.new("L", (side, side))
    font = ImageFont.load_default(44 * shrink)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), name, font=font)
    place = ((side - left - right) / 2, (side - top - bottom) / 2)
    draw.text(place, name, 255, font=font, stroke_width=1.2 * shrink)
    degrees, across, down = DIGIT_MOVES[name]
    shift = (round(across * shrink), round(down * shrink))
    moved = image.rotate(degrees, Image.Resampling.BICUBIC, translate=shift)
    return to_picture(np.asarray(moved, np.float32)[..., None] / 255, shrink)


def checkerboard() -> Image.Image:
    """Two-colour squares with one odd square at the top left, which tells which way up it is; mode P."""
    height, width = CHECKERBOARD_SIZE
    row, col = np.indices((height // CHECKERBOARD_CELL, width // CHECKERBOARD_CELL))
    cells = ((row + col) % 2).astype(np.uint8)
    cells[0, 0] = 2
    image = Image.fromarray(np.kron(cells, np.ones((CHECKERBOARD_CELL, CHECKERBOARD_CELL), np.uint8)))
    image.putpalette([*bytes.fromhex("f4efe2"), *bytes.fromhex("27455c"), *bytes.fromhex("d9663d")])
    return image


def zone_plate() -> Image.Image:
    """Rings that get finer outwards, to the finest a picture can hold at the middle of its edges; mode L."""
    height, width = ZONE_PLATE_SIZE
    y, x = np.indices((height, width)) - np.array([height // 2, width // 2])[:, None, None]
    radius = np.hypot(x, y)
    middle = width // 2
    # the phase's slope is pi * radius / middle: half a turn per pixel, the limit, where radius is *middle*
    wave = 0.5 + 0.5 * np.cos(np.pi * radius**2 / (2 * middle))
    fade = smoothstep(middle, middle - 24, radius)
    return Image.fromarray(np.rint(255 * (0.5 + (wave - 0.5) * fade)).astype(np.uint8))


def gray_16bit() -> Image.Image:
    """A smooth slope round a disc of one 8-bit level, with rings that only 16 bits can hold; mode I;16."""
    height, width = GRAY_SIZE
    y, x = np.indices((height, width)).astype(np.float64)
    slope = 5000 + 55000 * (0.72 * x / (width - 1) + 0.28 * (1 - np.cos(np.pi * y / (height - 1))) / 2)
    away = np.hypot(x - GRAY_DISC[0], y - GRAY_DISC[1])
    disc = smoothstep(GRAY_DISC[2] + 16, GRAY_DISC[2], away).astype(np.float64)
    # one 8-bit level is 257 of these wide: 100 up and down stays within it, shifted or rounded down to 8 bits
    rings = 128 * 257 + 100 * np.sin(away / 4.5)
    return Image.fromarray(np.rint(slope + (rings - slope) * disc).astype(np.uint16))


def leaf() -> Image.Image:
    """An autumn leaf with a soft edge; RGBA, straight alpha, the leaf's colour carried on into the edge."""
    shrink = 3
    size = (LEAF_SIZE[0] * shrink, LEAF_SIZE[1] * shrink)
    unit, centre = 0.47 * size[0], (0.5 * size[1], 0.535 * size[0])

    def place(points: Points) -> Points:
        return [(centre[0] + unit * x, centre[1] + unit * y) for x, y in points]

    outline, stalk = place(leaf_outline()), place(ribbon([(0, 0.28), (0.02, 0.6), (0.10, 0.88)], 0.022, 0.03))
    body, stem = shape_cover(size, [outline], 3.2), shape_cover(size, [stalk], 2.4)
    canvas = leaf_colour(size, centre, unit)
    for reach, fork in ((0.98, 90.0), (0.84, 52.0), (0.84, 128.0), (0.64, 15.0), (0.64, 165.0)):
        canvas = veins(canvas, place, reach, fork)
    canvas = over(canvas, rgb("#7c3b1e"), stem * (1 - shape_cover(size, [outline])))
    # colour where alpha is zero is the leaf's own: averaging below must not mix a background in
    alpha = np.maximum(body, stem)[..., None]
    return straight_picture(canvas, alpha, shrink)


def straight_picture(colour: Canvas, alpha: Canvas, shrink: int) -> Image.Image:
    """RGBA averaged down the right way: colour weighted by alpha, then divided by it again."""
    height, width = colour.shape[0] // shrink, colour.shape[1] // shrink
    weighted = np.concatenate([colour * alpha, alpha], -1).astype(np.float64)
    sums = weighted.reshape(height, shrink, width, shrink, 4).mean((1, 3))
    sums[..., :3] /= np.maximum(sums[..., 3:], 1e-4)
    sums[sums[..., 3] < 0.5 / 255] = 0
    return Image.fromarray(np.rint(np.clip(sums, 0, 1) * 255).astype(np.uint8))


def leaf_outline() -> Points:
    """A maple leaf's outline in units of its size, y down: lobes with teeth, mirrored left to right."""
    right = [
        (0.0, -1.0), (0.07, -0.84), (0.16, -0.86), (0.145, -0.72), (0.26, -0.70), (0.20, -0.56),
        (0.17, -0.36), (0.33, -0.52), (0.36, -0.64), (0.44, -0.58), (0.52, -0.70), (0.56, -0.60),
        (0.72, -0.64), (0.68, -0.52), (0.78, -0.44), (0.66, -0.36), (0.68, -0.26), (0.52, -0.20),
        (0.36, -0.10), (0.52, -0.09), (0.60, -0.03), (0.68, -0.08), (0.70, 0.01), (0.82, 0.06),
        (0.70, 0.11), (0.68, 0.20), (0.54, 0.18), (0.36, 0.24), (0.40, 0.32), (0.24, 0.30), (0.0, 0.30),
    ]  # fmt: skip
    return rounded([*right, *((-x, y) for x, y in reversed(right[1:-1]))])


def rounded(points: Points) -> Points:
    """*points* with their corners cut twice, so that tips and notches look grown."""
    for near in (0.12, 0.22):
        ahead = [*points[1:], points[0]]
        points = [
            point
            for (ax, ay), (bx, by) in zip(points, ahead, strict=True)
            for point in (
                (ax + near * (bx - ax), ay + near * (by - ay)),
                (bx - near * (bx - ax), by - near * (by - ay)),
            )
        ]
    return points


def ribbon(path: Points, start: float, end: float) -> Points:
    """A band along *path* (three points of a curve), from *start* to *end* wide."""
    t = np.linspace(0, 1, 24)[:, None]
    a, b, c = (np.array(point) for point in path)
    spine = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
    ahead = np.gradient(spine, axis=0)
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], -1) / np.hypot(*ahead.T)[:, None]
    half = aside * (start + (end - start) * t) / 2
    return [(float(x), float(y)) for x, y in (*(spine + half), *(spine - half)[::-1])]


def leaf_colour(size: tuple[int, int], centre: tuple[float, float], unit: float) -> Canvas:
    """Amber in the middle, red towards the tips, mottled."""
    y, x = np.indices(size).astype(np.float32)
    away = np.hypot(x - centre[0], y - centre[1] + 0.2 * unit) / unit
    mottle = layered_noise(size, (7, 7), 5, 210) - 0.5
    colour = ramp([(0, "#f2b441"), (0.35, "#e88a2e"), (0.7, "#d4522a"), (1.05, "#a82f24")], away + 0.5 * mottle)
    return colour * (1 + 0.25 * (layered_noise(size, (50, 50), 3, 230) - 0.5))[..., None]


def veins(canvas: Canvas, place: Callable[[Points], Points], reach: float, degrees: float) -> Canvas:
    """A main vein from the leaf's foot in direction *degrees*, with side veins."""
    way = np.array([math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))])
    foot = np.array([0.0, 0.28])
    tip = foot + way * reach * 1.25
    bands = [ribbon([tuple(foot), tuple((foot + tip) / 2), tuple(tip)], 0.024, 0.004)]
    for at in (0.34, 0.52, 0.68, 0.82):
        root = foot + (tip - foot) * at
        for side in (-1, 1):
            turn = math.radians(degrees + side * 40)
            end = root + np.array([math.cos(turn), -math.sin(turn)]) * reach * 0.34 * (1.1 - at)
            bands.append(ribbon([tuple(root), tuple(root + (end - root) * 0.5 + way * 0.02), tuple(end)], 0.010, 0.002))
    shade = shape_cover(canvas.shape[:2], [[(x + 2, y + 3) for x, y in place(band)] for band in bands], 2.5)
    light = shape_cover(canvas.shape[:2], [place(band) for band in bands], 1.0)
    return over(over(canvas, rgb("#8a2a18"), 0.35 * shade), rgb("#f9d27a"), 0.75 * light)
