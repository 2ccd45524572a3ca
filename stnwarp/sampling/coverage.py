"""How much of each output pixel lies inside the picture, whatever the padding mode makes of the rest.

Convention: the picture reaches from -0.5 to n - 0.5 on each axis, in pixels; an output pixel stands for a parallelogram
of it, the unit square through the local Jacobian.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.arguments import thread_workspace
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.kernels.forward.layout import CoverageTask
from stnwarp.parallel import run_in_bands
from stnwarp.sampling.arrays import check_threads
from stnwarp.sampling.fused import mapping_of
from stnwarp.transforms import Transform

_ROWS = CompiledKernel("forward.coverage", "coverage_rows", None, CoverageTask)


def measure_coverage(
    input_size: tuple[int, int],
    transform: ArrayLike | Transform,
    size: tuple[int, int] | None = None,
    *,
    interpolation: Interpolation = Interpolation.BILINEAR,
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    axes: int = 3,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Measure the share of each output pixel that lies inside a picture of `input_size`, (height, width).

    Beyond the horizon of a homography the share is 0. Under nearest, which copies, a pixel is inside or not.

    Args:
        input_size: of the picture.
        transform, size, align_corners, threads: as in `warp`.
        interpolation: nearest, or any other.
        axes: on which the picture ends: 1 for columns, 2 for rows, or their sum.

    Returns:
        The share times 255, rounded half to even: (height, width) of the output.

    Raises:
        ShapeError: transform or size has the wrong shape.  ThetaError: theta is not finite.
        ParameterError: two values of align_corners.
    """
    mapping, (height, width) = mapping_of(transform, input_size, size, "border", align_corners, True)
    call = layout.SampleCall(
        mapping=mapping.kind,
        padding=mapping.padding,
        padding_y=mapping.padding_y,
        align_corners=int(mapping.align_corners),
        height=input_size[0],
        width=input_size[1],
        channels=1,
        image_stride=0,  # no picture is read
        row_stride=0,
        column_stride=0,
        channel_stride=0,
        origin=0,
        output_height=height,
        output_width=width,
        output_image_stride=0,
        output_row_stride=width,
        output_column_stride=1,
        output_channel_stride=1,
        last_uint64=0,
        joined_width=width,
        grid_stride=mapping.grid_stride,
    )
    shares = np.empty((height, width), np.uint8)
    is_nearest = int(interpolation is Interpolation.NEAREST)
    arrays = (mapping.matrices, mapping.grid.astype(np.float64, copy=False))

    def measure(band: tuple[int, int]) -> None:
        positions, *_ = thread_workspace(layout.make_footprint_workspace).arrays
        _ROWS(shares.reshape(-1), call, axes, is_nearest, *arrays, positions, *band)

    run_in_bands(measure, height, check_threads(threads))
    return shares
