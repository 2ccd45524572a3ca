"""Fused reverse mapping: theta -> output, one block of coordinates at a time, without ever storing the grid.

Convention: theta maps normalised output coordinates to normalised input coordinates (x, y), x to the right, y down; one
`align_corners` governs the generator and the sampler alike.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.array_like import as_array, native_dtype
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.parallel import cache_calls
from stnwarp.sampling.arrays import (
    batch_of_image,
    batch_of_maps,
    check_not_fill,
    check_sides,
    check_size,
    image_of,
    maps_of,
)
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.sampling.jacobians import grid_with_jacobians
from stnwarp.sampling.mapping import Mapping, entries_mapping, grid_mapping, matrix_mapping, spline_mapping
from stnwarp.sampling.prepared_warp import key_of, remember, repeat
from stnwarp.sampling.sampler import sample_image, sample_maps
from stnwarp.transforms import (
    Composition,
    MatrixTransform,
    SamplingGrid,
    SplineInverse,
    Transform,
    pixel_entries,
    pixel_matrices,
)
from stnwarp.transforms.slopes import has_slopes

_THETAS = ((2, 3), (3, 3), (1, 2, 3), (1, 3, 3))  # the shapes of one
_LARGEST_CACHED = 2**21  # points of a grid that is cached, 32 MiB
_FEW = 16  # thetas that are sooner done one by one than all at once


def warp(
    image: ArrayLike,
    transform: ArrayLike | Transform,
    size: tuple[int, int] | None = None,
    *,
    interpolation: str = "bilinear",
    padding_mode: str = "fill",
    fill: ArrayLike = 0,
    antialias: bool = True,
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    threads: int = 1,
) -> NDArray[Any]:
    """Warp `image`: read it where `transform` says, for every pixel of an output of `size`.

    Coordinates are computed in float64 whatever the image's dtype; integer outputs are rounded once, half to even.

    Where the picture shrinks, one position is not enough: with `antialias` an output pixel is the mean of all input
    pixels that it stands for, weighted by the interpolation's kernel in output pixels, sum(w v) / sum(w). What does not
    shrink is the same to the bit with and without. The local Jacobian is exact for matrices and splines, and for grids
    taken from neighbouring points.

    Args:
        image: (H, W) or (H, W, C), any number of channels, uint8, uint16, float16, float32 or float64, and for nearest
            every integer type and bool: label maps keep their type. A view is read where it lies, or only the part that
            can be read is copied.
        transform: theta (2, 3), (1, 2, 3) or (3, 3), a sampling grid (H', W', 2), or a `Transform`.
        size: (height, width) of the output; by default the image's, or a grid's own.
        interpolation: nearest (halves to even), bilinear, bicubic (a = -0.75) or lanczos (a = 3). The last two
            overshoot beside edges; integers are clamped to their range.
        padding_mode: what is read outside. fill: the picture ends at the outer edges of its pixels, where it is read as
            under border, and an output pixel has as much of the fill as lies outside of what it stands for, all of it
            beyond the horizon of a homography. zeros: pixels outside have the value of the fill, and the edge is
            blended with them, as in torch. border, reflection or wrap. Or two of them, but zeros, such as wrap,border:
            what is read beside the image, and what above and below it.
        fill: what is outside under fill and zeros, a number or one for each channel, in the image's own units.
        antialias: whether pictures that shrink are averaged; nearest never is.
        align_corners: see the convention above. A `SamplingGrid` carries its own and must agree.
        threads: how many bands of rows are worked off at a time; the result does not depend on it.

    Returns:
        (height, width) or (height, width, C) of the image's dtype.

    Raises:
        ShapeError: image, transform or size has the wrong shape.  DtypeError: image has a dtype it cannot have.
        ThetaError: theta is not finite.  ParameterError: an unknown mode, a fill the dtype cannot hold, a masked array,
        a tensor that needs a gradient, or two values of align_corners.

    Source: Jaderberg et al. 2015, equations (1) and (5).
    """
    key = None
    if threads == 1:
        key = key_of(image, transform, size, interpolation, padding_mode, fill, antialias, align_corners)
        again = None if key is None else repeat(key, image)
        if again is not None:
            return again
    kind = conventions.interpolation(interpolation)
    picture = image_of(image, "image", kind)
    if picture.ndim not in (2, 3):
        raise ShapeError(f"image must be (H, W) or (H, W, C), got {picture.shape}")
    if picture.size == 0 and 0 in picture.shape[:2]:
        raise ShapeError(f"image must not be empty along a side, got {picture.shape}")
    fades = conventions.padding_modes(padding_mode).fades
    by_footprints = kind is not Interpolation.NEAREST and (antialias or fades)
    mapping, output_size = mapping_of(transform, picture.shape[:2], size, padding_mode, align_corners, by_footprints)
    output = sample_image(picture, output_size, mapping, kind, fill, threads, antialias)
    if key is not None:
        remember(key, batch_of_image, picture, output, mapping, kind, fill, antialias)
    return output


def spatial_transform(
    input: ArrayLike,
    theta: ArrayLike,
    size: tuple[int, int] | None = None,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    antialias: bool = False,
) -> NDArray[Any]:
    """Compute `grid_sample(input, affine_grid(theta, size))` without ever storing the grid.

    Coordinates are computed in float64, so that long rows are as exact as short ones.

    Args:
        input: (N, C, H, W), of the dtypes of `grid_sample`. N and C may be 0.
        theta: (N, 2, 3), or (N, 3, 3) for homographies.
        size: (height, width) of the output, which may be 0; by default the input's.
        mode, padding_mode, align_corners, antialias: as in `grid_sample`.

    Returns:
        (N, C, height, width) of the input's dtype.

    Raises:
        ShapeError: input, theta or size has the wrong shape.  DtypeError: input has a dtype it cannot have.
        ThetaError: theta is not finite.
    """
    key = key_of(input, theta, "spatial_transform", size, mode, padding_mode, align_corners, antialias)
    again = None if key is None else repeat(key, input)
    if again is not None:
        return again
    interpolation = conventions.interpolation(mode)
    check_not_fill(padding_mode)
    maps, thetas = maps_of(input, interpolation), as_array(theta, "theta")
    if thetas.ndim != 3 or len(thetas) != len(maps):
        raise ShapeError(f"theta must be (N, 2, 3) or (N, 3, 3) with N = {len(maps)}, got {thetas.shape}")
    input_size = (maps.shape[2], maps.shape[3])
    height, width = check_sides(input_size if size is None else size, 2, 0)
    if min(height, width, len(thetas)) == 0:
        return np.empty((*maps.shape[:2], height, width), native_dtype(maps.dtype))
    if len(thetas) <= _FEW:
        entries = [pixel_entries(theta, input_size, (height, width), align_corners) for theta in thetas]
        matrices = np.array(entries).reshape(-1, 3, 3)
    else:
        matrices = pixel_matrices(thetas, input_size, (height, width), align_corners)
    mapping = matrix_mapping(matrices, padding_mode, align_corners)
    output = sample_maps(maps, (height, width), mapping, interpolation, antialias)
    if key is not None:
        remember(key, batch_of_maps, maps, output, mapping, interpolation, 0, antialias)
    return output


def mapping_of(
    transform: ArrayLike | Transform,
    input_size: tuple[int, int],
    size: tuple[int, int] | None,
    padding_mode: str,
    align_corners: bool,
    by_footprints: bool,
) -> tuple[Mapping, tuple[int, int]]:
    """Return the kernels' mapping for `transform`, which may need Jacobians for footprints, and the output's size."""
    # Arrays first: to ask an abstract class whether it has an instance takes longer than the rest of this.
    if type(transform) is np.ndarray or not isinstance(transform, Transform):
        known: NDArray[Any] | Transform = _recognise(transform, align_corners)
    else:
        known = transform.theta if isinstance(transform, MatrixTransform) else transform
    if isinstance(known, np.ndarray):
        output_size = check_size(input_size if size is None else size)
        entries = pixel_entries(known, input_size, output_size, align_corners)
        front = (transform.front if type(transform) is MatrixTransform else 0) or known.item(-1)
        return entries_mapping(entries, padding_mode, align_corners, front), output_size
    if isinstance(known, SamplingGrid):
        if known.align_corners != align_corners:
            raise ParameterError(
                f"the sampling grid was made with align_corners={known.align_corners}; sample it with the same"
            )
        size = known.size if size is None else size
    output_size = check_size(input_size if size is None else size)
    grid = _grid_of(known, output_size, align_corners)
    if by_footprints and has_slopes(known):
        numbers = grid_with_jacobians(known, grid, input_size, align_corners)
        return spline_mapping(numbers, padding_mode, align_corners), output_size
    return grid_mapping(grid, padding_mode, align_corners), output_size


def _grid_of(transform: Transform, size: tuple[int, int], align_corners: bool) -> NDArray[np.floating]:
    """Return the sampling grid of `transform`; one that takes seconds is computed once for many images of one size."""
    if _is_iterative(transform) and size[0] * size[1] <= _LARGEST_CACHED:
        return _iterative_grid(transform, size, align_corners)
    return sampling_grid(transform, size, align_corners)


@cache_calls(2)  # grids, such as for upright and for wide images
def _iterative_grid(transform: Transform, size: tuple[int, int], align_corners: bool) -> NDArray[np.floating]:
    grid = sampling_grid(transform, size, align_corners)
    grid.setflags(write=False)
    return grid


def _is_iterative(transform: Transform) -> bool:
    """Return whether `transform` maps points by iteration, which takes ten times as long as the spline it undoes."""
    if isinstance(transform, Composition):
        return any(map(_is_iterative, transform.transforms))
    return isinstance(transform, SplineInverse)


def _recognise(given: ArrayLike, align_corners: bool) -> NDArray[Any] | SamplingGrid:
    """Return a plain array as what its shape says: theta if it is one, else a sampling grid."""
    array = as_array(given, "transform")
    if array.shape in _THETAS:
        return array
    if array.ndim != 3 or array.shape[2] != 2:
        raise ShapeError(f"transform must be theta (2, 3) or (3, 3), or a grid (H, W, 2), got {array.shape}")
    return SamplingGrid(array, align_corners)
