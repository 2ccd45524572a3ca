"""How well `digits` brings handwritten digits to their canonical pose, judged by a classifier of upright ones.

python docs/checkpoints/measure_digits.py mnist.npz

The classifier learns from upright training digits alone, with shifts of up to two pixels. Test digits are then rotated
by up to 90 degrees (28x28), or rotated, scaled and placed anywhere (42x42), and read by it as they are, after one look
of the network, and after two.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from stnwarp import SpatialTransformer, warp

Images = NDArray[np.uint8]
Draw = Callable[[np.random.Generator], tuple[float, float, float, float]]

SIDE = 28


def main() -> None:
    """Train the classifier, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="an .npz with x_train, y_train, x_test, y_test")
    parser.add_argument("--checkpoint", default="digits", help="a name or a path")
    parser.add_argument("--epochs", type=int, default=3, help="of the classifier")
    parser.add_argument("--images", type=int, default=10_000, help="test digits")
    given = parser.parse_args()
    with np.load(given.archive, allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    classifier = trained(data["x_train"], data["y_train"], given.epochs)
    digits, labels = data["x_test"][: given.images], data["y_test"][: given.images]
    say(f"{'test digits':<44}{'as they are':>12}{'one look':>12}{'two looks':>12}")
    for name, size, draw in SCENES:
        rng = np.random.default_rng(0)
        scenes = [scene(digit, size, *draw(rng)) for digit in digits]
        rates = [error(classifier, looked_at(scenes, given.checkpoint, looks), labels) for looks in (0, 1, 2)]
        say(f"{name:<44}" + "".join(f"{rate:>10.2f} %" for rate in rates))


def say(line: str) -> None:
    """*line* on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def scene(digit: Images, size: int, angle: float, scale: float, x: float, y: float) -> Images:
    """*digit* turned by *angle* degrees and *scale* times as large, its middle at (x, y) of a *size* x *size* scene."""
    turn, zoom = math.radians(angle), scale * SIDE / size
    cosine, sine = math.cos(turn) / zoom, math.sin(turn) / zoom
    theta = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    theta[:, 2] = -theta[:, :2] @ (x, y)
    return warp(digit, theta, (size, size))


def looked_at(scenes: list[Images], checkpoint: str, looks: int) -> Images:
    """28x28 pictures of *scenes*: reduced as they are, or brought to canonical pose in so many *looks*."""
    if looks:
        return np.stack(SpatialTransformer.load(checkpoint, repeat=looks)(scenes, (SIDE, SIDE)))
    return np.stack([warp(each, np.eye(3)[:2], (SIDE, SIDE)) for each in scenes])


def trained(digits: Images, labels: NDArray[np.integer], epochs: int) -> nn.Module:
    """A classifier of upright digits."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    inputs, wanted = as_tensor(digits), torch.from_numpy(labels.astype(np.int64))
    steps = epochs * -(-len(inputs) // 128)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(128):
            across, down = torch.randint(-2, 3, (2,)).tolist()
            logits = network(torch.roll(inputs[batch], (down, across), (2, 3)))
            optimiser.zero_grad()
            functional.cross_entropy(logits, wanted[batch]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def error(classifier: nn.Module, pictures: Images, labels: NDArray[np.integer]) -> float:
    """How many of *pictures* are read wrong, in percent."""
    with torch.no_grad():
        read = torch.cat([classifier(part).argmax(1) for part in as_tensor(pictures).split(1000)])
    return 100 * float((read.numpy() != labels).mean())


def as_tensor(pictures: Images) -> torch.Tensor:
    """(N, 28, 28) as (N, 1, 28, 28) from 0 to 1."""
    return torch.from_numpy(pictures)[:, None].float() / 255


def _rotated(rng: np.random.Generator) -> tuple[float, float, float, float]:
    return rng.uniform(-90, 90), 1.0, 0.0, 0.0


def _placed(most: float) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[float, float, float, float]:
        scale = rng.uniform(0.7, 1.2)
        room = 1 - scale * SIDE / 42
        return rng.uniform(-most, most), scale, rng.uniform(-room, room), rng.uniform(-room, room)

    return draw


SCENES: list[tuple[str, int, Draw]] = [
    ("upright, 28x28", 28, lambda rng: (0.0, 1.0, 0.0, 0.0)),
    ("rotated by up to 90, 28x28", 28, _rotated),
    ("R T S: by up to 45, scaled, placed, 42x42", 42, _placed(45)),
    ("by up to 90, scaled, placed, 42x42", 42, _placed(90)),
]


if __name__ == "__main__":
    main()
