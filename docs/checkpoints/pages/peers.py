"""Other ways to find the tilt of a page, to measure beside: projection profiles, Hough, Leptonica, ImageMagick.

Convention: a page is (H, W) uint8; a tilt is in degrees, counter-clockwise as seen on screen; NaN where none is found.
"""

import ctypes
import ctypes.util
import math
import shutil
import subprocess
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Way = Callable[[Bytes], float]

LIMIT = 45.0


def profiles(page: Bytes) -> float:
    """The tilt whose projection profile changes most from row to row: every degree, then every 0.1 and 0.02."""
    small = _smaller(page, 1000)
    black = (small <= cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)[0]).astype(np.float32)
    best = 0.0
    for step, reach in ((1.0, LIMIT), (0.1, 1.0), (0.02, 0.1)):
        tilts = best + np.arange(-reach, reach + step / 2, step)
        best = float(max(tilts, key=lambda tilt: _sharpness(black, tilt)))
    return best


def _sharpness(black: NDArray[np.float32], tilt: float) -> float:
    """Sum of the squared differences of neighbouring row sums once *tilt* is undone."""
    height, width = black.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -tilt, 1.0)
    rows = cv2.warpAffine(black, turn, (width, height)).sum(axis=1)
    return float(np.square(np.diff(rows)).sum())


def hough(page: Bytes) -> float:
    """The median tilt of the segments that a probabilistic Hough transform finds in the edges."""
    small = _smaller(page, 1000)
    segments = cv2.HoughLinesP(
        cv2.Canny(small, 50, 200), 1, np.pi / 720, 100, minLineLength=small.shape[1] // 8, maxLineGap=20
    )
    if segments is None:
        return math.nan
    x0, y0, x1, y1 = segments.reshape(-1, 4).astype(float).T
    tilts = np.degrees(np.arctan2(-(y1 - y0), x1 - x0))
    tilts = (tilts + 90) % 180 - 90
    flat = tilts[np.abs(tilts) <= LIMIT]
    return float(np.median(flat)) if len(flat) else math.nan


def _smaller(page: Bytes, longest: int) -> Bytes:
    share = min(1.0, longest / max(page.shape))
    size = (max(1, round(page.shape[1] * share)), max(1, round(page.shape[0] * share)))
    return np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))


def imagemagick(page: Bytes) -> float:
    """What `convert -deskew 40%` turns by."""
    header = f"P5 {page.shape[1]} {page.shape[0]} 255\n".encode()
    command = ["convert", "pgm:-", "-deskew", "40%", "-format", "%[deskew:angle]", "info:"]
    done = subprocess.run(command, input=header + page.tobytes(), capture_output=True, check=True)
    text = done.stdout.decode().strip()
    return float(text) if text else math.nan


class Leptonica:
    """`pixFindSkewSweepAndSearch` over all of 45 degrees, as a way."""

    def __init__(self, library: str) -> None:
        self.library = ctypes.CDLL(library)
        self.library.pixCreate.restype = self.library.pixGetData.restype = ctypes.c_void_p
        self.library.setMsgSeverity(2)

    def __call__(self, page: Bytes) -> float:
        """The tilt of the page's black pixels."""
        height, width = page.shape
        black = page <= cv2.threshold(page, 0, 255, cv2.THRESH_OTSU)[0]
        words = (width + 31) // 32
        bits = np.zeros((height, words * 32), bool)
        bits[:, :width] = black
        data = np.packbits(bits, axis=1).view(">u4").astype("<u4").tobytes()
        pix = ctypes.c_void_p(self.library.pixCreate(width, height, 1))
        ctypes.memmove(ctypes.c_void_p(self.library.pixGetData(pix)), data, len(data))
        angle, confidence = ctypes.c_float(), ctypes.c_float()
        settings = (4, 2, ctypes.c_float(LIMIT), ctypes.c_float(1.0), ctypes.c_float(0.01))
        failed = self.library.pixFindSkewSweepAndSearch(pix, ctypes.byref(angle), ctypes.byref(confidence), *settings)
        self.library.pixDestroy(ctypes.byref(pix))
        return math.nan if failed else angle.value


def ways() -> dict[str, Way]:
    """All ways that are installed here, by name."""
    found: dict[str, Way] = {"projection profiles": profiles, "Hough (OpenCV)": hough}
    library = ctypes.util.find_library("lept") or ctypes.util.find_library("leptonica")
    if library is not None:
        found["Leptonica"] = Leptonica(library)
    if shutil.which("convert") is not None:
        found["ImageMagick -deskew"] = imagemagick
    return found
