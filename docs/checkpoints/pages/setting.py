"""The setting of a page: lines, paragraphs, columns, headings and pictures, black on white."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from pages.fonts import Face, Lexicon, pick_face
from pages.pictures import picture_of_anything

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass
class Page:
    """A page being set; `size` is its body type in pixels."""

    rng: np.random.Generator
    faces: Sequence[Face]
    image: Image.Image
    draw: ImageDraw.ImageDraw
    face: Face
    size: int
    lexicons: dict[int, Lexicon] = field(default_factory=dict)

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A number from *low* to *high*."""
        return float(self.rng.uniform(low, high))

    def words(self, size: int) -> Lexicon:
        """The page's words at *size* pixels."""
        if size not in self.lexicons:
            self.lexicons[size] = Lexicon(self.rng, self.face, size)
        return self.lexicons[size]

    def ink(self) -> int:
        """Black, or rarely gray."""
        return int(self.between(60, 140)) if self.chance(0.1) else int(self.between(0, 40))


def new_page(rng: np.random.Generator, faces: Sequence[Face], width: int, height: int, lines: float) -> Page:
    """An empty page on which *lines* lines of body type would stand below each other."""
    image = Image.new("L", (width, height), 255)
    size = max(6, round(height / lines / float(rng.uniform(1.15, 1.6))))
    return Page(rng, faces, image, ImageDraw.Draw(image), pick_face(rng, faces), size)


def paragraph(page: Page, box: Box, size: int, leading: float, *, justified: bool, indent: float = 0.0) -> float:
    """Lines of words from the top of *box* down, to its end or the paragraph's; the y below them."""
    left, y, right, bottom = box
    count = int(page.rng.integers(1, 13))
    jitter = page.between(0.0, 0.04) * size if page.chance(0.15) else 0.0
    for number in range(count):
        if y + leading > bottom:
            break
        last = number == count - 1
        start = left + (indent if number == 0 else 0.0)
        width = (right - start) * (page.between(0.15, 1.0) if last else 1.0)
        set_line(page, (start, y + page.rng.normal() * jitter), size, width, justified=justified and not last)
        y += leading
    return y


def set_line(page: Page, place: tuple[float, float], size: int, width: float, *, justified: bool) -> None:
    """One line of words from *place*, its top left corner."""
    lexicon, (x, y) = page.words(max(5, size)), place
    line = lexicon.line(page.rng, width)
    spare = width - sum(item.length for item in line)
    gap = max(spare / (len(line) - 1), lexicon.gap) if justified and len(line) > 1 else lexicon.gap
    ink = page.ink() if page.chance(0.02) else 20
    for item in line:
        page.image.paste(ink, (round(x), round(y)), item.cover)
        x += item.length + gap


def column(page: Page, box: Box, *, pictures: float = 0.0) -> None:
    """Paragraphs, headings and now and then a picture, from the top of *box* to its bottom."""
    left, y, right, bottom = box
    leading = page.size * page.between(1.1, 1.75)
    justified, indent = page.chance(0.6), page.size * page.between(0, 2) * page.chance(0.6)
    space = leading * page.between(0, 1.2) * page.chance(0.7)
    while y + leading < bottom:
        if page.chance(pictures):
            y = picture(page, (left, y, right, bottom))
        elif page.chance(0.12):
            y = heading(page, (left, y, right, bottom))
        y = paragraph(page, (left, y, right, bottom), page.size, leading, justified=justified, indent=indent) + space


def heading(page: Page, box: Box, scale: float | None = None) -> float:
    """A line or two in larger type; the y below it."""
    left, y, right, bottom = box
    size = int(page.size * (scale or page.between(1.1, 2.4)))
    for _ in range(1 + page.chance(0.3)):
        if y + size * 1.3 > bottom:
            break
        start = left + page.between(0, 0.3) * (right - left) * page.chance(0.5)
        set_line(page, (start, y), size, (right - start) * page.between(0.5, 1.0), justified=False)
        y += size * 1.3
    return y + size * 0.4


def picture(page: Page, box: Box) -> float:
    """A picture as wide as *box*; the y below it."""
    left, y, right, bottom = box
    width, height = int(right - left), int(min((right - left) * page.between(0.3, 1.3), bottom - y))
    if min(width, height) < 12:
        return y
    page.image.paste(picture_of_anything(page.rng, width, height), (int(left), int(y)))
    return y + height + page.size


def margins(page: Page, least: float = 0.02, most: float = 0.14) -> Box:
    """What is left of the page inside its margins."""
    width, height = page.image.size
    left, top, right, bottom = (page.between(least, most) for _ in range(4))
    return left * width, top * height, (1 - right) * width, (1 - bottom) * height
