"""What a parameter file holds, in facts that can be printed or written as JSON."""

from collections import Counter
from pathlib import Path
from typing import Any

from stnwarp.params.reading import read_parameters
from stnwarp.params.rows import Row
from stnwarp.transforms import Composition, MatrixTransform, SplineInverse, ThinPlateSpline, Transform

_UNSAID = "not in the file"


def describe_parameters(path: Path) -> dict[str, Any]:
    """The facts about the parameter file *path*: how many images, of which families, and the convention.

    Raises ParameterFileError for a file that cannot be used.
    """
    parameters = read_parameters(path)
    families: Counter[str] = Counter()
    units: Counter[str] = Counter()
    told: Counter[str] = Counter(failed=0, copied=0, limited=0)
    for row in parameters.rows():
        told.update(_told(row))
        if row.transform is not None:
            families[_family(row.transform)] += 1
            units[row.units.value] += 1
    return {
        "file": str(path),
        "kind": "parameters",
        "images": len(parameters.lines),
        **told,
        "families": _listed(families),
        "units": _listed(units),
        "align_corners": _UNSAID if parameters.align_corners is None else parameters.align_corners,
    }


def _told(row: Row) -> dict[str, int]:
    return {"failed": row.transform is None, "copied": row.copied, "limited": bool(row.limited)}


def _listed(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _family(transform: Transform) -> str:
    """The narrowest family that *transform* belongs to, or what else it is."""
    if isinstance(transform, MatrixTransform):
        return str(transform.narrowest_family()[0])
    names: dict[type[Transform], str] = {
        ThinPlateSpline: "tps",
        SplineInverse: "inverse of tps",
        Composition: "composition",
    }
    return names.get(type(transform), type(transform).__name__)
