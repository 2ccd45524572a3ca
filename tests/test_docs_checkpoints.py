"""The page on checkpoints: its code and commands run in order, and its tables are those of the code."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from stnwarp.conventions import Family
from stnwarp.localisation import Metadata
from stnwarp.localisation.parameters import family_of_shape
from tests.docs_code import ROOT, blocks, commands, run_python

PAGE = ROOT / "docs" / "checkpoints.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_its_code_and_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    complaints = [text for block in blocks(PAGE, "python") for text in run_python(PAGE, block, names)]
    assert not complaints, "\n".join(complaints)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command in commands(PAGE):
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_every_key_is_told() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert {field.name for field in fields(Metadata)} | {"parameters", "units", "direction"} <= told


def test_the_shapes_of_outputs_are_those_that_are_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for shapes, family in re.findall(r"^\| (\(N, .+?\)) \| (\w+) \|", text, re.MULTILINE):
        for shape in re.findall(r"\(N, ([^)]+)\)", shapes):
            known = {"2K": 18, "K": 9, "rows": 3, "columns": 4}
            sides = [known.get(side) or int(side) for side in shape.split(", ")]
            assert family_of_shape(sides) is Family(family)
