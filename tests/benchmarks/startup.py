"""What starting costs: importing, asking for help, and warping one image, the first time ever and afterwards.

    python -m tests.benchmarks.startup [--size 1600x1200] [--rounds 5] [--page docs/benchmarks.md]

Each run is a fresh process with a private cache folder. "First ever" has an empty one, so that the sampling loop is
compiled. "First of a day" has a filled one, but the files of Python's packages and of the cache are put out of memory
before, as far as the system lets go of them. Prints medians beside what they are to be at the most, and how many
specialisations of kernels an ordinary folder of RGB images compiles.
"""

import argparse
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.pages import written_to

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("PIL", "click", "llvmlite", "numba", "numpy", "numpy.libs", "pillow.libs")
_MOST_SPECIALISATIONS = 3
_MAKE_IMAGES = """
import sys
from pathlib import Path
from PIL import Image
from tests.benchmarks.folder import make_photographs

width, height, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
make_photographs(folder, 2, width, height)
Image.open(folder / "photo_001.jpg").resize((width // 2 + 1, height // 2 + 1)).save(folder / "small.png")
"""


@dataclass(frozen=True)
class Bench:
    """Where the runs happen: a folder of their own, with the images in it."""

    folder: Path

    @property
    def images(self) -> Path:
        """The folder of RGB images."""
        return self.folder / "images"

    def run(self, arguments: Sequence[str], cache: str = "cache") -> float:
        """The seconds of `python ARGUMENTS` as a process of its own."""
        environment = {**os.environ, "STNWARP_CACHE_DIR": str(self.folder / cache), "PYTHONPATH": str(_ROOT)}
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)
        return time.perf_counter() - started

    def apply(self, source: Path) -> list[str]:
        """The arguments of a run over *source*."""
        target = ["-o", str(self.folder / "out" / "{name}"), "--overwrite"]
        return ["-m", "stnwarp", "apply", str(source), *target, "--rotate", "17"]

    def specialisations(self, cache: str) -> int:
        """How many kernels, each for its types of arrays, lie compiled in *cache*."""
        return len(list((self.folder / cache).glob("*/*.o")))


@dataclass(frozen=True)
class Step:
    """One line of the table: what is run how, and its seconds at the most."""

    name: str
    arguments: list[str]
    target: float | None = None
    is_cache_empty: bool = False
    is_memory_cold: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1600x1200", help="of the image, WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", type=Path, help="put the table into this page of the documentation as well")
    options = parser.parse_args(arguments)
    with written_to(options.page, "startup"), tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        bench.images.mkdir()
        bench.run(["-c", _MAKE_IMAGES, *options.size.split("x"), str(bench.images)])
        bench.run(bench.apply(bench.images / "photo_000.jpg"))
        print("| what | seconds | at most |\n| --- | --- | --- |")
        for step in _steps(bench):
            seconds = statistics.median(_measured(bench, step, options.rounds))
            print(f"| {step.name} | {seconds:.3f} | {step.target or ''} |", flush=True)
        bench.run(bench.apply(bench.images), "folder")
        count = bench.specialisations("folder")
        print(f"\nspecialisations compiled for a folder of RGB images: {count}, at most {_MOST_SPECIALISATIONS}")


def _steps(bench: Bench) -> list[Step]:
    apply = bench.apply(bench.images / "photo_000.jpg")
    return [
        Step("python -c pass", ["-c", "pass"]),
        Step("import stnwarp", ["-c", "import stnwarp"]),
        Step("stnwarp --help", ["-m", "stnwarp", "--help"]),
        Step("stnwarp apply, one image, first ever", apply, 5.0, is_cache_empty=True),
        Step("stnwarp apply, one image, first of a day", apply, is_memory_cold=True),
        Step("stnwarp apply, one image, cached", apply, 0.9),
    ]


def _measured(bench: Bench, step: Step, rounds: int) -> Iterator[float]:
    for number in range(rounds):
        if step.is_memory_cold:
            _put_out_of_memory(bench.folder / "cache")
        cache = f"empty-{number}" if step.is_cache_empty else "cache"
        yield bench.run(step.arguments, cache)


def _put_out_of_memory(cache: Path) -> None:
    """Ask the system to forget the files that a run reads; what another process has mapped stays."""
    if not hasattr(os, "posix_fadvise"):
        return
    library, packages = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    folders = [_ROOT / "stnwarp", cache, *(packages / name for name in _PACKAGES)]
    files = [path for folder in folders for path in folder.rglob("*")]
    for path in [*library.glob("*"), *library.glob("lib-dynload/*"), *library.glob("__pycache__/*"), *files]:
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


if __name__ == "__main__":
    main()
