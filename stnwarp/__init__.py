"""Warp images with spatial transformers: grid generator and sampler, in NumPy and on the command line.

Convention: theta maps normalised output coordinates (x, y) to normalised input coordinates, x to the right, y down;
`align_corners` is passed once and governs the grid generator and the sampler alike.

Names load their modules when they are first used, so that `import stnwarp` costs nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stnwarp.conventions import Interpolation, PaddingMode, Units
    from stnwarp.errors import StnwarpError
    from stnwarp.gradients import affine_grid_backward, grid_sample_backward, spatial_transform_backward
    from stnwarp.grid import affine_grid, projective_grid, sampling_grid
    from stnwarp.sampler import grid_sample
    from stnwarp.transformer import SpatialTransformer
    from stnwarp.transforms import (
        Composition,
        Family,
        Limits,
        MatrixTransform,
        SamplingGrid,
        ThetaConstraints,
        ThinPlateSpline,
        Transform,
        compose,
    )
    from stnwarp.warp import spatial_transform, warp

_HOMES = {
    "Composition": "transforms",
    "Family": "transforms",
    "Interpolation": "conventions",
    "Limits": "transforms",
    "MatrixTransform": "transforms",
    "PaddingMode": "conventions",
    "SamplingGrid": "transforms",
    "SpatialTransformer": "transformer",
    "StnwarpError": "errors",
    "ThetaConstraints": "transforms",
    "ThinPlateSpline": "transforms",
    "Transform": "transforms",
    "Units": "conventions",
    "affine_grid": "grid",
    "affine_grid_backward": "gradients",
    "compose": "transforms",
    "grid_sample": "sampler",
    "grid_sample_backward": "gradients",
    "projective_grid": "grid",
    "sampling_grid": "grid",
    "spatial_transform": "warp",
    "spatial_transform_backward": "gradients",
    "warp": "warp",
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
    if name not in _HOMES:
        raise AttributeError(f"module 'stnwarp' has no attribute {name!r}")
    value = getattr(import_module(f"stnwarp.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `stnwarp.warp` the function: importing the module of that name would put itself in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
