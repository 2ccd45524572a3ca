"""Localisation networks: checkpoints read, checked and run; images to transforms."""

from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.localisation.describing import describe_checkpoint
from stnwarp.localisation.files import shipped_names
from stnwarp.localisation.inputs import network_input
from stnwarp.localisation.localiser import Localiser
from stnwarp.localisation.metadata import METADATA_KEY, ColourMode, Fit, Layout, Metadata
from stnwarp.localisation.normalisation import Normalisation, parse_normalisation

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
