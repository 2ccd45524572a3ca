"""The commands of docs/train.md run, on the images that its script draws; with fewer epochs than they ask for."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs_code import ROOT, blocks, commands

PAGE = ROOT / "docs/train.md"


@pytest.mark.slow
def test_the_commands_of_the_page_run_in_order(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, str(ROOT / "docs/make_training_images.py"), "drawn"]
    subprocess.run(script, env=environment, cwd=tmp_path, check=True)
    for command in commands(PAGE):
        quick = re.sub(r"--epochs \d+", "--epochs 1 --scenes 64", command)
        words = [sys.executable, "-m", *shlex.split(quick)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(list((tmp_path / "straight").rglob("*.png"))) == 400
    assert {"upright.onnx", "known.onnx", "classes.onnx"} <= {path.name for path in tmp_path.iterdir()}


def test_the_page_shows_the_script_and_every_recipe() -> None:
    text = "".join(block.text for block in blocks(PAGE, "sh"))
    assert "python docs/make_training_images.py drawn" in text
    assert all(f"--recipe {recipe}" in text for recipe in ("restore", "theta", "classify"))
