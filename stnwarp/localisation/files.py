"""The bytes of a checkpoint: found by its name or path, read with care, refused where they are no ONNX model."""

import os
from importlib.resources import files
from pathlib import Path

from stnwarp.errors import CheckpointError
from stnwarp.files.regular import open_regular
from stnwarp.localisation.inspection import inspect_model
from stnwarp.text import suggestion

MAX_BYTES = 2**29  # weights of some 130 million parameters; a localisation network has far fewer

_SUFFIX = ".onnx"
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive, as PyTorch's .pt files are; export the network with torch.onnx.export"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x89HDF", "an HDF5 file; export the network to ONNX"),
    (b"\x93NUMPY", "a NumPy array; a network is wanted here"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with: git lfs pull"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)
_PICKLES = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))


def shipped_names() -> tuple[str, ...]:
    """The names of the checkpoints that come with the package."""
    folder = files("stnwarp") / "checkpoints"
    if not folder.is_dir():
        return ()
    return tuple(sorted(each.name.removesuffix(_SUFFIX) for each in folder.iterdir() if each.name.endswith(_SUFFIX)))


def model_bytes(name_or_path: str | os.PathLike[str]) -> bytes:
    """The checked bytes of a shipped checkpoint, or of the file at a path.

    What has a suffix or a separator, or is an existing file, is a path. No other file is ever read, and nothing is
    unpickled.

    Raises:
        CheckpointError: no such checkpoint, or not an ONNX model that stands on its own.
    """
    data = _read(name_or_path)
    _refuse_other_formats(data)
    inspect_model(data)
    return data


def is_shipped(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether *name_or_path* means a checkpoint that comes with the package, known or not; else it is a path."""
    path = Path(name_or_path)
    is_name = isinstance(name_or_path, str) and name_or_path == path.name and not path.suffix
    try:
        return is_name and not path.is_file()
    except (OSError, ValueError):
        return False


def _read(name_or_path: str | os.PathLike[str]) -> bytes:
    try:
        return _read_shipped(name_or_path) if is_shipped(name_or_path) else _read_file(Path(name_or_path))
    except OSError as error:
        raise CheckpointError(f"{(error.strerror or str(error)).lower()}") from error
    except ValueError:  # a NUL in the name
        raise CheckpointError("not a possible file name") from None


def _read_shipped(name: str | os.PathLike[str]) -> bytes:
    known = shipped_names()
    if name not in known:
        listed = f"shipped are {', '.join(known)}; a path has a suffix" if known else "none is shipped; give a path"
        raise CheckpointError(f"no checkpoint of that name{suggestion(str(name), known)}; {listed}")
    return (files("stnwarp") / "checkpoints" / f"{name}{_SUFFIX}").read_bytes()


def _read_file(path: Path) -> bytes:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise CheckpointError(f"has {size:,} bytes; the limit is {MAX_BYTES:,}")
        return file.read(size)


def _refuse_other_formats(data: bytes) -> None:
    """Words for what is often taken for a checkpoint; the rest fails as ONNX."""
    if not data:
        raise CheckpointError("empty file")
    if data.startswith(_PICKLES):
        raise CheckpointError("a Python pickle, which is never opened; export the network with torch.onnx.export")
    for signature, words in _SIGNATURES:
        if data.startswith(signature):
            raise CheckpointError(f"not an ONNX file but {words}")
