"""Make the checkpoint `page`: render pages, scan them by chance, train the network, export it.

    python docs/checkpoints/make_page.py FONTS [-o page.onnx] [--examples N] [--epochs N] [--cache DIR]

FONTS is a directory with fonts, such as /usr/share/fonts; README.md names the packages that were used. Needs the
extra `train`. Several runs with one --cache directory and --render-only share the rendering between them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pages.examples import METADATA, load_examples, make_examples
from pages.fonts import Face, find_faces, split_faces
from pages.network import PageNetwork
from pages.training import train

from stnwarp.training.export import export_checkpoint

HOME = Path(__file__).resolve().parents[2] / "stnwarp" / "checkpoints" / "page.onnx"
SHARD = 200  # examples to a file


def told(line: str) -> None:
    """Say *line* at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def rendered(directory: Path, faces: Sequence[Face], count: int, seed: int) -> list[Path]:
    """Files with *count* examples in *directory*; those that are there already, or being made, are not made again."""
    paths = [directory / f"examples-{seed}-{number:03}.npz" for number in range(-(-count // SHARD))]
    for number, path in enumerate(paths):
        claim = path.with_suffix(".claim")
        if path.exists() or claim.exists():
            continue
        claim.touch()
        began = time.monotonic()
        make_examples(seed * 1000 + number, faces, SHARD).save(path)
        told(f"{path.name}: {SHARD} examples in {time.monotonic() - began:.0f} s")
    return paths


def make(options: argparse.Namespace, directory: Path) -> None:
    """Render, train, export."""
    faces, _ = split_faces(find_faces(options.fonts))
    paths = rendered(directory, faces, options.examples, options.seed)
    if options.render_only:
        return
    examples = load_examples([path for path in paths if path.exists()])
    torch.manual_seed(options.seed)
    network = PageNetwork()
    train(network, examples, options.epochs, options.seed, told)
    trained = {"script": "docs/checkpoints/make_page.py", "examples": len(examples.tilts), "epochs": options.epochs}
    metadata = replace(METADATA, trained=trained | {"seed": options.seed, "fonts": len({face.path for face in faces})})
    options.output.parent.mkdir(parents=True, exist_ok=True)
    export_checkpoint(network, metadata, options.output)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and make the checkpoint."""
    parser = argparse.ArgumentParser(description="Make the checkpoint `page`.")
    parser.add_argument("fonts", type=Path, help="directory with fonts, searched with all below it")
    parser.add_argument("-o", "--output", type=Path, default=HOME, help="the .onnx file to write")
    parser.add_argument("--examples", type=int, default=2400, help="scanned pages to learn from")
    parser.add_argument("--epochs", type=int, default=8, help="times that each is learnt from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="directory to keep examples in")
    parser.add_argument("--render-only", action="store_true", help="make the examples and stop")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.cache is not None:
        options.cache.mkdir(parents=True, exist_ok=True)
        make(options, options.cache)
        return
    with tempfile.TemporaryDirectory() as directory:
        make(options, Path(directory))


if __name__ == "__main__":
    main()
