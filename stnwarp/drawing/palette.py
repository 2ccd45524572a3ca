"""The colours of the drawings, and the two-dimensional colour map of the points."""

import math

PAPER = "#ffffff"
BACKDROP = "#eef0f4"  # around the images: everything outside them
SHEET = "#ffffff"  # where an image would be, when there is none
RULE = "#e3e6ec"
EDGE = "#5f6b80"  # the image's own edge
INK = "#1c2333"  # the outline of the target's frame, and the titles
MUTED = "#667085"
HALO = "#ffffff"

# Chosen by eye at 320 and 1200 pixels: hue runs with the columns and lightness with the rows, because columns
# and rows then stay readable one by one; the chroma is low enough to leave a photograph in charge.
_HUES = (262.0, 402.0)
_LIGHTNESS = (0.75, 0.46)
_CHROMA = (0.14, 0.16)


def point_colour(row: float, col: float) -> str:
    """The colour of a point at *row*, *col*, both as fractions from 0 to 1 of the output."""
    lightness = _mix(_LIGHTNESS, row)
    chroma = _mix(_CHROMA, row)
    hue = math.radians(_mix(_HUES, col))
    return _oklab_hex(lightness, chroma * math.cos(hue), chroma * math.sin(hue))


def _mix(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _oklab_hex(lightness: float, a: float, b: float) -> str:
    """OKLab to sRGB (Bjoern Ottosson's constants), clipped into the gamut."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _srgb(value)):02x}" for value in linear)


def _srgb(linear: float) -> float:
    clipped = min(max(linear, 0.0), 1.0)
    return 12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055
