"""A file of object code: a checksum, the name of the function in it, the code; and the sources that code comes from."""

import hashlib
from pathlib import Path

_CHECKSUM_BYTES = 32


def encode(file: str, compiled: tuple[str, bytes]) -> bytes:
    """The content of *file* for the name of a function and its object code."""
    content = compiled[0].encode() + b"\n" + compiled[1]
    return _checksum(file, content) + content


def decode(file: str, data: bytes) -> tuple[str, bytes] | None:
    """The name of the function and the object code that *file* holds; None if it is damaged."""
    checksum, content = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if _checksum(file, content) != checksum:
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def _checksum(file: str, content: bytes) -> bytes:
    """Of the content under its name, so that one kernel's code is never taken for another's."""
    return hashlib.sha256(file.encode() + b"\0" + content).digest()


def sources_digest() -> str:
    """Of the sources of all kernels, and of what compiles them; OSError where there are none to tell versions apart."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    if not sources:
        raise OSError("the sources of the kernels are not there to tell versions apart")
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
