"""A wheel that carries object code: it installs, nothing is compiled then, and what does not fit is not used."""

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stnwarp.kernels.compiler import object_cache, shipped_objects
from stnwarp.kernels.compiler.object_file import sources_digest
from stnwarp.kernels.compiler.target import LEVELS
from tests.cli_tools import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="object code is shipped for Linux on x86-64 alone",
    ),
]

FILE = "nearest_rows-1-BBddBLdlfI.o"
# The table of the wheel's package has one kernel; without optimisation it compiles sooner.
ONE = '\nTABLE = tuple(row for row in TABLE if row.use == "nearest")[:1]\n'
SHIFT = """if True:
    import numpy as np
    import stnwarp
    from stnwarp.kernels.compiler.compiled_kernel import on_compile
    compiled = []
    with on_compile(compiled.append):
        image = np.arange(48, dtype=np.uint8).reshape(6, 8)
        moved = stnwarp.warp(image, [[1, 0, 0.25], [0, 1, 0]], interpolation="nearest")
    assert (moved[:, :-1] == image[:, 1:]).all() and not moved[:, -1].any(), moved
    import sys
    print(stnwarp.__file__, compiled, "numba" in sys.modules)
"""
FIND = f"""if True:
    from stnwarp.kernels.compiler.shipped_objects import from_package
    print(from_package("{FILE}") is not None)
"""


def pure_wheel(folder: Path) -> Path:
    """The package as a wheel of its sources alone, as a build back end packs it."""
    wheel, information = folder / "stnwarp-0.1.0-py3-none-any.whl", "stnwarp-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in (ROOT / "stnwarp").rglob("*"):
            if path.suffix in (".py", ".typed"):
                text = path.read_text() + (ONE if path.name == "specialisations.py" else "")
                archive.writestr(str(path.relative_to(ROOT)), text)
        archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: stnwarp\nVersion: 0.1.0\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return wheel


def install(folder: Path) -> Path:
    """Build a wheel with object code and have pip install it; where the package lies."""
    build = [sys.executable, ROOT / "tools/build_wheel.py", "--wheel", pure_wheel(folder), "-o", folder / "dist"]
    subprocess.run(build, env={**os.environ, "NUMBA_OPT": "0"}, check=True)
    (wheel,) = (folder / "dist").iterdir()
    assert wheel.name == "stnwarp-0.1.0-py3-none-manylinux_2_17_x86_64.whl"
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(command, check=True)
    return site


def run(code: str, site: Path, **more: str) -> tuple[str, str]:
    """What *code* says on the two streams with the package of *site*, and no settings of Numba but *more*."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "STNWARP_"))}
    env |= {"PYTHONPATH": str(site), "STNWARP_CACHE_DIR": str(site / "no cache"), **more}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_with_the_wheel_nothing_is_compiled_and_what_does_not_fit_is_not_used(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    site = install(tmp_path)
    directories = sorted((site / "stnwarp/kernels/objects").iterdir())
    assert [path.name.rpartition("-")[0] for path in directories] == sorted(LEVELS)
    assert [[file.name for file in path.iterdir()] for path in directories] == [[FILE]] * len(LEVELS)
    if not set(LEVELS["x86-64-v3"].split(",")) <= set(shipped_objects.processor()[1].split(",")):
        pytest.skip("this processor is of a lower level")
    assert run(SHIFT, site) == (f"{site}/stnwarp/__init__.py [] False", "")
    assert not (site / "no cache").exists()

    assert run(FIND, site) == ("True", "")
    assert run(FIND, site, NUMBA_NUM_THREADS="1", NUMBA_CACHE_DIR="/nowhere") == ("True", "")
    assert run(FIND, site, NUMBA_OPT="3") == ("False", "")
    assert run(FIND, site, STNWARP_NUMBA_CACHE="0") == ("False", "")
    for directory in directories:
        (directory / FILE).write_bytes((directory / FILE).read_bytes()[:-1])
    found, warned = run(FIND, site)
    assert found == "False"
    assert "is damaged and is not used" in warned
    with (site / "stnwarp/kernels/layout.py").open("a") as stream:
        stream.write("# changed\n")
    assert run(FIND, site) == ("False", "")


@pytest.mark.parametrize(
    ("features", "level"),
    [
        (LEVELS["x86-64-v4"] + ",+sse4a", "x86-64-v4"),
        (LEVELS["x86-64-v3"] + ",-avx512f", "x86-64-v3"),
        ("+avx,+fma", None),
    ],
)
def test_the_highest_level_of_the_processor_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, level: str | None
) -> None:
    for name in [name for name in os.environ if name.startswith("NUMBA_")]:
        monkeypatch.delenv(name)
    for known in LEVELS:
        (tmp_path / shipped_objects.directory_name(known, sources_digest())).mkdir()
    monkeypatch.setattr(shipped_objects, "OBJECTS", tmp_path)
    monkeypatch.setattr(shipped_objects, "processor", lambda: ("", features))
    monkeypatch.delenv("STNWARP_NUMBA_CACHE", raising=False)
    found = shipped_objects.shipped_directory.__wrapped__()
    assert found == (tmp_path / shipped_objects.directory_name(level, sources_digest()) if level else None)


def test_without_the_sources_nothing_shipped_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sources() -> str:
        raise OSError("no sources")

    for name in [name for name in os.environ if name.startswith("NUMBA_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("STNWARP_NUMBA_CACHE", raising=False)
    monkeypatch.setattr(shipped_objects, "OBJECTS", tmp_path)
    monkeypatch.setattr(shipped_objects, "sources_digest", no_sources)
    monkeypatch.setattr(object_cache, "_warned", [])
    with pytest.warns(RuntimeWarning, match="came with the package cannot be used: no sources"):
        assert shipped_objects.shipped_directory.__wrapped__() is None


def test_a_wheel_that_carries_object_code_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "stnwarp-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("stnwarp/kernels/objects/x86-64-v3-0/a.o", b"")
    build = [sys.executable, ROOT / "tools/build_wheel.py", "--wheel", wheel, "-o", tmp_path / "dist"]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 1
    assert "carries object code already" in done.stderr
    assert not (tmp_path / "dist").exists()
