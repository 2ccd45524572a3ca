"""Transforms: the families, their constraints, pixels and other libraries' matrices, moves, and recipes.

Convention: reverse mapping, normalised (x, y), x to the right, y down; pixel matrices have pixel centres at
integers.
"""

from stnwarp.transforms.canvas import SizeMode, SizeRequest
from stnwarp.transforms.constraints import ThetaConstraints
from stnwarp.transforms.families import (
    Family,
    MatrixTransform,
    SamplingGrid,
    Transform,
    compose,
    theta_from_numbers,
)
from stnwarp.transforms.interchange import (
    from_opencv,
    from_pillow,
    from_skimage,
    to_opencv,
    to_pillow,
    to_skimage,
)
from stnwarp.transforms.motion import Move, MoveKind, forward_matrix, quad_matrix
from stnwarp.transforms.pixels import (
    normalised_from_pixel,
    pixel_entries,
    pixel_from_normalised,
    pixel_matrices,
    pixel_matrix,
    theta_from_pixel_matrix,
)
from stnwarp.transforms.recipes import (
    CornersRecipe,
    GridRecipe,
    MovesRecipe,
    PixelRecipe,
    Placed,
    Recipe,
    ThetaRecipe,
)

__all__ = [
    "CornersRecipe",
    "Family",
    "GridRecipe",
    "MatrixTransform",
    "Move",
    "MoveKind",
    "MovesRecipe",
    "PixelRecipe",
    "Placed",
    "Recipe",
    "SamplingGrid",
    "SizeMode",
    "SizeRequest",
    "ThetaConstraints",
    "ThetaRecipe",
    "Transform",
    "compose",
    "forward_matrix",
    "from_opencv",
    "from_pillow",
    "from_skimage",
    "normalised_from_pixel",
    "pixel_entries",
    "pixel_from_normalised",
    "pixel_matrices",
    "pixel_matrix",
    "quad_matrix",
    "theta_from_numbers",
    "theta_from_pixel_matrix",
    "to_opencv",
    "to_pillow",
    "to_skimage",
]
