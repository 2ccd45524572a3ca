"""Run the smoke tests with other versions of Numba: `python -m tests.numba_versions [VERSION ...]`.

By default with the lowest and the newest of TESTED_NUMBA, each in a virtual environment of its own that pip fills, as
the package is made to be used and without the internal classes. One line each; the exit code is 1 if anything failed.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from stnwarp.kernels.compiler.versions import TESTED_NUMBA

ROOT = Path(__file__).parents[1]
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore:the kernels cannot:RuntimeWarning")
MODES = {"normal": (), "without the internal classes": ("-p", "tests.without_internal_classes")}


def main(versions: list[str]) -> int:
    """Run all of them; 1 if any failed."""
    failed = False
    for version in versions or [f"{major}.{minor}.*" for major, minor in TESTED_NUMBA]:
        with tempfile.TemporaryDirectory() as folder:
            python = installed(version, Path(folder))
            for mode, options in MODES.items():
                run = smoke(python, options, Path(folder) / "cache")
                failed |= run.returncode != 0
                last = (run.stdout + run.stderr).strip().splitlines()[-1]
                print(f"numba {found(python)}, {mode}: {last}", flush=True)  # noqa: T201
                if run.returncode != 0:
                    print(run.stdout, run.stderr, sep="\n", file=sys.stderr)  # noqa: T201
    return int(failed)


def installed(version: str, folder: Path) -> Path:
    """A Python that has the package of this checkout, with that Numba."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = [f"numba=={version}", "pytest", "pytest-benchmark", str(ROOT)]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def found(python: Path) -> str:
    """The exact version that pip chose."""
    code = "import numba\nprint(numba.__version__)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def smoke(python: Path, options: tuple[str, ...], cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests, with a cache that starts empty; PYTHONPATH would have what is tested taken from elsewhere."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTHONPATH"))}
    environment["STNWARP_CACHE_DIR"] = str(cache)
    command = [python, *PYTEST, *options, "tests/kernels/test_smoke.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
