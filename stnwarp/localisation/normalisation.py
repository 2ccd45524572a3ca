"""What a network's values mean, as people write it down for one that does not say so itself."""

import math
from dataclasses import dataclass

from stnwarp.errors import ParameterError
from stnwarp.text import suggestion, truncate_repr

_FORMS = (
    "imagenet, LOW..HIGH such as 0..1, -1..1 or 0..255, or MEAN/STD such as 0.5/0.5, with one or three numbers each"
)


@dataclass(frozen=True)
class Normalisation:
    """What black and full scale become; then *mean* is subtracted and the rest divided by *std*."""

    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


IMAGENET = Normalisation((0.0, 1.0), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def parse_normalisation(text: str) -> Normalisation:
    """The normalisation that *text* means: "imagenet", "-1..1" and other ranges, or "MEAN/STD" of values in 0..1.

    Raises:
        ParameterError: none of these, or a standard deviation of 0.
    """
    if not isinstance(text, str):
        raise ParameterError(f"normalize must be {_FORMS}; got {truncate_repr(text)}")
    if text == "imagenet":
        return IMAGENET
    if ".." in text:
        low, _, high = text.partition("..")
        ends = (*_numbers(low, text), *_numbers(high, text))
        if len(ends) != 2 or ends[0] == ends[1]:
            raise ParameterError(f"normalize must be two different ends LOW..HIGH, got {truncate_repr(text)}")
        return Normalisation(value_range=(ends[0], ends[1]))
    mean, slash, std = text.partition("/")
    if not slash:
        raise ParameterError(f"normalize must be {_FORMS}; got {truncate_repr(text)}{suggestion(text, ['imagenet'])}")
    parsed = Normalisation(mean=_numbers(mean, text), std=_numbers(std, text))
    if {len(parsed.mean), len(parsed.std)} - {1, 3}:
        raise ParameterError(f"normalize takes one or three numbers before and after '/', got {truncate_repr(text)}")
    if 0.0 in parsed.std:
        raise ParameterError(f"normalize must not divide by 0, got {truncate_repr(text)}")
    return parsed


def _numbers(part: str, whole: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in part.split(","))
    except ValueError:
        raise ParameterError(f"normalize must be {_FORMS}; got {truncate_repr(whole)}") from None
    if not all(map(math.isfinite, numbers)):
        raise ParameterError(f"normalize must be finite numbers, got {truncate_repr(whole)}")
    return numbers
