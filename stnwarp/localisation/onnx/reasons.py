"""What onnxruntime says of a failure, in one line of some length, whatever stands in it."""

import re

from stnwarp.text import elide

_LONGEST = 400  # characters of a reason
_MOST_READ = 20_000  # characters that are looked at: a model's own names, of any length, may stand between the ends
_QUALIFIERS = re.compile(r"^(?: const| \[with [^\]]*\])* ?")


def reason(error: Exception) -> str:
    """What *error* says, in one line of some length; a model's own names may stand in it, line breaks and all.

    Left out is where in its own source onnxruntime found it out, which would leave no room for what was found.
    """
    text = _without_place(" ".join(elide(str(error), _MOST_READ).split()))
    return elide(text, _LONGEST)


def _without_place(text: str) -> str:
    """*text* without the first source file in it, its line, and the C++ signature that follows."""
    words = text.split(" ")
    for index, word in enumerate(words[:-1]):
        if "/onnxruntime" in word and word.rpartition(":")[2].isdecimal():
            before = "".join(f"{each} " for each in words[:index])
            return before + _after_signature(" ".join(words[index + 1 :]))
    return text


def _after_signature(text: str) -> str:
    """What follows the C++ signature at the beginning of *text*; all of it where there is none.

    Its parentheses may hold others, as in (const std::function<void(int)>&), and follow others, as in operator()(int).
    """
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth <= 0 and not text.startswith(("(", "::"), place + 1):
            return _QUALIFIERS.sub("", text[place + 1 :])
    return text
