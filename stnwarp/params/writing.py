"""A row as a line of JSON, from which it comes back to the last bit."""

import json
from dataclasses import asdict
from typing import Any

from stnwarp.params.rows import VERSION, Row
from stnwarp.transforms import as_fields

Size = tuple[int, int]


def line_of(row: Row) -> bytes:
    """*row* as one line, all of it ASCII, its line end included."""
    fields = {key: value for key, value in _fields(row).items() if value is not None}
    return json.dumps(fields, allow_nan=False).encode("ascii") + b"\n"


def _fields(row: Row) -> dict[str, Any]:
    if row.transform is None:
        return {"image": row.image, "error": row.error or "no transformation", "version": VERSION}
    return {
        "image": row.image,
        **as_fields(row.transform),
        "units": row.units.value,
        "align_corners": row.align_corners,
        "direction": row.direction.value,
        "crop": None if row.crop is None else asdict(row.crop),
        "input_size": _size(row.input_size),
        "output_size": _size(row.output_size),
        "limited": list(row.limited) or None,
        "asked": row.asked,
        "copied": row.copied or None,
        "version": VERSION,
    }


def _size(size: Size | None) -> dict[str, int] | None:
    return None if size is None else {"width": size[1], "height": size[0]}
