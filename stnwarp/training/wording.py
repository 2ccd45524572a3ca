"""Words that messages about training have in common."""


def counted(number: int, noun: str) -> str:
    """*number* with its *noun*, which takes an s in the plural: 1 image, 2 images."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
