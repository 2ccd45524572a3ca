"""The frame a network speaks of, and the image's own.

Convention: normalised (x, y). A stretched image has the network's frame: its numbers are taken as they are, which with
align_corners=True leaves out how far the small picture's corner centres lie from the image's. A padded image is a part
of the frame, in the middle, and a transform of frames is one of images with this part taken off on both sides.
"""

import numpy as np

from stnwarp.localisation.metadata import Fit, Metadata
from stnwarp.localisation.values import Size
from stnwarp.transforms import Frame, MatrixTransform, Transform, compose


def shares(size: Size, metadata: Metadata) -> tuple[float, float]:
    """How much of the height and width of the network's input an image of *size* takes.

    One pixel at the least, so that something is seen of an image of a hundred times the length of its width.
    """
    if metadata.fit is Fit.STRETCH:
        return 1.0, 1.0
    tall, wide = (side / seen for side, seen in zip(size, metadata.input_size, strict=True))
    longest = max(tall, wide)
    height, width = metadata.input_size
    return max(tall / longest, 1 / height), max(wide / longest, 1 / width)


def into_frame(size: Size, metadata: Metadata) -> MatrixTransform:
    """From the normalised coordinates of an image or output of *size* to those of the network's padded frame."""
    along_y, along_x = (
        share * own / whole
        for share, own, whole in zip(
            shares(size, metadata),
            Frame(size, metadata.align_corners).edge_shares[::-1],
            Frame(metadata.input_size, metadata.align_corners).edge_shares[::-1],
            strict=True,
        )
    )
    return MatrixTransform(np.diag((along_x, along_y, 1.0)))


def in_own_frames(transform: Transform, size: Size, output_size: Size, metadata: Metadata) -> Transform:
    """A *transform* of the network's frames as one of an image of *size* and an output of *output_size*."""
    if metadata.fit is Fit.STRETCH:
        return transform
    into_input, into_output = into_frame(size, metadata), into_frame(output_size, metadata)
    return compose(into_input.inverse(), transform, into_output)
