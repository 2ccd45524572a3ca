"""A part of a picture as a picture of its own."""

from dataclasses import replace

import numpy as np

from stnwarp.images.picture import Picture
from stnwarp.rectangle import Rectangle, crop_size


def crop_picture(picture: Picture, crop: Rectangle | None) -> Picture:
    """Return what *crop* leaves of *picture*, in an array of its own, so that the rest can be let go.

    Raises:
        ParameterError: it goes beyond the picture.
    """
    if crop is None or crop_size(picture.size, crop) == picture.size:
        return picture
    part = picture.array[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    return replace(picture, array=np.array(part, order="C"))
