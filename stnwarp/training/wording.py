"""Words that messages about training have in common."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """*number* with its *noun*, which takes an s in the plural: 1 image, 2 images."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(words: Sequence[str], last: str = "and") -> str:
    """*words* as people list them, with *last* before the last of them: 'angle, scale and shift'."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
