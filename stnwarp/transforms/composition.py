"""Several transforms as one that samples once.

Convention: in reverse mapping the later warp comes first: its input is the output of the one before it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from stnwarp.errors import ParameterError
from stnwarp.transforms import matrices
from stnwarp.transforms.base import Transform
from stnwarp.transforms.frame import Frame
from stnwarp.transforms.matrices import Array
from stnwarp.transforms.matrix_transform import MatrixTransform
from stnwarp.transforms.sampling_grid import SamplingGrid


@dataclass(frozen=True)
class Composition(Transform):
    """Warps by each of `transforms` in the order given; `compose` makes one where a matrix will not do.

    Args:
        transforms: any but sampling grids, which know no points but their own.

    Raises:
        ParameterError: a sampling grid among them, or none at all.
    """

    transforms: tuple[Transform, ...]

    def __post_init__(self) -> None:
        if not self.transforms:
            raise ParameterError("a composition is of at least one transform; compose() gives the identity")
        if any(isinstance(transform, SamplingGrid) for transform in self.transforms):
            raise ParameterError("a sampling grid holds only its own points and cannot be composed; use its theta")

    def map_points(self, points: ArrayLike) -> Array:
        """Map output `points` (..., 2) to the input."""
        mapped = matrices.as_points(points)
        for transform in reversed(self.transforms):
            mapped = transform.map_points(mapped)
        return mapped

    def inverse(self) -> Transform:
        """Return what undoes the warps, the last one first.

        Raises:
            SingularTransformError: one of them cannot be undone.
        """
        return compose(*(transform.inverse() for transform in reversed(self.transforms)))


@overload
def compose(*transforms: MatrixTransform) -> MatrixTransform: ...
@overload
def compose(*transforms: Transform) -> Transform: ...
def compose(*transforms: Transform) -> Transform:
    """Combine warps by each of `transforms`, in the order given, into one that samples once; none give the identity.

    Matrices that stand next to each other are multiplied, and compositions taken apart first: the result is a
    MatrixTransform where all are matrices, a single other transform as it is, or else a Composition.

    Raises:
        ParameterError: a sampling grid among several.  ThetaError: a product beyond float64.
    """
    steps: list[Transform] = []
    for are_matrices, run in groupby(_flatten(transforms), lambda step: isinstance(step, MatrixTransform)):
        together = list(run)
        steps += [_product(together)] if are_matrices else together
    if not steps:
        return _product(())
    return steps[0] if len(steps) == 1 else Composition(tuple(steps))


def between_edges(transform: Transform, source: Frame, output: Frame) -> Transform:
    """Convert `transform` to coordinates whose -1 and 1 are the outer edges, whatever they are in the frames."""
    if not source.align_corners and not output.align_corners:
        return transform
    onto, back = source.edge_shares, output.edge_shares
    return compose(
        MatrixTransform(np.diag((*onto, 1.0))), transform, MatrixTransform(np.diag((1 / back[0], 1 / back[1], 1.0)))
    )


def _flatten(transforms: Iterable[Transform]) -> Iterator[Transform]:
    for transform in transforms:
        if isinstance(transform, Composition):
            yield from _flatten(transform.transforms)
        else:
            yield transform


def _product(run: Iterable[Transform]) -> MatrixTransform:
    return MatrixTransform(matrices.product(*(step.theta for step in run if isinstance(step, MatrixTransform))))
