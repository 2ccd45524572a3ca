"""Facts about a transform file, to be printed or written as JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError, ParameterFileError
from stnwarp.transform_files.content import Content, Kind, Size
from stnwarp.transform_files.load import read, theta_transform
from stnwarp.transforms import MatrixTransform, ThinPlateSpline

_UNSAID = "not in the file"
_BEYOND = 1 / np.finfo(np.float64).eps  # a condition number that rounding errors alone can make


def describe_file(path: Path) -> dict[str, Any]:
    """List the facts about the transform file `path`: kind, shape, convention, and what its numbers say.

    A theta has its family (the narrowest it belongs to), that family's parameters and its condition number; a
    grid the range of its finite points in the file's own units, the share of points outside the image and the
    number of points that are not finite. The share is left out where the file does not tell it: without units,
    or in pixels without an input_size. A thin plate spline has the range of its points, its bend (the root of the
    mean square distance from its affine part, in the file's own units), and whether it folds.

    Raises ParameterFileError for a file that cannot be read.
    """
    content = read(path)
    facts: dict[str, Any] = {
        "file": str(path),
        "kind": str(content.kind),
        "shape": list(content.array.shape),
        "dtype": str(content.array.dtype),
        "units": _said(content.units),
        "align_corners": _UNSAID if content.align_corners is None else content.align_corners,
        "direction": _said(content.direction),
        **({} if content.crop is None else {"crop": str(content.crop)}),
        "input_size": _extent(content.input_size),
        "output_size": _extent(content.output_size),
    }
    try:
        return facts | _FACTS[content.kind](content)
    except ParameterError as error:
        raise ParameterFileError(f"{path}: {error}") from error


def _said(value: object | None) -> str:
    return _UNSAID if value is None else str(value)


def _extent(size: Size | None) -> str:
    return _UNSAID if size is None else f"{size[1]}x{size[0]}"


def _theta_facts(content: Content) -> dict[str, Any]:
    transform = theta_transform(content.array)
    family, parameters = transform.narrowest_family()
    return {
        "theta": transform.theta.tolist(),
        "family": str(family),
        "parameters": parameters.tolist(),
        "condition": _condition(transform),
    }


def _condition(transform: MatrixTransform) -> float | str:
    """Measure how much more one direction is stretched than another, whatever the shift of an affine theta."""
    matrix = transform.theta[:2, :2] if transform.is_affine else transform.theta
    with np.errstate(all="ignore"):
        condition = float(np.linalg.cond(matrix))
    return condition if condition < _BEYOND else "infinite"


def _grid_facts(content: Content) -> dict[str, Any]:
    finite = np.isfinite(content.array).all(axis=-1)
    points = content.array[finite]
    inside = _count_inside(points, content)
    return {
        "x_range": _range(points[:, 0]),
        "y_range": _range(points[:, 1]),
        **({} if inside is None else {"outside_share": (finite.size - inside) / finite.size}),
        "not_finite": int(finite.size - finite.sum()),
    }


def _spline_facts(content: Content) -> dict[str, Any]:
    # In pixels it bends and folds as it does normalised: the two are affine images of each other.
    spline = ThinPlateSpline(content.array)
    return {
        "x_range": _range(spline.points[..., 0]),
        "y_range": _range(spline.points[..., 1]),
        "bend": spline.bend(),
        "folds": spline.folds(),
    }


def _count_inside(points: NDArray[Any], content: Content) -> int | None:
    """Count the `points` within the image: between -1 and 1, or on its pixels; None if that is unknown."""
    if content.units is Units.NORMALIZED:
        low, high = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    elif content.units is Units.PIXEL and content.input_size is not None:
        low, high = np.array([-0.5, -0.5]), np.array(content.input_size[::-1]) - 0.5
    else:
        return None
    return int(np.all((points >= low) & (points <= high), axis=-1).sum())


def _range(values: NDArray[Any]) -> list[float] | None:
    return [float(values.min()), float(values.max())] if values.size else None


_FACTS: dict[Kind, Callable[[Content], dict[str, Any]]] = {
    Kind.THETA: _theta_facts,
    Kind.GRID: _grid_facts,
    Kind.TPS: _spline_facts,
}
