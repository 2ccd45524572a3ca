"""One training run of Table 1: data, schedule, and what is measured after each epoch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from distortions import distorted
from models import network, parameter_total
from torch import nn

from stnwarp.training.geometry import identity_parameters, sampling_grid
from stnwarp.training.networks import SpatialTransformerClassifier

TEST_SEED, VALIDATION_SEED = 20150605, 20160204  # of the distortions of images that are not trained on
EVALUATION_BATCH = 250
_SHOWN = 1000  # training images whose theta is looked at where none are kept back


@dataclass(frozen=True)
class Settings:
    """How a run is trained; what the paper does differently is told in README.md."""

    epochs: int = 40
    batch: int = 128
    rate: float = 4e-3
    localisation_rate: float = 1.0  # relative to the classifier's
    weight_decay: float = 2e-2
    dropout: float = 0.5  # before the classifier's last layer
    jitter: float = 0.07  # see models.JitteredTransformer
    smoothing: float = 0.1  # of the labels
    validation: int = 5000  # the last images of the training set, kept back; 0 to learn from all of them
    bfloat16: bool = True


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 28, 28), 0 to 1, and their classes (N,)."""

    images: torch.Tensor
    classes: torch.Tensor

    def __getitem__(self, chosen: slice | torch.Tensor) -> "Digits":
        return Digits(self.images[chosen], self.classes[chosen])

    def __len__(self) -> int:
        return len(self.classes)

    def under(self, distortion: str, seed: int) -> "Digits":
        """These digits, each distorted once for all."""
        generator = torch.Generator().manual_seed(seed)
        return Digits(distorted(self.images, distortion, generator), self.classes)


@dataclass(frozen=True)
class Epoch:
    """What is logged after an epoch; theta's columns are None without a transformer."""

    epoch: int
    loss: float
    validation_error: float | None  # None without images kept back
    theta_change: float | None  # mean |parameters - identity| over images not trained on, or else the last ones
    outside: float | None  # share of the sampling grid's points outside the image
    gradient: float | None  # mean norm of the localisation network's gradient
    seconds: float


def load(path: Path) -> tuple[Digits, Digits]:
    """The training and the test set of an mnist.npz with x_train, y_train, x_test and y_test."""
    with np.load(path) as file:
        sets = [(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test")]
    train, test = (
        Digits(torch.from_numpy(images).float().div_(255.0).unsqueeze(1), torch.from_numpy(classes.astype(np.int64)))
        for images, classes in sets
    )
    return train, test


class Run:
    """The training of one *model* under one *distortion* from one *seed*."""

    def __init__(self, train: Digits, distortion: str, model: str, seed: int, settings: Settings) -> None:
        torch.manual_seed(seed)
        self.settings, self.distortion = settings, distortion
        kept = len(train) - settings.validation
        self.train = train[:kept]
        self.shown = train[-(settings.validation or _SHOWN) :].under(distortion, VALIDATION_SEED)
        built = network(model, distortion, settings.dropout, settings.jitter)
        self.network = built.to(memory_format=torch.channels_last)
        self.parameters = parameter_total(self.network)
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=settings.weight_decay, fused=True)
        rates = [group["lr"] for group in self.optimiser.param_groups]
        self.steps = -(-kept // settings.batch)  # in an epoch
        total = settings.epochs * self.steps
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rates, total, pct_start=0.15)

    def _groups(self) -> list[dict[str, object]]:
        rate = self.settings.rate
        if not isinstance(self.network, SpatialTransformerClassifier):
            return [{"params": self.network.parameters(), "lr": rate}]
        return [
            {"params": self.network.classifier.parameters(), "lr": rate},
            {"params": self.network.localisation.parameters(), "lr": rate * self.settings.localisation_rate},
        ]

    def epochs(self) -> Iterator[Epoch]:
        """Train, epoch by epoch."""
        started = time.perf_counter()
        for number in range(1, self.settings.epochs + 1):
            loss, gradient = self._train_epoch()
            change, outside = self._theta_facts()
            error = self.error(self.shown) if self.settings.validation else None
            yield Epoch(number, loss, error, change, outside, gradient, time.perf_counter() - started)

    def _train_epoch(self) -> tuple[float, float | None]:
        self.network.train()
        order = torch.randperm(len(self.train), generator=self.generator)
        losses, gradients = [], []
        for chosen in order.tensor_split(self.steps):  # no batch of a single image, which has no variance
            batch = self.train[chosen]
            losses.append(self._step(distorted(batch.images, self.distortion, self.generator), batch.classes))
            gradients.append(self._localisation_gradient())
        known = [gradient for gradient in gradients if gradient is not None]
        return sum(losses) / len(losses), sum(known) / len(known) if known else None

    def _step(self, images: torch.Tensor, classes: torch.Tensor) -> float:
        self.optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            logits = self.network(images)
        loss = nn.functional.cross_entropy(logits.float(), classes, label_smoothing=self.settings.smoothing)
        if not loss.isfinite():
            raise ArithmeticError("the loss is not finite: the run has diverged")
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.item()

    def _localisation_gradient(self) -> float | None:
        if not isinstance(self.network, SpatialTransformerClassifier):
            return None
        found = [parameter.grad for parameter in self.network.localisation.parameters()]
        return float(nn.utils.get_total_norm([gradient for gradient in found if gradient is not None]))

    @torch.no_grad()
    def _theta_facts(self) -> tuple[float | None, float | None]:
        if not isinstance(self.network, SpatialTransformerClassifier):
            return None, None
        self.network.eval()
        localisation = self.network.localisation
        family, control_points = localisation.family, localisation.control_points
        parameters = self.network.localise(self.shown.images)
        change = (parameters - identity_parameters(family, control_points)).abs().mean()
        grid = sampling_grid(parameters, family, (8, 8), control_points)
        return float(change), float((grid.abs() > 1.0).any(dim=-1).float().mean())

    @torch.no_grad()
    def error(self, digits: Digits) -> float:
        """Percent of *digits*, already distorted, that are classified wrongly; in float32."""
        self.network.eval()
        wrong = 0
        for start in range(0, len(digits), EVALUATION_BATCH):
            batch = digits[slice(start, start + EVALUATION_BATCH)]
            wrong += int((self.network(batch.images).argmax(dim=1) != batch.classes).sum())
        return 100.0 * wrong / len(digits)
