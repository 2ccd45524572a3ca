"""Reading PNM whose largest value is neither 255 nor 65535: Pillow would do it pixel by pixel in Python."""

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from stnwarp.errors import ImageError


def scaled_pixels(image: ImageFile.ImageFile, stream: BinaryIO) -> NDArray[np.generic] | None:
    """The pixels of *image*, stretched to the full range as Pillow does; None if they need no stretching.

    Gray of more than 8 bits comes as uint16, all else as uint8. Raises ImageError if there are too few.
    """
    decoder, _, offset, arguments = image.tile[0]
    if decoder != "ppm" or not isinstance(arguments, tuple):
        return None
    largest = int(arguments[-1])
    dtype = np.dtype("u1" if largest < 256 else ">u2")
    shape = (image.height, image.width, len(image.getbands()))
    stream.seek(offset)
    wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    data = stream.read(wanted)
    if len(data) < wanted:
        raise ImageError("broken or incomplete PPM file: the end is missing")
    pixels = _stretch(largest, image.mode == "I")[np.frombuffer(data, dtype)].reshape(shape)
    return pixels[..., 0] if shape[2] == 1 else pixels


def _stretch(largest: int, is_deep: bool) -> NDArray[np.generic]:
    """The value that each value of the file stands for; those above the largest are white."""
    full = 65535 if is_deep else 255
    values = np.rint(np.arange(65536 if largest > 255 else 256) / largest * full)
    return np.minimum(values, full).astype(np.uint16 if is_deep else np.uint8)
