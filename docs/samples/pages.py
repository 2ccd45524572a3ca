"""Two pages of text: one turned by a known angle, one lying on a desk under a known perspective."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from samples.canvas import (
    Canvas,
    Points,
    layered_noise,
    noise,
    over,
    rgb,
    shape_cover,
    smoothstep,
    to_picture,
)

INK = (38, 40, 46)
SHEET = (880, 640)  # height, width of a sheet in its own units
MARGIN = 62

TITLE = "How a spatial transformer looks at a picture"
PARAGRAPHS = [
    "A spatial transformer is a part of a neural network that moves its input before the rest of the "
    "network sees it. It can turn a crooked digit upright, cut out what matters, or flatten a page "
    "that was photographed at an angle. It has three pieces, each of them simple.",
    "The localisation network looks at the picture and answers with a few numbers, called theta. Six "
    "of them describe any affine map: turn, stretch, shear and shift. Nobody tells the network which "
    "numbers are right; it learns them, because everything that comes after them can be "
    "differentiated.",
    "The grid generator takes theta and the size of the output. For every output pixel it works out "
    "one place in the input, and together these places form the sampling grid. Note the direction: "
    "from the output to the input. That way each output pixel gets exactly one value, and no holes "
    "are left.",
]
CLOSING = (
    "The sampler then reads the input at those places. A place seldom falls on a pixel, so the four "
    "pixels round it share the answer: the nearer the pixel, the larger its weight. What lies outside "
    "the picture reads as zero, or as the border, or as its mirror image."
)

ROTATED_SIZE = (1008, 812)  # height, width
ROTATED_DEGREES = 8.0  # counter-clockwise as seen on screen

TILTED_SIZE = (800, 1120)
# the sheet's corner pixels, as pixel indices (pixel centres at integers), clockwise from its top left: as a camera sees
# them that has a focal length of 882 pixels and the middle of the picture before it
TILTED_CORNERS = [(390.0, 71.0), (835.0, 109.0), (956.0, 731.0), (161.0, 649.0)]
OUTWARD = [(-1, -1), (1, -1), (1, 1), (-1, 1)]


class Sheet:
    """A page being set, *scale* pixels to a unit; `y` is where the next line goes."""

    def __init__(self, scale: int) -> None:
        self.scale = scale
        self.image = Image.new("L", (SHEET[1] * scale, SHEET[0] * scale), 250)
        self.draw = ImageDraw.Draw(self.image)
        self.y = 72.0

    def font(self, size: float) -> ImageFont.FreeTypeFont:
        """Pillow's embedded font at *size* units."""
        font = ImageFont.load_default(size * self.scale)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise TypeError("this Pillow was built without FreeType and cannot draw text at a chosen size")
        return font

    def write(self, x: float, y: float, text: str, size: float, anchor: str = "ls") -> None:
        """*text* with its baseline starting at (x, y)."""
        self.draw.text((x * self.scale, y * self.scale), text, INK[0], self.font(size), anchor=anchor)

    def paragraph(self, text: str, size: float = 17.0, leading: float = 26.0) -> None:
        """*text* set justified between the margins."""
        lines = wrapped(text, self.font(size), (SHEET[1] - 2 * MARGIN) * self.scale)
        for number, words in enumerate(lines):
            self.line(words, size, last=number == len(lines) - 1)
            self.y += leading
        self.y += 0.55 * leading

    def line(self, words: list[str], size: float, *, last: bool) -> None:
        """One line of *words*; all but the *last* of a paragraph fill the measure."""
        font = self.font(size)
        widths = [font.getlength(word) / self.scale for word in words]
        gap = font.getlength(" ") / self.scale
        if not last and len(words) > 1:
            gap = (SHEET[1] - 2 * MARGIN - sum(widths)) / (len(words) - 1)
        x = float(MARGIN)
        for word, width in zip(words, widths, strict=True):
            self.write(x, self.y, word, size)
            x += width + gap


def wrapped(text: str, font: ImageFont.FreeTypeFont, measure: float) -> list[list[str]]:
    """*text* as lines of words no longer than *measure* pixels."""
    lines: list[list[str]] = [[]]
    for word in text.split():
        if lines[-1] and font.getlength(" ".join([*lines[-1], word])) > measure:
            lines.append([])
        lines[-1].append(word)
    return lines


def sheet(scale: int) -> Image.Image:
    """The page itself, flat, as (L) SHEET times *scale*."""
    page = Sheet(scale)
    page.write(MARGIN, page.y, TITLE, 24)
    page.y += 17
    page.draw.rectangle(
        [MARGIN * scale, page.y * scale, (SHEET[1] - MARGIN) * scale, (page.y + 1.6) * scale],
        fill=INK[0] + 60,
    )
    page.y += 37
    for text in PARAGRAPHS:
        page.paragraph(text)
    figure(page, page.y - 10)
    page.y += 152
    page.paragraph(CLOSING)
    page.write(SHEET[1] / 2, SHEET[0] - 32, "1", 14, "ms")
    return page.image


def figure(page: Sheet, top: float) -> None:
    """A square grid, an arrow, and the places it samples: the same grid turned and shrunk."""
    left, right, middle, half = SHEET[1] * 0.31, SHEET[1] * 0.69, top + 58, 50.0
    square = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    stroke(page, [(left + half * x, middle + half * y) for x, y in square], 1.6)
    stroke(page, [(right + half * x, middle + half * y) for x, y in square], 1.6)
    turn, small = math.radians(24), 0.66
    for at in range(25):
        x, y = (at % 5 - 2) / 2.5, (at // 5 - 2) / 2.5
        u, v = (
            small * (x * math.cos(turn) - y * math.sin(turn)),
            small * (x * math.sin(turn) + y * math.cos(turn)),
        )
        dot(page, left + half * x, middle + half * y)
        dot(page, right + half * u, middle + half * v)
    stroke(page, [(left + half + 22, middle), (right - half - 26, middle)], 1.6)
    tip = right - half - 20
    page.draw.polygon(
        [((tip + x) * page.scale, (middle + y) * page.scale) for x, y in ((0, 0), (-12, -5), (-12, 5))],
        fill=INK[0],
    )
    page.write((left + right) / 2, middle - 10, "theta", 14, "ms")
    page.write(left, middle + half + 18, "output", 13, "ms")
    page.write(right, middle + half + 18, "input", 13, "ms")


def stroke(page: Sheet, points: list[tuple[float, float]], width: float) -> None:
    """A line through *points*, *width* units thick."""
    page.draw.line([(x * page.scale, y * page.scale) for x, y in points], INK[0], round(width * page.scale), "curve")


def dot(page: Sheet, x: float, y: float) -> None:
    """One sampling point."""
    page.draw.circle((x * page.scale, y * page.scale), 2.6 * page.scale, fill=INK[0])


def rotated_page() -> Image.Image:
    """The sheet on a plain ground, turned by ROTATED_DEGREES about the middle of the picture; mode L."""
    shrink, size = 3, (ROTATED_SIZE[1] * 3, ROTATED_SIZE[0] * 3)
    flat = Image.new("L", size, 0)
    paper = Image.new("L", size, 0)
    at = ((size[0] - SHEET[1] * shrink) // 2, (size[1] - SHEET[0] * shrink) // 2)
    flat.paste(sheet(shrink), at)
    paper.paste(255, (*at, at[0] + SHEET[1] * shrink, at[1] + SHEET[0] * shrink))
    # Pillow turns counter-clockwise about the middle of the canvas, which is the middle of the picture
    flat, paper = (layer.rotate(ROTATED_DEGREES, Image.Resampling.BICUBIC) for layer in (flat, paper))
    shadow = paper.transform(size, Image.Transform.AFFINE, (1, 0, -4 * shrink, 0, 1, -7 * shrink))
    shadow = shadow.filter(ImageFilter.GaussianBlur(9 * shrink))
    canvas = np.full((size[1], size[0], 1), 0.63, np.float32)
    canvas = over(canvas, rgb("#404040")[:1], 0.6 * levels(shadow))
    return to_picture(over(canvas, levels(flat)[..., None], levels(paper)), shrink)


def levels(image: Image.Image) -> Canvas:
    """An L picture as numbers from 0 to 1."""
    return np.asarray(image, np.float32) / 255


def homography(source: Points, target: Points) -> Canvas:
    """The eight numbers (last = 1) taking each point of *source* to the one of *target*."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows), np.array(values))


def tilted_page() -> Image.Image:
    """The sheet on a wooden desk, seen from a chair: RGB, its corners at TILTED_CORNERS."""
    shrink = 2
    size = (TILTED_SIZE[0] * shrink, TILTED_SIZE[1] * shrink)
    # corners as Pillow counts, from the corner of the first pixel, on the large canvas
    corners = [((x + 0.5) * shrink, (y + 0.5) * shrink) for x, y in TILTED_CORNERS]
    height, width = SHEET
    plane = homography(corners, [(0, 0), (width, 0), (width, height), (0, height)])
    page, cover = projected_sheet(corners, size, shrink)
    shadow = shape_cover(size, [[(x + 14, y + 16) for x, y in corners]], 16)
    contact = shape_cover(size, [[(x + 3, y + 5) for x, y in corners]], 4)
    canvas = desk(size, plane)
    canvas = over(over(canvas, rgb("#1d120b"), 0.55 * shadow), rgb("#1d120b"), 0.35 * contact)
    canvas = pencil(canvas)
    paper = page[..., None] * rgb("#fffaf0")
    canvas = over(canvas, paper * lamp(size, 0.9, 0.16), cover)
    grain = noise(size, (size[0] // 2, size[1] // 2), 77)[..., None] - 0.5
    return to_picture(canvas + 0.02 * grain, shrink)


def projected_sheet(corners: Points, size: tuple[int, int], shrink: int) -> tuple[Canvas, Canvas]:
    """The sheet seen with its corner pixels at *corners*, and where it lies, on a canvas of *size*."""
    # at the far edge a line of the sheet is squeezed to a third: without this it would come out beaded
    fine, unit = 2, 2
    larger = [(x * fine, y * fine) for x, y in corners]
    height, width = SHEET[0] * unit, SHEET[1] * unit
    data = homography(larger, [(0, 0), (width, 0), (width, height), (0, height)])
    frame = (size[1] * fine, size[0] * fine)
    page = sheet(unit).transform(
        frame, Image.Transform.PERSPECTIVE, tuple(data), Image.Resampling.BICUBIC, fillcolor=250
    )
    # the corners are centres of pixels that are all paper, so the sheet reaches a little farther
    rim = [
        (x + 1.2 * fine * shrink * dx, y + 1.2 * fine * shrink * dy)
        for (x, y), (dx, dy) in zip(larger, OUTWARD, strict=True)
    ]
    place = Image.new("L", frame)
    ImageDraw.Draw(place).polygon(rim, fill=255)
    return levels(page.reduce(fine)), levels(place.reduce(fine))


def lamp(size: tuple[int, int], bright: float, fall: float) -> Canvas:
    """Light from the upper left, falling off across the picture."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    away = np.hypot(x / size[1] - 0.35, y / size[0] - 0.2)
    return np.asarray((bright + 0.1 - fall * 1.6 * away**1.5)[..., None], np.float32)


def desk(size: tuple[int, int], plane: Canvas) -> Canvas:
    """Planks with grain; *plane* takes the picture to the desk's units, so planks recede as the page does."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    depth = plane[6] * x + plane[7] * y + 1
    across = (plane[0] * x + plane[1] * y + plane[2]) / depth
    along = (plane[3] * x + plane[4] * y + plane[5]) / depth
    plank = np.floor((along + 70) / 168)
    # each plank is a different piece of wood: shift its grain along by its own amount
    row = np.clip((along + 900) * 1.0, 0, 2799).astype(int)
    col = np.mod((across + 2000) * 0.5 + plank * 431, 2400).astype(int)
    fibre = layered_noise((2800, 2400), (190, 12), 4, 40)[row, col]
    rings = np.sin(34 * layered_noise((2800, 2400), (26, 4), 2, 50)[row, col])
    tone = 0.5 + 0.55 * (fibre - 0.5) + 0.07 * rings + 0.09 * np.sin(plank * 2.4)
    wood = rgb("#5d3a22") + (rgb("#b98a5a") - rgb("#5d3a22")) * tone[..., None].astype(np.float32)
    into = np.mod(along + 70, 168)
    seam = 1 - smoothstep(0.6, 2.2, np.minimum(into, 168 - into))
    return over(wood, rgb("#2a1810"), 0.75 * seam) * lamp(size, 0.98, 0.3)


def pencil(canvas: Canvas) -> Canvas:
    """A pencil beside the page, with its shadow."""
    size = canvas.shape[:2]
    start, end, half = np.array([1800.0, 330.0]), np.array([2068.0, 1010.0]), 13.0
    ahead = (end - start) / np.hypot(*(end - start))
    aside = np.array([-ahead[1], ahead[0]])

    def place(along: float, off: float) -> tuple[float, float]:
        x, y = start + ahead * along + aside * off * half
        return float(x), float(y)

    def strip(parts: list[tuple[float, float, float, float]], *, shift: float = 0, blur: float = 0) -> Canvas:
        boxes = [[place(a, low), place(b, low), place(b, high), place(a, high)] for a, b, low, high in parts]
        return shape_cover(size, [[(x + shift, y + shift) for x, y in box] for box in boxes], blur)

    length = float(np.hypot(*(end - start)))
    canvas = over(canvas, rgb("#170d07"), 0.6 * strip([(10, length, -1, 1)], shift=9, blur=7))
    for low, high, colour in ((-1, -0.3, "#e0a92c"), (-0.3, 0.4, "#c98d1c"), (0.4, 1, "#94640f")):
        canvas = over(canvas, rgb(colour), strip([(78, length - 62, low, high)]))
    canvas = over(canvas, rgb("#c8cacb"), strip([(length - 62, length - 26, -1.04, 1.04)]))
    canvas = over(
        canvas,
        rgb("#8d9193"),
        strip([(length - 62, length - 26, 0.3, 1.04), (length - 50, length - 46, -1.04, 1.04)]),
    )
    canvas = over(canvas, rgb("#d7857f"), strip([(length - 26, length, -0.95, 0.95)]))
    canvas = over(canvas, rgb("#e6c59a"), shape_cover(size, [[place(0, 0), place(80, 1), place(80, -1)]]))
    return over(canvas, rgb("#2b2b2f"), shape_cover(size, [[place(0, 0), place(24, 0.3), place(24, -0.3)]]))
