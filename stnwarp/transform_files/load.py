"""Load transform files: open them with care, read them by suffix, and apply their convention.

What a file does not say is up to the caller: units when it is loaded, align_corners when its spec is resolved.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from numpy.typing import NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Units
from stnwarp.errors import ParameterError, ParameterFileError, SingularTransformError
from stnwarp.files.regular import open_regular
from stnwarp.rectangle import Rectangle
from stnwarp.text import suggestion
from stnwarp.transform_files.content import Content, Direction, Kind, Size, assemble
from stnwarp.transform_files.large_json import fields_of_json_file
from stnwarp.transform_files.numpy_files import fields_of_npy, fields_of_npz
from stnwarp.transform_files.specs import BareGridSpec, PixelSplineSpec, as_floating, normalised_numbers
from stnwarp.transforms import (
    Frame,
    GridSpec,
    MatrixTransform,
    PixelMatrixSpec,
    SamplingGrid,
    ThetaSpec,
    ThinPlateSpline,
    TransformSpec,
    WarpSpec,
    theta_from_numbers,
)

MAX_FILE_BYTES = 2**30 + 2**20  # the largest array there may be, and some room for what stands beside it

_READERS: dict[str, Callable[[IO[bytes], int], dict[str, Any]]] = {
    ".json": fields_of_json_file,
    ".npy": fields_of_npy,
    ".npz": fields_of_npz,
}


@dataclass(frozen=True)
class TransformFile:
    """The spec in a transform file and its convention; None for what it does not say. Sizes are (height, width).

    `has_units` is whether the file itself has the units of its numbers. `crop` is the part of an image that is the
    input of the spec, which has `input_size`; None in an inverse, whose input is what was an output.
    """

    spec: WarpSpec
    align_corners: bool | None
    description: str
    kind: Kind = Kind.THETA
    input_size: Size | None = None
    output_size: Size | None = None
    has_units: bool = False
    crop: Rectangle | None = None


def load_transform(path: Path, *, units: Units = Units.NORMALIZED, inverse: bool = False) -> TransformFile:
    """Load the transformation in the .json, .npy or .npz file `path`.

    If the file has the input_size that it was made for, to resolve the spec for another image may give a warning: for
    other proportions if it is normalised (or a grid or spline in pixels, which is scaled with the image); for any other
    size if it is a theta in pixels, which is used unchanged, since its pixel positions may well be meant. The inverse
    is for images of the file's output_size, if it has one. The size of the result is the caller's choice: the
    output_size of a theta is not used for it.

    Args:
        path: its suffix decides the format.
        units: of the numbers, where the file does not say.
        inverse: load the inverse of the transformation.

    Raises:
        ParameterFileError: the file cannot be read, or does not hold one theta, one grid or one spline's points.
        SingularTransformError: an inverse is needed, by `inverse` or the file's direction, and there is none.
    """
    content = read(path)
    chosen = content.units or units
    try:
        spec = _SPECS[content.kind](content, chosen, inverse)
    except ParameterError as error:
        _raise_named(path, error)
    description = f"{content.kind} ({chosen}) from {path}"
    sizes = (content.input_size, content.output_size)
    return TransformFile(
        spec,
        content.align_corners,
        description,
        content.kind,
        *sizes,
        has_units=content.units is not None,
        crop=None if inverse else content.crop,
    )


def load_grid(path: Path, *, units: Units = Units.NORMALIZED) -> SamplingGrid:
    """Load the sampling grid in the .json, .npy or .npz file `path`, normalised; see `load_transform`.

    Where the file does not say, align_corners is the default, False, and a grid in pixels cannot be loaded.

    Raises ParameterFileError for a file that cannot be read or does not hold a grid.
    """
    content = read(path)
    try:
        if content.kind is not Kind.GRID:
            held = "a theta" if content.kind is Kind.THETA else "a thin plate spline"
            raise ParameterFileError(f"holds {held}; a sampling grid is wanted here")
        return _sampling_grid(content, content.units or units, DEFAULT_ALIGN_CORNERS)
    except ParameterError as error:
        _raise_named(path, error)


def read(path: Path) -> Content:
    """Read and check the transform file `path`; a ParameterFileError begins with its name."""
    path = Path(path)
    try:
        reader = _reader(path.suffix.lower())
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise ParameterFileError("empty file")
            if size > MAX_FILE_BYTES:
                raise ParameterFileError(f"has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
            return assemble(reader(file, size))
    except ParameterError as error:
        _raise_named(path, error)
    except OSError as error:
        raise ParameterFileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except MemoryError:
        raise ParameterFileError(f"{path}: not enough memory for what it holds") from None
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for broken files
        raise ParameterFileError(f"{path}: broken file ({' '.join(str(error).split())[:120]})") from error


def theta_transform(array: NDArray[Any]) -> MatrixTransform:
    """Make the transform of `array`: (2, 3), (3, 3) or a row of numbers."""
    if array.ndim == 1:
        return theta_from_numbers(array.tolist())
    return MatrixTransform(array)


def _raise_named(path: Path, error: ParameterError) -> NoReturn:
    """Raise `error` again, with the name of the file in front of it."""
    kind = SingularTransformError if isinstance(error, SingularTransformError) else ParameterFileError
    raise kind(f"{path}: {error}") from error


def _reader(suffix: str) -> Callable[[IO[bytes], int], dict[str, Any]]:
    if suffix not in _READERS:
        known = ", ".join(_READERS)
        raise ParameterFileError(f"not a transform file by its suffix{suggestion(suffix, _READERS)}; known are {known}")
    return _READERS[suffix]


def _theta_spec(content: Content, units: Units, inverse: bool) -> WarpSpec:
    transform = theta_transform(content.array)
    is_inverse = inverse != (content.direction is Direction.INPUT_TO_OUTPUT)
    reference_size = (content.output_size or content.input_size) if inverse else content.input_size
    if units is Units.PIXEL:
        return PixelMatrixSpec(transform.theta, is_inverse, reference_size)
    return ThetaSpec(transform, is_inverse, reference_size)


def _grid_spec(content: Content, units: Units, inverse: bool) -> WarpSpec:
    if inverse:
        raise ParameterFileError("a sampling grid cannot be inverted; use the theta it was made from")
    if content.align_corners is not None:
        return GridSpec(_sampling_grid(content, units, content.align_corners), reference_size=content.input_size)
    if content.units is Units.PIXEL and content.input_size is None:
        raise ParameterFileError(_NO_INPUT_SIZE)
    if content.input_size is not None and units is Units.PIXEL:
        return GridSpec(_sampling_grid(content, units, DEFAULT_ALIGN_CORNERS), reference_size=content.input_size)
    return BareGridSpec(as_floating(content.array), units, content.input_size)


def _spline_spec(content: Content, units: Units, inverse: bool) -> WarpSpec:
    reference_size = (content.output_size or content.input_size) if inverse else content.input_size
    if units is Units.NORMALIZED:
        return TransformSpec(ThinPlateSpline(content.array), inverse, reference_size)
    if content.input_size is None:
        raise ParameterFileError("a spline in pixels needs the input_size it was made for; add that to the file")
    spec = PixelSplineSpec(content.array, content.input_size, inverse)
    return spec if content.align_corners is None else spec.to_normalised(content.align_corners)


def _sampling_grid(content: Content, units: Units, default_align_corners: bool) -> SamplingGrid:
    align_corners = default_align_corners if content.align_corners is None else content.align_corners
    if units is Units.PIXEL and content.input_size is None:
        raise ParameterFileError(_NO_INPUT_SIZE)
    size = content.input_size or (1, 1)  # not looked at for a normalised grid
    return SamplingGrid(normalised_numbers(content.array, units, Frame(size, align_corners)), align_corners)


_NO_INPUT_SIZE = "a grid in pixels needs the input_size it was made for; add that to the file"
_SPECS: dict[Kind, Callable[[Content, Units, bool], WarpSpec]] = {
    Kind.THETA: _theta_spec,
    Kind.GRID: _grid_spec,
    Kind.TPS: _spline_spec,
}
