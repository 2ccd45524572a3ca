"""A part of an output, or what lies around it, as an output of its own.

Convention: as in `specs`; a viewport is in pixels of the output.
"""

from dataclasses import replace

from stnwarp.errors import ParameterError
from stnwarp.rectangle import Rectangle
from stnwarp.text import size_text
from stnwarp.transforms.composition import compose
from stnwarp.transforms.frame import Frame
from stnwarp.transforms.matrices import product, shift
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.pixels import pixel_matrix, theta_from_pixel_matrix
from stnwarp.transforms.sampling_grid import SamplingGrid
from stnwarp.transforms.specs import ImageWarp


def through_viewport(image_warp: ImageWarp, viewport: Rectangle | None, frame: Frame) -> ImageWarp:
    """Return the warp of an image of `frame` whose output is what `viewport` shows of that of `image_warp`.

    It may show what lies beyond that output, but for a sampling grid, which is not known there. The same object comes
    back for None, and where it shows all of the output and nothing else.

    Raises:
        ParameterError: it goes beyond a sampling grid.
    """
    if viewport is None or (viewport.size == image_warp.size and viewport.x == viewport.y == 0):
        return image_warp
    transform, canvas = image_warp.transform, frame.with_size(image_warp.size)
    if isinstance(transform, SamplingGrid):
        return replace(image_warp, transform=_part(transform, viewport), size=viewport.size)
    place = shift(viewport.x, viewport.y)
    if isinstance(transform, MatrixTransform):
        # By way of pixels, where whole numbers stay whole.
        matrix = product(pixel_matrix(transform, frame.size, canvas.size, frame.align_corners), place)
        theta = theta_from_pixel_matrix(matrix, frame.size, viewport.size, frame.align_corners)
        front = transform.front or (1 if transform.theta[2, 2] > 0.0 else -1)  # in the middle of the canvas
        return replace(image_warp, transform=MatrixTransform(theta, front=front), size=viewport.size)
    part = theta_from_pixel_matrix(place, canvas.size, viewport.size, frame.align_corners)
    return replace(image_warp, transform=compose(transform, MatrixTransform(part)), size=viewport.size)


def _part(grid: SamplingGrid, viewport: Rectangle) -> SamplingGrid:
    if not viewport.lies_in(grid.size):
        raise ParameterError(f"the viewport {viewport} goes beyond the sampling grid, which is {size_text(grid.size)}")
    rows = slice(viewport.y, viewport.y + viewport.height)
    return SamplingGrid(grid.grid[rows, viewport.x : viewport.x + viewport.width], grid.align_corners)
