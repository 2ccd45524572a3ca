"""A scene as SVG text, complete in itself: images are embedded as PNG, texts stay texts."""

import base64
import io
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

from stnwarp.drawing.scene import Block, Box, Dot, Item, Label, Path, Picture, Scene

_FONTS = "Aileron, Helvetica, Arial, 'DejaVu Sans', sans-serif"


def render_svg(scene: Scene) -> str:
    """*scene* as an SVG document; the same text every time."""
    size = f'width="{scene.width}" height="{scene.height}" viewBox="0 0 {scene.width} {scene.height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family={quoteattr(_FONTS)}>',
        f"<title>{escape(scene.title)}</title>",
        f"<desc>{escape(scene.description)}</desc>",
        f'<rect width="100%" height="100%" fill="{scene.background}"/>',
        *(line for item in scene.items for line in _elements(item)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _elements(item: Item) -> Iterator[str]:
    match item:
        case Block():
            yield f'<rect {_box(item.box)} fill="{item.colour}"/>'
        case Picture():
            yield _image(item)
        case Path():
            yield _path(item)
        case Dot():
            # the ring lies inside the radius, an SVG stroke on both sides of its line
            radius = _number(item.radius - item.ring / 2)
            stroke = f'stroke="{item.ring_colour}" stroke-width="{_number(item.ring)}"'
            centre = f'cx="{_number(item.centre[0])}" cy="{_number(item.centre[1])}"'
            yield f'<circle {centre} r="{radius}" fill="{item.colour}" {stroke}/>'
        case Label():
            yield _text(item)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _box(box: Box) -> str:
    x, y, width, height = (_number(value) for value in (box.x, box.y, box.width, box.height))
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _image(item: Picture) -> str:
    written = io.BytesIO()
    Image.frombytes("RGB", item.size[::-1], item.rgb).save(written, format="PNG")
    data = base64.b64encode(written.getvalue()).decode("ascii")
    sharp = "" if item.smooth else ' style="image-rendering:pixelated"'
    return f'<image {_box(item.box)} preserveAspectRatio="none"{sharp} href="data:image/png;base64,{data}"/>'


def _path(item: Path) -> str:
    closed = len(item.points) > 2 and item.points[0] == item.points[-1]
    points = item.points[:-1] if closed else item.points
    course = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    course += "Z" if closed or not item.width else ""
    if not item.width:
        return f'<path d="{course}" fill="{item.colour}"/>'
    stroke = f'stroke="{item.colour}" stroke-width="{_number(item.width)}"'
    return f'<path d="{course}" fill="none" {stroke} stroke-linejoin="round" stroke-linecap="round"/>'


def _text(item: Label) -> str:
    """The measured length goes with the text, so that a viewer's other font neither overlaps nor is cut."""
    place = f'x="{_number(item.at[0])}" y="{_number(item.at[1])}" font-size="{_number(item.size)}"'
    length = f'textLength="{_number(item.width)}" lengthAdjust="spacingAndGlyphs"'
    look = f'fill="{item.colour}" text-anchor="{item.anchor}"'
    return f"<text {place} {look} {length}>{escape(item.text)}</text>"
