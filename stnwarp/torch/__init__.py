"""The spatial transformer as differentiable PyTorch functions on the CPU, by this package's kernels.

Drop-ins for torch.nn.functional.affine_grid and grid_sample on the CPU, and both fused. They work under torch.compile
(without a graph break) and torch.func (grad, vmap, jacrev). While torch.export or torch.onnx.export take down a model
the call becomes torch's own affine_grid and grid_sample, so that the file needs nothing of this package; what torch
has not, the padding mode wrap, the mode lanczos and antialiasing, is refused then. (Before torch 2.7 that takes
strict=False.) Derivatives are first ones, in reverse mode: second ones and forward mode are refused.

Tensors share their memory with the arrays that the kernels read and write: nothing is copied but what has gaps, and
float16 and bfloat16, which are computed in float32 and rounded once. A gradient that nobody asks for is neither
computed nor given memory.

The exact identity puts every point on a kink of bilinear, where the slope to one side is as right as that to the
other. From the same grid `grid_sample` takes torch's side, and `affine_grid` gives torch's grid to the bit at the
identity and at translations of it, but under other thetas may differ by a rounding. `spatial_transform` meets pixel
centres exactly, for its coordinates are float64, and takes the slope to the right and down wherever there is one,
where in torch the rounding of the grid decides, for each point by itself.

Convention: as in torch, which is that of the whole package; `align_corners` has no warning and defaults to False.
"""

from collections.abc import Sequence

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import MissingExtraError

try:
    import torch
except ImportError:
    raise MissingExtraError("stnwarp.torch needs PyTorch; install it with: pip install 'stnwarp[train]'") from None

from stnwarp.torch import export, functions
from stnwarp.torch.tensors import check_tensors


def affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool = DEFAULT_ALIGN_CORNERS) -> torch.Tensor:
    """`stnwarp.affine_grid` of a tensor over torch's own regular grid: the same points up to a rounding.

    The points of the regular grid are those of torch.linspace in theta's dtype, as in torch's affine_grid; with theta
    they are multiplied and added in float64, and rounded once to theta's dtype.

    Args:
        theta: (N, 2, 3), or (N, 3, 4) for volumes; float16, bfloat16, float32 or float64.
        size: (N, C, H, W), or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the corner pixels (True) or their outer edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), of theta's dtype.

    Raises:
        ShapeError: a wrong shape.  DtypeError: a wrong dtype.  ThetaError: theta is not finite.
        ParameterError: theta is not on the CPU.  DerivativeError: a second derivative, or one in forward mode.

    Source: Jaderberg et al. 2015, equation (1); torch.nn.functional.affine_grid.
    """
    check_tensors(theta=theta)
    if export.is_exporting():
        return export.affine_grid(theta, size, align_corners)
    return functions.apply("affine_grid", theta, tuple(size), align_corners)


def grid_sample(
    input: torch.Tensor,
    grid: torch.Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    antialias: bool = False,
) -> torch.Tensor:
    """`stnwarp.grid_sample` of tensors, with its modes: nearest, bilinear and bicubic have gradients.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W); float16, bfloat16, float32 or float64.
        grid: (N, H', W', 2) or (N, D', H', W', 3); of any of these dtypes, not necessarily the input's.
        mode: see `stnwarp.grid_sample`.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: whether -1 and 1 are the centres of the corner pixels (True) or their outer edges.
        antialias: average the pixels that an output pixel stands for where the grid shrinks the picture; not for
            volumes, and not in models that are exported. The gradient to the grid holds the footprints fixed.

    Returns:
        (N, C, H', W') or (N, C, D', H', W'), of input's dtype. N, C and the sides of the output may be 0.

    Raises:
        ShapeError: a wrong shape.  DtypeError: a wrong dtype.
        DerivativeError: a second derivative, or one in forward mode.
        ParameterError: an unknown mode, one that torch has not while a model is exported, or a tensor that is not on
        the CPU.

    Source: Jaderberg et al. 2015, equations (3) to (7); torch.nn.functional.grid_sample.
    """
    check_tensors(input=input, grid=grid)
    if export.is_exporting():
        return export.grid_sample(input, grid, mode, padding_mode, align_corners, antialias)
    return functions.apply("grid_sample", input, grid, mode, padding_mode, align_corners, antialias)


def spatial_transform(
    input: torch.Tensor,
    theta: torch.Tensor,
    size: Sequence[int] | None = None,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    antialias: bool = False,
) -> torch.Tensor:
    """`grid_sample(input, affine_grid(theta, size))` without the grid in memory, forward or backward.

    Args:
        input: (N, C, H, W); float16, bfloat16, float32 or float64.
        theta: (N, 2, 3), or (N, 3, 3) for homographies; of any of these dtypes, not necessarily the input's.
        size: (height, width) of the output; by default the input's.
        mode: as in `grid_sample`, and so are padding_mode and align_corners.
        padding_mode: as in `grid_sample`.
        align_corners: as in `grid_sample`.
        antialias: as in `grid_sample`.

    Returns:
        (N, C, height, width) of input's dtype.

    Raises:
        ShapeError: a wrong shape.  DtypeError: a wrong dtype.  ThetaError: theta is not finite.
        DerivativeError: a second derivative, or one in forward mode.
        ParameterError: an unknown mode, one that torch has not while a model is exported, or a tensor that is not on
        the CPU.

    Source: Jaderberg et al. 2015, equations (1) and (3) to (7).
    """
    check_tensors(input=input, theta=theta)
    output_size = tuple(input.shape[2:]) if size is None else tuple(size)
    if export.is_exporting():
        return export.spatial_transform(input, theta, output_size, mode, padding_mode, align_corners, antialias)
    return functions.apply("spatial_transform", input, theta, output_size, mode, padding_mode, align_corners, antialias)
