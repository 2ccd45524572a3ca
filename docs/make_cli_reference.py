"""Write docs/cli.md from the live help of the command line; with --check, say whether it is up to date.

python docs/make_cli_reference.py
python docs/make_cli_reference.py --check
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stnwarp.cli import main

REFERENCE = Path(__file__).parent / "cli.md"
WIDTH = 100

_HEAD = """\
# Command line

Generated from the live help by `python docs/make_cli_reference.py`; do not edit.
What the words mean stands in [conventions.md](conventions.md).
"""


def reference() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *_chapters(main, click.Context(main, info_name="stnwarp", **main.context_settings))])


def _chapters(command: click.Command, context: click.Context) -> Iterator[str]:
    """The help of *command*, then those of its own commands."""
    context.terminal_width = WIDTH
    title = context.command_path
    yield f"## {title}\n\n```text\n{_help(command, context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _chapters(child, child.context_class(child, info_name=name, parent=context))


def _help(command: click.Command, context: click.Context) -> str:
    lines = command.get_help(context).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _check() -> int:
    """0 if the file is what would be written, else 1 and the difference."""
    old = REFERENCE.read_text(encoding="utf-8") if REFERENCE.exists() else ""
    new = reference()
    difference = difflib.unified_diff(old.splitlines(), new.splitlines(), "docs/cli.md", "live help", lineterm="")
    for line in difference:
        click.echo(line)
    return int(old != new)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(_check())
    REFERENCE.write_text(reference(), encoding="utf-8")
