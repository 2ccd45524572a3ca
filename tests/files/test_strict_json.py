"""JSON read strictly: what is refused, where it stands, and that every refusal is one line."""

from typing import Any

import pytest

from stnwarp.errors import ParameterFileError
from stnwarp.files.strict_json import parse_json, without_mark


def refusal(given: bytes | str, **how: Any) -> str:
    with pytest.raises(ParameterFileError) as caught:
        parse_json(given, **how)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    return str(caught.value)


@pytest.mark.parametrize("is_line", [False, True])
def test_values_of_every_kind(is_line: bool) -> None:
    text = '{"a": [1, 2.5, null, true], "é": {"a": "\\n"}, "": []}'
    expected = {"a": [1, 2.5, None, True], "é": {"a": "\n"}, "": []}
    assert parse_json(text, is_line=is_line) == parse_json(text.encode(), is_line=is_line) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "line 1, column 1: not JSON"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6: not JSON"),
        ("[1]\n\n [2]", "line 3, column 2: not JSON (Extra data)"),
        ("\ufeff[1]", "line 1, column 1: not JSON (a byte order mark stands there)"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands there twice; keep one"),
        ('{"a": {"' + "x" * 500 + '": 1, "' + "x" * 500 + '": 1}}', f"the key '{'x' * 40}' stands there twice"),
        ("1" * 5000, "a number that cannot be read (Exceeds the limit (4300 digits) for integer string conversion)"),
        (b'{"\xc3\xa9": 1,\n"a\xc3\xa9\xff": 2}', "line 2, column 4: not UTF-8; save it as UTF-8"),
        (b"\xff", "line 1, column 1: not UTF-8"),
    ],
)
def test_what_is_no_strict_json_is_refused_with_its_place(given: bytes | str, message: str) -> None:
    assert refusal(given).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"  [1,, 2]", "column 6: not JSON"),
        ('["é" 2]', "column 6: not JSON"),
        (b'["\xc3\xa9\xff"]', "column 4: not UTF-8"),
    ],
)
def test_in_one_line_of_a_file_the_column_is_the_place(given: bytes | str, message: str) -> None:
    assert refusal(given, is_line=True).startswith(message)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused_if_asked(constant: str) -> None:
    assert refusal(f"[1, {constant}]", is_finite=True) == f"holds {constant}; every number must be finite"
    assert parse_json("[1, Infinity]") == [1, float("inf")]


@pytest.mark.parametrize("opening", ["[", '{"a": ', '[0, {"a": '])
@pytest.mark.parametrize("depth", [101, 300, 900, 100_000])
def test_nesting_has_an_end(opening: str, depth: int) -> None:
    text = opening * depth + "0" + "".join({"[": "]", "{": "}"}.get(each, "") for each in reversed(opening)) * depth
    assert refusal(text) == "nested too deeply"


def test_many_lists_side_by_side_are_not_deep() -> None:
    nested = "[" * 99 + "]" * 99
    assert len(parse_json(f"[{nested}, {', '.join(['[{}]'] * 1000)}]")) == 1001


def test_a_byte_order_mark_belongs_to_the_beginning_of_a_file() -> None:
    assert without_mark(b"\xef\xbb\xbf[]") == without_mark(b"[]") == b"[]"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_told_by_their_first_bytes(encoding: str) -> None:
    with pytest.raises(ParameterFileError, match="line 1, column 1: not UTF-8 but UTF-16 or UTF-32"):
        without_mark("[1, 2]".encode(encoding))
