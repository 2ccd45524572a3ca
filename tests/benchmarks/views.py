"""What a view costs: its time over that of the same pixels lying together, taken in turns in one process.

    python -m tests.benchmarks.views [--size 6000x4000] [--rounds 15] [--page docs/benchmarks.md]

A ratio of 1 means that the view is as fast as its copy. Making the copy is not counted.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp import Interpolation, affine_grid, grid_sample, spatial_transform, warp
from tests.benchmarks.pages import written_to
from tests.benchmarks.timing import Rounds, in_turns, use_one_thread

Array = NDArray[Any]
VIEWS: dict[str, Callable[[Array], Array]] = {
    "a[1:, 1:], a crop": lambda a: a[1:, 1:],
    "a[..., 0], a channel": lambda a: a[..., 0],
    "a[..., ::-1], channels backwards": lambda a: a[..., ::-1],
    "a[::-1], rows backwards": lambda a: a[::-1],
    "a[:, ::-1], columns backwards": lambda a: a[:, ::-1],
    "a[::2, ::2], steps": lambda a: a[::2, ::2],
    "a.transpose(1, 0, 2)": lambda a: a.transpose(1, 0, 2),
    "channels one behind the other": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 2, 0)), 0, 2),
}
TURN = np.array([[0.95, -0.3, 0], [0.3, 0.95, 0]])
_SMALL, _PART = (64, 64), (256, 256)  # outputs: of the whole picture, and of a fiftieth of it each way


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="6000x4000", help="of the picture, WxH")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--page", type=Path, help="put the tables into this page of the documentation as well")
    options = parser.parse_args(arguments)
    width, height = map(int, options.size.split("x"))
    use_one_thread()
    with written_to(options.page, "views"):
        _print_images((height, width), Rounds(options.rounds))
        _print_batches(Rounds(options.rounds))
    return 0


def _print_images(size: tuple[int, int], rounds: Rounds) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    print(f"\n### Of a uint8 RGB picture of {size[1]}x{size[0]}\n")
    _print_line("view", *(f"{mode}, {what}" for mode in Interpolation for what in ("small", "part")))
    _print_line(*["---"] * (1 + 2 * len(Interpolation)))
    for name, view in VIEWS.items():
        _print_line(name, *_ratios(view(image), rounds))
    with tempfile.NamedTemporaryFile() as file:
        mapped = np.memmap(file.name, np.uint8, "w+", shape=image.shape)
        mapped[:] = image
        _print_line("a crop of a memory map", *_ratios(mapped[1:, 1:], rounds))


def _ratios(view: Array, rounds: Rounds) -> list[str]:
    copy, ratios = np.array(view, order="C"), []
    for mode in Interpolation:
        for scale, size in ((1.0, _SMALL), (0.02, _PART)):
            calls = {
                name: partial(warp, array, scale * TURN, size, interpolation=mode)
                for name, array in (("view", view), ("copy", copy))
            }
            taken = in_turns(calls, rounds)
            ratios.append(f"{taken['view'] / taken['copy']:.1f}")
    return ratios


def _print_batches(rounds: Rounds) -> None:
    """One image, or one grid, for a batch: against the same batch written out."""
    images = np.random.default_rng(0).random((64, 3, 224, 224), dtype=np.float32)
    thetas = np.tile(TURN, (64, 1, 1))
    grids = affine_grid(thetas, images.shape).astype(np.float32)
    shared = np.broadcast_to(images[:1], images.shape), np.broadcast_to(grids[:1], grids.shape)
    cases = {
        "spatial_transform, one image": (partial(spatial_transform, shared[0], thetas), spatial_transform),
        "grid_sample, one image": (partial(grid_sample, shared[0], grids), grid_sample),
        "grid_sample, one grid": (partial(grid_sample, images, shared[1]), grid_sample),
    }
    print("\n### Batches of 64x3x224x224, float32, that are broadcast from one image or one grid\n")
    _print_line("call", "ratio")
    _print_line("---", "---")
    for name, (call, function) in cases.items():
        whole = partial(function, images, thetas if function is spatial_transform else grids)
        taken = in_turns({"shared": call, "whole": whole}, rounds)
        _print_line(name, f"{taken['shared'] / taken['whole']:.2f}")


def _print_line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
