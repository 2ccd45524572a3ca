"""One row of a parameter file: what one image was, or is to be, warped by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError
from stnwarp.rectangle import Rectangle
from stnwarp.transform_files import Direction
from stnwarp.transforms import MatrixTransform, PixelMatrixSpec, Transform, TransformSpec, WarpSpec

VERSION = 1

# What every row may say besides its transform, in the order it is written.
KEYS = (
    "image",
    "units",
    "align_corners",
    "direction",
    "crop",
    "input_size",
    "output_size",
    "limited",
    "asked",
    "copied",
    "error",
    "version",
)

Size = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """What *image* is warped by; None where the row does not say. Sizes are (height, width).

    *image* is a path below the folder that was named, with slashes; "-" is standard input. *transform* is in *units*
    and *direction*. *crop* is the part of the image that is taken for it, whose size is *input_size*. *limited* says
    which limits the transform of the fields *asked* went beyond, which is why it was not used. *copied*: the pixels
    stayed as they were. A row with an *error* has no transform.
    """

    image: str
    transform: Transform | None = None
    units: Units = Units.NORMALIZED
    align_corners: bool | None = None
    direction: Direction = Direction.OUTPUT_TO_INPUT
    crop: Rectangle | None = None
    input_size: Size | None = None
    output_size: Size | None = None
    limited: tuple[str, ...] = ()
    asked: Mapping[str, Any] | None = None
    copied: bool = False
    error: str | None = None

    def spec(self, inverse: bool = False) -> WarpSpec:
        """What this row asks for; with *inverse*, what undoes it.

        Raises:
            ParameterError: the row has an error.  SingularTransformError: an inverse is needed and there is none.
        """
        if self.transform is None:
            raise ParameterError(self.error or "its row has no transformation")
        undone = inverse != (self.direction is Direction.INPUT_TO_OUTPUT)
        reference_size = (self.output_size or self.input_size) if inverse else self.input_size
        if self.units is Units.PIXEL and isinstance(self.transform, MatrixTransform):
            return PixelMatrixSpec(self.transform.theta, undone, reference_size)
        return TransformSpec(self.transform, undone, reference_size)
