"""Draw pictures/edges.png: a small picture enlarged and turned, under the padding modes fill and zeros.

python docs/make_edge_picture.py [FILE]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stnwarp import warp

HOME = Path(__file__).resolve().parent / "pictures" / "edges.png"

_MAGNIFICATION = 12  # screen pixels for an output pixel
_SIZE = (27, 35)
_GROUND, _PAPER = (40, 60, 90), (255, 255, 255)
_TURN = np.deg2rad(12)
# Each pixel of the 5x7 picture takes 4x4 of the output's.
_CASES = {
    "enlarged by 4": np.diag([35 / 28, 27 / 20])[:, :2],
    "and turned by 12 degrees": np.array(
        [[np.cos(_TURN) * 35 / 28, -np.sin(_TURN) * 27 / 28], [np.sin(_TURN) * 35 / 20, np.cos(_TURN) * 27 / 20]]
    ),
}


def _picture() -> np.ndarray:
    """A white picture of 5x7 pixels with a red one in its middle."""
    picture = np.full((5, 7, 3), 255, np.uint8)
    picture[2, 3] = 200, 30, 30
    return picture


def draw() -> Image.Image:
    """Both cases, one below the other, each under fill on the left and under zeros on the right."""
    height, width = (side * _MAGNIFICATION for side in _SIZE)
    gap, line = 16, 40
    sheet = Image.new("RGB", (2 * width + 3 * gap, 2 * (height + line + gap) + gap), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    for down, (name, turn) in enumerate(_CASES.items()):
        for along, mode in enumerate(("fill", "zeros")):
            theta = np.c_[turn, [0, 0]]
            warped = warp(_picture(), theta, _SIZE, padding_mode=mode, fill=_GROUND)
            left, top = gap + along * (width + gap), gap + down * (height + line + gap)
            pen.text((left, top), f"{mode}: {name}", fill=(0, 0, 0), font=font)
            sheet.paste(Image.fromarray(warped).resize((width, height), Image.Resampling.NEAREST), (left, top + line))
    return sheet


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME
    draw().save(target, optimize=True)
