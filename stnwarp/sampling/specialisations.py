"""The table of all kernels that calls of the library can need: one row for each kernel and set of array types.

A row holds a call on tiny arrays instead of names and types, so that what it stands for is what the sampler chooses.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.arguments import PointerArgs
from stnwarp.kernels.compiler.compiled_kernel import Specialisation, collect_specialisations
from stnwarp.sampling import footprint_gradients, footprints
from stnwarp.sampling.arrays import DTYPES, batch_of_maps, weight_type
from stnwarp.sampling.coverage import measure_coverage
from stnwarp.sampling.fused import warp
from stnwarp.sampling.gradients import grid_sample_backward
from stnwarp.sampling.mapping import matrix_mapping
from stnwarp.sampling.sampler import grid_sample

Type = type[np.generic]

_GRIDS = (np.float64, np.float32)  # a theta counts as a float64 grid
_SHRINKING = (np.uint8,)  # the types of pictures that README's recipes make a lot smaller
_UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)  # by their size: nearest copies all types of that size alike
# Types of the input and of the grid, and a padding mode; wrap keeps float32 coordinates in float64.
_TYPES = (
    (np.float64, np.float64, "zeros"),
    (np.float64, np.float32, "zeros"),
    (np.float32, np.float64, "zeros"),
    (np.float32, np.float32, "wrap"),
    (np.float32, np.float32, "zeros"),
)


class Row(NamedTuple):
    """One kernel for arrays of some types: what it is for, a call that needs it, whether README's recipes do."""

    use: str
    call: Callable[[], object]
    is_common: bool = False


def specialisations(wants_all: bool) -> dict[str, Specialisation]:
    """Return the rows' kernels by the names of their files in the cache: all of them, or the common ones."""
    with collect_specialisations() as collected:
        for row in rows(wants_all):
            row.call()
    return {specialisation.file: specialisation for specialisation in collected}


def rows(wants_all: bool) -> list[Row]:
    """Return all rows of the table, or the common ones."""
    return [row for row in TABLE if wants_all or row.is_common]


def _warp(shape: tuple[int, ...], dtype: Type, mode: str, grid: Type, column_step: int = 1) -> object:
    """Warp a picture, of which only each `column_step`-th column is used."""
    transform = np.eye(2, 3) if grid is np.float64 else np.zeros((2, 2, 2), grid)
    picture = np.zeros(shape, dtype)[:, ::column_step]
    return warp(picture, transform, (2, 2), interpolation=mode, padding_mode="zeros", antialias=False)


def _sample(axes: int, dtype: Type, grid: Type, mode: str, padding: str) -> object:
    """Sample feature maps of two `axes`, or volumes of three."""
    points = np.zeros((1, *(2,) * axes, axes), grid)
    return grid_sample(np.zeros((1, 1, *(4,) * axes), dtype), points, mode, padding)


def _differentiate(axes: int, types: tuple[Type, Type, str], mode: str, wanted: tuple[bool, bool]) -> object:
    """Compute the gradients of `_sample`, those that are `wanted`."""
    dtype, grid, padding = types
    incoming, maps = np.zeros((1, 1, *(2,) * axes), dtype), np.zeros((1, 1, *(4,) * axes), dtype)
    points = np.zeros((1, *(2,) * axes, axes), grid)
    return grid_sample_backward(incoming, maps, points, mode, padding, output_mask=wanted)


def _pictures() -> Iterator[Row]:
    for grid in _GRIDS:
        with_theta = grid is np.float64
        for channels in (1, 2, 3, 4):
            use, is_common = "uint8 pictures of 1 to 4 channels, bilinear", with_theta and channels in (1, 3)
            yield Row(use, partial(_warp, (4, 4, channels), np.uint8, "bilinear", grid), is_common)
            use = "views of such pictures whose pixels do not lie side by side, bilinear"
            yield Row(use, partial(_warp, (32, 64, channels), np.uint8, "bilinear", grid, 2))
        for channels in (3, 4):
            use, is_common = "float32 pictures of 3 or 4 channels, bilinear", with_theta and channels == 4
            yield Row(use, partial(_warp, (4, 4, channels), np.float32, "bilinear", grid), is_common)
        use = "float32 feature maps, and pictures of 1 channel, bilinear"
        yield Row(use, partial(_warp, (4, 4), np.float32, "bilinear", grid), with_theta)
        if not with_theta:
            yield Row(use, partial(_sample, 2, np.float32, grid, "bilinear", "zeros"))
        for dtype in DTYPES:
            use, is_common = "all other pictures and maps, bilinear", with_theta and dtype is np.uint16
            yield Row(use, partial(_warp, (4, 4, 5), dtype, "bilinear", grid), is_common)
            for mode in Interpolation:
                if mode not in (Interpolation.NEAREST, Interpolation.BILINEAR):
                    yield Row(mode.value, partial(_warp, (4, 4), dtype, mode, grid))
        for unsigned in _UNSIGNED:
            yield Row("nearest", partial(_warp, (4, 4), unsigned, "nearest", grid))
        yield Row("nearest", partial(_warp, (4, 4, 3), np.uint8, "nearest", grid))


def _gradients() -> Iterator[Row]:
    both, only_to_input = (True, True), (True, False)
    for mode in ("nearest", "bilinear", "bicubic"):
        use = f"gradients, {mode}"
        for types in _TYPES:
            is_common = mode == "bilinear" and types == (np.float32, np.float64, "zeros")
            if mode != "bicubic" or types[2] == "zeros":  # whose coordinates are float64 under all of them
                yield Row(use, partial(_differentiate, 2, types, mode, both), is_common)
        if mode != "nearest":  # the gradient to a float64 grid is float64, and what is not wanted is not
            yield Row(use, partial(_differentiate, 2, (np.float32, np.float64, "zeros"), mode, only_to_input))


def _volumes() -> Iterator[Row]:
    for grid in _GRIDS:
        for unsigned in _UNSIGNED:
            yield Row("volumes, nearest", partial(_sample, 3, unsigned, grid, "nearest", "zeros"))
        for dtype in DTYPES:
            padding = "wrap" if dtype is np.float32 else "zeros"
            yield Row("volumes, trilinear", partial(_sample, 3, dtype, grid, "bilinear", padding))
    for half in (np.float16, np.float32):
        yield Row("volumes, nearest", partial(_sample, 3, half, np.float32, "nearest", "zeros"))
    yield Row("volumes, trilinear", partial(_sample, 3, np.float32, np.float32, "bilinear", "zeros"))
    for types in _TYPES:
        yield Row("volumes, gradients", partial(_differentiate, 3, types, "nearest", (True, False)))
        yield Row("volumes, gradients", partial(_differentiate, 3, types, "bilinear", (True, False)))
        yield Row("volumes, gradients", partial(_differentiate, 3, types, "bilinear", (False, True)))


def _footprints() -> footprints.Footprints:
    maps, mapping = batch_of_maps(np.zeros((1, 1, 4, 4))), matrix_mapping(2 * np.eye(3)[None], "zeros", False)
    return footprints.unmeasured_footprints(maps, maps, mapping, True)


def _measure() -> None:
    footprints.measure(_footprints(), Interpolation.BILINEAR, True, 1)


def _fills(dtype: Type) -> PointerArgs:
    return PointerArgs(np.zeros(1, weight_type(np.dtype(dtype))))


def _average(dtype: Type) -> object:
    """Average boxes of a picture of *dtype*."""
    picture, call = batch_of_maps(np.zeros((1, 1, 4, 4), dtype)), _footprints().call
    return footprints.picture_of_level(picture, 1, call, Interpolation.BILINEAR, _fills(dtype), 1)


def _antialias(types: tuple[Type, Type], mode: Interpolation) -> None:
    """Sum over a picture, or over means of boxes of one, into an output: of these *types*."""
    picture, output = (batch_of_maps(np.zeros((1, 1, 4, 4), dtype)) for dtype in types)
    level = layout.Level(0, 4, 4, *picture.strides, 0, 0)
    footprints.sample_level(picture, level, output, _footprints(), mode, _fills(types[1]), 1)


def _measure_shares() -> object:
    return footprint_gradients.measure_shares(_footprints(), Interpolation.BILINEAR, 1)


def _differentiate_means(dtype: type[np.floating], mode: Interpolation) -> None:
    gradient = np.zeros((1, 1, 4, 4), dtype)
    picture, results = batch_of_maps(gradient), (np.zeros(16, dtype), np.zeros((1, 4, 3, 3)))
    level = layout.Level(0, 4, 4, *picture.strides, 0, 0)
    footprint_gradients.differentiate_level(picture, level, gradient, _footprints(), mode, results, 1)


def _spread(dtype: Type) -> None:
    picture = batch_of_maps(np.zeros((1, 1, 4, 4), dtype))
    level = layout.Level(0, 4, 4, *picture.strides, 0, 0)
    footprint_gradients.spread_level(np.zeros(16, dtype), picture, level, picture, _footprints().call, 1)


def _antialiased() -> Iterator[Row]:
    yield Row("antialiased, which pixels shrink", _measure, True)
    for dtype in DTYPES:
        yield Row("antialiased, means of boxes of pixels", partial(_average, dtype), dtype in _SHRINKING)
    for mode in (Interpolation.BILINEAR, Interpolation.BICUBIC, Interpolation.LANCZOS):
        for dtype in DTYPES:
            for level in dict.fromkeys((dtype, weight_type(np.dtype(dtype)))):
                is_common = mode is Interpolation.BILINEAR and dtype in _SHRINKING
                yield Row(f"antialiased, {mode}", partial(_antialias, (level, dtype), mode), is_common)
    yield Row("coverage", partial(measure_coverage, (4, 4), np.eye(2, 3)))
    yield Row("antialiased, gradients", _measure_shares)
    for dtype in (np.float32, np.float64):
        for mode in (Interpolation.BILINEAR, Interpolation.BICUBIC):
            yield Row("antialiased, gradients", partial(_differentiate_means, dtype, mode))
        yield Row("antialiased, gradients", partial(_spread, dtype))


TABLE: tuple[Row, ...] = (*_pictures(), *_gradients(), *_antialiased(), *_volumes())
