"""Draw the pictures of sample_images/, or check that the ones there are what this script draws.

    python docs/make_sample_images.py [--check] [DIR]

Needs NumPy and Pillow only. The same pixels come out every time; the bytes of the files may differ between
releases of Pillow, so the check compares decoded pixels, with a tolerance. See docs/sample_images.md.
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from samples import charts, pages, scene

HOME = Path(__file__).resolve().parent.parent / "sample_images"

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "lake.jpg": scene.lake,
    "page_rotated.png": pages.rotated_page,
    "page_tilted.jpg": pages.tilted_page,
    "checkerboard.png": charts.checkerboard,
    "zone_plate.png": charts.zone_plate,
    "leaf.png": charts.leaf,
    "gray_16bit.png": charts.gray_16bit,
}

SAVE_OPTIONS: dict[str, dict[str, int | bool]] = {".jpg": {"quality": 92}, ".png": {"optimize": True}}

# Mean and 99.9th percentile of the difference, in 8-bit levels. Lossless files only differ where mathematics
# libraries or FreeType round differently; another JPEG codec moves single pixels at edges by several levels.
TOLERANCE = {".png": (0.1, 4.0), ".jpg": (0.5, 8.0)}


def drawn() -> Iterator[tuple[str, Image.Image]]:
    """Name and picture, one after the other."""
    for name, draw in PICTURES.items():
        yield name, draw()
    for digit in charts.DIGIT_MOVES:
        yield f"digits/digit_{digit}.png", charts.digit(digit)


def encoded(name: str, picture: Image.Image) -> bytes:
    """The file called *name* that holds *picture*."""
    suffix = Path(name).suffix
    buffer = io.BytesIO()
    picture.save(buffer, Image.registered_extensions()[suffix], **SAVE_OPTIONS[suffix])
    return buffer.getvalue()


def write(directory: Path) -> None:
    """Draw every picture into *directory*."""
    for name, picture in drawn():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encoded(name, picture))


def complaint(path: Path, content: bytes) -> str | None:
    """What is wrong with the file at *path*, which should hold what *content* holds, if anything."""
    if not path.is_file():
        return "is missing"
    with Image.open(path) as stored, Image.open(io.BytesIO(content)) as wanted:
        if (stored.mode, stored.size) != (wanted.mode, wanted.size):
            return f"is {stored.mode} {stored.size}, should be {wanted.mode} {wanted.size}"
        if stored.getpalette() != wanted.getpalette():
            return "has another palette"
        difference = np.abs(np.asarray(stored, np.float64) - np.asarray(wanted, np.float64))
        if stored.mode == "I;16":
            difference /= 257
    mean, high = difference.mean(), np.percentile(difference, 99.9)
    if mean > TOLERANCE[path.suffix][0] or high > TOLERANCE[path.suffix][1]:
        return f"differs from what is drawn: mean {mean:.2f} levels, 99.9th percentile {high:.1f}"
    return None


def check(directory: Path) -> list[str]:
    """One line for each picture in *directory* that is not what this script draws."""
    found = ((name, complaint(directory / name, encoded(name, picture))) for name, picture in drawn())
    return [f"{directory / name} {words}" for name, words in found if words]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draw the sample images, or check the ones that are there.")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    parser.add_argument("directory", nargs="?", type=Path, default=HOME, metavar="DIR")
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.directory)
        return 0
    complaints = check(arguments.directory)
    sys.stderr.writelines(f"{line}\n" for line in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
