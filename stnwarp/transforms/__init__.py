"""Transforms: the families, splines and compositions; constraints, limits, serialisation; pixels, moves and specs.

Convention: reverse mapping, normalised (x, y), x to the right, y down; pixel matrices have pixel centres at
integers.
"""

from stnwarp.conventions import Family
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SizeMode, SizeRequest, SizeScale
from stnwarp.transforms.absence import Absence, WarpFrames
from stnwarp.transforms.absence_search import absence_of
from stnwarp.transforms.advice import VIEWPORT_ADVICE, absence_warning, numbers_advice, units_advice
from stnwarp.transforms.aspect_ratio import AspectEstimate, estimate_aspect
from stnwarp.transforms.base import Transform
from stnwarp.transforms.composition import Composition, between_edges, compose
from stnwarp.transforms.constraints import ThetaConstraints
from stnwarp.transforms.corners_spec import CornersSpec, with_focal_length
from stnwarp.transforms.decomposition import corner_displacement, tolerance
from stnwarp.transforms.families import MATRIX_FAMILIES, ParameterKind, parameters_of
from stnwarp.transforms.frame import Frame
from stnwarp.transforms.general_specs import GridSpec, TransformSpec
from stnwarp.transforms.interchange import (
    from_opencv,
    from_pillow,
    from_skimage,
    to_opencv,
    to_pillow,
    to_skimage,
)
from stnwarp.transforms.limits import LimitResult, Limits
from stnwarp.transforms.matrix_transform import MatrixTransform, theta_from_numbers
from stnwarp.transforms.moves import Move, MoveKind, forward_matrix, quad_matrix
from stnwarp.transforms.pixels import (
    normalised_from_pixel,
    pixel_entries,
    pixel_from_normalised,
    pixel_matrices,
    pixel_matrix,
    theta_from_pixel_matrix,
)
from stnwarp.transforms.sampling_grid import SamplingGrid
from stnwarp.transforms.serialisation import as_fields, from_fields, transform_from_parameters
from stnwarp.transforms.shrink import least_shrink, reduce_input
from stnwarp.transforms.specs import (
    NORMALISED_EXTENT,
    ImageWarp,
    MovesSpec,
    PixelMatrixSpec,
    ThetaSpec,
    WarpSpec,
    extent_text,
    shows_picture,
)
from stnwarp.transforms.spline_solver import MAX_CONTROL_POINTS, control_points
from stnwarp.transforms.splines import SplineInverse, ThinPlateSpline
from stnwarp.transforms.viewport import through_viewport

__all__ = [
    "MATRIX_FAMILIES",
    "MAX_CONTROL_POINTS",
    "NORMALISED_EXTENT",
    "VIEWPORT_ADVICE",
    "Absence",
    "AspectEstimate",
    "Composition",
    "CornersSpec",
    "Family",
    "Frame",
    "GridSpec",
    "ImageWarp",
    "LimitResult",
    "Limits",
    "MatrixTransform",
    "Move",
    "MoveKind",
    "MovesSpec",
    "ParameterKind",
    "PixelMatrixSpec",
    "Rectangle",
    "SamplingGrid",
    "SizeMode",
    "SizeRequest",
    "SizeScale",
    "SplineInverse",
    "ThetaConstraints",
    "ThetaSpec",
    "ThinPlateSpline",
    "Transform",
    "TransformSpec",
    "WarpFrames",
    "WarpSpec",
    "absence_of",
    "absence_warning",
    "as_fields",
    "between_edges",
    "compose",
    "control_points",
    "corner_displacement",
    "estimate_aspect",
    "extent_text",
    "forward_matrix",
    "from_fields",
    "from_opencv",
    "from_pillow",
    "from_skimage",
    "least_shrink",
    "normalised_from_pixel",
    "numbers_advice",
    "parameters_of",
    "pixel_entries",
    "pixel_from_normalised",
    "pixel_matrices",
    "pixel_matrix",
    "quad_matrix",
    "reduce_input",
    "shows_picture",
    "theta_from_numbers",
    "theta_from_pixel_matrix",
    "through_viewport",
    "to_opencv",
    "to_pillow",
    "to_skimage",
    "tolerance",
    "transform_from_parameters",
    "units_advice",
    "with_focal_length",
]
