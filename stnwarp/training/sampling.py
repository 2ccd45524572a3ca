"""Images that are a part of an array each: read as if they were all of it, and laid on frames as parts of these.

Convention: an image's own normalised (x, y): -1 and 1 are its outer edges, wherever it lies; those of the array, or
frame, where that is said. Shares are those of the frame's width and height that an image takes, in its middle.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from stnwarp.conventions import PaddingMode
from stnwarp.localisation.frames import shares
from stnwarp.training.choices import Settings, Size
from stnwarp.training.samples import frame_metadata

_ROUNDING = 1e-4  # of a pixel


@dataclass(frozen=True, eq=False)
class Parts:
    """Where each image of a batch lies in its array.

    Args:
        scale: (N, 2), by which its own coordinates are multiplied, and
        offset: (N, 2), that is added, for those of the array.
        last: (N, 2), own coordinates of the outermost pixel centres that show nothing but the image.
    """

    scale: torch.Tensor
    offset: torch.Tensor
    last: torch.Tensor

    def in_array(self, points: torch.Tensor) -> torch.Tensor:
        """Own *points* (N, H, W, 2) in the coordinates of the arrays."""
        return torch.addcmul(self.offset[:, None, None], points, self.scale[:, None, None])

    @classmethod
    def at_top_left(cls, extents: torch.Tensor, size: Size) -> "Parts":
        """Images of whole pixels, *extents* (N, 2) rows and columns, at the top left of arrays of *size*."""
        pixels = extents.flip(1).float()
        scale = pixels / _sides(size, extents.device)
        return cls(scale, scale - 1, 1 - 1 / pixels)

    @classmethod
    def in_middle(cls, taken: torch.Tensor, size: Size) -> "Parts":
        """Images that take shares (N, 2) of frames of *size*, which a network sees."""
        sides = _sides(size, taken.device)
        # What is made smaller shows something of the bars around it up to a pixel from its edge.
        first = torch.where(taken < 1, torch.ceil(sides * (1 - taken) / 2 + 0.5 - _ROUNDING), 0.0)
        last = ((1 - (2 * first + 1) / sides) / taken).clamp_min(0)
        return cls(taken, torch.zeros_like(taken), last)


def sampled(
    pictures: torch.Tensor,
    points: torch.Tensor,
    parts: Parts | None,
    padding_mode: PaddingMode,
    background: float = 0.0,
) -> torch.Tensor:
    """The images that are *parts* of *pictures* (N, C, H, W), read bilinearly at their own *points* (N, H', W', 2).

    *parts*: None where the images are all of their arrays, which is faster. *padding_mode* holds at the images' edges;
    *background* is what zeros means, and what lies around them.
    """
    if padding_mode is PaddingMode.ZEROS:
        points = points if parts is None else parts.in_array(points)
        if not background:
            return functional.grid_sample(pictures, points, align_corners=False)
        return functional.grid_sample(pictures - background, points, align_corners=False) + background
    if parts is None:
        return functional.grid_sample(pictures, points, padding_mode=padding_mode.value, align_corners=False)
    if padding_mode is PaddingMode.REFLECTION:
        points = 1 - (torch.remainder(points + 1, 4) - 2).abs()
    last = parts.last[:, None, None]
    grid = parts.in_array(torch.clamp(points, -last, last))
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of which an image takes a part each, in the middle; N is 1 where one frame is that of all images.

    Args:
        points: (N, H, W, 2), in the middle of what each pixel shows of its image; in the frame's coordinates.
        cover: (N, 1, H, W), how much of each pixel that is.
    """

    points: torch.Tensor
    cover: torch.Tensor

    @classmethod
    def of(cls, taken: torch.Tensor, size: Size) -> "Frames":
        """Frames of *size*, of which images take shares (N, 2)."""
        (x, across), (y, down) = (_covered(taken[:, axis], size[1 - axis]) for axis in (0, 1))
        count, (height, width) = len(taken), size
        columns, rows = x[:, None].expand(count, height, width), y[:, :, None].expand(count, height, width)
        return cls(torch.stack((columns, rows), dim=-1), (down[:, :, None] * across[:, None])[:, None])

    def laid(self, pictures: torch.Tensor, background: float | torch.Tensor) -> torch.Tensor:
        """What *pictures* (N, C, H, W) show at the points, with *background*, as many or one, around the images."""
        return pictures * self.cover + background * (1 - self.cover)


def shares_of(sizes: torch.Tensor, settings: Settings) -> torch.Tensor:
    """The shares (N, 2) that images of *sizes* (N, 2), heights and widths, take of the network's frame."""
    metadata = frame_metadata(settings, settings.input_size)
    kinds, which = torch.unique(sizes, dim=0, return_inverse=True)
    found = [shares((height, width), metadata)[::-1] for height, width in kinds.tolist()]
    return torch.tensor(found)[which]


def _covered(taken: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the pixels along *side*, where the middle of what they show of an image lies, and how much that is: (N, side).

    Pixels that show nothing of it have a point nearby.
    """
    edges = torch.arange(side, device=taken.device)
    start = side * (1 - taken[:, None]) / 2
    low, high = torch.maximum(edges, start), torch.minimum(edges + 1, side - start)
    return (low + high) / side - 1, (high - low).clamp_min(0)


def _sides(size: Size, device: torch.device) -> torch.Tensor:
    return torch.tensor((size[1], size[0]), dtype=torch.float32, device=device)
