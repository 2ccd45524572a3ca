"""Contact sheets: inputs above their canonicalised outputs, the sampling grid's outline drawn on the inputs."""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stnwarp.drawing.lettering import font
from stnwarp.drawing.palette import BACKDROP, INK, MUTED, PAPER
from stnwarp.training.recipe import Shown

_COLUMNS = 8
_TILE = 104  # pixels of the longer side of an input
_ROOM = 0.16  # of a tile, around inputs: outlines reach beyond them
_GAP, _MARGIN, _LETTER, _TITLE = 8, 16, 13, 17
_FINER = 3  # how much finer outlines are drawn, to be made smooth
_FOUND, _WANTED = "#ff5a36", "#21b573"


def sheet(shown: Shown, title: str) -> bytes:
    """*shown* as a PNG under its *title*: two rows for every eight images."""
    height, width = shown.inputs.shape[2:]
    scale = _TILE / max(height, width)
    tile = round(width * scale), round(height * scale)
    room = round(_ROOM * _TILE)
    cell = tile[0] + 2 * room, tile[1] + 2 * room
    count = len(shown.inputs)
    columns, bands = min(count, _COLUMNS), -(-count // _COLUMNS)
    band = 2 * cell[1] + _GAP
    top = _MARGIN + _TITLE + 2 * _GAP
    size = 2 * _MARGIN + columns * (cell[0] + _GAP) - _GAP, top + bands * (band + 2 * _GAP) + _LETTER + _MARGIN
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, _MARGIN), title, INK, font(_TITLE))
    for index in range(count):
        left = _MARGIN + index % _COLUMNS * (cell[0] + _GAP)
        upper = top + index // _COLUMNS * (band + 2 * _GAP)
        canvas.paste(_input(shown, index, tile, room), (left, upper))
        canvas.paste(_output(shown, index, cell), (left, upper + cell[1] + _GAP))
    _legend(draw, (_MARGIN, size[1] - _MARGIN - _LETTER), shown.targets is not None)
    return _png(canvas)


def _input(shown: Shown, index: int, tile: tuple[int, int], room: int) -> Image.Image:
    """An input on the backdrop of all that lies outside it, with the outlines of the sampling grid."""
    cell = Image.new("RGB", (tile[0] + 2 * room, tile[1] + 2 * room), BACKDROP)
    cell.paste(_image(shown.inputs[index]).resize(tile, Image.Resampling.BICUBIC), (room, room))
    if shown.targets is not None:
        _outline(cell, shown.targets[index], tile, room, _WANTED)
    _outline(cell, shown.outlines[index], tile, room, _FOUND)
    return cell


def _output(shown: Shown, index: int, cell: tuple[int, int]) -> Image.Image:
    """An output in the middle of a cell, as large as an input."""
    image = _image(shown.outputs[index])
    scale = _TILE / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    framed = Image.new("RGB", cell, PAPER)
    framed.paste(image.resize(size, Image.Resampling.BICUBIC), ((cell[0] - size[0]) // 2, (cell[1] - size[1]) // 2))
    return framed


def _image(picture: torch.Tensor) -> Image.Image:
    """(C, h, w) from 0 to 1, gray or RGB."""
    values: NDArray[np.uint8] = (picture.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return Image.fromarray(np.moveaxis(np.broadcast_to(values, (3, *values.shape[1:])), 0, -1).copy())


def _outline(cell: Image.Image, edge: torch.Tensor, tile: tuple[int, int], room: int, colour: str) -> None:
    """Draw *edge* (M, 2), normalised, over *cell*; a dot marks the corner at the top left."""
    half = np.array(tile) / 2
    points = np.nan_to_num(edge.cpu().numpy(), nan=9.0).clip(-9, 9) * half + half + room
    mask = Image.new("L", (cell.width * _FINER, cell.height * _FINER))
    draw = ImageDraw.Draw(mask)
    line = [(x * _FINER, y * _FINER) for x, y in points.tolist()]
    draw.line(line, 255, round(1.6 * _FINER), "curve")
    (x, y), radius = line[0], 3.2 * _FINER
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    cell.paste(colour, mask=mask.resize(cell.size, Image.Resampling.BOX))


def _legend(draw: ImageDraw.ImageDraw, at: tuple[int, int], has_targets: bool) -> None:
    x, y = at
    entries = [(_FOUND, "what the network reads (the dot is the top left)")]
    entries += [(_WANTED, "what it should read")] if has_targets else []
    for colour, text in entries:
        draw.line((x, y + _LETTER // 2, x + 18, y + _LETTER // 2), colour, 3)
        draw.text((x + 24, y), text, MUTED, font(_LETTER))
        x += 24 + round(draw.textlength(text, font(_LETTER))) + 28


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
