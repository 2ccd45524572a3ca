"""Transforms: the families, splines and compositions; constraints, limits, records; pixels, moves and recipes.

Convention: reverse mapping, normalised (x, y), x to the right, y down; pixel matrices have pixel centres at
integers.
"""

from stnwarp.transforms.absence import Absence, Frames
from stnwarp.transforms.absence_search import absence_of
from stnwarp.transforms.advice import absence_warning, numbers_advice, units_advice
from stnwarp.transforms.bending import MAX_CONTROL_POINTS, control_points
from stnwarp.transforms.canvas import SizeMode, SizeRequest
from stnwarp.transforms.composition import Composition, compose
from stnwarp.transforms.constraints import ThetaConstraints
from stnwarp.transforms.families import (
    Family,
    MatrixTransform,
    SamplingGrid,
    Transform,
    theta_from_numbers,
)
from stnwarp.transforms.general_recipes import GridRecipe, TransformRecipe
from stnwarp.transforms.interchange import (
    from_opencv,
    from_pillow,
    from_skimage,
    to_opencv,
    to_pillow,
    to_skimage,
)
from stnwarp.transforms.limits import Limited, Limits
from stnwarp.transforms.measuring import corner_displacement, slack
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
    NORMALISED_EXTENT,
    CornersRecipe,
    MovesRecipe,
    PixelRecipe,
    Placed,
    Recipe,
    ThetaRecipe,
    extent_text,
    makes_something,
)
from stnwarp.transforms.records import as_fields, from_fields, transform_from_parameters
from stnwarp.transforms.splines import SplineInverse, ThinPlateSpline

__all__ = [
    "MAX_CONTROL_POINTS",
    "NORMALISED_EXTENT",
    "Absence",
    "Composition",
    "CornersRecipe",
    "Family",
    "Frames",
    "GridRecipe",
    "Limited",
    "Limits",
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
    "SplineInverse",
    "ThetaConstraints",
    "ThetaRecipe",
    "ThinPlateSpline",
    "Transform",
    "TransformRecipe",
    "absence_of",
    "absence_warning",
    "as_fields",
    "compose",
    "control_points",
    "corner_displacement",
    "extent_text",
    "forward_matrix",
    "from_fields",
    "from_opencv",
    "from_pillow",
    "from_skimage",
    "makes_something",
    "normalised_from_pixel",
    "numbers_advice",
    "pixel_entries",
    "pixel_from_normalised",
    "pixel_matrices",
    "pixel_matrix",
    "quad_matrix",
    "slack",
    "theta_from_numbers",
    "theta_from_pixel_matrix",
    "to_opencv",
    "to_pillow",
    "to_skimage",
    "transform_from_parameters",
    "units_advice",
]
