"""What the network learns from: pages by chance, the spectra that its two parts see of them, and the answers.

The spectra hold no weights, so they are computed once, and kept in files of some hundred examples each.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pages.fonts import Face
from pages.layouts import KINDS, draw_page
from pages.network import BACKGROUND, SIZE, Evened, PolarSpectrum, Profiles
from pages.pictures import picture_of_anything
from pages.scans import Bytes, captured, scan, tilt_by_chance
from stnwarp.conventions import Family
from stnwarp.localisation import Fit, Metadata, network_input

METADATA = Metadata(
    family=Family.SIMILARITY,
    input_size=(SIZE, SIZE),
    fit=Fit.PAD,
    background=BACKGROUND,
    constraints="angle=45; scale 1 and no shift; the identity where no text is found",
    description="photographed or scanned pages of text, turned by up to 45 degrees either way, to upright and straight",
)

NO_TEXT = 0.12  # of the sheets; the rest are pages of text
SCANS = 5  # of each sheet
BATCH = 8
COLUMNS = ("polar", "profiles", "tilts", "residuals")


@dataclass(frozen=True)
class Scan:
    """A scanned page: (H, W) uint8, its tilt in degrees (NaN: no text), and what kind of page it is."""

    pixels: Bytes
    tilt: float
    kind: str


@dataclass(frozen=True)
class Examples:
    """Spectra and answers of N scans, in float16 and float32."""

    polar: NDArray[np.float16]  # (N, 64, 360)
    profiles: NDArray[np.float16]  # (N, 64, 81), after `tilt - residual` was undone
    tilts: NDArray[np.float32]  # (N,) degrees, NaN where there is no text
    residuals: NDArray[np.float32]  # (N,) degrees

    def save(self, path: Path) -> None:
        """Write a file that `load_examples` reads, whole or not at all."""
        beside = path.with_suffix(".part.npz")
        np.savez(beside, **{column: getattr(self, column) for column in COLUMNS})
        beside.replace(path)


def load_examples(paths: Sequence[Path]) -> Examples:
    """All the examples of *paths*."""
    parts = [np.load(path) for path in paths]
    return Examples(*(np.concatenate([part[key] for part in parts]) for key in COLUMNS))


def scans(rng: np.random.Generator, faces: Sequence[Face], each: int = SCANS) -> Iterator[Scan]:
    """Scans for ever, *each* of every sheet."""
    kinds = list(KINDS)
    shares = np.array([KINDS[kind][1] for kind in kinds])
    while True:
        if rng.random() < NO_TEXT:
            for _ in range(each):
                yield no_text(rng)
        else:
            kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
            page = draw_page(rng, faces, kind)
            for _ in range(each):
                tilt = tilt_by_chance(rng)
                yield Scan(scan(rng, page, tilt), tilt, kind)


def no_text(rng: np.random.Generator) -> Scan:
    """A photograph, a blank sheet, or a sheet with nothing but a picture on it."""
    size = (int(rng.integers(300, 1000)), int(rng.integers(300, 1000)))
    if rng.random() < 0.4:
        photograph = np.asarray(picture_of_anything(rng, *size), np.float32) / 255
        return Scan(captured(rng, photograph), math.nan, "photograph")
    sheet = Image.new("L", size, 255)
    if rng.random() < 0.5:
        sheet.paste(picture_of_anything(rng, size[0] // 2, size[1] // 2), (size[0] // 5, size[1] // 5))
    return Scan(scan(rng, sheet, tilt_by_chance(rng)), math.nan, "blank")


class Seeing:
    """Scans to examples."""

    def __init__(self) -> None:
        self.evened, self.spectrum, self.profiles = Evened(), PolarSpectrum(), Profiles()

    @torch.no_grad()
    def examples(self, rng: np.random.Generator, batch: Sequence[Scan]) -> Examples:
        """What the network would see of *batch*, once its coarse part has been wrong by a chance residual."""
        pictures = np.stack([network_input(each.pixels, METADATA) for each in batch])
        tilts = np.array([each.tilt for each in batch], np.float32)
        residuals = _residuals(rng, len(batch))
        even = self.evened(torch.from_numpy(pictures))
        undone = torch.from_numpy(np.nan_to_num(tilts) - residuals)
        polar, profiles = self.spectrum(even)[:, 0].numpy(), self.profiles(even, undone).numpy()
        return Examples(polar.astype(np.float16), profiles.astype(np.float16), tilts, residuals)


def _residuals(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Mostly what the coarse part leaves, sometimes as much as the fine one can see."""
    usual, rare = rng.normal(size=count) * 0.35, rng.uniform(-1.9, 1.9, count)
    return np.where(rng.random(count) < 0.8, usual, rare).clip(-1.9, 1.9).astype(np.float32)


def make_examples(seed: int, faces: Sequence[Face], count: int) -> Examples:
    """*count* examples, a multiple of 8, the same ones for the same seed."""
    rng, seeing = np.random.default_rng(seed), Seeing()
    source = scans(rng, faces)
    parts = [seeing.examples(rng, [next(source) for _ in range(BATCH)]) for _ in range(count // BATCH)]
    return Examples(*(np.concatenate([getattr(part, column) for part in parts]) for column in COLUMNS))
