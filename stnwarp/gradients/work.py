"""The work of both gradients of the sampler, shared out among threads.

The gradients to the input and to the grid are sums that do not meet, and neither do those of different images and
channels. Each is added up by one thread and in one order, so that the number of threads does not change a bit.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stnwarp import conventions
from stnwarp.arrays import FEW_PIXELS, PADDING_CODES, checked_threads, flat_as_it_lies
from stnwarp.conventions import Interpolation
from stnwarp.errors import ParameterError
from stnwarp.kernels import blocks
from stnwarp.kernels.gradient_tiles import TILE_WIDTH, GradientCall, Share, gradient_space, tiling
from stnwarp.kernels.native import Native, own_space
from stnwarp.sharing import share_out

_KERNELS = {
    Interpolation.NEAREST: Native("nearest_gradients", "nearest_gradients"),
    Interpolation.BILINEAR: Native("bilinear_gradients", "bilinear_gradients"),
    Interpolation.BICUBIC: Native("bicubic_gradients", "bicubic_gradients"),
}


@dataclass(frozen=True, eq=False)
class GradientMapping:
    """Where each output pixel is read, as `gradient_places` says, and the gradient to that, as `gradient_sums` says."""

    kind: int
    matrices: NDArray[np.float64]
    grid: NDArray[np.generic]
    gradient: NDArray[np.floating]


def differentiate(
    maps: NDArray[np.floating],
    incoming: NDArray[np.floating],
    mapping: GradientMapping,
    modes: tuple[str, str, bool],
    wanted: tuple[bool, bool],
    threads: int,
) -> NDArray[np.floating]:
    """Fill the mapping's gradient and return that to *maps*, which lies in memory as they do if they have no gaps."""
    interpolation = conventions.interpolation(modes[0])
    if interpolation not in _KERNELS:
        raise ParameterError(f"{interpolation} has no gradients; use one of {', '.join(_KERNELS)}")
    source, strides = flat_as_it_lies(maps)
    gradient, gradient_strides = flat_as_it_lies(incoming)
    call = _call(mapping, modes, maps.shape, strides, incoming.shape, gradient_strides)
    to_source = np.zeros(source.size if wanted[0] else 0, maps.dtype)
    kernel = _KERNELS[interpolation]

    def work(share: Share) -> None:
        space = own_space(gradient_space, mapping.gradient.dtype.type, maps.dtype.type)
        to_grid = mapping.gradient
        kernel(source, gradient, to_source, to_grid, call, share, mapping.matrices, mapping.grid, space)

    threads = checked_threads(threads)
    wants_grid = wanted[1] and interpolation != Interpolation.NEAREST
    if not wants_grid:
        mapping.gradient.fill(0)
    shares = _shares(call, len(maps), (wanted[0], wants_grid), threads)
    share_out(work, shares, max(1, min(threads, len(shares))))
    if not wanted[0]:
        return np.zeros(maps.shape, maps.dtype)
    return np.ndarray(maps.shape, maps.dtype, to_source, 0, [stride * maps.itemsize for stride in strides])


def _call(
    mapping: GradientMapping,
    modes: tuple[str, str, bool],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    output_shape: tuple[int, ...],
    output_strides: tuple[int, ...],
) -> GradientCall:
    _, padding_mode, align_corners = modes
    padding = PADDING_CODES[conventions.padding_mode(padding_mode)]
    image, channel, row, column = strides
    output_image, output_channel, output_row, output_column = output_strides
    height, width = output_shape[2:]
    joined = mapping.kind == blocks.GRID and output_row == width * output_column
    if joined and width < TILE_WIDTH and height * width <= FEW_PIXELS:
        height, width = 1, height * width  # of narrow rows the loops are short, which costs more
    return GradientCall(
        *(mapping.kind, padding, int(bool(align_corners))),
        *(shape[2], shape[3], shape[1], image, row, column, channel),
        *(height, width, output_image, output_row, output_column, output_channel),
        *tiling(height, width),
    )


def _shares(call: GradientCall, images: int, wanted: tuple[bool, bool], threads: int) -> list[Share]:
    """The work in parts that write to different places: by images if there are enough, else by channels and bands."""
    channels, grid = (call.channels if wanted[0] else 0), int(wanted[1])
    if channels + grid == 0:
        return []
    if images >= threads:
        parts = _parts(images, 1 if threads == 1 else 4 * threads)
        return [Share(first, last, 0, call.bands, 0, channels, grid) for first, last in parts]
    shares = []
    for image in range(images):
        by_channel = _parts(channels, threads)
        shares += [Share(image, image + 1, 0, call.bands, *part, 0) for part in by_channel]
        by_band = _parts(call.bands * grid, threads)
        shares += [Share(image, image + 1, *part, 0, 0, 1) for part in by_band]
    return shares


def _parts(count: int, parts: int) -> list[tuple[int, int]]:
    """The numbers below *count* in at most *parts* runs of about the same length."""
    edges = sorted({count * part // parts for part in range(parts + 1)})
    return list(pairwise(edges))
