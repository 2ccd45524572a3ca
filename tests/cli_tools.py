"""The command line under test: in this process where that is enough, else as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from PIL import Image

from stnwarp.cli import main
from stnwarp.cli.compiling import COMPILING

ROOT = Path(__file__).resolve().parent.parent
MOVE = ("--rotate", "20")  # what most tests do to their images

# Root may write and read everywhere; without these two capabilities it is a user like any other.
DROP_PRIVILEGES = """
import ctypes
libc = ctypes.CDLL(None)
assert libc.prctl(24, 1, 0, 0, 0) == 0 and libc.prctl(24, 2, 0, 0, 0) == 0
"""


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The only line on standard error, without the program's name."""
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("stnwarp: error: "), self.stderr
        return lines[0].removeprefix("stnwarp: error: ")

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def warm(stderr: str) -> str:
    """*stderr* as it is where nothing has to be compiled any more: tests do not depend on what ran before."""
    return stderr.replace(f"stnwarp: {COMPILING}\n", "")


def run(*args: object, stdin: bytes | None = None) -> Ran:
    """`stnwarp ARGS` in this process."""
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ran(result.exit_code, result.stdout, warm(result.stderr))


def run_raw(*args: object, stdin: bytes | None = None) -> tuple[int, bytes, str]:
    """`stnwarp ARGS` in this process, with standard output as bytes."""
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
    return result.exit_code, result.stdout_bytes, warm(result.stderr)


def command_line(*args: object, before: str = "") -> list[str]:
    """`stnwarp ARGS` for a process of its own; *before* is Python that sets the process up."""
    program = [sys.executable, "-m", "stnwarp", *(str(arg) for arg in args)]
    if not before:
        return program
    script = f"{before}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", script, *program]


def environment(**more: str) -> dict[str, str]:
    """The environment of a process of its own."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **more}


def spawn(
    *args: object,
    before: str = "",
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> Ran:
    """`stnwarp ARGS` as a process of its own."""
    done = subprocess.run(
        command_line(*args, before=before),
        input=stdin,
        capture_output=True,
        env=environment(**(env or {})),
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, os.fsdecode(done.stdout), warm(os.fsdecode(done.stderr)))


def noise(seed: int, height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
    """An image of random pixels: no two of them look alike after a warp."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    """*array* as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    Image.fromarray(pixels).save(path, **options)
    return path


def pixels(path: Path) -> np.ndarray:
    """The pixels of an image file."""
    with Image.open(path) as image:
        return np.asarray(image)


def good_files(folder: Path) -> list[Path]:
    """Two images that any run must come out right with."""
    return [save(folder / "good-a.png", noise(1)), save(folder / "good-b.jpg", noise(2), quality=90)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, hidden ones included, by its name."""
    if not folder.exists():
        return {}
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def clean_outputs(tmp_path: Path, *options: object) -> dict[str, bytes]:
    """What a run over nothing but the good files writes."""
    source, target = tmp_path / "clean-in", tmp_path / "clean-out"
    good_files(source)
    ran = run("apply", source, "-o", target, *(options or MOVE))
    assert ran.code == 0, ran.stderr
    return contents(target)


def assert_good_ones_done(tmp_path: Path, target: Path, *options: object) -> None:
    """The good files came out byte for byte as in a clean run, and nothing else was written."""
    assert contents(target) == clean_outputs(tmp_path, *options)
