"""Per-image parameters: JSON Lines files that say what each image of a run was, or is to be, warped by.

One line is one image. A file that a run wrote replays it to the bit; one that cannot be used is a
ParameterFileError of one line, with the file's name, the line, and the column or the key.
"""

from stnwarp.params.describing import describe_parameters
from stnwarp.params.reading import SUFFIX, Parameters, check_suffix, read_parameters
from stnwarp.params.rows import Row
from stnwarp.params.writing import line_of

__all__ = [
    "SUFFIX",
    "Parameters",
    "Row",
    "check_suffix",
    "describe_parameters",
    "line_of",
    "read_parameters",
]
