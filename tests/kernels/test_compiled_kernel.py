"""The kernels themselves: codes, machine code, specialisations, cache, and the same results without the compiler."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stnwarp.kernels import layout
from stnwarp.sampling.arrays import PADDING_CODES

ROOT = Path(__file__).parents[2]
compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="kernels run in Python or check their indices: there is no machine code of ours to look at",
)


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_codes_are_those_of_the_enums() -> None:
    assert {mode.name: code for mode, code in PADDING_CODES.items()} == {
        name: getattr(layout, name) for name in ("ZEROS", "FILL", "BORDER", "REFLECTION", "WRAP")
    }


def test_parts_of_the_work_space_do_not_overlap() -> None:
    places, offsets, weights, pixels = layout.make_workspace(np.float64, np.float32)
    assert len(places) == layout.COVERAGE + layout.BLOCK
    assert len(offsets) >= layout.STEP + layout.BLOCK
    assert len(weights) >= layout.STEP_Y + layout.BLOCK
    assert len(pixels) == layout.LOWER_NEIGHBOURS + 2 * layout.BLOCK
    assert weights.dtype == np.float32
    assert all(array.ctypes.data % 64 == 0 for array in (places, offsets, weights, pixels))


# What is warped, how, by which kernel, and what vectors look like in its code.
LOOPS = [
    ("(8, 8, 3), np.uint8", "bilinear", "forward.bilinear_uint8.bilinear_uint8_rows", r"fmul .*<(8|16) x float>"),
    ("(8, 8), np.uint8", "bilinear", "forward.bilinear_uint8.bilinear_uint8_rows", r"fmul .*<(8|16) x float>"),
    ("(8, 8), np.float32", "bilinear", "forward.bilinear_planar.bilinear_planar_rows", r"fmul .*<(8|16) x float>"),
    ("(8, 8, 3), np.float32", "bilinear", "forward.bilinear_float.bilinear_float_rows", r"fmul .*<4 x float>"),
    ("(8, 8, 3), np.float64", "bilinear", "forward.bilinear.bilinear_rows", r"llvm\.masked\.gather"),
    ("(8, 8, 3), np.float32", "nearest", "forward.nearest.nearest_rows", r"llvm\.masked\.gather"),
    ("(8, 8, 4), np.uint8", "nearest", "forward.nearest.nearest_rows", r"llvm\.masked\.gather"),
]


@pytest.fixture(scope="module")
def codes_for_avx512(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """LLVM's own code of each of `LOOPS` for a processor with long vectors."""
    folder = tmp_path_factory.mktemp("codes")
    compiles = f"""if True:
        from importlib import import_module
        from pathlib import Path
        import numpy as np
        from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
        from stnwarp import warp
        for number, (image, interpolation, kernel, _) in enumerate({LOOPS!r}):
            with collect_specialisations() as needed:
                warp(np.zeros(*eval(f"({{image}},)")), np.eye(2, 3), interpolation=interpolation)
            needed[0].compile()
            module, name = kernel.rsplit(".", 1)
            codes = getattr(import_module(f"stnwarp.kernels.{{module}}"), name).inspect_llvm()
            (Path({str(folder)!r}) / str(number)).write_text([*codes.values()][-1])
    """
    run = _run(
        compiles,
        STNWARP_NUMBA_CACHE="0",
        NUMBA_CPU_NAME="skylake-avx512",
        NUMBA_CPU_FEATURES="+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx2,+fma",
    )
    assert run.returncode == 0, run.stderr
    return [(folder / str(number)).read_text() for number in range(len(LOOPS))]


@compiled_only
@pytest.mark.parametrize("number", range(len(LOOPS)), ids=[f"{image} {kind}" for image, kind, _, _ in LOOPS])
def test_sampling_loops_are_vectorised(codes_for_avx512: list[str], number: int) -> None:
    """Vectors of pixels, gathered where the neighbours are not collected before; and nothing that counts references."""
    code, vectors = codes_for_avx512[number], LOOPS[number][-1]
    assert re.search(vectors, code), "the compiler no longer vectorises the sampling loop"
    assert "NRT_incref" not in code, "references are counted inside the kernel"


@compiled_only
def test_an_rgb_folder_needs_one_specialisation_and_no_compiler_once_cached(tmp_path: Path) -> None:
    code = """if True:
        import sys
        import numpy as np
        from stnwarp.sampling import kernel_choice
        from stnwarp import grid_sample_backward, warp
        for image in (np.zeros((8, 9, 3), np.uint8), np.zeros((30, 20, 3), np.uint8)[::2]):
            image.setflags(write=False)
            for theta in (np.eye(2, 3), np.eye(3) + [[0, 0, 0], [0, 0, 0], [0.1, 0, 0]]):
                for padding in ("fill", "zeros", "border", "reflection"):
                    warp(image, theta, (5, 6), padding_mode=padding, fill=3, antialias=False, threads=2)
        kernels = [*kernel_choice._KERNELS.values(), *kernel_choice._UINT8_BILINEAR.values()]
        assert {kernel.name: len(kernel.specialisations) for kernel in kernels if kernel.specialisations} == {
            "bilinear_uint8_rows": 1
        }
        print("numba" in sys.modules)
    """
    runs = [_run(code, STNWARP_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert [run.stdout.strip() for run in runs] == ["True", "False"]


# Nearest is the smallest kernel, and without optimisation it compiles sooner.
QUICK = {"NUMBA_OPT": "0"}
COMPILES = """if True:
    import numpy as np
    from stnwarp.kernels.compiler.compiled_kernel import on_compile
    from stnwarp import warp
    names = []
    with on_compile(names.append):
        assert warp(np.full((4, 4), 7, np.uint8), np.eye(2, 3), interpolation="nearest").min() == 7
    print(*names)
"""


def _compile(cache: Path, code: str = COMPILES, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run(code, **{"STNWARP_CACHE_DIR": str(cache), **QUICK, **environment})


CHANGES = """if True:
    from pathlib import Path
    from stnwarp.kernels.compiler.object_cache import cache_directory

    def directory():
        cache_directory.cache_clear()
        return cache_directory()

    files = sorted(Path("stnwarp/kernels").rglob("*.py"))
    directories = {directory()}
    for file in files:
        file.write_text(file.read_text() + "# changed")
        directories.add(directory())
    print(len(files), len(directories))
"""


def test_a_change_to_any_file_of_the_kernels_leads_to_another_cache(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "stnwarp", tmp_path / "stnwarp", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "STNWARP_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", CHANGES], cwd=tmp_path, env=environment, capture_output=True, text=True)
    files, directories = map(int, run.stdout.split())
    assert files > 40
    assert directories == files + 1, "two states of the sources share a cache"


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the kernel that COMPILES needs."""
    cache = tmp_path_factory.mktemp("warm")
    assert _compile(cache).returncode == 0
    return cache


@pytest.fixture
def cache(warm_cache: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(warm_cache, tmp_path / "cache")


@compiled_only
def test_the_cache_is_private_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    runs = [_compile(tmp_path / "cache") for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["nearest_rows", ""]
    assert runs[0].stderr == runs[1].stderr == ""
    (directory,) = (tmp_path / "cache").iterdir()
    assert directory.stat().st_mode & 0o077 == 0
    (file,) = directory.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:40], whole[:5000] + b"x" + whole[5001:]):
        file.write_bytes(damaged)
        run = _compile(tmp_path / "cache")
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == "nearest_rows"
        assert "is damaged" in run.stderr
        assert run.stderr.count("RuntimeWarning") == 1
    assert _compile(tmp_path / "cache").stdout.strip() == ""


@compiled_only
@pytest.mark.parametrize("value", ["0", "1"])
def test_without_a_cache_it_works_and_says_so_once(value: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = _compile(tmp_path / "file" / "cache", STNWARP_NUMBA_CACHE=value)
    assert run.stdout.strip() == "nearest_rows"
    assert run.stderr.count("RuntimeWarning: compiled kernels cannot be cached") == int(value)


@compiled_only
def test_a_directory_that_others_can_write_to_is_not_trusted(cache: Path) -> None:
    (directory,) = cache.iterdir()
    directory.chmod(0o777)
    run = _compile(cache)
    assert run.stdout.strip() == "nearest_rows"
    assert "can be written by others" in run.stderr


@compiled_only
def test_a_file_that_others_can_write_to_is_not_trusted(cache: Path) -> None:
    (file,) = cache.glob("*/*.o")
    file.chmod(0o666)
    run = _compile(cache)
    assert run.stdout.strip() == "nearest_rows"
    assert "can be written by others" in run.stderr
    assert file.stat().st_mode & 0o077 == 0


@compiled_only
def test_code_of_one_kernel_is_not_taken_for_another(cache: Path) -> None:
    rgb = COMPILES.replace("(4, 4)", "(4, 4, 3)")
    (file,) = cache.glob("*/*.o")
    file.rename(file.with_name(file.name.replace("rows-1-", "rows-3-")))
    run = _compile(cache, rgb)
    assert run.stdout.strip() == "nearest_rows"
    assert "is damaged" in run.stderr


@compiled_only
def test_settings_of_numba_have_a_cache_of_their_own(cache: Path) -> None:
    assert _compile(cache).stdout.strip() == ""
    assert _compile(cache, NUMBA_OPT="1").stdout.strip() == "nearest_rows"


@pytest.mark.parametrize(
    ("setting", "value"), [("NUMBA_DISABLE_JIT", "00"), ("NUMBA_DISABLE_JIT", ""), ("NUMBA_BOUNDSCHECK", "00")]
)
def test_settings_that_are_off_are_off(setting: str, value: str) -> None:
    run = _run(COMPILES, **{**QUICK, "NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0", setting: value})
    assert run.returncode == 0, run.stderr


def test_a_program_that_turns_the_compiler_off_is_heeded() -> None:
    code = "import numba\nnumba.config.DISABLE_JIT = 1\nimport numpy as np\nfrom stnwarp import warp\n"
    run = _run(code + "assert warp(np.ones((3, 3)), np.eye(2, 3)).all()")
    assert run.returncode == 0, run.stderr


@compiled_only
def test_calls_write_to_no_memory_but_the_output() -> None:
    code = """if True:
        import numpy as np
        from stnwarp import warp
        warp(np.zeros((4, 4), np.uint8), np.eye(2, 3))
        keep = [bytes([0xAA]) * 100 for _ in range(20000)]
        warp(np.zeros((4, 4), np.uint8), np.eye(2, 3))
        assert all(value == bytes([0xAA]) * 100 for value in keep)
    """
    run = _run(code)
    assert run.returncode == 0, run.stderr


@compiled_only
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_forked_while_a_kernel_is_compiled_collects_garbage() -> None:
    code = """if True:
        import gc, os
        from stnwarp.kernels.compiler import codegen
        with codegen._no_garbage_collection():
            child = os.fork()
            if not child:
                os._exit(0 if gc.isenabled() else 1)
            assert not gc.isenabled()
        assert gc.isenabled()
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    run = _run(code)
    assert run.returncode == 0, run.stderr
