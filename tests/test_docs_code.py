"""The code in the documentation runs, and prints what the documentation says it prints."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs_code import ROOT, Block, blocks, commands, run_python

PAGES = [ROOT / "README.md", ROOT / "docs/tutorial.md", ROOT / "docs/conventions.md"]
WITH_COMMANDS = [*PAGES, ROOT / "docs/sample_images.md", ROOT / "docs/params.md"]


@pytest.fixture
def beside_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory but for sample_images/, as seen from the root of the repository."""
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_python_blocks_of_a_page_run_in_order(page: Path, beside_the_samples: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    complaints = [text for block in blocks(page, "python") for text in run_python(page, block, names)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda path: path.name)
def test_the_commands_of_a_page_run_in_order(page: Path, beside_the_samples: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command in commands(page):
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_a_session_with_another_output_is_noticed() -> None:
    block = Block("python", ">>> 1 + 1\n3\n", 1)
    assert len(run_python(Path("page.md"), block, {})) == 1


def test_the_pages_hold_code_to_run() -> None:
    assert all(list(blocks(page, "python")) for page in PAGES)
