"""Build a wheel that carries object code of the kernels for Linux on x86-64, so that nobody has to compile them.

python tools/build_wheel.py
python tools/build_wheel.py --common --wheel dist/stnwarp-0.1.0-py3-none-any.whl

Run it with the Python of an environment that stnwarp's dependencies are installed in. Nothing that is compiled is run:
any x86-64 Linux machine can build for both levels. docs/compile.md says what becomes of the object code.
"""

import base64
import hashlib
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
# The code calls nothing but the C library, and of that only what every version for this processor has.
TAG = "py3-none-manylinux_2_17_x86_64"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same for all files, so that the same content makes the same wheel


@click.command()
@click.option("--common", is_flag=True, help="Only the kernels that README's recipes need; by default all.")
@click.option(
    "--wheel", type=click.Path(exists=True, path_type=Path), help="Start from this wheel.  [default: build one]"
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=ROOT / "dist", help="Folder to write to.")
def main(common: bool, wheel: Path | None, output: Path) -> None:
    """Build a wheel with object code of the kernels for each level of x86-64."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise click.ClickException("the object code is for Linux on x86-64, and has to be compiled there")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pure = wheel or build_pure(work)
        package = work / "package"
        with zipfile.ZipFile(pure) as archive:
            if any(name.startswith("stnwarp/kernels/objects/") for name in archive.namelist()):
                raise click.ClickException(f"{pure} carries object code already; start from one that does not")
            archive.extractall(package)
        sys.path.insert(0, str(package))  # what is compiled is what is in the wheel
        add_objects(package, work, wants_all=not common)
        output.mkdir(parents=True, exist_ok=True)
        target = output / f"{pure.name.removesuffix('.whl').removesuffix('-py3-none-any')}-{TAG}.whl"
        write_wheel(package, target)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def build_pure(work: Path) -> Path:
    """The wheel of the sources alone, as pip builds it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(work / "pure"), str(ROOT)], check=True)
    (wheel,) = (work / "pure").glob("*.whl")
    return wheel


def add_objects(package: Path, work: Path, *, wants_all: bool) -> None:
    """Compile the kernels of *package* for each level, and put the object code where they are looked for."""
    from stnwarp.kernels.compiler.object_file import sources_digest
    from stnwarp.kernels.compiler.shipped_objects import OBJECTS, directory_name
    from stnwarp.kernels.compiler.target import LEVELS
    from stnwarp.sampling.compilation import compile_side_by_side, processes_for
    from stnwarp.sampling.specialisations import specialisations

    assert OBJECTS.is_relative_to(package)
    files, digest = list(specialisations(wants_all)), sources_digest()
    for level, features in LEVELS.items():
        cache = work / level
        settings = {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": features, "STNWARP_CACHE_DIR": str(cache)}
        with click.progressbar(
            compile_side_by_side(files, processes_for(len(files)), settings), len(files), level
        ) as bar:
            for result in bar:
                if result.fault:
                    raise click.ClickException(f"{result.file}: {result.fault}")
        (directory,) = cache.iterdir()
        objects = OBJECTS / directory_name(level, digest)
        objects.mkdir(parents=True)
        for file in files:
            (directory / file).rename(objects / file)


def write_wheel(package: Path, target: Path) -> None:
    """Pack *package* as the wheel *target*, with the tag of its platform and a record of what is in it now."""
    (information,) = package.glob("*.dist-info")
    lines = (information / "WHEEL").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith(("Root-Is-Purelib:", "Tag:"))]
    text = "\n".join([*kept, "Root-Is-Purelib: false", f"Tag: {TAG}", ""])
    (information / "WHEEL").write_text(text, encoding="utf-8")
    record = information / "RECORD"
    record.unlink()
    names = sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file())
    own = str(record.relative_to(package))
    record.write_text("\n".join([*entries(package, names), f"{own},,", ""]), encoding="utf-8")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in [*names, own]:
            member = zipfile.ZipInfo(name, _DATE)
            member.external_attr, member.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(member, (package / name).read_bytes())


def entries(package: Path, names: list[str]) -> Iterator[str]:
    """The lines of a record: name, checksum and size of each file."""
    for name in names:
        data = (package / name).read_bytes()
        checksum = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        yield f"{name},sha256={checksum},{len(data)}"


if __name__ == "__main__":
    main()
