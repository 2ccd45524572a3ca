"""What docs/design.md and the decisions say of the code is so, and no link in the documentation is broken."""

import re
from pathlib import Path

import pytest

from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.sampling import arrays
from stnwarp.transforms import MATRIX_FAMILIES, Family, Move, MoveKind, forward_matrix
from tests.docs_code import ROOT
from tests.test_house import FLOORS

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


def test_the_table_of_floors_is_the_one_that_imports_are_held_to() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
    rooms = [
        {room.removesuffix(".py").strip("/").replace("/", ".") for room in re.findall("`(.+?)`", row)}
        for _, row in rows
    ]
    assert [int(number) for number, _ in rows] == list(range(len(FLOORS)))
    assert rooms == list(FLOORS)


TABLES = {
    "padding mode, code": (PaddingMode, arrays.PADDING_CODES),
    "family, row": (set(Family) - {Family.THIN_PLATE_SPLINE}, MATRIX_FAMILIES),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_choices_has_every_member(name: str) -> None:
    choices, table = TABLES[name]
    assert set(table) == set(choices)


@pytest.mark.parametrize("kind", MoveKind)
def test_every_move_has_its_numbers_and_its_matrix(kind: MoveKind) -> None:
    move = Move(kind, (1.0,) if kind is MoveKind.ROTATE else (1.0, 1.0))
    assert forward_matrix([move], (5, 6)).shape == (3, 3)


def test_the_conventions_page_tells_every_interpolation_and_padding_mode() -> None:
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    assert [name for name in (*Interpolation, *PaddingMode) if f"| `{name}` |" not in text] == []
