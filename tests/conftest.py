"""What tests of several subjects share."""

import pytest

from stnwarp.localisation.onnx.session import LocalSession


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all networks in this process, for tests of numbers: to start another one for each network takes its time."""
    monkeypatch.setattr("stnwarp.localisation.checkpoint.WorkerSession", LocalSession)
