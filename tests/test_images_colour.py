"""The fill colour in words and numbers."""

import pytest

from stnwarp.errors import ParameterError
from stnwarp.images.colour import default_fill, parse_fill
from stnwarp.images.picture import CHANNELS


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("white", "RGB", (255, 255, 255)),
        (" Tomato ", "RGB", (255, 99, 71)),
        ("#f80", "RGB", (255, 136, 0)),
        ("#ff880040", "RGBA", (255, 136, 0, 64)),
        ("rgb(1, 2, 3)", "RGB", (1, 2, 3)),
        ("1,2,3", "RGB", (1, 2, 3)),
        ("1, 2, 3, 4", "RGBA", (1, 2, 3, 4)),
        ("1,2,3", "RGBA", (1, 2, 3, 255)),
        ("1,2,3,4", "RGB", (1, 2, 3)),
        ("7", "RGB", (7, 7, 7)),
        ("7", "RGBA", (7, 7, 7, 255)),
        ("7", "LA", (7, 255)),
        ("7,9", "LA", (7, 9)),
        ("7", "L", (7,)),
        ("white", "L", (255,)),
        ("red", "L", (76,)),
        ("255,0,0", "L", (76,)),
        ("white", "1", (255,)),
        ("white", "I;16", (65535,)),
        ("40000", "I;16", (40000,)),
        ("-1.5", "F", (-1.5,)),
        ("1e9", "F", (1e9,)),
        ("black", "CMYK", (0, 0, 0, 255)),
        ("white", "CMYK", (0, 0, 0, 0)),
        ("0", "CMYK", (0, 0, 0, 255)),
        ("red", "CMYK", (0, 255, 255, 0)),
        ("10,20,30,40", "CMYK", (10, 20, 30, 40)),
        ("transparent", "RGBA", (0, 0, 0, 0)),
        ("transparent", "RGB", (0, 0, 0)),
    ],
)
def test_a_colour_becomes_one_number_a_channel(text: str, mode: str, expected: tuple[float, ...]) -> None:
    assert parse_fill(text, mode) == expected


@pytest.mark.parametrize("mode", sorted(CHANNELS))
def test_the_default_has_one_number_a_channel(mode: str) -> None:
    assert len(default_fill(mode)) == CHANNELS[mode]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("blurple", "RGB"),
        ("", "RGB"),
        ("#12345", "RGB"),
        ("256", "RGB"),
        ("-1", "RGB"),
        ("1.5", "RGB"),
        ("nan", "RGB"),
        ("1,2", "RGB"),
        ("1,2,3,4,5", "RGB"),
        ("1,,3", "RGB"),
        ("70000", "I;16"),
        ("1,2,3000", "I;16"),
        ("nan", "F"),
        ("inf", "F"),
        ("red", "F"),
        ("1,2", "F"),
    ],
)
def test_what_is_no_colour_is_refused_by_name_in_one_line(text: str, mode: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_fill(text, mode)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)
