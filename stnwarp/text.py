"""Text for messages: suggestions for misspelt names, values cut short, sizes, counts and paths on one line."""

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePath

_LONGEST_REPR = 60  # characters of a value that a message repeats


def suggestion(name: str, known: Iterable[str]) -> str:
    """A ' (did you mean ...?)' for a misspelt *name*, or nothing."""
    close = get_close_matches(name[:_LONGEST_REPR].lower(), list(known), n=1)
    return f" (did you mean {str(close[0])!r}?)" if close else ""


def truncate_repr(value: object) -> str:
    """*value* as Python writes it, for a message of one line: what somebody else's file holds may be of any length."""
    text = repr(value)
    return text if len(text) <= _LONGEST_REPR else f"{text[: _LONGEST_REPR - 3]}..."


def elide(text: str, longest: int) -> str:
    """*text* of at most so many characters, the middle left out where it has more."""
    return text if len(text) <= longest else f"{text[: longest // 2]} ... {text[5 - longest + longest // 2 :]}"


def size_text(size: tuple[int, int]) -> str:
    """(height, width) as sizes are written on the command line."""
    return f"{size[1]}x{size[0]}"


def escape_unprintable(text: str) -> str:
    """*text* on one line: control characters, and bytes of names that are not UTF-8, as backslash escapes."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def quote_path(path: str | PurePath) -> str:
    """*path* in quotes on one line: line breaks, undecodable bytes and direction marks are escaped."""
    return repr(os.fspath(path))


def count_noun(number: int, noun: str) -> str:
    """*number* with its *noun*, which takes an s in the plural: 1 image, 2 images."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def join_words(words: Sequence[str], last: str = "and") -> str:
    """*words* as people list them, with *last* before the last of them: 'angle, scale and shift'."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
