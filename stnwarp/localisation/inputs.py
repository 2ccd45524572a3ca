"""The small antialiased picture that a network sees of an image, or of an image after a warp.

Convention: as in `colours`. The picture's frame is the image's, or the padded one of `frames`; edges lie on edges,
whatever align_corners is.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from stnwarp.localisation.colours import Planes, Seen, checked_image, in_colours, size_of
from stnwarp.localisation.frames import shares
from stnwarp.localisation.metadata import Layout, Metadata
from stnwarp.localisation.values import Size
from stnwarp.sampling.fused import warp
from stnwarp.transforms import Frame, MatrixTransform, Transform, between_edges, compose

# Averaging whole pixels first is fast; so many are left for each pixel of the picture, for its own filter to choose.
_LEFT = 3
_LATTICE = 5  # places along each axis where it is asked how dense a warp reads


def network_input(image: ArrayLike, metadata: Metadata) -> NDArray[np.float32]:
    """What a network of *metadata* sees of *image*: (C, h, w) float32, normalised, whatever the network's layout.

    Made smaller with a triangle filter as wide as two pixels of the result (Pillow's BILINEAR), so that nothing
    aliases; an image of the right size is not filtered.

    Args:
        image: (H, W) or (H, W, C) with gray, gray and alpha, RGB, or RGB and alpha (straight); uint8, uint16, or
            floats from 0 to 1.
        metadata: of the checkpoint.

    Raises:
        ShapeError: not an image.
    """
    size = size_of(checked_image(image))
    parts = shares(size, metadata)
    wanted = (side * part for side, part in zip(metadata.input_size, parts, strict=True))
    steps = tuple(max(1, int(side / (_LEFT * want))) for side, want in zip(size, wanted, strict=True))
    return _finished(in_colours(image, metadata, (steps[0], steps[1])), parts, metadata)


def warped_input(
    image: ArrayLike, transform: Transform, metadata: Metadata, output_size: Size | None = None
) -> NDArray[np.float32]:
    """What the network sees of *image* warped by *transform*: `network_input` of the warped image, which never exists.

    The image is read once, straight for the network's picture, from a copy that is averaged over whole pixels where
    the warp reads sparsely.

    Args:
        image: as in `network_input`.
        transform: normalised, by the metadata's align_corners.
        metadata: of the checkpoint.
        output_size: (height, width) of the warped image; by default the image's.
    """
    size = size_of(checked_image(image))
    parts = shares(output_size or size, metadata)
    frame = Frame(size, metadata.align_corners)
    mapping = between_edges(transform, frame, frame.with_size(output_size or size))
    picture = [max(1, round(side * part)) for side, part in zip(metadata.input_size, parts, strict=True)]
    across = _density(mapping, size, (picture[0], picture[1]))
    finer = _LEFT if max(across) > 1 + 1e-6 else 1
    steps = tuple(max(1, min(side, int(density / finer))) for side, density in zip(size, across, strict=True))
    seen = in_colours(image, metadata, (steps[0], steps[1]))
    height, width = (side * finer for side in picture)
    # As networks were trained: blended with the background at the edge, and averaged by whole pixels before.
    values = warp(
        np.moveaxis(seen.planes, 0, -1),
        compose(_onto_planes(seen), mapping),
        (height, width),
        padding_mode="zeros",
        fill=metadata.background,
        antialias=False,
    )
    warped = Seen(np.ascontiguousarray(np.moveaxis(values, -1, 0)), (height, width))
    return _finished(warped, parts, metadata)


def in_layout(picture: NDArray[np.float32], metadata: Metadata) -> NDArray[np.float32]:
    """A picture (C, h, w) in the network's layout."""
    return picture if metadata.layout is Layout.NCHW else np.moveaxis(picture, 0, -1)


def _finished(seen: Seen, parts: tuple[float, float], metadata: Metadata) -> NDArray[np.float32]:
    """The picture of the network's size: *seen* takes *parts* of its height and width; the rest is background."""
    frame = [extent / part for extent, part in zip(seen.extent, parts, strict=True)]
    around = [(whole - extent) / 2 for whole, extent in zip(frame, seen.extent, strict=True)]
    margins = [math.ceil(margin) for margin in around]
    top, left = (margin - missing for margin, missing in zip(margins, around, strict=True))
    planes = _surrounded(seen.planes, margins, metadata.background)
    height, width = metadata.input_size
    box = (left, top, min(left + frame[1], planes.shape[2]), min(top + frame[0], planes.shape[1]))
    return _normalised(np.stack([_resized(plane, (width, height), box) for plane in planes]), metadata)


def _normalised(picture: Planes, metadata: Metadata) -> Planes:
    low, high = metadata.value_range
    mean, std = (np.reshape(numbers, (-1, 1, 1)) for numbers in (metadata.mean, metadata.std))
    values: NDArray[np.float64] = picture.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # images of floats may hold anything
        values = (low + (high - low) * values - mean) / std
        return values.astype(np.float32)


def _surrounded(planes: Planes, margins: list[int], background: float) -> Planes:
    if not any(margins):
        return planes
    rows, columns = margins
    return np.pad(planes, ((0, 0), (rows, rows), (columns, columns)), constant_values=background)


def _resized(plane: NDArray[np.float32], size: tuple[int, int], box: tuple[float, ...]) -> NDArray[np.float32]:
    left, top, right, bottom = box
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR, (left, top, right, bottom)))


def _onto_planes(seen: Seen) -> MatrixTransform:
    """From the image's normalised coordinates to those of its planes, which may reach a little further."""
    height, width = seen.planes.shape[1:]
    down, across = seen.extent[0] / height, seen.extent[1] / width
    return MatrixTransform(np.array([[across, 0.0, across - 1.0], [0.0, down, down - 1.0]]))


def _density(transform: Transform, size: Size, picture: Size) -> tuple[float, float]:
    """How many pixels of an image of *size*, down and across, a warp goes on from pixel to pixel of *picture*.

    Where it steps least: what lies there must not be averaged away.
    """
    places = (2 * np.arange(_LATTICE) + 1) / _LATTICE - 1
    x, y = np.meshgrid(places, places)
    points = np.stack((x, y), axis=-1)
    across, down = np.array((2 / picture[1], 0.0)), np.array((0.0, 2 / picture[0]))
    with np.errstate(all="ignore"):
        here = transform.map_points(points)
        steps = np.stack([transform.map_points(points + step) - here for step in (across, down)])
        lengths = np.hypot(*steps) * (size[1] / 2, size[0] / 2)
    finite = lengths[np.isfinite(lengths).all(axis=-1)]
    least = finite.min(axis=0) if len(finite) else np.ones(2)
    return float(least[1]), float(least[0])
