"""Pictures made to differ in what use makes differ: how sharp they are, how bright, and how noisy.

Warped scenes are a little soft, all in the same way. A network that never saw a sharp picture takes sharpness for a
sign of size, and is wrong about every picture that was not resampled before.
"""

import torch
from torch.nn import functional

_SOFTEST, _SHARPEST = -0.9, 2.0  # times the difference from the mean of three by three pixels
_DARKEST = 0.5  # of full contrast
_GAMMA = 0.5  # natural logarithm of it, either way
_NOISE = 0.08  # standard deviation, of full scale


def varied(pictures: torch.Tensor, amount: float, generator: torch.Generator) -> torch.Tensor:
    """*pictures* (N, C, h, w) from 0 to 1, each with a sharpness, contrast, gamma and noise of its own.

    *amount*: 0 leaves them as they are, 1 is as much as there is.
    """
    if not amount:
        return pictures
    count = len(pictures)

    def drawn(low: float, high: float) -> torch.Tensor:
        return (low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)).to(pictures.device)

    soft = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    sharp = pictures + amount * drawn(_SOFTEST, _SHARPEST) * (pictures - soft)
    shades = sharp.clamp(1e-4, 1) ** (amount * drawn(-_GAMMA, _GAMMA)).exp()
    shades = shades * drawn(1 - amount * (1 - _DARKEST), 1.0)
    noise = torch.randn(pictures.shape, generator=generator).to(pictures.device)
    return (shades + amount * drawn(0.0, _NOISE) * noise).clamp(0, 1)
