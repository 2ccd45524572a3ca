"""The fill of a palette image: an entry of its palette, which may have to be made first."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stnwarp.images.picture import Picture

_ENTRIES = 256


def with_fill(picture: Picture, colour: tuple[float, ...] | None) -> tuple[Picture, tuple[float, ...]]:
    """*picture* of mode "P" with *colour* (RGBA; None: transparent, or black) in its palette, and its index.

    An entry that no pixel uses is given away before the nearest colour has to do.
    """
    palette = np.frombuffer(picture.palette or b"", dtype=np.uint8).reshape(-1, 4)
    if colour is None:
        transparent = np.flatnonzero(palette[:, 3] == 0)
        if transparent.size:
            return picture, (int(transparent[0]),)
        colour = (0, 0, 0, 255)
    wanted = np.array(colour, dtype=np.uint8)
    same = np.flatnonzero((palette == wanted).all(axis=1))
    if same.size:
        return picture, (int(same[0]),)
    index = _free_entry(picture.array, len(palette))
    if index is None:
        return _with_nearest(picture, palette, wanted)
    longer = np.concatenate([palette, np.zeros((max(0, index + 1 - len(palette)), 4), dtype=np.uint8)])
    longer[index] = wanted
    return replace(picture, palette=longer.tobytes()), (index,)


def _free_entry(indices: NDArray[np.generic], length: int) -> int | None:
    """The index of an entry that can be set: the next one, or one of *length* that no pixel uses."""
    if length < _ENTRIES:
        return length
    free = np.flatnonzero(np.bincount(indices.ravel(), minlength=length) == 0)
    return int(free[-1]) if free.size else None


def _with_nearest(
    picture: Picture, palette: NDArray[np.uint8], wanted: NDArray[np.uint8]
) -> tuple[Picture, tuple[float, ...]]:
    distances = np.square(palette.astype(np.int64) - wanted).sum(axis=1)
    warning = "its palette is full: the fill is the nearest colour it has"
    return replace(picture, warnings=(*picture.warnings, warning)), (int(distances.argmin()),)
