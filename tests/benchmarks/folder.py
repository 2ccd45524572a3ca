"""Wall time of `stnwarp apply` on a folder of photographs against a threaded OpenCV script, start-up included.

    python -m tests.benchmarks.folder [--photos 60] [--size 1600x1200] [--jobs 2] [--rounds 5]

Both turn every picture by 17 degrees and write JPEG of quality 95; each run is a process of its own, the two take
turns, and the kernels are cached. Prints the medians and their ratio.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

OPENCV_SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

cv2.setNumThreads(1)
source, target, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
target.mkdir()


def turn(path):
    image = cv2.imread(str(path))
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 17, 1)
    turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cv2.imwrite(str(target / path.name), turned, [cv2.IMWRITE_JPEG_QUALITY, 95])


with ThreadPoolExecutor(jobs) as pool:
    list(pool.map(turn, sorted(source.iterdir())))
"""


def make_photographs(folder: Path, count: int, width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        photograph(rng, width, height).save(folder / f"photo_{number:03}.jpg", quality=90)


def photograph(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A picture with the spectrum of photographs: sums of smooth noise, finer ones weaker."""
    photo = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 9):
        noise = rng.integers(0, 256, (3 * 2**octave // 4 + 1, 2**octave, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        photo += (np.asarray(layer, np.float32) - 128) * 0.75 ** (octave - 2)
    return Image.fromarray(np.clip(photo * 0.6 + 128, 0, 255).astype(np.uint8))


def wall(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--size", default="1600x1200")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, script = folder / "photos", folder / "with_opencv.py"
        source.mkdir()
        make_photographs(source, options.photos, width, height)
        script.write_text(OPENCV_SCRIPT)
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(options.rounds + 1):
            target = ["-o", str(folder / f"ours_{number}"), "--rotate", "17", "-j", str(options.jobs)]
            ours.append(wall([sys.executable, "-m", "stnwarp", "apply", str(source), *target]))
            peer = [str(source), str(folder / f"theirs_{number}"), str(options.jobs)]
            theirs.append(wall([sys.executable, str(script), *peer]))
            assert len(list((folder / f"ours_{number}").iterdir())) == options.photos
        ours, theirs = ours[1:], theirs[1:]  # the first round fills the caches
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(f"stnwarp {statistics.median(ours):.2f} s, OpenCV {statistics.median(theirs):.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
