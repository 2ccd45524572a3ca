"""Warp images with spatial transformers: grid generator and sampler, in NumPy and on the command line.

Convention: theta maps normalised output coordinates (x, y) to normalised input coordinates, x to the right, y down;
`align_corners` is passed once and governs the grid generator and the sampler alike.

Names load their modules when they are first used, so that `import stnwarp` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stnwarp.conventions import Family, Interpolation, PaddingMode, Units
    from stnwarp.errors import StnwarpError
    from stnwarp.sampling.fused import spatial_transform, warp
    from stnwarp.sampling.gradients import affine_grid_backward, grid_sample_backward, spatial_transform_backward
    from stnwarp.sampling.grid_generator import affine_grid, projective_grid, sampling_grid
    from stnwarp.sampling.sampler import grid_sample
    from stnwarp.spatial_transformer import SpatialTransformer
    from stnwarp.transforms import (
        Composition,
        Limits,
        MatrixTransform,
        SamplingGrid,
        ThetaConstraints,
        ThinPlateSpline,
        Transform,
        compose,
    )

_MODULES = {
    "Composition": "transforms",
    "Family": "conventions",
    "Interpolation": "conventions",
    "Limits": "transforms",
    "MatrixTransform": "transforms",
    "PaddingMode": "conventions",
    "SamplingGrid": "transforms",
    "SpatialTransformer": "spatial_transformer",
    "StnwarpError": "errors",
    "ThetaConstraints": "transforms",
    "ThinPlateSpline": "transforms",
    "Transform": "transforms",
    "Units": "conventions",
    "affine_grid": "sampling.grid_generator",
    "affine_grid_backward": "sampling.gradients",
    "compose": "transforms",
    "grid_sample": "sampling.sampler",
    "grid_sample_backward": "sampling.gradients",
    "projective_grid": "sampling.grid_generator",
    "sampling_grid": "sampling.grid_generator",
    "spatial_transform": "sampling.fused",
    "spatial_transform_backward": "sampling.gradients",
    "warp": "sampling.fused",
}

__all__ = [
    "Composition",
    "Family",
    "Interpolation",
    "Limits",
    "MatrixTransform",
    "PaddingMode",
    "SamplingGrid",
    "SpatialTransformer",
    "StnwarpError",
    "ThetaConstraints",
    "ThinPlateSpline",
    "Transform",
    "Units",
    "affine_grid",
    "affine_grid_backward",
    "compose",
    "grid_sample",
    "grid_sample_backward",
    "projective_grid",
    "sampling_grid",
    "spatial_transform",
    "spatial_transform_backward",
    "warp",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("stnwarp")
    if name not in _MODULES:
        raise AttributeError(f"module 'stnwarp' has no attribute {name!r}")
    value = getattr(import_module(f"stnwarp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
