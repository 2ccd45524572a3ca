"""Facts as lines of text for people; JSON has them in full."""

from collections.abc import Mapping
from typing import Any

from stnwarp.text import escape_unprintable, size_text


def lines_of(facts: Mapping[str, Any]) -> list[str]:
    """One line for each fact, the values in one column; None, such as the range of no points, is no fact for people."""
    facts = {name: value for name, value in facts.items() if value is not None}
    if facts.get("kind") == "grid" and "shape" in facts:
        facts = _with_size(facts)
    width = max(map(len, facts))
    return [escape_unprintable(f"{name:<{width}}  {_text(value)}") for name, value in facts.items()]


def _with_size(facts: Mapping[str, Any]) -> dict[str, Any]:
    """*facts* with the points as a size; the shape of the array has height and width the other way round."""
    height, width, _ = facts["shape"]
    return {("points" if name == "shape" else name): value for name, value in facts.items()} | {
        "points": size_text((height, width))
    }


def _text(value: object) -> str:
    """A value with at most six digits; lists keep the brackets, which --theta takes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(entry)}" for name, entry in value.items())
    return str(value)
