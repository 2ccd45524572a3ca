"""Training of the two parts that judge, by gradient descent on examples that were made before."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pages.examples import Examples
from pages.network import CoarseJudge, PageNetwork, PolarSpectrum, Profiles

BATCH = 32
RATE = 2e-3
WARM_UP = 50  # steps
COARSE_WIDTH, FINE_WIDTH = 0.5, 0.06  # degrees: how wide an answer counts as right
TURN = 30  # columns of the polar spectrum, of half a degree each


@dataclass(frozen=True)
class Batch:
    """Tensors of some examples, mirrored and turned by chance."""

    polar: Tensor  # (N, 1, 64, 360)
    profiles: Tensor  # (N, 64, 81)
    tilts: Tensor  # (N,), NaN where there is no text
    residuals: Tensor  # (N,)


def train(network: PageNetwork, examples: Examples, epochs: int, seed: int, told: Callable[[str], None]) -> None:
    """Train both parts of *network* at once; *told* hears of every epoch."""
    rng = np.random.default_rng(seed)
    weights = [*network.coarse.parameters(), *network.fine.parameters()]
    descent = torch.optim.AdamW(weights, lr=RATE, weight_decay=1e-3)
    steps, step, began = epochs * (len(examples.tilts) // BATCH), 0, time.monotonic()
    network.train()
    for epoch in range(epochs):
        losses = []
        for batch in _batches(rng, examples):
            step += 1
            for group in descent.param_groups:
                group["lr"] = RATE * min(1.0, step / WARM_UP) * (0.51 + 0.5 * math.cos(math.pi * step / steps))
            coarse, fine = coarse_loss(network.coarse, batch), fine_loss(network.fine, batch)
            descent.zero_grad()
            (coarse + fine).backward()
            descent.step()
            losses.append((coarse.item(), fine.item()))
        means = np.mean(losses, axis=0)
        taken = time.monotonic() - began
        told(f"epoch {epoch + 1} of {epochs}: coarse {means[0]:.3f}, fine {means[1]:.3f}, {taken:.0f} s")
    network.eval()


def coarse_loss(coarse: torch.nn.Module, batch: Batch) -> Tensor:
    """Cross entropy of the tilts where there is text, and of there being text."""
    scores, text = coarse(batch.polar)
    present = torch.isfinite(batch.tilts)
    tilts = torch.arange(scores.shape[1]) * CoarseJudge.STEP - CoarseJudge.LIMIT
    wrong = _cross_entropy(scores, tilts, batch.tilts, COARSE_WIDTH)[present].mean()
    return wrong + functional.binary_cross_entropy_with_logits(text, present.float())


def fine_loss(fine: torch.nn.Module, batch: Batch) -> Tensor:
    """Cross entropy of the residuals where there is text, and the error of their mean."""
    scores = fine(batch.profiles)
    present = torch.isfinite(batch.tilts)
    residuals = (torch.arange(Profiles.COUNT) - (Profiles.COUNT - 1) / 2) * Profiles.STEP
    wrong = _cross_entropy(scores, residuals, batch.residuals, FINE_WIDTH)[present].mean()
    mean = (torch.softmax(scores, dim=1) * residuals).sum(dim=1)
    return wrong + functional.smooth_l1_loss(mean[present], batch.residuals[present], beta=0.05)


def _cross_entropy(scores: Tensor, places: Tensor, answers: Tensor, width: float) -> Tensor:
    far = (places - torch.nan_to_num(answers)[:, None]) / width
    return -(torch.softmax(-far.square() / 2, dim=1) * torch.log_softmax(scores, dim=1)).sum(dim=1)


def _batches(rng: np.random.Generator, examples: Examples) -> Iterator[Batch]:
    order = rng.permutation(len(examples.tilts))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        yield _batch(rng, examples, order[start : start + BATCH])


def _batch(rng: np.random.Generator, examples: Examples, places: NDArray[np.intp]) -> Batch:
    polar, profiles = examples.polar[places].astype(np.float32), examples.profiles[places].astype(np.float32)
    tilts, residuals = examples.tilts[places].copy(), examples.residuals[places].copy()
    for number in range(len(places)):
        if rng.random() < 0.5:  # seen in a mirror
            polar[number] = np.roll(polar[number, :, ::-1], 1, axis=1)
            profiles[number] = profiles[number, :, ::-1]
            tilts[number], residuals[number] = -tilts[number], -residuals[number]
        turn = int(rng.integers(-TURN, TURN + 1)) * int(rng.random() < 0.5)
        turned = tilts[number] + turn * 180 / PolarSpectrum.TILTS
        if not abs(turned) > CoarseJudge.LIMIT - 0.5:
            polar[number], tilts[number] = np.roll(polar[number], turn, axis=1), turned
    parts = (polar[:, None], profiles, tilts, residuals)
    return Batch(*(torch.from_numpy(part) for part in parts))
