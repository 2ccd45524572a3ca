"""Code blocks of Markdown files, found and run."""

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text and the line of the file that the text begins on."""

    language: str
    text: str
    line: int


def blocks(path: Path, language: str) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        if match[1] == language:
            yield Block(language, match[2], text[: match.start(2)].count("\n") + 1)


def run_python(path: Path, block: Block, names: dict[str, Any]) -> list[str]:
    """Run *block*, a session with >>> or plain code, in *names*; the differences in a session's output."""
    if ">>> " not in block.text:
        padding = "\n" * (block.line - 1)  # so that a traceback names the line of the file
        exec(compile(padding + block.text, str(path), "exec"), names)
        return []
    session = doctest.DocTestParser().get_doctest(block.text, names, path.name, str(path), block.line - 1)
    session.globs = names  # get_doctest copies them; later blocks go on where earlier ones ended
    complaints: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(session, out=complaints.append, clear_globs=False)
    return complaints


def commands(path: Path) -> list[str]:
    """The `stnwarp` command lines in the sh blocks of *path*, continued lines joined."""
    joined = (block.text.replace("\\\n", " ") for block in blocks(path, "sh"))
    lines = (line.split("   #")[0].strip() for text in joined for line in text.splitlines())
    return [line for line in lines if line.startswith("stnwarp ")]
