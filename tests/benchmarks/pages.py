"""Printed tables, put into a page of the documentation as they are."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path


class _Both(io.StringIO):
    """Keeps what is written, and writes it to the standard output as well."""

    def __init__(self, terminal: io.TextIOBase) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, text: str) -> int:
        """Both."""
        self._terminal.write(text)
        self._terminal.flush()
        return super().write(text)


@contextmanager
def written_to(page: Path | None, name: str) -> Iterator[None]:
    """Put all that is printed meanwhile between the two lines of *page* that mark the place called *name*."""
    if page is None:
        yield
        return
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    before, after = _around(page.read_text(encoding="utf-8"), begin, end, page)
    with redirect_stdout(_Both(sys.stdout)) as printed:
        yield
    page.write_text(f"{before}{begin}\n{printed.getvalue().strip()}\n\n{end}{after}", encoding="utf-8")


def _around(text: str, begin: str, end: str, page: Path) -> tuple[str, str]:
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{page} must hold the lines {begin.strip()} and {end.strip()}, once each")
    return text.split(begin)[0], text.split(end)[1]
