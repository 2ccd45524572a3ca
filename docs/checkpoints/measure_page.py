"""Measure how well the checkpoint `page` straightens pages, beside other ways, in tables for README.md.

    python docs/checkpoints/measure_page.py FONTS [--scans N] [--checkpoint page] [--real TABLE DIR] [--no-peers]

Pages are rendered anew, in fonts that were never trained on. --real takes a CSV file `name,tilt` (degrees
counter-clockwise) and the directory where these images lie; each is measured as it is and turned by known angles.
"""

import argparse
import csv
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pages.examples import Scan, scans
from pages.fonts import find_faces, split_faces
from pages.peers import Way, ways
from pages.scans import Bytes
from PIL import Image

from stnwarp.localisation import Checkpoint
from stnwarp.transforms import MatrixTransform

EACH = 2  # scans of a rendered sheet
TURNS = (3.0, 12.0, 44.0)  # real pages are turned by up to so many degrees
LONGEST = 1600  # pixels: larger real pages are made smaller first, for the sake of the slower ways
STATISTICS = "mean / median / 95th percentile of the error in degrees, and how many are off by more than half a degree"
RANGES = ((0, 1), (1, 5), (5, 15), (15, 30), (30, 45.1))


@dataclass(frozen=True)
class Measured:
    """A scan, and the absolute errors in degrees and the seconds of each way on it."""

    scan: Scan
    errors: Mapping[str, float]
    seconds: Mapping[str, float]


def stnwarp_way(name: str) -> Way:
    """A checkpoint of similarities as a way to find a tilt."""
    checkpoint = Checkpoint.load(name)

    def tilt(pixels: Bytes) -> float:
        (transform,) = checkpoint.localise([pixels])
        if not isinstance(transform, MatrixTransform):
            raise TypeError(f"{name} gives no matrix")
        height, width = pixels.shape
        return -math.degrees(math.atan2(transform.theta[1, 0] * height / width, transform.theta[0, 0]))

    return tilt


def measure(pages: Iterable[Scan], tried: Mapping[str, Way]) -> Iterator[Measured]:
    """Every way on every page; one that finds nothing leaves the page as it is."""
    for page in pages:
        errors, seconds = {}, {}
        for name, way in tried.items():
            began = _processor_time()
            found = way(page.pixels)
            seconds[name] = _processor_time() - began
            errors[name] = abs((0.0 if math.isnan(found) else found) - page.tilt)
        yield Measured(page, errors, seconds)


def _processor_time() -> float:
    """Seconds, those of programs that were called included."""
    return sum(os.times()[:4])


def rendered_pages(fonts: Path, count: int, seed: int) -> Iterator[Scan]:
    """*count* scans of text in held-out fonts."""
    _, faces = split_faces(find_faces(fonts))
    source = scans(np.random.default_rng(seed), faces, EACH)
    while count:
        page = next(source)
        if not math.isnan(page.tilt):
            yield page
            count -= 1


def real_pages(table: Path, directory: Path, seed: int) -> Iterator[Scan]:
    """The images of *table*, each as it is and turned by chance on white, on black, or with its corners cut."""
    rng = np.random.default_rng(seed)
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            image, tilt = _opened(directory / row["name"]), float(row["tilt"])
            yield Scan(np.asarray(image), tilt, "as it is")
            for most in TURNS:
                turn = float(np.clip(rng.uniform(-most, most), -45 - tilt, 45 - tilt))
                yield Scan(_turned(rng, image, turn), tilt + turn, f"turned by up to {most:g}")


def _opened(path: Path) -> Image.Image:
    image = Image.open(path)
    image = image.convert("RGBA") if image.mode in {"P", "LA", "PA"} else image
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return image


def _turned(rng: np.random.Generator, image: Image.Image, degrees: float) -> Bytes:
    manner = int(rng.integers(3))
    fill = (255, 0, int(np.median(np.asarray(image))))[manner]
    return np.asarray(image.rotate(degrees, Image.Resampling.BICUBIC, expand=manner < 2, fillcolor=fill))


def table_by(rows: Sequence[Measured], group: Callable[[Scan], str]) -> Iterator[str]:
    """A table of errors: for each way, over all pages and over each group of them."""
    yield "| pages | | " + " | ".join(rows[0].errors) + " |"
    yield "|---|--:|" + "---|" * len(rows[0].errors)
    names = sorted({group(row.scan) for row in rows})
    for name in ["all", *names]:
        mine = [row for row in rows if name in ("all", group(row.scan))]
        cells = [_summary([row.errors[way] for row in mine]) for way in rows[0].errors]
        yield f"| {name} | {len(mine)} | " + " | ".join(cells) + " |"


def _summary(errors: Sequence[float]) -> str:
    wrong = np.mean(np.array(errors) > 0.5)
    return f"{np.mean(errors):.2f} / {np.median(errors):.2f} / {np.percentile(errors, 95):.2f}, {wrong:.1%}"


def of_range(page: Scan) -> str:
    """The range that the tilt of *page* lies in."""
    low, high = next(span for span in RANGES if span[0] <= abs(page.tilt) < span[1])
    return f"{low:02} to {high:.0f} degrees"


def report(title: str, rows: Sequence[Measured], groups: Sequence[Callable[[Scan], str]]) -> None:
    """Write the tables of *rows*, and how long each way took."""
    lines = [f"{title}: {STATISTICS}"]
    for group in groups:
        lines += ["", *table_by(rows, group)]
    taken = (f"{way} {np.mean([row.seconds[way] for row in rows]) * 1000:.0f} ms" for way in rows[0].errors)
    sys.stdout.write("\n".join([*lines, "", "Processor time to a page: " + ", ".join(taken) + ".", "", ""]))
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, write the tables to stdout."""
    parser = argparse.ArgumentParser(description="Measure the checkpoint `page`.")
    parser.add_argument("fonts", type=Path, help="directory with fonts, searched with all below it")
    parser.add_argument("--checkpoint", default="page", help="a shipped name or an .onnx file")
    parser.add_argument("--scans", type=int, default=120, help="rendered pages to measure on")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--real", type=Path, nargs=2, metavar=("TABLE", "DIR"), help="images of known tilts as well")
    parser.add_argument("--no-peers", action="store_true", help="measure the checkpoint alone")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    tried = {"stnwarp": stnwarp_way(options.checkpoint)} | ({} if options.no_peers else ways())
    if options.real is not None:
        rows = list(measure(real_pages(*options.real, options.seed), tried))
        report("Real scans", rows, [lambda page: page.kind, of_range])
    if options.scans:
        rows = list(measure(rendered_pages(options.fonts, options.scans, options.seed), tried))
        report("Rendered pages", rows, [lambda page: page.kind, of_range])


if __name__ == "__main__":
    main()
