"""Which kernel samples, for arrays of which types and layouts, and the numbers that it is called with."""

from functools import lru_cache

import numpy as np

from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.sampling.arrays import FEW_PIXELS, Sides
from stnwarp.sampling.mapping import whole_pixels


def _forward_kernel(module: str, name: str, literal: int | None = None) -> CompiledKernel:
    return CompiledKernel(f"forward.{module}", name, literal, layout.SampleTask)


_KERNELS = {
    Interpolation.NEAREST: _forward_kernel("nearest", "nearest_rows", 1),
    Interpolation.BILINEAR: _forward_kernel("bilinear", "bilinear_rows"),
    Interpolation.BICUBIC: _forward_kernel("bicubic", "bicubic_rows"),
    Interpolation.LANCZOS: _forward_kernel("lanczos", "lanczos_rows"),
}
_UINT8_BILINEAR = {count: _forward_kernel("bilinear_uint8", "bilinear_uint8_rows", count) for count in (1, 2, 3, 4)}
_STRIDED_UINT8_BILINEAR = {
    count: _forward_kernel("bilinear_uint8_strided", "bilinear_uint8_strided_rows", count) for count in (1, 2, 3, 4)
}
_RGB_NEAREST = _forward_kernel("nearest", "nearest_rows", 3)
_PLANAR_BILINEAR = _forward_kernel("bilinear_planar", "bilinear_planar_rows")
_FLOAT_BILINEAR = {count: _forward_kernel("bilinear_float", "bilinear_float_rows", count) for count in (3, 4)}

# Under affine maps a row's edges are worth solving for, unless rows are shorter than this.
_NARROW = 128

_UINT64_BYTES = 8  # bytes


@lru_cache(maxsize=512)
def plan(
    modes: tuple[Interpolation, int, int, int, bool, int],
    dtype: np.dtype[np.generic],
    nbytes: int,
    shape: Sides,
    strides: Sides,
    origin: int,
    output_shape: Sides,
    output_strides: Sides,
) -> tuple[CompiledKernel, layout.SampleCall, type[np.floating]]:
    """Return the kernel for such arrays, the numbers it is called with, and the type it keeps positions in.

    `modes` are interpolation, mapping, padding of columns and of rows, align_corners, and the points of a grid that
    each image has.
    """
    interpolation, kind, padding, padding_y, align_corners, grid_stride = modes
    rows = _kernel(interpolation, layout.WRAP in (padding, padding_y), dtype, nbytes, (shape, strides), output_strides)
    width = output_shape[2]
    if kind in (layout.GRID, layout.GRID_FLOAT32, layout.GRID_WITH_JACOBIANS):
        output_shape, output_strides = _join_rows(output_shape, output_strides)
    elif kind == layout.AFFINE and width < _NARROW and interpolation in (Interpolation.NEAREST, Interpolation.BILINEAR):
        output_shape, output_strides = _join_rows(output_shape, output_strides)
        kind = layout.AFFINE_JOINED if output_shape[2] > width else kind
    codes = (kind, padding, padding_y, int(align_corners))
    sizes = (*shape[1:], *strides, origin, *output_shape[1:3], *output_strides)
    exact = kind == layout.GRID_FLOAT32 and rows is _PLANAR_BILINEAR
    call = layout.SampleCall(*codes, *sizes, max(nbytes - _UINT64_BYTES, 0), width, grid_stride)
    return rows, call, np.float32 if exact else np.float64


def _join_rows(shape: Sides, strides: Sides) -> tuple[Sides, Sides]:
    """Return an output with all rows of an image as one where they lie end to end: blocks are then full."""
    images, height, width, channels = shape
    by_image, by_row, by_column, by_channel = strides
    if by_row != width * by_column or height * width > FEW_PIXELS:
        return shape, strides
    return (images, 1, height * width, channels), (by_image, by_row * height, by_column, by_channel)


def _kernel(
    interpolation: Interpolation,
    wraps: bool,
    dtype: np.dtype[np.generic],
    nbytes: int,
    source: tuple[Sides, Sides],
    output_strides: Sides,
) -> CompiledKernel:
    """Choose the kernel: one that reads neighbours by pairs where they are adjacent, else the general one."""
    shape, strides = source
    channels = shape[3]
    pairs = min(shape[1:3]) > 1 and not wraps
    whole = _lie_side_by_side(channels, strides, output_strides)
    bytes_together = dtype == np.uint8 and whole_pixels(channels, strides, output_strides) and pairs
    if interpolation == Interpolation.NEAREST and bytes_together and channels == 3:
        return _RGB_NEAREST
    if interpolation != Interpolation.BILINEAR or not pairs:
        return _KERNELS[interpolation]
    if bytes_together and channels in _UINT8_BILINEAR:
        if nbytes < _UINT64_BYTES:  # what is read at once
            return _KERNELS[interpolation]
        return (_UINT8_BILINEAR if whole else _STRIDED_UINT8_BILINEAR)[channels]
    if dtype == np.float32 and strides[2] == output_strides[2] == 1:
        return _PLANAR_BILINEAR
    if dtype == np.float32 and whole and channels in _FLOAT_BILINEAR:
        return _FLOAT_BILINEAR[channels]
    return _KERNELS[interpolation]


def _lie_side_by_side(channels: int, *strides: Sides) -> bool:
    """Whether pixels of a row and channels of a pixel are adjacent in memory."""
    return all(steps[2] == channels and (channels == 1 or steps[3] == 1) for steps in strides)
