"""What docs/design.md and the decisions say of the code is so, and no link in the documentation is broken."""

import re
from pathlib import Path

import pytest

from stnwarp import arrays, sampler
from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.transforms import Family, MoveKind, families, motion
from tests.docs_code import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of *page*, as code forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_inside_the_documentation_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith(("http:", "https:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_room_in_the_table_of_the_house_exists() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rooms = [
        room for row in re.findall(r"^\| \d \| ([^|]+) \|", text, re.MULTILINE) for room in re.findall(r"`(.+?)`", row)
    ]
    assert len(rooms) >= 12
    assert [room for room in rooms if not (ROOT / "stnwarp" / room).exists()] == []


def test_every_package_and_module_has_its_place_in_the_house() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    found = {path.name for path in (ROOT / "stnwarp").iterdir() if not path.name.startswith(("__", "."))}
    named = {room.rstrip("/") for room in re.findall(r"`([\w.]+/?)`", text)}
    assert found - named - {"py.typed"} == set()


TABLES = {
    "padding mode, code": (PaddingMode, arrays.PADDING_CODES),
    "interpolation, kernel": (Interpolation, sampler._KERNELS),
    "family, counts": (Family, families._COUNTS),
    "family, names": (Family, families._NAMES),
    "family, words": (Family, families._WORDS),
    "family, builder": (Family, families._BUILD),
    "family, reader": (Family, families._READ),
    "move, counts": (MoveKind, motion._COUNTS),
    "move, matrix": (MoveKind, motion._MATRIX),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_choices_has_every_member(name: str) -> None:
    choices, table = TABLES[name]
    assert set(table) == set(choices)


def test_the_conventions_page_tells_every_interpolation_and_padding_mode() -> None:
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    assert [name for name in (*Interpolation, *PaddingMode) if f"| `{name}` |" not in text] == []
