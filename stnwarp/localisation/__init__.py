"""Localisation networks: checkpoints read, checked and run; images to transforms."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stnwarp.localisation.checkpoint import Checkpoint
    from stnwarp.localisation.describing import describe_checkpoint
    from stnwarp.localisation.files import shipped_names
    from stnwarp.localisation.inputs import network_input
    from stnwarp.localisation.localiser import Localiser
    from stnwarp.localisation.metadata import METADATA_KEY, ColourMode, Fit, Layout, Metadata
    from stnwarp.localisation.normalisation import Normalisation, parse_normalisation

# Where each name is defined. Loaded when it is asked for: the process that runs a network needs none of them.
_HOMES = {
    "METADATA_KEY": "metadata",
    "Checkpoint": "checkpoint",
    "ColourMode": "metadata",
    "Fit": "metadata",
    "Layout": "metadata",
    "Localiser": "localiser",
    "Metadata": "metadata",
    "Normalisation": "normalisation",
    "describe_checkpoint": "describing",
    "network_input": "inputs",
    "parse_normalisation": "normalisation",
    "shipped_names": "files",
}

__all__ = [
    "METADATA_KEY",
    "Checkpoint",
    "ColourMode",
    "Fit",
    "Layout",
    "Localiser",
    "Metadata",
    "Normalisation",
    "describe_checkpoint",
    "network_input",
    "parse_normalisation",
    "shipped_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stnwarp.localisation' has no attribute {name!r}")
    value = getattr(import_module(f"stnwarp.localisation.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
