"""The format of an object file (checksum, symbol, code), and the digest of the kernels' sources."""

import hashlib
from pathlib import Path

_CHECKSUM_BYTES = 32


def encode(file: str, compiled: tuple[str, bytes]) -> bytes:
    """Return the content of `file` for the name of a function and its object code."""
    content = compiled[0].encode() + b"\n" + compiled[1]
    return _checksum(file, content) + content


def decode(file: str, data: bytes) -> tuple[str, bytes] | None:
    """Return the name of the function and the object code that `file` holds; None if it is damaged."""
    checksum, content = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if _checksum(file, content) != checksum:
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def _checksum(file: str, content: bytes) -> bytes:
    """Hash the content together with its file name, so that one kernel's code is never taken for another's."""
    return hashlib.sha256(file.encode() + b"\0" + content).digest()


def sources_digest() -> str:
    """Return the digest of all files of `stnwarp.kernels`; OSError where there are none."""
    root = Path(__file__).parents[1]
    sources = sorted(root.rglob("*.py"))
    if not sources:
        raise OSError("the sources of the kernels are not there to tell versions apart")
    digest = hashlib.sha256()
    for path in sources:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:16]
