"""The localisation network of `page`: how far the lines of a page of text are tilted.

A line of text repeats below itself, so its page's spectrum is bright along the lines' normal. `Coarse` looks at the
spectrum by direction and radius, and finds the direction that text gives and rules, edges and pictures do not. `Fine`
turns the page back by that and tries small tilts as projection profiles do, but in the spectrum of the profiles. Both
judge what they see with small convolutions, which see the same thing at every tilt.
Convention: a tilt is in degrees, counter-clockwise as seen on screen.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 640  # of the square picture that the network sees
BACKGROUND = 1.0  # around it
REACH = 210  # cycles to the picture, the finest pattern that is looked at
WHITE = 0.998  # from here on a pixel may be background


class Evened(nn.Module):
    """(N, 1, S, S) from 0 to 1 -> the same, with the local mean taken away and the local contrast made even."""

    def forward(self, images: Tensor) -> Tensor:
        """Zero where the background is, so that the frame of the picture is no edge."""
        inside = _frame(images)
        share = _blurred(inside) + 1e-4
        detail = (images - _blurred(images * inside) / share) * inside
        energy = _blurred(detail * detail) / share
        floor = 0.06 * detail.square().mean(dim=(1, 2, 3), keepdim=True) + 2e-5
        return (detail / torch.sqrt(energy + floor)).clamp(-3.0, 3.0)


def _frame(images: Tensor) -> Tensor:
    """One inside the rows and columns that hold anything but background, else zero."""
    written = (images < WHITE).to(images.dtype)
    rows, columns = written.amax(dim=3, keepdim=True), written.amax(dim=2, keepdim=True)
    return _between(rows, 2) * _between(columns, 3)


def _between(marks: Tensor, axis: int) -> Tensor:
    """One from the first mark along *axis* to the last."""
    before = torch.cumsum(marks, axis)
    after = marks.sum(dim=axis, keepdim=True) - before + marks
    return ((before > 0.5) & (after > 0.5)).to(marks.dtype)


def _blurred(images: Tensor) -> Tensor:
    """Means over about 50 pixels, made on a smaller copy."""
    small = functional.avg_pool2d(images, 4)
    for _ in range(2):
        small = functional.avg_pool2d(small, 9, stride=1, padding=4)
    return functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=False)


class PolarSpectrum(nn.Module):
    """(N, 1, S, S) -> (N, 1, radii, 360): log power by radius and by tilt from -90 degrees in steps of a half."""

    LEAST = 5.0
    RADII, SUB_RADII = 64, 3
    TILTS, SUB_TILTS = 360, 4

    def forward(self, images: Tensor) -> Tensor:
        """Relative to the mean over all directions, radius by radius."""
        power = self._power(images[:, 0])
        grid = self._places(images).expand(images.shape[0], -1, -1, -1)
        fine = functional.grid_sample(power, grid, mode="bilinear", padding_mode="border", align_corners=True)
        cells = functional.avg_pool2d(fine, (self.SUB_RADII, self.SUB_TILTS))
        return torch.log(cells / (cells.mean(dim=3, keepdim=True) + 1e-6) + 0.02)

    def _power(self, images: Tensor) -> Tensor:
        """(N, S, S) -> (N, 1, 2 REACH + 1, 4 REACH + 1): power at half cycles, down from 0, across from -REACH."""
        down = _half_cycles(images)
        across = _turns(torch.arange(-2 * REACH, 2 * REACH + 1, device=images.device) / 2)
        real, imaginary = images @ torch.cos(across).T, images @ torch.sin(across).T
        cosine, sine = torch.cos(down), torch.sin(down)
        return ((cosine @ real - sine @ imaginary) ** 2 + (sine @ real + cosine @ imaginary) ** 2)[:, None] / SIZE**2

    def _places(self, images: Tensor) -> Tensor:
        """The sampling grid of the polar picture in that of the power."""
        steps = (torch.arange(self.RADII * self.SUB_RADII, device=images.device) + 0.5) / (self.RADII * self.SUB_RADII)
        radii = self.LEAST * torch.exp(steps * math.log(REACH / self.LEAST))
        count = self.TILTS * self.SUB_TILTS
        offset = (self.SUB_TILTS - 1) / 2
        tilts = (torch.arange(count, device=images.device) - offset) * (math.pi / count) - math.pi / 2
        x = radii[:, None] * torch.sin(tilts) / REACH
        y = radii[:, None] * torch.cos(tilts) / REACH * 2 - 1
        return torch.stack([x, y], dim=-1)[None]


def _half_cycles(like: Tensor) -> Tensor:
    """(2 REACH + 1, S): the turns of 0, 1/2, 1 .. REACH cycles. The exporter would store a smaller table as numbers."""
    return _turns(torch.arange(2 * REACH + 1, device=like.device) / 2)


def _turns(cycles: Tensor) -> Tensor:
    """(count, S): the angle of a wave of so many cycles to the picture at each pixel."""
    pixels = torch.arange(SIZE, device=cycles.device, dtype=torch.float32) - (SIZE - 1) / 2
    return cycles[:, None] * pixels * (2 * math.pi / SIZE)


class CoarseJudge(nn.Module):
    """(N, 1, 64, 360) -> scores of the tilts from -46 to 46 degrees, one each (N, 93), and of text (N,)."""

    STEP, LIMIT = 1.0, 46.0
    COUNT = PolarSpectrum.TILTS // 2

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.first = Ring2d(1, width, (7, 9), stride=2)
        self.second = Ring2d(width, 16, (3, 5))
        self.third = Ring2d(16, 24, (3, 5))
        self.gather = nn.Conv1d(24 * 8, 48, 1)
        self.rings = nn.Sequential(Ring1d(96, 48, 5, 1), Ring1d(48, 48, 5, 2), Ring1d(48, 48, 5, 6))
        self.score = nn.Conv1d(48, 1, 1)
        self.text = nn.Sequential(nn.Linear(96, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, polar: Tensor) -> tuple[Tensor, Tensor]:
        """The scores, and the log odds that there is text."""
        seen = _by_degrees(self.first(polar))
        for layer in (self.second, self.third):
            seen = functional.max_pool2d(layer(seen), (2, 1))
        by_tilt = functional.relu(self.gather(seen.flatten(1, 2)))
        # text is told from rules and edges by what lies across it as well
        half = self.COUNT // 2
        across = torch.cat([by_tilt[:, :, half:], by_tilt[:, :, :half]], dim=2)
        by_tilt = self.rings(torch.cat([by_tilt, across], dim=1))
        text = self.text(torch.cat([by_tilt.mean(dim=2), by_tilt.amax(dim=2)], dim=1))
        reach = round(self.LIMIT / self.STEP)
        return self.score(by_tilt)[:, 0, half - reach : half + 1 + reach], text[:, 0]


def _by_degrees(seen: Tensor) -> Tensor:
    """(N, C, radii, 360) -> (N, C, radii, 180): each degree with half of both neighbours."""
    before = torch.cat([seen[..., -1:], seen[..., :-1]], dim=-1)[..., 0::2]
    return (before + seen[..., 1::2]) / 4 + seen[..., 0::2] / 2


class Ring2d(nn.Module):
    """A convolution over radius and tilt, for which the last tilt stands beside the first."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int], stride: int = 1) -> None:
        super().__init__()
        self.reach = kernel[1] // 2
        self.convolution = nn.Conv2d(before, after, kernel, (stride, 1), (kernel[0] // 2, 0))
        self.norm = nn.BatchNorm2d(after)

    def forward(self, seen: Tensor) -> Tensor:
        """(N, before, radii, tilts) -> (N, after, radii / stride, tilts)."""
        return functional.relu(self.norm(self.convolution(_closed(seen, self.reach))))


class Ring1d(nn.Module):
    """A convolution over tilts for which the last stands beside the first."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.reach = kernel // 2 * dilation
        self.convolution = nn.Conv1d(before, after, kernel, dilation=dilation)
        self.norm = nn.BatchNorm1d(after)

    def forward(self, seen: Tensor) -> Tensor:
        """(N, before, tilts) -> (N, after, tilts)."""
        return functional.relu(self.norm(self.convolution(_closed(seen, self.reach))))


def _closed(seen: Tensor, reach: int) -> Tensor:
    return torch.cat([seen[..., -reach:], seen, seen[..., :reach]], dim=-1)


class Profiles(nn.Module):
    """(N, 1, S, S) and tilts (N,) -> (N, 64, 81): how sharp the lines are when a little more tilt is undone.

    The picture is turned back by the tilts and cut into upright strips; a shift of each strip, in its spectrum, undoes
    a further tilt exactly. Channels are 16 bands of line pitch by 4 widths of a column within which lines must meet.
    """

    STEP, COUNT = 0.05, 81
    STRIP = 8
    LEAST, MOST, BANDS = 4, 196, 16

    def forward(self, images: Tensor, tilts: Tensor) -> Tensor:
        """The log power of the profiles, relative to its mean over the tilts tried."""
        straight = turned_back(images, tilts)[:, 0]
        strips = straight.reshape(images.shape[0], SIZE, SIZE // self.STRIP, self.STRIP).sum(dim=3)
        eighths = self._by_eighths(strips)
        widths = [eighths]
        for _ in range(3):
            pairs = widths[-1]
            widths.append(pairs[:, :, 0::2] + pairs[:, :, 1::2])
        power = torch.stack([(part**2).sum(dim=(1, 2)) for part in widths], dim=1)
        bands = power @ self._bands(power).T
        relative = bands / (bands.mean(dim=2, keepdim=True) + 1e-3)
        return torch.log(relative + 0.01).transpose(2, 3).flatten(1, 2)

    def _by_eighths(self, strips: Tensor) -> Tensor:
        """(N, S, strips) -> (N, 2, 8, tilts, cycles): real and imaginary spectra of each eighth, lines undone."""
        cycles = torch.arange(self.LEAST, self.MOST + 1, device=strips.device, dtype=torch.float32)
        turns = _half_cycles(strips)[2 * self.LEAST : 2 * self.MOST + 1 : 2]
        real, imaginary = torch.cos(turns) @ strips, -(torch.sin(turns) @ strips)
        count = SIZE // self.STRIP
        places = (torch.arange(count, device=strips.device) - (count - 1) / 2) * self.STRIP
        tangents = torch.tan(self.tilts(strips) * (math.pi / 180))
        # (eighth, cycles, tilts, strip within the eighth)
        phase = cycles[:, None, None] * tangents[:, None] * places.reshape(8, 1, 1, -1) * (2 * math.pi / SIZE)
        cosine, sine = torch.cos(phase), torch.sin(phase)
        shape = (strips.shape[0], -1, 8, count // 8, 1)
        real, imaginary = real.reshape(shape).transpose(1, 2), imaginary.reshape(shape).transpose(1, 2)
        first = cosine @ real + sine @ imaginary
        second = cosine @ imaginary - sine @ real
        return torch.stack([first, second], dim=1)[..., 0].transpose(3, 4)

    def tilts(self, like: Tensor) -> Tensor:
        """The tilts tried, in degrees."""
        return (torch.arange(self.COUNT, device=like.device) - (self.COUNT - 1) / 2) * self.STEP

    def _bands(self, like: Tensor) -> Tensor:
        """(bands, cycles): which cycles each band adds up; the bands are even on a logarithmic scale."""
        cycles = torch.arange(self.LEAST, self.MOST + 1, device=like.device)
        scaled = torch.log(cycles / self.LEAST) / math.log((self.MOST + 1) / self.LEAST) * self.BANDS
        return (scaled.floor() == torch.arange(self.BANDS, device=like.device)[:, None]).to(like.dtype)


def turned_back(images: Tensor, tilts: Tensor) -> Tensor:
    """*images* with tilts (N,) in degrees undone about their centre."""
    radians = tilts * (math.pi / 180)
    cosine, sine = torch.cos(radians)[:, None, None], torch.sin(radians)[:, None, None]
    axis = (torch.arange(SIZE, device=images.device) - (SIZE - 1) / 2) * (2 / SIZE)
    y, x = axis[None, :, None], axis[None, None, :]
    grid = torch.stack([cosine * x + sine * y, cosine * y - sine * x], dim=-1)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


class FineJudge(nn.Module):
    """(N, 64, 81) -> scores of the tilts that `Profiles` tries (N, 81)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(64, width, 5, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=8, dilation=4), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, 1, 5, padding=2),
        )  # fmt: skip
        self.direct = nn.Conv1d(64, 1, 1)

    def forward(self, profiles: Tensor) -> Tensor:
        """The scores."""
        return (self.layers(profiles) + self.direct(profiles))[:, 0]


def peak(scores: Tensor, step: float, reach: int) -> Tensor:
    """Scores (N, count) of tilts *step* degrees apart about 0 -> (N,): the mean tilt within *reach* of the best."""
    count = scores.shape[1]
    places = torch.arange(count, device=scores.device)
    best = scores.argmax(dim=1, keepdim=True)
    near = (places - best).abs() <= reach
    weights = torch.softmax(scores.masked_fill(~near, -1e4), dim=1)
    return (weights * (places - (count - 1) / 2)).sum(dim=1) * step


class PageNetwork(nn.Module):
    """(N, 1, S, S) from 0 to 1 -> (N, 4): the similarity (scale, angle in radians, tx, ty) that sets the text upright.

    Only the angle is ever another than that of the identity, and that only where there is text.
    """

    DOUBT = 0.2  # degrees: how far off the coarse part is held to be
    TEXT = -1.0  # log odds of text from which on a page is turned
    INK = 1e-3  # mean square of the evened picture below which it is blank

    def __init__(self) -> None:
        super().__init__()
        self.evened, self.spectrum, self.profiles = Evened(), PolarSpectrum(), Profiles()
        self.coarse, self.fine = CoarseJudge(), FineJudge()

    def tilts(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Tilts in degrees (N,), and the log odds that there is text (N,)."""
        even = self.evened(images)
        scores, text = self.coarse(self.spectrum(even))
        tilts = peak(scores, CoarseJudge.STEP, 2)
        doubts = (self.profiles.tilts(even) / self.DOUBT).square() / 2
        tilts = tilts + peak(self.fine(self.profiles(even, tilts)) - doubts, Profiles.STEP, 6)
        drawn = even.square().mean(dim=(1, 2, 3)) > self.INK
        return tilts.clamp(-45.0, 45.0), torch.where(drawn, text, torch.full_like(text, -100.0))

    def forward(self, images: Tensor) -> Tensor:
        """The parameters."""
        tilts, text = self.tilts(images)
        angles = torch.where(text > self.TEXT, tilts, torch.zeros_like(tilts)) * (-math.pi / 180)
        zeros = torch.zeros_like(angles)
        return torch.stack([zeros + 1, angles, zeros, zeros], dim=1)
