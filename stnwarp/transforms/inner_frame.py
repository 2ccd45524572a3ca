"""The largest frame within a moved picture: exactly for matrices, by successive approximation for any mapping.

A frame of given proportions has a middle (x, y) and a size, three numbers in which "within a convex region" is a set of
linear inequalities, one for each straight edge. The largest frame is the solution of a linear program.
"""

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import ParameterError
from stnwarp.parallel import cache_calls
from stnwarp.transforms.base import Transform
from stnwarp.transforms.matrices import Array

_TOLERANCE = 1e-12
_SMALLEST = 1e-14  # determinant of three unit rows that are taken to meet in a point
_MOST_ROWS = 64  # that a vertex is sought among

_CELLS = 128  # along each side of the lattice that tells roughly where the frame lies
_SIDE = 128  # places along each side of a frame at which it is checked, and
_WITHIN = 17  # along each axis inside of it
_ALLOWED = 1e-9  # how far beyond the picture's edge a place may be read, in normalised units
_STEP = 1e-6  # of finite differences, in normalised units
_FINEST = 1e-7  # step towards the largest frame that is tried
_STEPS, _CORRECTIONS, _SHRINKS = 60, 4, 100


class Square(NamedTuple):
    """A square of normalised coordinates: its middle, and half its side."""

    x: float
    y: float
    half: float


def highest_point(rows: Array, limits: Array, first: int) -> Array:
    """Find the point (3,) with `rows` @ point <= `limits` whose last coordinate is largest.

    Where several are as high, it is the mean of the outermost ones.

    Args:
        rows: (N, 3).
        limits: (N,), such that some point is within them.
        first: how many rows, the first ones, suffice to give the last coordinate an upper bound.

    Raises:
        ParameterError: there is none, since no three of the rows meet in a point that is known well enough.

    Source: linear programming by cutting planes; few rows are solved by looking at all of their vertices.
    """
    scales = np.linalg.norm(rows, axis=1)
    rows, limits = rows / scales[:, np.newaxis], limits / scales
    active = list(range(first))
    while True:
        point = _highest_vertex(rows[active], limits[active])
        excess = rows @ point - limits
        worst = int(excess.argmax())
        if excess[worst] <= _TOLERANCE or worst in active or len(active) == _MOST_ROWS:
            return point
        active.append(worst)


def _highest_vertex(rows: Array, limits: Array) -> Array:
    triples = np.array(list(combinations(range(len(rows)), 3)))
    triples = triples[np.abs(np.linalg.det(rows[triples])) > _SMALLEST]
    vertices = np.linalg.solve(rows[triples], limits[triples][:, :, np.newaxis])[:, :, 0]
    slack = _TOLERANCE * (1.0 + np.abs(vertices).max(axis=1, keepdims=True))
    vertices = vertices[(vertices @ rows.T <= limits + slack).all(axis=1)]
    if not len(vertices):
        raise ParameterError("size inner: the moved picture is too thin to say what lies inside it; give same or WxH")
    highest = vertices[:, 2].max()
    return np.asarray(vertices[vertices[:, 2] >= highest - _TOLERANCE * (1.0 + abs(highest))].mean(axis=0))


@cache_calls(8)  # a folder has one transform and few sizes, or many of both
def largest_square(transform: Transform) -> Square:
    """Find the largest square of the output's frame within which the picture is read.

    A lattice tells roughly where it lies; from there it is enlarged by a sequence of linear programs. What is read
    beyond the picture in less than a cell of the lattice can be missed.

    Args:
        transform: any but a sampling grid, in coordinates whose -1 and 1 are the outer edges of the picture and the
            output. In these a square has the picture's proportions where the output has.

    Raises:
        ParameterError: there is none.

    Source: sequential linear programming with a trust region, as in Nocedal and Wright, Numerical Optimization, 2006.
    """
    current = _shrink(transform, _square_of_lattice(transform))
    reach = 2.0 / _CELLS
    for _ in range(_STEPS):
        found = _enlarge(transform, current, reach)
        gain = 0.0 if found is None else float(found[2] - current[2])
        if found is not None and gain > 0.0:
            current = found
        if gain < 0.1 * reach:
            reach /= 4
        if reach < _FINEST:
            break
    x, y, half = current.tolist()
    return Square(x, y, half)


def _square_of_lattice(transform: Transform) -> Array:
    """Return the largest square of cells that are read within the picture, the one nearest to the middle."""
    nodes = np.linspace(-1.0, 1.0, _CELLS + 1)
    inside = _excess(transform.map_points(np.stack(np.meshgrid(nodes, nodes), axis=-1))) <= _ALLOWED
    cells = inside[1:, 1:] & inside[1:, :-1] & inside[:-1, 1:] & inside[:-1, :-1]
    sums = np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    side, beyond = 0, _CELLS + 1
    while beyond - side > 1:
        middle = (side + beyond) // 2
        side, beyond = (middle, beyond) if _is_full(sums, middle).any() else (side, middle)
    if side == 0:
        raise ParameterError("size inner: no part of the output is without fill; give same or WxH")
    corners = np.argwhere(_is_full(sums, side))
    top, left = corners[np.hypot(*(corners + side / 2 - _CELLS / 2).T).argmin()]
    half = side / _CELLS
    return np.array([nodes[left] + half, nodes[top] + half, half])


def _is_full(sums: NDArray[np.intp], side: int) -> NDArray[np.bool_]:
    """Mark the squares of `side` cells of which each is set, by their top left corners."""
    counts = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(counts == side**2)


def _shrink(transform: Transform, square: Array) -> Array:
    """Make `square` smaller until all of its places are read within the picture."""
    for _ in range(_SHRINKS):
        if _excess(transform.map_points(_places_of(square))).max() <= _ALLOWED:
            return square
        square = square * (1.0, 1.0, 0.95)
    raise ParameterError("size inner: no part of the output is without fill; give same or WxH")


def _enlarge(transform: Transform, square: Array, reach: float) -> Array | None:
    """Return a larger square whose numbers are at most `reach` away from those of `square`, as far as one is found."""
    places = _places_of(square)
    mapped = transform.map_points(places)
    slopes = np.stack([(transform.map_points(places + step) - mapped) / _STEP for step in np.eye(2) * _STEP], axis=-1)
    slopes = np.concatenate((slopes, np.einsum("kij,kj->ki", slopes, _places())[:, :, np.newaxis]), axis=-1)
    rows = np.concatenate((*_bounding_rows(), *np.moveaxis(slopes, 1, 0), *np.moveaxis(-slopes, 1, 0)))
    x, y, half = square
    limits = np.concatenate(
        (np.full(6, reach), np.array([-x, x, -y, y]) + 1.0 - half, *(1.0 - mapped).T, *(1.0 + mapped).T)
    ).clip(min=0.0)  # so that to stay is always allowed
    known = np.isfinite(rows).all(axis=1) & np.isfinite(limits) & rows.any(axis=1)
    return _correct(transform, square + highest_point(rows[known], limits[known], 10), slopes)


def _bounding_rows() -> tuple[Array, Array]:
    """Return the rows of the numbers themselves, each either way, and of the edges of the output."""
    edges = np.array([[1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, -1.0, 1.0]])
    return np.concatenate((np.eye(3), -np.eye(3))), edges


def _correct(transform: Transform, square: Array, slopes: Array) -> Array | None:
    """Make `square` so much smaller that what is read beyond the picture by curvature no longer is; None if it cannot.

    `slopes` are (K, 2, 3), of the coordinates that are read at each place by the numbers of the square.
    """
    for _ in range(_CORRECTIONS):
        mapped = transform.map_points(_places_of(square))
        excess = _excess(mapped)
        worst = int(excess.argmax())
        if excess[worst] <= _ALLOWED:
            return square
        axis = int(np.abs(mapped[worst]).argmax())
        rate = float(np.sign(mapped[worst, axis]) * slopes[worst, axis, 2])
        if not rate > _STEP or not np.isfinite(excess[worst]):
            return None
        square = square - np.array([0.0, 0.0, (excess[worst] + _ALLOWED / 2) / rate])
    return None


def _excess(mapped: Array) -> Array:
    """Measure how far beyond the picture each of `mapped` (..., 2) lies; what is read nowhere is endlessly far."""
    excess = np.abs(mapped).max(axis=-1) - 1.0
    return np.where(np.isnan(excess), np.inf, excess)


def _places_of(square: Array) -> Array:
    return np.asarray(square[:2] + square[2] * _places())


@lru_cache(maxsize=1)
def _places() -> Array:
    """Return places of the square from -1 to 1, (K, 2): along its sides, and some inside."""
    along = np.linspace(-1.0, 1.0, _SIDE + 1)
    ones = np.ones_like(along)
    sides = [np.stack(side, axis=-1) for side in ((along, -ones), (along, ones), (-ones, along), (ones, along))]
    inside = np.linspace(-1.0, 1.0, _WITHIN + 2)[1:-1]
    return np.concatenate((*sides, np.stack(np.meshgrid(inside, inside), axis=-1).reshape(-1, 2)))
