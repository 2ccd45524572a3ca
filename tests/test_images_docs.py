"""The table of modes in the documentation is the one the program goes by."""

from pathlib import Path

import pytest

from stnwarp.images.formats import FORMATS, SUFFIXES
from stnwarp.images.modes import WRITTEN_MODES

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
NAMES = {"WebP": "WEBP", "PNM": "PPM"}

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not beside the tests")


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_modes_is_true() -> None:
    head, _, *body = rows(PAGE.read_text(encoding="utf-8").split("<!-- modes -->")[1].split("\n\n")[0])
    formats = [NAMES.get(name, name) for name in head[1:]]
    assert formats == list(FORMATS)
    assert [row[0] for row in body] == [
        "`1`",
        "`L`",
        "`P`",
        "`LA`",
        "`RGB`",
        "`RGBA`",
        "`CMYK`",
        "`I;16`",
        "`F`",
    ]
    for mode, *cells in body:
        for name, cell in zip(formats, cells, strict=True):
            written = WRITTEN_MODES[name].get(mode.strip("`"))
            if written is None:
                assert cell == "refused"
            elif written == "P" and mode != "`P`":
                assert cell == "256 colours"
            else:
                assert cell.startswith("kept" if f"`{written}`" == mode else f"as `{written}`")
                flattened = mode in {"`LA`", "`RGBA`"} and written not in {"LA", "RGBA"}
                assert ("flattened" in cell) == flattened or mode == "`P`"


def test_every_suffix_stands_in_the_table_of_formats() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in text] == []
