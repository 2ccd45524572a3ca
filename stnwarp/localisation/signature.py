"""What a network takes and gives, by the shapes that its file declares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stnwarp.errors import CheckpointError
from stnwarp.localisation.metadata import ColourMode, Layout
from stnwarp.localisation.onnx.session import Declaration
from stnwarp.localisation.values import Size

Picture = NDArray[np.float32]
Side = int | None  # None: any, told by the batch

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_MODES = {1: ColourMode.L, 3: ColourMode.RGB}
_LARGEST_BATCH = 1024
_LARGEST_PICTURES = 2**28  # numbers in one batch, a gigabyte of them
_PREFERRED_OUTPUT = "theta"
_MOST_LISTED = 5  # names in a message
_LONGEST_NAME = 40  # characters of each


@dataclass(frozen=True)
class Signature:
    """The one input and the one output that matter; shapes as declared, with None for what is left open."""

    input: str
    output: str
    dtype: type[np.generic]
    shape: tuple[Side, Side, Side, Side]

    @property
    def batch(self) -> Side:
        """How many images it takes at a time; None for any number."""
        return self.shape[0]

    @property
    def takes_bytes(self) -> bool:
        """Whether its values are those of 8-bit images."""
        return self.dtype is np.uint8

    @property
    def layout(self) -> Layout:
        """Where its channels are, by their number; where that leaves it open, NCHW."""
        return Layout.NHWC if self.shape[1] not in _MODES and self.shape[3] in _MODES else Layout.NCHW

    def channels(self, layout: Layout) -> Side:
        """How many channels it takes."""
        return self.shape[1 if layout is Layout.NCHW else 3]

    def size(self, layout: Layout) -> tuple[Side, Side]:
        """(height, width) of what it takes."""
        return self.shape[2:] if layout is Layout.NCHW else self.shape[1:3]

    def written(self) -> str:
        """The declared shape in words."""
        return f"({', '.join('any' if side is None else str(side) for side in self.shape)})"


def signature_of(declaration: Declaration) -> Signature:
    """The signature of a model by its *declaration*.

    Raises:
        CheckpointError: it is not that of a network from images to numbers.
    """
    inputs = declaration.inputs
    if len(inputs) != 1:
        names = _listed([each.name for each in inputs])
        raise CheckpointError(f"takes {len(inputs)} inputs ({names}); a localisation network takes one, the images")
    given = inputs[0]
    if given.type not in _TYPES:
        raise CheckpointError(f"takes {given.type}; a localisation network takes float, float16, double or uint8")
    shape = _sides(given.shape)
    if len(shape) != 4:
        raise CheckpointError(f"takes an input of {len(shape)} axes; images have four: (N, C, H, W) or (N, H, W, C)")
    if shape[0] is not None and shape[0] > _LARGEST_BATCH:
        raise CheckpointError(f"takes {shape[0]} images at a time; the limit is {_LARGEST_BATCH}")
    return Signature(
        given.name, _output(declaration.outputs), _TYPES[given.type], (shape[0], shape[1], shape[2], shape[3])
    )


def mode_of(signature: Signature, layout: Layout) -> ColourMode:
    """The colour mode of a network that does not tell, by its number of channels."""
    channels = signature.channels(layout)
    if channels not in _MODES:
        found = "any number of" if channels is None else str(channels)
        raise CheckpointError(
            f"takes {found} channels, its input being {signature.written()}; export it for 1 (gray) or 3 (RGB)"
        )
    return _MODES[channels]


def picture_shape(layout: Layout, mode: ColourMode, size: Size) -> tuple[int, int, int]:
    """The shape of one picture of *size*, as a network of *layout* takes it."""
    return (mode.channels, *size) if layout is Layout.NCHW else (*size, mode.channels)


def check_fits(signature: Signature, layout: Layout, mode: ColourMode, size: Size) -> None:
    """CheckpointError unless the network takes pictures of that *layout*, *mode* and *size*."""
    if (signature.batch or 1) * mode.channels * size[0] * size[1] > _LARGEST_PICTURES:
        raise CheckpointError(f"its input is {signature.written()}, which is too large for a small copy of an image")
    wanted = picture_shape(layout, mode, size)
    if any(side not in (None, want) for side, want in zip(signature.shape[1:], wanted, strict=True)):
        raise CheckpointError(
            f"its input is {signature.written()}, which does not fit {layout} {mode} pictures of {size[1]}x{size[0]}"
        )


def written_shape(shape: Sequence[int]) -> str:
    """The shape of what a network gives, *shape* being that for one picture, in words."""
    return f"({', '.join(['N', *map(str, shape)])})"


def trial_pictures(shape: tuple[int, ...]) -> tuple[Picture, Picture]:
    """Two pictures of *shape* to try a network with: a quiet one, around mid-gray, and a loud one to stand beside it.

    They have as little in common as two pictures can have, so that what a network takes from a whole batch, such as the
    range it quantises by, is another one for the two together: the loud one is plains of 255 and -255, then noise with
    rare and enormous values (Cauchy's).
    """
    length = math.prod(shape)
    golden = (math.sqrt(5) - 1) / 2
    shares: NDArray[np.float64] = np.modf(np.arange(1, length + 1) * golden)[0]
    loud = np.tan(math.pi * (shares - 0.5))
    quarter = length // 4
    loud[:quarter], loud[quarter : 2 * quarter] = 255.0, -255.0
    quiet = 0.25 + 0.5 * shares
    return quiet.astype(np.float32).reshape(shape), loud.astype(np.float32).reshape(shape)


def _sides(shape: Sequence[int | str | None]) -> tuple[Side, ...]:
    """Names and nothing stand for what is open."""
    sides = tuple(side if isinstance(side, int) and side >= 0 else None for side in shape)
    if 0 in sides:
        raise CheckpointError(f"takes an input of shape {tuple(shape)}, which holds nothing")
    return sides


def _output(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if _PREFERRED_OUTPUT in names:
        return _PREFERRED_OUTPUT
    raise CheckpointError(f"gives {len(names)} outputs ({_listed(names)}); name the one that counts 'theta'")


def _listed(names: Sequence[str]) -> str:
    """The first few of *names*, each of which may be of any length."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..." for name in names[:_MOST_LISTED]]
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(short) + more if names else "none"
