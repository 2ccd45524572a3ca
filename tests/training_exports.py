"""Exports that are quick: to trace a network takes seconds, and many tests train the same kinds of it."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
import torch
from torch import nn

from stnwarp.localisation.metadata import Metadata
from stnwarp.training.export import Exporter


class QuickExporter(Exporter):
    """Traces each kind of network once for all tests; its weights are exchanged, as within a run."""

    _known: ClassVar[dict[str, Exporter]] = {}

    def checkpoint(self, network: nn.Module, metadata: Metadata) -> bytes:
        known = self._known.setdefault(f"{network} {metadata.family} {metadata.input_size}", Exporter())
        return known.checkpoint(network, metadata)


@pytest.fixture(autouse=True)
def quick_exports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For tests of the command line, which leaves the number of threads as it was."""
    monkeypatch.setattr("stnwarp.training.running.Exporter", QuickExporter)
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before
