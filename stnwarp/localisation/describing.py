"""What a checkpoint holds, in facts that can be printed or written as JSON."""

import os
from typing import Any

from stnwarp.conventions import DIRECTION, Units
from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.localisation.files import model_bytes
from stnwarp.localisation.metadata import Metadata
from stnwarp.localisation.values import Size, written

_UNSAID = "not in the file"


def describe_checkpoint(
    name_or_path: str | os.PathLike[str],
    *,
    family: str | None = None,
    input_size: Size | None = None,
    normalize: str | None = None,
) -> dict[str, Any]:
    """The facts about a checkpoint, by its name or path: what its network takes and gives, and how it was trained.

    What can be left out of `Checkpoint.load` can be left out here.

    Raises:
        CheckpointError: it cannot be read, trusted or run.
    """
    checkpoint = Checkpoint.load(name_or_path, family=family, input_size=input_size, normalize=normalize)
    facts = {
        "file": os.fspath(name_or_path),
        "kind": "checkpoint",
        "metadata": "from its shapes; the file has none"
        if checkpoint.is_foreign
        else f"version {_version(checkpoint)}",
        "bytes": len(model_bytes(name_or_path)),
    }
    return facts | _facts(checkpoint.metadata)


def _version(checkpoint: Checkpoint) -> int:
    return checkpoint.metadata.version


def _facts(known: Metadata) -> dict[str, Any]:
    rows, columns = known.control_points or (0, 0)
    return {
        "description": known.description or _UNSAID,
        "family": str(known.family),
        **({"control_points": f"{rows} rows, {columns} columns"} if known.control_points else {}),
        "parameters": list(known.parameter_names),
        "constraints": known.constraints or _UNSAID,
        "units": str(Units.NORMALIZED),
        "direction": DIRECTION,
        "align_corners": known.align_corners,
        "input_size": written(known.input_size),
        "layout": str(known.layout),
        "mode": str(known.mode),
        "fit": str(known.fit),
        "background": known.background,
        "value_range": list(known.value_range),
        "mean": list(known.mean),
        "std": list(known.std),
        "output_size": "the image's own" if known.output_size is None else written(known.output_size),
        "trained": dict(known.trained) or _UNSAID,
    }
