"""`warp` as the drop-ins for PyTorch sample: at one position for each pixel, and blended with the fill at the edge."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

import stnwarp


def warp(image: ArrayLike, transform: Any, size: tuple[int, int] | None = None, **options: Any) -> NDArray[Any]:
    """`stnwarp.warp` without antialiasing, and with the padding mode zeros unless *options* name another."""
    return stnwarp.warp(image, transform, size, **{"padding_mode": "zeros", "antialias": False, **options})
