"""JSON text read strictly: one object, no key twice, no NaN."""

import json
from typing import Any

from stnwarp.errors import ParameterError

_LONGEST = 2**22  # characters; what a training run says about itself is long at times


def parsed_object(text: str) -> dict[str, Any]:
    """The object that *text* holds; ParameterError with line and column otherwise."""
    if len(text) > _LONGEST:
        raise ParameterError(f"has {len(text):,} characters; the limit is {_LONGEST:,}")
    try:
        fields = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise ParameterError(f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise ParameterError("nested too deeply") from None
    except ParameterError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise ParameterError(f"a number that cannot be read ({str(error)[:80]})") from None
    if not isinstance(fields, dict):
        raise ParameterError("must be a JSON object")
    return fields


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ParameterError(f"the key {key[:40]!r} stands there twice; keep one")
        found[key] = value
    return found


def _refused(constant: str) -> None:
    raise ParameterError(f"holds {constant}; every number must be finite")
