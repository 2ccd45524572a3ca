"""Where everything goes: two panels of one size side by side, their titles, the arrow, the caption."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.drawing import palette
from stnwarp.drawing.afar import Afar, afar_items, whereabouts
from stnwarp.drawing.lattice import Lattice, frame, grid_lines, in_pixels, thinned, torn
from stnwarp.drawing.lettering import fitted, text_width
from stnwarp.drawing.panel import Ground, Net, frame_visible, ground_items, net_items, visible_points
from stnwarp.drawing.pictures import Range, checked, value_range
from stnwarp.drawing.pointer import covered, pointer
from stnwarp.drawing.scene import Anchor, Box, Item, Label, Scene
from stnwarp.drawing.style import Style
from stnwarp.drawing.view import View, aspect, image_bounds, view_of, widened
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms.pixels import pixel_from_normalised

_WIDTHS = (160, 10_000)
_ASPECTS = (0.62, 1.9)  # of the panels; images beyond stand in the middle of theirs
_TITLES = (  # both shrink together
    ("input: sampling grid", "output: regular grid"),
    ("sampling grid", "regular grid"),
    ("input", "output"),
)
_CAPTIONS = (
    "each output pixel is read at the input point of the same colour",
    "output pixels are read at the points of the same colour",
    "read at the point of the same colour",
)


def draw_grid(
    grid: NDArray[Any],
    *,
    input_size: tuple[int, int],
    align_corners: bool,
    image: NDArray[Any] | None = None,
    target: NDArray[Any] | None = None,
    width: int = 1200,
) -> Scene:
    """A picture of a sampling grid: the input with the points it is read at, beside the output with its grid.

    Args:
        grid: (H', W', 2), last axis (x, y), normalised; points that are not finite or far away are left out,
            dense ones are thinned.
        input_size: (height, width) of the input.
        align_corners: what -1 and 1 mean in the grid, centres (True) or outer edges of the corner pixels.
        image, target: the input and the warped image, (H, W) or (H, W, C) of uint8, uint16 or float; a sheet
            with tick marks stands in for a missing one.
        width: of the drawing, in pixels.

    Raises:
        ShapeError: a grid or an image of another kind.  ParameterError: a width that cannot be drawn.
    """
    grid = _checked_grid(grid)
    if not _WIDTHS[0] <= width <= _WIDTHS[1]:
        raise ParameterError(f"a drawing is {_WIDTHS[0]} to {_WIDTHS[1]} pixels wide, got {width}")
    source, output = _grounds(grid, input_size, align_corners, image, target)
    style = Style(width)
    read, regular = _nets(grid, source, output, style.points_along)
    left, right, height = _views(source, output, read, style)
    drawn = regular.points.size // 2
    hidden = drawn - sum(1 for _ in visible_points(read, left))
    image_box = left.place_bounds(image_bounds(source.size))
    grounds = [*ground_items(source, left, style), *ground_items(output, right, style)]
    numbers = [item.box for item in grounds if isinstance(item, Label)]
    arrow = list(pointer((read, left), (regular, right), image_box, numbers, style))
    afar = whereabouts(grid, source.matrix, source.size) if _unseen(read, left, hidden == drawn) else None
    items = (
        *_titles(style, left, right, source.size, output.size),
        *(item for item in grounds if not (isinstance(item, Label) and covered(arrow, item.box, style))),
        *net_items(read, left, style),
        *net_items(regular, right, style),
        *arrow,
        *(afar_items(afar, left.box, style) if afar else ()),
        *_caption(style, height, hidden, drawn),
    )
    return Scene(width, height, palette.PAPER, "Sampling grid", _description(source, output, afar), items)


def _checked_grid(grid: NDArray[Any]) -> NDArray[Any]:
    grid = np.asarray(grid)
    if grid.ndim != 3 or grid.shape[2] != 2 or 0 in grid.shape or grid.dtype.kind not in "iuf":
        raise ShapeError(f"a grid to draw must be (H', W', 2) of numbers, got {grid.shape} {grid.dtype}")
    return grid


def _grounds(
    grid: NDArray[Any],
    input_size: tuple[int, int],
    align_corners: bool,
    image: NDArray[Any] | None,
    target: NDArray[Any] | None,
) -> tuple[Ground, Ground]:
    """Both panels' images, in one range of values so that they can be compared."""
    image = None if image is None else checked(image, "image")
    target = None if target is None else checked(target, "target")
    known = image if image is not None else target
    shown = Range(0.0, 1.0) if known is None else value_range(known)
    sizes = input_size, (grid.shape[0], grid.shape[1])
    matrices = [pixel_from_normalised(size, align_corners) for size in sizes]
    return Ground(sizes[0], matrices[0], image, shown), Ground(sizes[1], matrices[1], target, shown)


def _nets(grid: NDArray[Any], source: Ground, output: Ground, along: int) -> tuple[Net, Net]:
    """The sampling grid in the input and the regular grid of the output, with the same points and colours."""
    size = output.size
    lattice = thinned(size, along)
    colours = tuple(
        tuple(palette.point_colour(_share(row, size[0]), _share(col, size[1])) for col in lattice.cols)
        for row in lattice.rows
    )
    points = in_pixels(grid[np.ix_(lattice.rows, lattice.cols)], source.matrix)
    lines = tuple((in_pixels(line, source.matrix), pieces) for line, pieces in grid_lines(grid, lattice))
    read = Net(lattice, colours, points, lines, tuple(frame(grid, source.matrix)))
    return read, _regular(lattice, colours, size)


def _share(index: int, count: int) -> float:
    return float(index) / (count - 1) if count > 1 else 0.5


def _regular(lattice: Lattice, colours: tuple[tuple[str, ...], ...], size: tuple[int, int]) -> Net:
    points = np.stack(np.meshgrid(lattice.cols, lattice.rows), axis=-1).astype(np.float64)
    lines = tuple((line, 1) for line in (*points, *points.transpose(1, 0, 2)))
    x0, y0, x1, y1 = image_bounds(size)
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    return Net(lattice, colours, points, lines, tuple(corners[n : n + 2] for n in range(4)))


def _views(source: Ground, output: Ground, read: Net, style: Style) -> tuple[View, View, int]:
    """Both panels and the height of the whole drawing."""
    seen = np.concatenate([*read.frame, read.points.reshape(-1, 2)])
    numbered = source.image is None or output.image is None
    indent = 0.4 * style.number + text_width("-0.5", style.number) if numbered else 0.0
    panel_width = (style.width - 2 * style.margin - style.gap - 2 * indent) / 2
    finite = not any(torn(side).any() for side in read.frame)
    bounds = widened(image_bounds(source.size), seen, finite, panel_width), image_bounds(output.size)
    shape = math.sqrt(aspect(bounds[0]) * aspect(bounds[1]))
    panel_height = panel_width / min(max(shape, _ASPECTS[0]), _ASPECTS[1])
    top = style.margin + 1.5 * style.letter
    left = Box(style.margin + indent, top, panel_width, panel_height)
    right = Box(style.width - style.margin - panel_width, top, panel_width, panel_height)
    below = (1.5 * style.number if numbered else 0.0) + 2.0 * style.letter + style.margin
    return view_of(bounds[0], left), view_of(bounds[1], right), math.ceil(left.bottom + below)


def _unseen(read: Net, view: View, points_hidden: bool) -> bool:
    """Whether the panel shows nothing of the frame: a frame with gaps shows at least points, if any."""
    torn_apart = any(torn(side).any() for side in read.frame)
    return not frame_visible(read, view) and (points_hidden or not torn_apart)


def _titles(style: Style, left: View, right: View, source: tuple[int, int], output: tuple[int, int]) -> Iterator[Item]:
    """What each panel is, at its left, and its size, at its right."""
    letter, extents = style.letter, [f"{width}x{height}" for height, width in (source, output)]
    room = left.box.width - max(text_width(extent, letter) for extent in extents) - 0.8 * letter
    fits = (pair for pair in _TITLES if max(text_width(name, letter) for name in pair) <= room)
    names = next(fits, _TITLES[-1])
    for view, name, extent in zip((left, right), names, extents, strict=True):
        baseline = view.box.y - 0.55 * letter
        yield from fitted((name,), room, letter, (view.box.x, baseline), palette.INK)
        at = (view.box.right, baseline)
        yield from fitted((extent,), view.box.width, letter, at, palette.MUTED, Anchor.END)


def _caption(style: Style, height: int, hidden: int, drawn: int) -> Iterator[Item]:
    """What the colours mean, and how many of the drawn points the input's panel does not show."""
    notes = (f" ({hidden} of {drawn} points lie out of view)", f" ({hidden} out of view)") if hidden else ()
    texts = [text + note for note in (*notes, "") for text in _CAPTIONS]
    at = (style.width / 2, height - style.margin)
    yield from fitted(texts, style.width - 2 * style.margin, style.letter, at, palette.MUTED, Anchor.MIDDLE)


def _description(source: Ground, output: Ground, afar: Afar | None) -> str:
    sizes = [f"{ground.size[1]}x{ground.size[0]}" for ground in (source, output)]
    return (
        f"Left: the input, {sizes[0]}, with the points it is read at and the outline of the target's frame. "
        f"Right: the output, {sizes[1]}, with its regular grid. Points of the same colour belong together."
        + (f" Out of sight: {afar.words[0]}." if afar else "")
    )
