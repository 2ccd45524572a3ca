"""A scene as PNG, drawn several times too large and averaged down."""

import io

from PIL import Image, ImageDraw

from stnwarp.drawing.lettering import font
from stnwarp.drawing.scene import Anchor, Block, Box, Dot, Item, Label, Path, Picture, Point, Scene

_CANVAS_SIDE = 6400  # supersampling is lowered so that the large canvas stays about this wide
_ANCHORS = {
    Anchor.START: "ls",
    Anchor.MIDDLE: "ms",
    Anchor.END: "rs",
}  # Pillow's words; s is the baseline


def render_png(scene: Scene) -> bytes:
    """*scene* as the bytes of a PNG; the same bytes every time."""
    factor = min(4, max(2, _CANVAS_SIDE // scene.width))
    canvas = Image.new("RGB", (scene.width * factor, scene.height * factor), scene.background)
    brush = _Brush(canvas, factor)
    for item in scene.items:
        brush.paint(item)
    written = io.BytesIO()
    canvas.reduce(factor).save(written, format="PNG")
    return written.getvalue()


class _Brush:
    """Paints items on a canvas that is *factor* times the scene."""

    def __init__(self, canvas: Image.Image, factor: int) -> None:
        self._canvas = canvas
        self._draw = ImageDraw.Draw(canvas)
        self._factor = factor

    def paint(self, item: Item) -> None:
        match item:
            case Block():
                self._draw.rectangle(self._inside(item.box), fill=item.colour)
            case Picture():
                self._picture(item)
            case Path():
                self._path(item)
            case Dot():
                self._disc(item.centre, item.radius, item.ring_colour)
                self._disc(item.centre, item.radius - item.ring, item.colour)
            case Label():
                face = font(item.size * self._factor)
                self._draw.text(self._at(item.at), item.text, item.colour, face, _ANCHORS[item.anchor])

    def _at(self, point: Point) -> Point:
        # Pillow puts pixel centres at integers, a scene at halves
        return point[0] * self._factor - 0.5, point[1] * self._factor - 0.5

    def _inside(self, box: Box) -> tuple[int, int, int, int]:
        """The first and the last pixel of *box*."""
        x0, y0, x1, y1 = (round(side * self._factor) for side in (box.x, box.y, box.right, box.bottom))
        return x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)

    def _picture(self, item: Picture) -> None:
        x0, y0, x1, y1 = self._inside(item.box)
        image = Image.frombytes("RGB", item.size[::-1], item.rgb)
        filtering = Image.Resampling.BICUBIC if item.smooth else Image.Resampling.NEAREST
        self._canvas.paste(image.resize((x1 - x0 + 1, y1 - y0 + 1), filtering), (x0, y0))

    def _path(self, item: Path) -> None:
        points = [self._at(point) for point in item.points]
        if item.width == 0:
            self._draw.polygon(points, fill=item.colour)
            return
        width = max(1, round(item.width * self._factor))
        self._draw.line(points, item.colour, width, joint="curve")
        for end in (item.points[0], item.points[-1]):
            self._disc(end, item.width / 2, item.colour)

    def _disc(self, centre: Point, radius: float, colour: str) -> None:
        x, y = self._at(centre)
        reach = radius * self._factor
        self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
