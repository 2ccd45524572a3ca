"""What tests of several subjects share."""

import os
import shutil

import pytest

from stnwarp.localisation.onnx.session import LocalSession


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a program that is not there; where all have to be there, fail it."""
    for marker in item.iter_markers("external"):
        [program] = marker.args
        if shutil.which(program) is None:
            end = pytest.fail if os.environ.get("STNWARP_REQUIRE_EXTERNAL") == "1" else pytest.skip
            end(f"{program} is not installed")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all networks in this process, for tests of numbers: to start another one for each network takes its time."""
    monkeypatch.setattr("stnwarp.localisation.checkpoint.WorkerSession", LocalSession)
