"""What is said of an image that is not of the size, (height, width), that a transform was made for."""

Size = tuple[int, int]


def of_other_proportions(made_for: Size | None, size: Size) -> tuple[str, ...]:
    """A warning where *size* is not *made_for* scaled by one factor, up to the rounding to whole pixels."""
    if made_for is None:
        return ()
    # A factor that gives both sides lies between these, for the height and for the width alike.
    smallest = max((side - 0.5) / own for side, own in zip(size, made_for, strict=True))
    largest = min((side + 0.5) / own for side, own in zip(size, made_for, strict=True))
    if smallest <= largest:
        return ()
    return (f"{_sizes(made_for, size)}: the picture is stretched differently",)


def of_another_size(made_for: Size | None, size: Size) -> tuple[str, ...]:
    """A warning where *size* is not *made_for*."""
    if made_for in (None, size):
        return ()
    return (f"{_sizes(made_for or size, size)}: the same pixel positions are another place in it",)


def _sizes(made_for: Size, size: Size) -> str:
    return f"made for {made_for[1]}x{made_for[0]}, this image is {size[1]}x{size[0]}"
