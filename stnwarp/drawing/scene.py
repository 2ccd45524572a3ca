"""What a drawing consists of: a few primitives in canvas units, shared by both back ends.

Everything is opaque and already clipped, so that neither back end needs blending or clip paths and both show
the same. Canvas units are the pixels of the PNG, x to the right and y down; colours are "#rrggbb".
"""

from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """An upright rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower side."""
        return self.y + self.height

    @property
    def outline(self) -> tuple[Point, ...]:
        """The corners, clockwise from the top left and back to it."""
        start = (self.x, self.y)
        return start, (self.right, self.y), (self.right, self.bottom), (self.x, self.bottom), start

    def grown(self, by: float) -> "Box":
        """This rectangle with its sides moved outward."""
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def contains(self, point: Point) -> bool:
        """Whether *point* lies inside or on the border."""
        return self.x <= point[0] <= self.right and self.y <= point[1] <= self.bottom


class Anchor(StrEnum):
    """Which end of a text its x is at, in SVG's words."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True)
class Block:
    """A filled rectangle."""

    box: Box
    colour: str


@dataclass(frozen=True)
class Picture:
    """An RGB image of *size* (height, width), rows top to bottom, stretched over *box*.

    *smooth* is False for small images, whose pixels are to stay visible as squares.
    """

    box: Box
    size: tuple[int, int]
    rgb: bytes
    smooth: bool


@dataclass(frozen=True)
class Path:
    """A line through *points* with round joins, or their filled outline where *width* is 0."""

    points: tuple[Point, ...]
    colour: str
    width: float


@dataclass(frozen=True)
class Dot:
    """A disc with a ring of *ring* units around it; *radius* includes the ring."""

    centre: Point
    radius: float
    ring: float
    colour: str
    ring_colour: str


@dataclass(frozen=True)
class Label:
    """One line of text; *at* is its baseline's anchor point and *width* its measured length."""

    at: Point
    text: str
    size: float
    colour: str
    anchor: Anchor
    width: float

    @property
    def box(self) -> Box:
        """What the text covers, with its ascenders and descenders."""
        before = {Anchor.START: 0.0, Anchor.MIDDLE: 0.5, Anchor.END: 1.0}[self.anchor] * self.width
        return Box(self.at[0] - before, self.at[1] - 0.75 * self.size, self.width, self.size)


Item = Block | Picture | Path | Dot | Label


@dataclass(frozen=True)
class Scene:
    """A finished drawing: *items* are painted in order on *background*."""

    width: int
    height: int
    background: str
    title: str
    description: str
    items: tuple[Item, ...]
