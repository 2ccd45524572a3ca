"""Small images and sources for the tests of the folder room."""

from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from stnwarp.folder import OneForAll, Settings, Source
from stnwarp.transforms import Move, MoveKind, MovesSpec

TURNED = Settings(OneForAll(MovesSpec((Move(MoveKind.ROTATE, (90.0,)),))))
TILTED = Settings(OneForAll(MovesSpec((Move(MoveKind.ROTATE, (17.0,)),))))


def save_image(path: Path, mode: str = "RGB", size: tuple[int, int] = (12, 16), seed: int = 0) -> Path:
    """A noise image of *size* (height, width) at *path*; JPEG and PNG by the suffix."""
    channels = len(mode)
    shape = size if channels == 1 else (*size, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode=None).save(path)
    return path


def source(relative: str, root: Path | str = "photos") -> Source:
    """A source that need not exist."""
    return Source(Path(root) / relative, Path(root), PurePath(relative))


def files_below(directory: Path) -> dict[str, bytes]:
    """Every file below *directory*, hidden ones included, with its bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
