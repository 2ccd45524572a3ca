"""Training of localisation networks in PyTorch: three recipes, and the checkpoints that come of them.

`choices` and `ranges` load nothing heavy, so that the command line can describe itself; everything else needs the
packages of the extra `train`, which `check_extra` asks for in words.
"""

from importlib.util import find_spec

from stnwarp.errors import MissingExtraError

_NEEDED = ("torch", "onnx", "onnxscript")


def check_extra() -> None:
    """MissingExtraError unless the packages that training needs are installed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"training needs {', '.join(missing)}; install it with: pip install 'stnwarp[train]'")
