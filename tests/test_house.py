"""The house: files import only from lower floors, nothing heavy is loaded early, and Numba has one door."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import stnwarp

PACKAGE = Path(stnwarp.__file__).parent
FLOORS = (
    {"errors", "parallel", "text"},
    {"array_like", "conventions", "resources"},
    {"files", "rectangle", "size_request", "term_list"},
    {"kernels.layout", "kernels.compiler"},
    {"kernels.simd"},
    {"kernels.geometry", "kernels.trial_kernel"},
    {"kernels.forward", "kernels.backward", "kernels.volumes"},
    {"transforms"},
    {"sampling"},
    {"drawing", "torch", "localisation"},
    {"spatial_transformer"},
    {"images", "transform_files"},
    {"params"},
    {"folder", "training"},
    {"cli"},
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {"numpy", "numba", "PIL", "onnxruntime", "torch", "tqdm", "scipy", "matplotlib", "llvmlite"}
FILES = sorted(PACKAGE.rglob("*.py"))


def _room(parts: Sequence[str]) -> str:
    """The room of a module, by the parts of its name below the package: of the kernels the room in there."""
    return ".".join(parts[: 2 if parts[0] == "kernels" else 1])


def _room_of(path: Path) -> str:
    return _room([part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts])


def _imported(path: Path) -> Iterator[str]:
    """Every module that *path* imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (PACKAGE.parent / (name.replace(".", "/") + ".py")).exists()
                yield name if is_module or node.module == "stnwarp" else node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_point_down(path: Path) -> None:
    room = _room_of(path)
    if room.endswith(("__init__", "__main__")):
        return
    for module in _imported(path):
        package, *parts = module.split(".")
        if package == "stnwarp" and _room(parts) != room:
            assert FLOOR[_room(parts)] < FLOOR[room], f"{room} imports {module}, which is not below it"


def test_files_of_a_room_import_each_other_in_one_direction() -> None:
    graph: dict[str, set[str]] = {}
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES}
    for module, path in modules.items():
        if path.name != "__init__.py":
            graph[module] = {imported for imported in _imported(path) if imported in modules}
    while leaves := {module for module, imported in graph.items() if not imported & graph.keys()}:
        graph = {module: imported for module, imported in graph.items() if module not in leaves}
    assert not graph, f"these import each other in a circle: {sorted(graph)}"


def test_every_room_has_a_floor() -> None:
    assert {_room_of(path) for path in FILES} - {"__init__", "__main__", "kernels.__init__"} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_numba_stays_in_the_kernels(path: Path) -> None:
    roots = {module.split(".")[0] for module in _imported(path)}
    assert _room_of(path).startswith("kernels.") or not roots & {"numba", "llvmlite"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_grows_into_a_second_house(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 > 60:
                    long.append(f"{path.name}:{node.name}")
    assert not long


@pytest.mark.parametrize("command", ["import stnwarp", "import stnwarp.cli", "help"])
def test_nothing_heavy_is_loaded_before_it_is_needed(command: str) -> None:
    run_help = (
        "import sys\nfrom stnwarp.cli import main\nsys.argv = ['stnwarp', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    code = (run_help if command == "help" else command) + (
        "\nimport sys\nprint(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(result.stderr.strip().splitlines()[-1]))
    assert "stnwarp" in loaded
    assert not loaded & HEAVY


def test_public_names_are_what_they_say() -> None:
    for name in stnwarp.__all__:
        assert getattr(stnwarp, name).__name__ == name
