"""JSON read strictly, wherever a file holds some: in UTF-8, no key twice, no nesting without end.

What is wrong is a ParameterFileError of one line, which begins with its place where it has one.
"""

import codecs
import json
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any, NoReturn

from stnwarp.errors import ParameterFileError

_DEEPEST = 100  # objects and lists within each other; nothing that stnwarp writes has ten


def parse_json(
    given: bytes | str,
    *,
    is_line: bool = False,
    is_finite: bool = False,
    place: Callable[[str], str] | None = None,
) -> Any:
    """The value that *given* holds, in UTF-8 if it is bytes.

    Args:
        given: without a byte order mark.
        is_line: it is one line of a file: its caller knows which, and places are told by their column alone.
        is_finite: NaN and Infinity, which are no JSON but what Python and others write, are refused.
        place: says where the text goes on that begins as it is told, if that is not what *given* alone tells.

    Raises:
        ParameterFileError: text that is no JSON, or not strict; the place is told where there is one.
    """
    where = place or (_column if is_line else _line_and_column)
    text = _decode(given, where) if isinstance(given, bytes) else given
    try:
        value = (_FINITE if is_finite else _ANY).decode(text)
    except json.JSONDecodeError as error:
        why = "a byte order mark stands there" if text.startswith("\ufeff") else error.msg
        raise ParameterFileError(f"{where(text[: error.pos])}: not JSON ({why})") from None
    except RecursionError:
        raise ParameterFileError("nested too deeply") from None
    except ParameterFileError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise ParameterFileError(f"a number that cannot be read ({str(error).partition(':')[0]})") from None
    if text.count("[") + text.count("{") > _DEEPEST:
        _refuse_deep(value)
    return value


def without_mark(data: bytes) -> bytes:
    """*data*, which begins a file, without the byte order mark of UTF-8; ParameterFileError for other encodings."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:4]:
        raise ParameterFileError("line 1, column 1: not UTF-8 but UTF-16 or UTF-32; save it as UTF-8")
    return data.removeprefix(codecs.BOM_UTF8)


def _decode(data: bytes, where: Callable[[str], str]) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParameterFileError(
            f"{where(error.object[: error.start].decode('utf-8'))}: not UTF-8; save it as UTF-8"
        ) from None


def _line_and_column(before: str) -> str:
    """Where the text goes on that begins with *before*."""
    return f"line {before.count(chr(10)) + 1}, {_column(before)}"


def _column(before: str) -> str:
    return f"column {len(before) - before.rfind(chr(10))}"


def _refuse_deep(value: Any) -> None:
    """ParameterFileError if *value* nests deeper than functions that call themselves can follow everywhere."""
    level = [value]
    for _ in range(_DEEPEST):
        within = (each.values() if type(each) is dict else each for each in level)
        level = [entry for entry in chain.from_iterable(within) if type(entry) is list or type(entry) is dict]
        if not level:
            return
    raise ParameterFileError("nested too deeply")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        left = Counter(key for key, _ in pairs) - Counter(found.keys())
        raise ParameterFileError(f"the key {next(iter(left))[:40]!r} stands there twice; keep one")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ParameterFileError(f"holds {constant}; every number must be finite")


_ANY = json.JSONDecoder(object_pairs_hook=_without_duplicates)
_FINITE = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse)
