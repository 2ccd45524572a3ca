"""Warps that are asked for again: a folder has one theta and few sizes, and its small images would wait for the rest.

What has been checked and planned once is kept, by all that it depends on. It is prepared the second time that it is
asked for, so that calls which are all different do not pay for it.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.arguments import PointerArgs, thread_workspace
from stnwarp.kernels.compiler.prepared_call import PreparedCall
from stnwarp.sampling.arrays import Batch
from stnwarp.sampling.footprints import any_shrinks
from stnwarp.sampling.mapping import Mapping
from stnwarp.sampling.sampler import NO_RIM, fill_arguments, plan_positions
from stnwarp.sampling.views import writeable
from stnwarp.transforms import MatrixTransform, Transform

_MOST = 256
_LONGEST = 16 * 9  # numbers of thetas


class PreparedWarp:
    """A warp by affine maps, for arrays of one shape and dtype that lie in memory as they are.

    Args:
        source: one of them, as a batch.
        target: what came of it, as a batch.
        shape: and the shape that it had.
        mapping: where it was read.
        kind: the interpolation.
        fill: what is outside.
    """

    def __init__(
        self,
        source: Batch,
        target: Batch,
        shape: tuple[int, ...],
        mapping: Mapping,
        kind: Interpolation,
        fill: ArrayLike,
    ) -> None:
        rows, call, *self._space = plan_positions(source, target, mapping, kind)
        self._shape, self._dtype = shape, source.flat.dtype
        places = PointerArgs(mapping.matrices, mapping.grid)
        arguments = (call, places, fill_arguments(fill, source.shape[3], self._dtype, kind), NO_RIM)
        space = thread_workspace(layout.make_workspace, *self._space)
        band = (0, target.shape[0] * call.output_height)
        self._call = PreparedCall(rows, 2 * self._dtype.char, arguments, space, band)

    def run(self, array: NDArray[np.generic]) -> NDArray[Any] | None:
        """Return `array` warped; None if the kernel is not loaded."""
        output = np.empty(self._shape, self._dtype)
        space = thread_workspace(layout.make_workspace, *self._space)
        return output if self._call.run(writeable(array), output, space) else None


_UNKNOWN = object()
# None after the first time, False where there is nothing to prepare.
_prepared: dict[Hashable, PreparedWarp | bool | None] = {}


def key_of(array: ArrayLike, transform: ArrayLike | Transform, *options: Any) -> Hashable:
    """Return all that a warp of `array` depends on but its values; None where there may be no such thing."""
    theta, front = (transform.theta, transform.front) if type(transform) is MatrixTransform else (transform, 0)
    if type(array) is not np.ndarray or type(theta) is not np.ndarray or theta.size > _LONGEST:
        return None
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned):
        return None
    key = (array.shape, array.dtype, theta.shape, theta.dtype, theta.tobytes(), front, options)
    try:
        hash(key)
    except TypeError:  # a fill for each channel, as a list
        return None
    return key


def repeat(key: Hashable, array: ArrayLike) -> NDArray[Any] | None:
    """Return `array` warped if a warp of the same `key` has been prepared, else None."""
    prepared = _prepared.get(key)
    return prepared.run(array) if isinstance(prepared, PreparedWarp) else None  # type: ignore[arg-type]


def remember(
    key: Hashable,
    batch_of: Callable[[NDArray[np.generic]], Batch],
    array: NDArray[np.generic],
    output: NDArray[np.generic],
    mapping: Mapping,
    kind: Interpolation,
    fill: ArrayLike,
    antialias: bool,
) -> None:
    """Take notice of a warp from `array` to `output`, batches by `batch_of`; the second time, prepare it."""
    before = _prepared.get(key, _UNKNOWN)  # asked once: other threads may forget all meanwhile
    if before is _UNKNOWN:
        if len(_prepared) >= _MOST:
            _prepared.clear()
        _prepared[key] = None
    elif before is None:
        reads_positions = mapping.kind == layout.AFFINE and not (antialias and any_shrinks(mapping.matrices))
        is_interpolated = kind is not Interpolation.NEAREST and output.dtype == array.dtype != np.float16
        _prepared[key] = (
            reads_positions
            and is_interpolated
            and output.size > 0
            and PreparedWarp(batch_of(array), batch_of(output), output.shape, mapping, kind, fill)
        )
