"""Exports that are quick: to trace a network takes seconds, and many tests train the same kinds of it."""

from typing import ClassVar

from torch import nn

from stnwarp.localisation.metadata import Metadata
from stnwarp.training.export import Exporter


class QuickExporter(Exporter):
    """Traces each kind of network once for all tests; its weights are exchanged, as within a run."""

    _known: ClassVar[dict[str, Exporter]] = {}

    def checkpoint(self, network: nn.Module, metadata: Metadata) -> bytes:
        known = self._known.setdefault(f"{network} {metadata.family} {metadata.input_size}", Exporter())
        return known.checkpoint(network, metadata)
