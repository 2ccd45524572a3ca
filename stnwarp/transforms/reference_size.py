"""Warnings about an image that is not of the reference size, (height, width), that a transform was made for."""

Size = tuple[int, int]


def proportion_warnings(reference_size: Size | None, size: Size) -> tuple[str, ...]:
    """Warn where `size` is not `reference_size` scaled by one factor, up to the rounding to whole pixels."""
    if reference_size is None:
        return ()
    # A factor that gives both sides lies between these, for the height and for the width alike.
    smallest = max((side - 0.5) / own for side, own in zip(size, reference_size, strict=True))
    largest = min((side + 0.5) / own for side, own in zip(size, reference_size, strict=True))
    if smallest <= largest:
        return ()
    return (f"{_sizes(reference_size, size)}: the picture is stretched differently",)


def size_warnings(reference_size: Size | None, size: Size) -> tuple[str, ...]:
    """Warn where `size` is not `reference_size`."""
    if reference_size in (None, size):
        return ()
    return (f"{_sizes(reference_size or size, size)}: the same pixel positions are another place in it",)


def _sizes(reference_size: Size, size: Size) -> str:
    return f"made for {reference_size[1]}x{reference_size[0]}, this image is {size[1]}x{size[0]}"
