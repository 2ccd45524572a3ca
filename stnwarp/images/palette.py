"""Pictures with a palette: kept as they are, resolved into colours, or made for GIF."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stnwarp.images.picture import Picture

REDUCED = "GIF holds 256 colours: the picture was reduced to them"
ALL_OR_NOTHING = "GIF knows no half transparency: each pixel was made opaque or clear"


def entries(picture: Picture) -> NDArray[np.uint8]:
    """The palette of *picture*, (256, 4) RGBA; entries that it lacks are opaque black."""
    table = np.zeros((256, 4), np.uint8)
    table[:, 3] = 255
    told = np.frombuffer(picture.palette or b"", np.uint8).reshape(-1, 4)[:256]
    table[: len(told)] = told
    return table


def resolved(picture: Picture) -> tuple[NDArray[np.uint8], str]:
    """The colours that the indices stand for, and their mode: "RGBA" if any entry lets something through."""
    table = entries(picture)
    if int(table[:, 3].min()) == 255:
        table = np.ascontiguousarray(table[:, :3])
    return table[picture.array.astype(np.uint8, copy=False)], "RGBA" if table.shape[1] == 4 else "RGB"


def is_kept(picture: Picture, format: str) -> bool:
    """Whether *format* can hold this palette with its transparency."""
    alphas = set(entries(picture)[:, 3].tolist())
    return format == "PNG" or alphas <= ({255, 0} if format == "GIF" else {255})


def indexed(picture: Picture, format: str) -> Image.Image:
    """*picture*, whose palette *format* can hold, with indices and palette as they are."""
    table = entries(picture)
    indices = picture.array.astype(np.uint8)
    used = max(len(picture.palette or b"") // 4, int(indices.max()) + 1)
    clear = np.flatnonzero(table[:used, 3] == 0)
    if format == "GIF" and len(clear):  # which names a single clear entry
        indices[np.isin(indices, clear)] = clear[0]
    has_alpha = format == "PNG" and int(table[:used, 3].min()) < 255
    image = Image.fromarray(indices)
    image.putpalette(table[:used, : 4 if has_alpha else 3].tobytes(), "RGBA" if has_alpha else "RGB")
    if format == "GIF" and len(clear):
        image.info["transparency"] = int(clear[0])
    return image


def reduced(array: NDArray[np.uint8]) -> tuple[Image.Image, tuple[str, ...]]:
    """Colours, (H, W, 3 or 4), in a palette of 256, one of them clear if need be; and the cost in words."""
    if array.shape[2] == 3:
        return _palette_of(array, 256)
    alpha = array[..., 3]
    clear = alpha < 128
    image, warnings = _palette_of(array[..., :3], 255)
    if bool(((alpha > 0) & (alpha < 255)).any()):
        warnings = (*warnings, ALL_OR_NOTHING)
    if bool(clear.any()):
        image.paste(255, mask=Image.fromarray(clear.astype(np.uint8) * 255))
        image.info["transparency"] = 255
    return image, warnings


def _palette_of(colours: NDArray[np.uint8], count: int) -> tuple[Image.Image, tuple[str, ...]]:
    """*colours*, (H, W, 3), in a palette of *count*: exact if there are no more of them."""
    image = Image.fromarray(np.ascontiguousarray(colours))
    warnings = (REDUCED,) if image.getcolors(count) is None else ()
    return image.quantize(count, Image.Quantize.MEDIANCUT), warnings
