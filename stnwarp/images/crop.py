"""A part of a picture as a picture of its own."""

from dataclasses import replace

import numpy as np

from stnwarp.images.picture import Picture
from stnwarp.rectangle import Rectangle, crop_size


def crop_picture(picture: Picture, crop: Rectangle | None) -> Picture:
    """Return what *crop* leaves of *picture*, in an array of its own, so that the rest can be let go.

    *crop* is in pixels of the file; those of a draft are whole within it.

    Raises:
        ParameterError: it goes beyond the picture.
    """
    if crop is None or crop_size(picture.whole_size, crop) == picture.whole_size:
        return picture
    x, y, width, height = (number // picture.draft for number in (crop.x, crop.y, crop.width, crop.height))
    part = picture.array[y : y + height, x : x + width]
    return replace(picture, array=np.array(part, order="C"))
