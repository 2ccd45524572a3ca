"""Files that carry one transformation, a theta, a thin plate spline or a sampling grid, together with its convention.

`.json`, `.npy` and `.npz` are read; grids are written as these and as `.csv`. Whatever is wrong with a file
is a ParameterFileError of one line that begins with its name.
"""

from stnwarp.transform_files.content import Direction, Kind
from stnwarp.transform_files.describe import describe_file
from stnwarp.transform_files.dump import GRID_SUFFIXES, dump_grid
from stnwarp.transform_files.load import TransformFile, load_grid, load_transform

__all__ = [
    "GRID_SUFFIXES",
    "Direction",
    "Kind",
    "TransformFile",
    "describe_file",
    "dump_grid",
    "load_grid",
    "load_transform",
]
