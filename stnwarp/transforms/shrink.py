"""How much a warp shrinks its picture, at the least; and how it reads one that has been made smaller beforehand.

The shrink of an output pixel is the smaller singular value of J = d(input pixel) / d(output pixel): along no direction
does it stand for fewer input pixels.
"""

import numpy as np

from stnwarp.parallel import cache_calls
from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import compose
from stnwarp.transforms.frame import Frame, Size
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.pixels import pixel_matrix
from stnwarp.transforms.sampling_grid import SamplingGrid

_CELLS = 16  # along each side of an output, in each of which the shrink by a homography has a bound of its own
_NODES = 65  # along each side of an output at which the shrink by a smooth mapping is measured
_BAND = 2**16  # points of a grid that are differentiated at a time


def least_shrink(transform: Transform, source: Frame, output: Frame) -> float:
    """Return a lower bound of the shrink of all pixels of an output; 0 where one of them is read nowhere.

    It is exact for affine matrices, and some percent too low for homographies. For sampling grids it is that of
    neighbouring points, as in antialiasing. Splines and compositions are measured at a lattice; between two of its
    nodes they are taken to shrink less by half of what they differ by most from one node to the next.
    """
    if isinstance(transform, MatrixTransform):
        matrix = pixel_matrix(transform, source.size, output.size, source.align_corners)
        return _least_of_matrix(matrix, output.size)
    if isinstance(transform, SamplingGrid):
        return _least_of_grid(transform, source)
    return _least_of_samples(transform, source, output)


@cache_calls(8)  # so that grids of iterated mappings, which are cached, too, are found again
def reduce_input(transform: Transform, source: Frame, factor: int) -> Transform:
    """Convert `transform` to read means of squares of `factor` pixels in the place of a picture of `source`.

    Squares begin at pixel (0, 0): position p becomes (p + 0.5) / factor - 0.5. Between outer edges that is no change.

    Args:
        transform: normalised as in `source`.
        source: the frame of the whole picture, whose sides are multiples of `factor`, and longer.
        factor: how many pixels long and wide the squares are.
    """
    if factor == 1 or not source.align_corners:
        return transform
    height, width = source.size
    x, y = (width - 1) / (width - factor), (height - 1) / (height - factor)
    if isinstance(transform, SamplingGrid):
        return SamplingGrid(transform.grid * (x, y), transform.align_corners)
    return compose(MatrixTransform(np.diag((x, y, 1.0))), transform)


def _least_of_matrix(matrix: Array, size: Size) -> float:
    """Return a lower bound of the shrink by `matrix`, output pixel to input pixel, over an output of `size`.

    The inverse of J at the output position p is (A - p g') w(p) / det, where A and g are the linear part and the last
    row of the adjugate of the matrix, and w is the third coordinate. Its norm is a convex function of p times an affine
    one, so that in a cell neither is larger than at one of the corners.
    """
    a, b, c, d, e, f, g, h, i = matrix.ravel().tolist()
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows, columns = (np.linspace(0.0, side - 1.0, _CELLS + 1) for side in size)
    x, y = np.meshgrid(columns, rows)
    depths = g * x + h * y + i
    if not (depths.min() > 0.0 or depths.max() < 0.0):
        return 0.0
    p, q = d * h - e * g, b * g - a * h
    norms = _largest_singular_value(
        (e * i - f * h) - x * p, (c * h - b * i) - x * q, (f * g - d * i) - y * p, (a * i - c * g) - y * q
    )
    largest = float((_cell_maxima(norms) * _cell_maxima(np.abs(depths))).max())
    return abs(determinant) / largest if largest > 0.0 else 0.0


def _cell_maxima(nodes: Array) -> Array:
    rows = np.maximum(nodes[1:], nodes[:-1])
    return np.maximum(rows[:, 1:], rows[:, :-1])


def _least_of_grid(grid: SamplingGrid, source: Frame) -> float:
    """Return the least shrink by `grid`, by differences as in `kernels.geometry.footprints`."""
    points, spans = grid.grid, np.array([axis.span for axis in source.axes])
    height, width = grid.size
    if min(height, width) == 1:
        return 0.0
    least, step = np.inf, max(1, _BAND // width)
    for top in range(0, height, step):
        first, last = max(top - 1, 0), min(top + step + 1, height)
        with np.errstate(all="ignore"):
            band = points[first:last].astype(np.float64) * spans
            along_y, along_x = np.gradient(band, axis=(0, 1))
            shrink = _smallest_singular_value(along_x, along_y)
            inner = shrink[top - first : top - first + step]
        least = min(least, float(inner.min()) if np.isfinite(inner).all() else 0.0)
    return least


@cache_calls(8)  # a folder has one transform and few sizes
def _least_of_samples(transform: Transform, source: Frame, output: Frame) -> float:
    rows, columns = (np.linspace(0.0, side - 1.0, min(_NODES, side)) for side in output.size)
    nodes = np.stack(np.meshgrid(columns, rows), axis=-1)
    with np.errstate(all="ignore"):
        along = [_difference(transform, nodes, np.array(step), source, output) for step in ((0.5, 0.0), (0.0, 0.5))]
        shrink = _smallest_singular_value(*along)
    if not np.isfinite(shrink).all():
        return 0.0
    steps = [float(np.abs(np.diff(shrink, axis=axis)).max(initial=0.0)) for axis in (0, 1)]
    return max(0.0, float(shrink.min()) - max(steps) / 2)


def _difference(transform: Transform, nodes: Array, step: Array, source: Frame, output: Frame) -> Array:
    """Return how far apart the places lie, in pixels, that are read `step` before and behind `nodes`."""
    before, behind = (
        source.to_pixels(transform.map_points(output.to_normalised(nodes + way * step))) for way in (-1, 1)
    )
    return np.asarray(behind - before)


def _smallest_singular_value(along_x: Array, along_y: Array) -> Array:
    """Return that of the matrices whose columns are `along_x` and `along_y`, (..., 2)."""
    a, c, b, d = along_x[..., 0], along_x[..., 1], along_y[..., 0], along_y[..., 1]
    largest = _largest_singular_value(a, b, c, d)
    return np.asarray(np.divide(np.abs(a * d - b * c), largest, out=np.zeros_like(largest), where=largest != 0.0))


def _largest_singular_value(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return that of the matrices of rows (a, b) and (c, d)."""
    return np.asarray((np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2)
