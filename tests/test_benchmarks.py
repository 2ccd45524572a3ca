"""The benchmarks run, on next to nothing, and all their rows come out; what they measure is not tested."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests import footprint_oracle
from tests.benchmarks import antialias, speed, startup, views
from tests.benchmarks.antialias_cases import page, scene
from tests.benchmarks.antialias_peers import peers
from tests.benchmarks.cases import cases, further_rows, image_rows, tensor_rows
from tests.benchmarks.floor import image_floor
from tests.benchmarks.pages import written_to
from tests.benchmarks.timing import Rounds, cpu_seconds_of
from tests.footprint_reference import footprint_means, jacobians_at, points_inside, some_points
from tests.implementations.scenes import Scene, smooth_image, turned
from tests.implementations.table import IMAGE_WORKS, TENSOR_WORKS
from tests.implementations.work import Work

SIZE = (64, 96)


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    """Whoever benchmarks takes one thread everywhere; whoever comes after wants the old number."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    yield
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])


@pytest.mark.slow
@pytest.mark.usefixtures("threads_as_before")
def test_every_row_of_the_table_of_speed_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--size", "96x64", "--rounds", "1", "--small-maps"]) == 0
    out = capsys.readouterr().out
    rows = [*image_rows([SIZE], 17), *tensor_rows(17, speed.SMALL_SHAPES), *further_rows(SIZE, 17)]
    assert "not the same work" not in out
    for row in rows:
        (line,) = [x for x in out.splitlines() if x.startswith(f"| {row.work.title} | {row.size} | {row.case} |")]
        times = [cell for cell in line.split("|") if "(" in cell and not cell.endswith(("(copy) ", "(loads) "))]
        assert len(times) == len(row.work.peers)
    for title in ("Images", "Feature maps", "Further cases", "Two threads over one", "What a call costs"):
        assert f"### {title}" in out
    assert " GB/s; clock " in out


@pytest.mark.usefixtures("threads_as_before")
def test_rows_and_peers_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--size", "96x64", "--rounds", "1", "--only", "affine nearest", "--peer", "pillow"]) == 0
    heading, _, *lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 1
    assert "Pillow" in heading
    assert "OpenCV" not in heading


def test_a_peer_that_does_other_work_is_not_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Work, "_differences", lambda *_: ["another picture"])
    assert speed.main(["--size", "96x64", "--rounds", "1", "--only", "affine nearest", "--peer", "pillow"]) == 1
    assert "not the same work: another picture" in capsys.readouterr().out


@pytest.mark.slow
def test_every_row_of_the_table_of_starting_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    startup.main(["--size", "64x48", "--rounds", "1"])
    out = capsys.readouterr().out
    for name in ("import stnwarp", "stnwarp --help", "first ever", "first of a day", "cached"):
        assert f"{name} |" in out
    (told,) = [line for line in out.splitlines() if line.startswith("specialisations")]
    assert int(told.split(": ")[1].split(",")[0]) in range(1, 4)


def test_targets_name_works_that_exist() -> None:
    rows = [*image_rows([SIZE], 17), *tensor_rows(17)]
    assert sum(row.target is not None for row in rows) == 7 + 3 * 4
    assert len(rows) == len(IMAGE_WORKS) + 4 * len(TENSOR_WORKS)


def test_the_further_cases_are_what_they_are_called() -> None:
    scenes = {case.name: Scene(np.zeros(case.size), case.matrix, case.output) for case in cases(SIZE, 17)}
    spreads = {name: abs(np.linalg.det(scene.matrix[:2, :2])) for name, scene in scenes.items()}
    assert spreads["downscaling by 3"] == pytest.approx(9)
    assert spreads["upscaling by 4"] == pytest.approx(1 / 16)
    assert spreads["90 degrees"] == pytest.approx(1)
    assert 0 < spreads["almost singular"] < 1e-5
    assert scenes["almost singular"].inside(0).mean() > 0.9
    (outside,) = [row for row in further_rows(SIZE, 17) if "outside" in row.case]
    assert 1 - outside.make().inside(-0.5).mean() == pytest.approx(0.3, abs=0.05)


def test_a_floor_counts_every_pixel_that_is_read_once() -> None:
    image = smooth_image(8, 10, 3)
    bilinear, nearest = (next(w for w in IMAGE_WORKS if w.title == f"affine {name}, uint8 RGB") for name in NAMES)
    moved = turned(0, (8, 10))
    moved[0, 2] = 0.5
    half_a_pixel, none = Scene(image, moved, (8, 10)), Scene(image, turned(0, (8, 10)), (8, 10))
    assert image_floor(nearest, none).bytes_moved == 2 * 240
    assert image_floor(bilinear, half_a_pixel).bytes_moved == 2 * 240
    assert image_floor(nearest, none).loads == 80
    assert image_floor(bilinear, half_a_pixel).loads == 2 * 72  # the last column lies outside by half a pixel
    thinned = Scene(image, turned(0, (8, 10), 2, (4, 5)), (4, 5))
    assert image_floor(nearest, thinned).bytes_moved == 2 * 60


NAMES = ("bilinear", "nearest")


def test_tables_are_put_into_their_place_of_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin it -->\nold\n<!-- end it -->\nafter\n")
    for text in ("| one |", "| two |"):
        with written_to(page, "it"):
            print(f"\n{text}")  # noqa: T201
    assert page.read_text() == "before\n<!-- begin it -->\n\n| two |\n\n<!-- end it -->\nafter\n"
    assert capsys.readouterr().out == "\n| one |\n\n| two |\n"
    with pytest.raises(SystemExit, match="must hold the lines"), written_to(page, "other"):
        pass


def test_slow_peers_get_fewer_rounds() -> None:
    assert [Rounds(30).every(seconds) for seconds in (0.001, 0.1, 0.5, 10)] == [1, 1, 7, 10]


@pytest.mark.slow
@pytest.mark.usefixtures("threads_as_before")
def test_every_view_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert views.main(["--size", "96x64", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    for name in (*views.VIEWS, "a crop of a memory map"):
        (line,) = [row for row in out.splitlines() if row.startswith(f"| {name} |")]
        assert all(float(cell) >= 0 for cell in line.strip("| ").split(" | ")[1:])  # of so few pixels, also 0.0


@pytest.mark.slow
@pytest.mark.usefixtures("threads_as_before")
def test_every_peer_has_its_row_in_the_tables_of_antialiasing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cases = ("rot17/8", "squeeze8x1@30", "horizon")
    chosen = [argument for case in cases for argument in ("--case", case)]
    assert antialias.main(["--size", "256", "--rounds", "1", "--points", "50", *chosen]) == 0
    out = capsys.readouterr().out.splitlines()
    for peer in peers(tmp_path):
        rows = [line for line in out if line.startswith(f"| {peer.kernel} | {peer.name} |")]
        cells = [[cell.strip() for cell in row.split("|")[3:-1]] for row in rows]
        assert len(cells) == 4  # dB of three pictures, and the time on one
        assert all(all(row[:2]) and len(row) == 3 for row in cells)
        assert all(float(number) > 0 for row in (cells[0], *cells[2:]) for number in row if number)
    (ours,) = [line for line in out if line.startswith("| bilinear | stnwarp |") and "(1.00)" in line]
    assert ours.count("(1.00)") == 3
    for case, goal in (("rot17/8", "45"), ("squeeze8x1@30", "40"), ("horizon", "40")):
        (line,) = [line for line in out if line.startswith(f"| {case} |")]
        assert line.split(" | ")[2] == goal
        assert float(line.split(" | ")[1]) >= float(goal)


@pytest.mark.usefixtures("threads_as_before")
def test_peers_of_antialiasing_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--case", "rot17/2", "--peer", "area"]
    assert antialias.main(["--size", "64", "--rounds", "1", "--points", "50", *chosen]) == 0
    out = capsys.readouterr().out
    assert out.count("| bilinear | OpenCV, resize by area first |") == out.count("| bilinear | stnwarp |") == 4
    assert "Pillow" not in out


@pytest.mark.parametrize("case", ["rot17/2.6", "squeeze8x1@30", "horizon"])
@pytest.mark.parametrize("interpolation", ["bilinear", "lanczos"])
def test_the_exact_sum_is_that_of_the_oracle(case: str, interpolation: str) -> None:
    work = scene(page(128), case)
    radius = footprint_oracle.KERNELS[interpolation][1]
    points = some_points(points_inside(work.matrix, (128, 128), work.size, radius), 60)
    positions, jacobians = jacobians_at(work.matrix, points)
    shrinking = np.linalg.svd(jacobians)[1][:, 0] > 1.25  # below, the oracle mixes in the interpolation itself
    assert shrinking.sum() > 30
    exact = footprint_oracle.sample(work.image, positions[None], jacobians[None], interpolation, "border")[0]
    means = footprint_means(work.image, work.matrix, points, interpolation)
    np.testing.assert_allclose(means[shrinking], exact[shrinking], rtol=0, atol=1e-9)


def test_the_cases_of_antialiasing_are_what_they_are_called() -> None:
    image = page(128)
    for case, axes in (("rot17/2.6", (2.6, 2.6)), ("squeeze8x1", (8, 1)), ("squeeze8x1@30", (8, 1))):
        _, jacobians = jacobians_at(scene(image, case).matrix, np.array([[3, 5]]))
        assert np.linalg.svd(jacobians[0])[1] == pytest.approx(axes)
    horizon = scene(image, "horizon")
    positions, jacobians = jacobians_at(horizon.matrix, np.array([[16, -0.5], [16, 31.5]]))
    assert jacobians[:, 0, 0] == pytest.approx([30, 1])
    assert positions[:, 1] == pytest.approx([-0.5, 127.5])


def test_cpu_time_is_that_of_processes_too() -> None:
    busy = "import time\nwhile time.process_time() < 0.05: pass"
    assert cpu_seconds_of(lambda: subprocess.run([sys.executable, "-c", busy], check=True)) >= 0.05
