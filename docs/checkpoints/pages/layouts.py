"""Pages of many kinds: books, newspapers, letters, tables, forms, receipts, music, a few lines, verse, slides."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from pages.fonts import Face
from pages.pictures import scribble
from pages.setting import Page, column, heading, margins, new_page, paragraph, picture, set_line


def book(page: Page) -> None:
    """One column, a running head and a page number; the chapter may end early."""
    left, top, right, bottom = margins(page)
    if page.chance(0.4):
        set_line(page, (left, top - 1.5 * page.size), page.size, (right - left) / 2, justified=False)
    if page.chance(0.4):
        foot = ((left + right) / 2, bottom + page.size * 0.5)
        page.draw.text(foot, str(page.rng.integers(400)), 20, page.face.at(page.size))
    end = top + (bottom - top) * (page.between(0.15, 1.0) if page.chance(0.3) else 1.0)
    column(page, (left, top, right, end), pictures=0.03)


def newspaper(page: Page) -> None:
    """A headline over two to six columns, each with its own lines, rules or none between them."""
    left, top, right, bottom = margins(page, 0.01, 0.07)
    if page.chance(0.7):
        top = heading(page, (left, top, right, bottom), page.between(2, 5))
    count = int(page.rng.integers(2, 7))
    gap = page.size * page.between(0.8, 2.5)
    width = (right - left - gap * (count - 1)) / count
    rules = page.chance(0.3)
    for number in range(count):
        x = left + number * (width + gap)
        start = top + page.between(0, 1) * page.size * page.chance(0.5)
        column(page, (x, start, x + width, bottom - page.between(0, 0.2) * (bottom - top)), pictures=0.08)
        if rules and number:
            page.draw.line((x - gap / 2, top, x - gap / 2, bottom), 40, 1)


def letter(page: Page) -> None:
    """An address, a date, a few paragraphs, a signature; much of the page is empty."""
    left, top, right, bottom = margins(page, 0.06, 0.16)
    leading = page.size * page.between(1.15, 1.6)
    for _ in range(int(page.rng.integers(2, 6))):
        set_line(page, (left, top), page.size, (right - left) * page.between(0.15, 0.4), justified=False)
        top += leading
    top += leading * page.between(0.5, 4)
    for _ in range(int(page.rng.integers(1, 5))):
        top = paragraph(page, (left, top, right, bottom), page.size, leading, justified=page.chance(0.4)) + leading
    if page.chance(0.6) and top < bottom:
        scribble(page.rng, page.draw, (left, top, left + 9 * page.size, top + 4 * page.size))


def table(page: Page) -> None:
    """Rows and columns of words or numbers, with rules or without, and lines of text around it."""
    left, top, right, bottom = margins(page)
    pitch = page.size * page.between(1.3, 2.4)
    columns = int(page.rng.integers(2, 9))
    edges = np.sort(np.append(page.rng.uniform(left, right, columns - 1), [left, right]))
    across, down = page.chance(0.6), page.chance(0.5)
    if page.chance(0.5):
        top = paragraph(page, (left, top, right, bottom), page.size, pitch, justified=False) + pitch
    end = top + (bottom - top) * page.between(0.3, 1.0)
    rows = np.arange(top, end, pitch)
    for y in rows:
        _table_row(page, edges, y, pitch)
        if across:
            page.draw.line((left, y, right, y), 40, int(page.rng.integers(1, 3)))
    for x in edges if down else []:
        page.draw.line((x, top, x, rows[-1] + pitch if len(rows) else end), 40, 1)
    column(page, (left, end + 2 * pitch, right, bottom))


def _table_row(page: Page, edges: np.ndarray, y: float, pitch: float) -> None:
    for start, end in pairwise(edges):
        if page.chance(0.8) and end - start > 2 * page.size:
            room = (end - start - page.size * 0.6) * page.between(0.2, 1.0)
            set_line(page, (start + page.size * 0.3, y + (pitch - page.size) / 2.5), page.size, room, justified=False)


def form(page: Page) -> None:
    """Labels, ruled lines to write on, boxes, and some of it filled in."""
    left, top, right, bottom = margins(page)
    y, pitch = heading(page, (left, top, right, bottom)), page.size * page.between(1.8, 3.2)
    while y + pitch < bottom:
        label = left + (right - left) * page.between(0.1, 0.4)
        set_line(page, (left, y), page.size, label - left, justified=False)
        if page.chance(0.7):
            page.draw.line((label, y + page.size * 1.2, right, y + page.size * 1.2), 60, 1)
        elif page.chance(0.5):
            page.draw.rectangle((label, y - 2, right, y + page.size * 1.4), outline=60)
        if page.chance(0.3):
            scribble(page.rng, page.draw, (label, y - page.size * 0.3, label + 8 * page.size, y + page.size * 1.2))
        y += pitch


def few_lines(page: Page) -> None:
    """One to five lines anywhere on the page: a title, a caption, a note."""
    left, top, right, bottom = margins(page, 0.03, 0.2)
    size = int(page.size * page.between(0.8, 2.5))
    y = top + (bottom - top) * page.between(0, 0.8)
    for _ in range(int(page.rng.integers(1, 6))):
        start = left + (right - left) * page.between(0, 0.25)
        set_line(page, (start, y), size, (right - start) * page.between(0.4, 1.0), justified=False)
        y += size * page.between(1.3, 1.9)
    if page.chance(0.3):
        picture(page, (left, top, right, max(top, min(y, bottom) - 6 * size)))


def verse(page: Page) -> None:
    """Short ragged or centred lines in groups."""
    left, top, right, bottom = margins(page, 0.04, 0.2)
    leading, centred, y = page.size * page.between(1.2, 1.9), page.chance(0.4), top
    while y + leading < bottom:
        width = (right - left) * page.between(0.25, 0.75)
        start = (left + right - width) / 2 if centred else left + page.size * 2 * page.chance(0.2)
        set_line(page, (start, y), page.size, width, justified=False)
        y += leading * (2 if page.chance(0.2) else 1)


def receipt(page: Page) -> None:
    """Names on the left, prices on the right, tightly set."""
    left, top, right, bottom = margins(page, 0.03, 0.08)
    pitch, y = page.size * page.between(1.1, 1.5), heading(page, (left, top, right, bottom))
    font = page.face.at(page.size)
    while y + pitch < bottom:
        set_line(page, (left, y), page.size, (right - left) * page.between(0.2, 0.6), justified=False)
        if page.chance(0.7):
            page.draw.text((right, y), f"{page.between(0, 99):.2f}", 20, font, anchor="ra")
        if page.chance(0.05):
            page.draw.line((left, y + pitch, right, y + pitch), 40, 1)
        y += pitch * (2 if page.chance(0.08) else 1)


def slide(page: Page) -> None:
    """Large type, bullet points, a picture beside them."""
    left, top, right, bottom = margins(page, 0.04, 0.12)
    y = heading(page, (left, top, right, bottom), page.between(1.4, 2.2))
    middle = left + (right - left) * (page.between(0.45, 0.7) if page.chance(0.6) else 1.0)
    if middle < right:
        picture(page, (middle + page.size, y, right, bottom))
    while y + 2 * page.size < bottom:
        page.draw.ellipse((left, y + page.size * 0.4, left + page.size * 0.5, y + page.size * 0.9), 20)
        y = paragraph(page, (left + 2 * page.size, y, middle, bottom), page.size, page.size * 1.4, justified=False)
        y += page.size * page.between(0.2, 1.2)


def music(page: Page) -> None:
    """Staves of five lines with notes on them, braced, and a word here and there."""
    left, top, right, bottom = margins(page)
    gap = page.size * page.between(0.35, 0.6)
    y = heading(page, (left, top, right, bottom)) if page.chance(0.5) else top
    while y + 6 * gap < bottom:
        for number in range(5):
            page.draw.line((left, y + number * gap, right, y + number * gap), 20, 1)
        for x in np.cumsum(page.rng.uniform(1, 6, 60) * gap) + left:
            if x < right:
                _note(page, x, y, gap)
        y += gap * page.between(6, 14)
        if page.chance(0.2):
            set_line(page, (left, y - 3 * gap), page.size, (right - left) * 0.5, justified=False)


def _note(page: Page, x: float, y: float, gap: float) -> None:
    if page.chance(0.15):
        page.draw.line((x, y, x, y + 4 * gap), 20, 1)
        return
    place = y + gap * page.between(-1, 5)
    page.draw.ellipse((x, place, x + gap * 1.2, place + gap), 20)
    page.draw.line((x + gap, place, x + gap, place - gap * page.between(2, 4)), 20, 1)


# kind: (how it is set, its share, width / height from .. to, lines of type from .. to)
KINDS: dict[str, tuple[Callable[[Page], None], float, tuple[float, float], tuple[float, float]]] = {
    "book": (book, 3.0, (0.6, 0.8), (25, 65)),
    "newspaper": (newspaper, 3.0, (0.6, 0.85), (45, 110)),
    "letter": (letter, 2.0, (0.68, 0.8), (40, 70)),
    "table": (table, 2.0, (0.65, 1.5), (25, 70)),
    "form": (form, 1.0, (0.65, 0.8), (35, 70)),
    "few lines": (few_lines, 1.6, (0.5, 3.0), (8, 50)),
    "verse": (verse, 1.0, (0.55, 0.9), (20, 50)),
    "receipt": (receipt, 1.0, (0.25, 0.5), (25, 70)),
    "music": (music, 0.6, (0.65, 0.85), (30, 60)),
    "slide": (slide, 0.8, (1.2, 1.8), (14, 30)),
    "fragment": (book, 1.5, (0.8, 2.5), (6, 25)),
}


def draw_page(rng: np.random.Generator, faces: Sequence[Face], kind: str, longest: int = 1150) -> Image.Image:
    """A page of *kind*, mode L, its longer side *longest* pixels."""
    setting, _, aspects, lines = KINDS[kind]
    aspect = float(rng.uniform(*aspects))
    width, height = (round(longest * min(aspect, 1.0)), round(longest * min(1 / aspect, 1.0)))
    page = new_page(rng, faces, width, height, float(rng.uniform(*lines)))
    setting(page)
    return page.image
