"""Damped Newton iteration for many points of the plane at once."""

from collections.abc import Callable

import numpy as np

from stnwarp.transforms.matrices import Array

Slopes = Callable[[Array], tuple[Array, Array]]

_STEPS = 60  # a point that converges does so in four or five
_SHORTEST = 2.0**-12  # of a Newton step that is still tried


def solve(function: Slopes, targets: Array, starts: Array, tolerance: float) -> Array:
    """Find the points p with function(p) = `targets`, from `starts`, all (N, 2); NaN where there is none.

    Each step goes as far along Newton's as brings the value nearer to its target, so that an iteration never
    gets worse; it ends without a result where no step does, or where the slopes are singular.

    Args:
        function: points (M, 2) to their values (M, 2) and slopes (M, 2, 2), those of value i along axis j.
        tolerance: how far from its target a value may be, along each axis.
    """
    found = np.full_like(targets, np.nan)
    with np.errstate(all="ignore"):
        rows = np.flatnonzero(np.isfinite(targets).all(axis=1) & np.isfinite(starts).all(axis=1))
        search = _Search(function, targets[rows], starts[rows])
        for _ in range(_STEPS):
            done = search.misses() <= tolerance
            found[rows[done]] = search.points[done]
            going = ~done & (search.share >= _SHORTEST)
            rows = rows[going]
            if not rows.size:
                break
            search.select(going)
            search.step()
    return found


class _Search:
    """The points that have not converged yet, and the share of a Newton step that each of them tries next."""

    def __init__(self, function: Slopes, targets: Array, points: Array) -> None:
        self.function, self.targets, self.points = function, targets, points
        self.values, self.slopes = function(points)
        self.share = np.ones(len(points))

    def misses(self) -> Array:
        return np.asarray(np.abs(self.values - self.targets).max(axis=1, initial=0.0))

    def select(self, going: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        for name in ("targets", "points", "values", "slopes", "share"):
            setattr(self, name, getattr(self, name)[going])

    def step(self) -> None:
        points = self.points + self.share[:, np.newaxis] * _newton_steps(self.slopes, self.targets - self.values)
        values, slopes = self.function(points)
        nearer = np.hypot(*(values - self.targets).T) < np.hypot(*(self.values - self.targets).T)
        self.points[nearer], self.values[nearer], self.slopes[nearer] = points[nearer], values[nearer], slopes[nearer]
        self.share = np.where(nearer, np.minimum(2 * self.share, 1.0), self.share / 2)


def _newton_steps(slopes: Array, misses: Array) -> Array:
    (a, b), (c, d) = slopes[:, 0].T, slopes[:, 1].T
    x, y = misses.T
    determinant = a * d - b * c
    return np.asarray(np.stack(((d * x - b * y) / determinant, (a * y - c * x) / determinant), axis=1))
