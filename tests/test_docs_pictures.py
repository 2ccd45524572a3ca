"""The pictures of the documentation are what the code draws today."""

import runpy

import numpy as np
from PIL import Image

from tests.cli_tools import ROOT


def test_the_picture_of_edges_is_what_its_script_draws() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "make_edge_picture.py"))["draw"]()
    with Image.open(ROOT / "docs" / "pictures" / "edges.png") as picture:
        gap = np.abs(np.asarray(picture).astype(int) - np.asarray(drawn))
    assert gap.mean() < 0.1  # FreeType may round letters otherwise
