"""The photo-like scene: a lake between wooded hills, shortly after sunrise."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.canvas import (
    Canvas,
    Points,
    layered_noise,
    noise,
    over,
    ramp,
    rgb,
    shape_cover,
    smoothstep,
    to_picture,
)

SIZE = (640, 960)  # height, width of the picture
SHRINK = 2
HEIGHT, WIDTH = SIZE[0] * SHRINK, SIZE[1] * SHRINK
WATERLINE = int(0.60 * HEIGHT)
SUN = (0.315 * WIDTH, 0.375 * HEIGHT)  # x, y

# top of the ridge and its roughness as fractions of the height; cells of noise; colour; trees on it; how tall
RIDGES = [
    (0.385, 0.170, 2, "#a9a6bf", 0, 0.0),
    (0.445, 0.120, 3, "#82879f", 0, 0.0),
    (0.495, 0.085, 4, "#5a6a7c", 520, 0.012),
    (0.545, 0.060, 5, "#3a4d58", 420, 0.024),
    (0.588, 0.030, 6, "#22323a", 260, 0.044),
]

# walls, roof, chimney and lit window: (right, up) from the middle of the house's foot
CABIN: list[tuple[str, Points]] = [
    ("#3b2d29", [(-2.2, 0), (-2.2, 1.8), (2, 1.8), (2, 0)]),
    ("#6b4535", [(-2.7, 1.7), (-1.7, 3.2), (1.5, 3.2), (2.5, 1.7)]),
    ("#2f2624", [(0.7, 2.6), (0.7, 3.9), (1.2, 3.9), (1.2, 2.6)]),
    ("#ffcf7a", [(-1.3, 0.6), (-1.3, 1.3), (-0.5, 1.3), (-0.5, 0.6)]),
]


def lake() -> Image.Image:
    """The whole scene, RGB."""
    above = land()
    picture = water(above)
    picture = foreground(picture)
    grain = noise((HEIGHT, WIDTH), (HEIGHT // 3, WIDTH // 3), 900)[..., None] - 0.5
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    vignette = 1 - 0.22 * smoothstep(0.45, 1.15, np.hypot(x / WIDTH - 0.5, y / HEIGHT - 0.5) * 1.6)
    return to_picture((picture + 0.012 * grain) * vignette[..., None], SHRINK)


def sky() -> Canvas:
    """Gradient, glow round the sun, and two decks of cloud."""
    y, x = np.mgrid[0:WATERLINE, 0:WIDTH].astype(np.float32)
    colours = [(0, "#4f7fb4"), (0.16, "#86abcb"), (0.28, "#c9cfd0"), (0.36, "#f4d9b6"), (0.6, "#fbc48c")]
    canvas = ramp(colours, y / HEIGHT)
    away = np.hypot(x - SUN[0], (y - SUN[1]) * 1.15) / HEIGHT
    canvas = over(canvas, rgb("#ffd694"), 0.85 * np.exp(-(away / 0.19)))
    canvas = over(canvas, rgb("#fff0cc"), 0.75 * np.exp(-((away / 0.07) ** 2)))
    canvas = over(canvas, rgb("#fff3d0"), smoothstep(0.030, 0.0275, away))
    return clouds(canvas, y, away)


def clouds(canvas: Canvas, y: Canvas, away: Canvas) -> Canvas:
    """Long soft clouds, lit warm near the sun."""
    size = canvas.shape[:2]
    lit = np.exp(-away / 0.35)[..., None]
    tint = rgb("#f4eef0") * (1 - lit) + rgb("#ffe9c4") * lit
    for seed, cells, low, centre in ((11, (5, 4), 0.50, 0.12), (31, (12, 5), 0.52, 0.27)):
        billow = layered_noise(size, cells, 5, seed)
        deck = np.exp(-(((y / HEIGHT - centre) / 0.11) ** 2))
        canvas = over(canvas, tint, 0.8 * smoothstep(low, low + 0.26, billow) * deck)
    return canvas


def ridge_line(top: float, rough: float, cells: int, seed: int) -> NDArray[np.float32]:
    """Height of a ridge above every column, in canvas pixels from the top."""
    bumps = layered_noise((8, WIDTH), (1, cells), 7, seed)[4]
    line: NDArray[np.float32] = (top + rough * (0.5 - bumps) * 2) * HEIGHT
    return np.minimum(line, WATERLINE - 6)


def conifer(x: float, foot: float, tall: float, rng: np.random.Generator) -> Points:
    """Outline of one conifer standing at (x, foot): a spindle of drooping tiers."""
    tiers, lean = 7, (rng.random() - 0.5) * 0.06 * tall
    wide = tall * (0.17 + 0.07 * rng.random())
    left, right = [], []
    for tier in range(1, tiers + 1):
        t = tier / tiers
        y = foot - tall * (1 - t) - 0.03 * tall
        out = wide * t**0.9 * (0.8 + 0.4 * rng.random())
        centre = x + lean * (1 - t)
        left += [(centre - out, y), (centre - 0.55 * out, y - 0.035 * tall)]
        right += [(centre + out, y), (centre + 0.55 * out, y - 0.035 * tall)]
    return [(x + lean, foot - tall), *left, (x, foot + 0.02 * tall), *reversed(right)]


def trees(line: NDArray[np.float32], count: int, tall: float, seed: int) -> list[Points]:
    """*count* conifers along a ridge, in loose groups."""
    rng = np.random.default_rng(seed)
    density = layered_noise((8, WIDTH), (1, 9), 3, seed + 1)[4]
    grown = []
    for _ in range(count):
        x = rng.random() * WIDTH
        thick = density[int(x)]
        if rng.random() < smoothstep(0.36, 0.56, np.asarray(thick)):
            grown.append(conifer(x, line[int(x)] + 3, tall * HEIGHT * (0.55 + 0.65 * rng.random()), rng))
    return grown


def ridge(canvas: Canvas, index: int) -> Canvas:
    """One more ridge over *canvas*: body, trees, light from the left, mist at its foot."""
    top, rough, cells, colour, count, tall = RIDGES[index]
    line = ridge_line(top, rough, cells, 100 + 17 * index)
    outline = [
        (0, HEIGHT),
        *((float(x), float(line[x])) for x in range(0, WIDTH, 2)),
        (WIDTH, float(line[-1])),
        (WIDTH, HEIGHT),
    ]
    cover = shape_cover((WATERLINE, WIDTH), [outline, *trees(line, count, tall, 300 + index)])
    y, x = np.mgrid[0:WATERLINE, 0:WIDTH].astype(np.float32)
    light = 1 + gullies(line, y, index) + 0.12 * np.clip(-np.gradient(line)[None, :], -1, 1)
    body = rgb(colour) * light[..., None]
    warm = np.exp(-(np.hypot(x - SUN[0], y - SUN[1]) / (0.42 * HEIGHT)))
    body = over(body, rgb("#f6c58e"), (0.42 - 0.07 * index) * warm)
    depth = (y - line[None, :]) / HEIGHT
    body = over(body, rgb("#e6d3c3"), (0.62 - 0.1 * index) * smoothstep(0.0, 0.16, depth))
    return over(canvas, body, cover)


def gullies(line: NDArray[np.float32], y: Canvas, index: int) -> Canvas:
    """Light and shade on a slope: relief that runs downhill from the ridge, lit from the left."""
    size = (WATERLINE, WIDTH)
    relief = layered_noise(size, (4, 26), 5, 500 + index)
    sheared = np.clip(y - line[None, :] + 30 * (relief - 0.5), 0, WATERLINE - 1).astype(int)
    folded = np.abs(layered_noise(size, (5, 30), 5, 520 + index) - 0.5)
    folded = folded[sheared, np.arange(WIDTH)[None, :]]
    shade = np.gradient(folded, axis=1) * 11
    needles = layered_noise(size, (120, 160), 2, 540 + index) - 0.5
    return np.asarray(0.30 * np.clip(shade, -1, 1) + (0.05 + 0.06 * index) * needles, np.float32)


def cabin(canvas: Canvas) -> Canvas:
    """A small house on the far shore, one window lit."""
    x, foot, unit = 0.724 * WIDTH, WATERLINE - 3.0, 0.0105 * HEIGHT
    for colour, corners in CABIN:
        outline = [(x + unit * right, foot - unit * up) for right, up in corners]
        canvas = over(canvas, rgb(colour), shape_cover((WATERLINE, WIDTH), [outline]))
    return canvas


def land() -> Canvas:
    """Everything above the waterline."""
    canvas = sky()
    for index in range(len(RIDGES)):
        canvas = ridge(canvas, index)
    canvas = cabin(canvas)
    y = np.arange(WATERLINE, dtype=np.float32)[:, None] / HEIGHT
    banks = layered_noise((WATERLINE, WIDTH), (6, 3), 4, 700)
    mist = 0.5 * np.exp(-(((y - 0.592) / 0.022) ** 2)) * smoothstep(0.35, 0.7, banks)
    return over(canvas, rgb("#f4e3d2"), mist)


def water(above: Canvas) -> Canvas:
    """*above* with its mirror image below the waterline, broken by ripples that grow towards the viewer."""
    rows = HEIGHT - WATERLINE
    depth = np.arange(rows, dtype=np.float32)[:, None]
    near = depth / rows
    # ripples are foreshortened: the same wave spans fewer rows the farther away it is
    swell = noise((rows, WIDTH), (1, 14), 800)
    phase = 62 * np.log1p(9 * near) + 5 * swell
    chop = layered_noise((rows, WIDTH), (70, 26), 3, 810) - 0.5
    shift = (0.6 + 9 * near) * np.sin(phase) * 0.55 + (4 + 34 * near) * chop
    y = np.clip(WATERLINE - 1 - depth * 1.02 - shift, 0, WATERLINE - 1)
    x = np.clip(np.arange(WIDTH) + shift * 0.35, 0, WIDTH - 1)
    mirrored = above[y.astype(int), x.astype(int)]
    deep = rgb("#29465a")
    picture = over(mirrored * np.float32(0.93), deep, (0.16 + 0.42 * near**1.3) * np.ones((1, WIDTH), np.float32))
    picture = glitter(picture, chop, near)
    shore = 0.45 * np.exp(-depth / 3.0) * np.ones((1, WIDTH), np.float32)
    return np.concatenate([above, over(picture, rgb("#f4e6d6"), shore)])


def glitter(picture: Canvas, chop: Canvas, near: Canvas) -> Canvas:
    """The path of light under the sun."""
    x = np.arange(WIDTH, dtype=np.float32)[None, :]
    path = np.exp(-(((x - SUN[0]) / (30 + 150 * near)) ** 2))
    flakes = smoothstep(0.02, 0.2, chop)
    return over(picture, rgb("#fff0c9"), 0.8 * path * flakes * (0.35 + 0.65 * near))


def foreground(picture: Canvas) -> Canvas:
    """A dark bank with grass in the right corner, and two tall trees that frame the view."""
    rng = np.random.default_rng(61)
    x = np.arange(0, WIDTH + 1, 4)
    edge = layered_noise((8, WIDTH + 4), (1, 5), 6, 60)[4][x]
    rise = (
        0.985 - 0.16 * smoothstep(0.46, 1.0, x / WIDTH) - 0.07 * smoothstep(0.22, 0.0, x / WIDTH) + 0.035 * (0.5 - edge)
    )
    line = rise * HEIGHT
    bank = [(0.0, HEIGHT), *zip(x.tolist(), line.tolist(), strict=True), (WIDTH, HEIGHT)]
    blades = [blade(rng, line) for _ in range(2600)]
    picture = over(picture, rgb("#1c2a26"), shape_cover((HEIGHT, WIDTH), [bank, *blades]))
    tall = [
        (0.93, 0.92, 0.72),
        (0.845, 0.90, 0.50),
        (0.985, 0.93, 0.58),
        (0.03, 0.965, 0.40),
        (0.085, 0.975, 0.25),
    ]
    pines = [polygon for place in tall for polygon in pine(place[0] * WIDTH, place[1] * HEIGHT, place[2] * HEIGHT, rng)]
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    needles = ramp([(0, "#2b3f3a"), (1, "#13201e")], np.broadcast_to(y, (HEIGHT, WIDTH)))
    return over(picture, needles, shape_cover((HEIGHT, WIDTH), pines))


def blade(rng: np.random.Generator, line: NDArray[np.floating]) -> Points:
    """One blade of grass on the bank."""
    at = rng.random()
    x, foot = at * WIDTH, float(line[int(at * (len(line) - 1))]) + 6
    tall, bend, wide = (10 + 40 * rng.random() ** 2), (rng.random() - 0.4) * 24, 1.3 + 1.4 * rng.random()
    return [(x - wide, foot), (x + bend * 0.4, foot - 0.6 * tall), (x + bend, foot - tall), (x + wide, foot)]


def pine(x: float, foot: float, tall: float, rng: np.random.Generator) -> list[Points]:
    """A tall conifer close by: a trunk, and many drooping boughs of uneven length, some missing."""
    parts: list[Points] = [[(x - 0.011 * tall, foot + 20), (x, foot - tall), (x + 0.011 * tall, foot + 20)]]
    for step in np.linspace(0.01, 0.93, 78) ** 1.05:
        root = foot - tall * (1 - step + 0.012 * rng.random())
        side = 1 if rng.random() < 0.5 else -1
        for reach in (side * (0.55 + 0.6 * rng.random()), -side * (0.3 + 0.5 * rng.random())):
            parts += bough(x, root, reach * tall * (0.01 + 0.2 * step**0.8), rng)
    return parts


def bough(x: float, y: float, reach: float, rng: np.random.Generator) -> list[Points]:
    """One bough from the trunk at (x, y): it droops, lifts again at the tip, and twigs hang from it."""
    droop, lift, size = 0.30 + 0.3 * rng.random(), 0.25 * rng.random(), abs(reach)
    t = np.linspace(0, 1, 10)
    spine = np.stack([x + reach * t, y + size * (droop * t - lift * t**3)], -1)
    thick = (0.075 * size + 2) * (1 - t)[:, None] * np.array([0, 1])
    parts: list[Points] = [[tuple(point) for point in (*(spine - thick), *(spine + thick)[::-1])]]
    for px, py in spine[1:]:
        wide, hang = (0.05 + 0.05 * rng.random()) * size, size * (0.10 + 0.20 * rng.random())
        parts.append([(px - wide, py), (px + 0.04 * reach * rng.random(), py + hang), (px + wide, py)])
    return parts
