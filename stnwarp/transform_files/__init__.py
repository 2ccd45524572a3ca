"""Files that carry one transformation, a theta, a thin plate spline or a sampling grid, together with its convention.

`.json`, `.npy` and `.npz` are read; grids are written as these and as `.csv`. Whatever is wrong with a file
is a ParameterFileError of one line that begins with its name.
"""

from stnwarp.transform_files.content import Direction, Kind
from stnwarp.transform_files.describing import describe_file
from stnwarp.transform_files.reading import LoadedTransform, load_grid, load_transform
from stnwarp.transform_files.writing import GRID_SUFFIXES, dump_grid

__all__ = [
    "GRID_SUFFIXES",
    "Direction",
    "Kind",
    "LoadedTransform",
    "describe_file",
    "dump_grid",
    "load_grid",
    "load_transform",
]
