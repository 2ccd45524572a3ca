"""docs/reproduce/: the script of Table 1, whole, on a handful of made-up digits; and its distortions."""

import importlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import stnwarp
from stnwarp.transforms import MatrixTransform

HOME = Path(__file__).parents[1] / "docs" / "reproduce"
SMALL = ("--epochs", "2", "--batch", "8", "--validation", "8")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """table1.py, imported as if it were run."""
    monkeypatch.syspath_prepend(str(HOME))
    threads = torch.get_num_threads()
    yield importlib.import_module("table1")
    torch.set_num_threads(threads)


@pytest.fixture
def module(script: ModuleType) -> ModuleType:
    """distortions.py."""
    return sys.modules["distortions"]


@pytest.fixture
def mnist(tmp_path: Path) -> str:
    """40 training and 12 test images: bars whose place tells the class."""
    path = tmp_path / "mnist.npz"
    classes = np.arange(52, dtype=np.uint8) % 10
    images = np.zeros((52, 28, 28), np.uint8)
    for image, place in zip(images, classes, strict=True):
        image[6:22, 5 + place : 9 + place] = 255
    np.savez(path, x_train=images[:40], y_train=classes[:40], x_test=images[40:], y_test=classes[40:])
    return str(path)


def _records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_script_trains_records_resumes_and_renders(
    script: ModuleType, mnist: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, page = tmp_path / "results.jsonl", tmp_path / "README.md"
    cell = [mnist, "--distortion", "RTS", "--model", "st-cnn-tps", *SMALL, "--results", str(results)]
    assert script.main(cell) == 0
    first = capsys.readouterr()
    assert "epoch   2" in first.err
    assert "|theta - identity|" in first.err
    assert script.main([*cell, "--seeds", "2"]) == 0
    assert "seed 0: measured already" in capsys.readouterr().err
    records = _records(results)
    assert [record["seed"] for record in records] == [0, 1]
    assert {record["parameters"] for record in records} == {396_482}
    assert all(0.0 <= record["test_error"] <= 100.0 for record in records)
    assert f"seed 0: test error {records[0]['test_error']:.2f} %" in first.out

    page.write_text("before\n<!-- table1: begin -->\nold\n<!-- table1: end -->\nafter\n")
    assert script.main(["--render", "--results", str(results), "--readme", str(page)]) == 0
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    row = next(line for line in lines if line.startswith("| ST-CNN TPS |"))
    assert [cell.strip() != "" for cell in row.split("|")[2:-1]] == [False, True, False, False]
    assert "(0.5)" in row
    assert "old" not in lines


def test_the_plain_network_is_trained_too_and_the_same_seed_gives_the_same(
    script: ModuleType, mnist: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        cell = [mnist, "--model", "cnn", *SMALL, "--precision", "float32", "--results", str(tmp_path / name)]
        assert script.main(cell) == 0
    assert "theta" not in capsys.readouterr().err
    one, two = (_records(tmp_path / name) for name in ("one.jsonl", "two.jsonl"))
    for record in (*one, *two):
        del record["seconds"], record["processor_seconds"]
    assert one == two


def test_a_run_can_learn_from_every_image(
    script: ModuleType, mnist: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    cell = [mnist, "--distortion", "P", *SMALL, "--validation", "0", "--results", str(results)]
    assert script.main(cell) == 0
    told = capsys.readouterr().err
    assert "validation" not in told
    assert "|theta - identity|" in told
    (record,) = _records(results)
    assert record["validation_error"] is None
    page = script.render("<!-- table1: begin -->\n<!-- table1: end -->", [record])
    assert "| P ST-CNN affine | 0 |" in page


@pytest.mark.parametrize("model", ["st-cnn-affine", "st-cnn-projective", "st-cnn-tps"])
def test_jitter_moves_theta_while_training_by_its_size_about_the_identity(script: ModuleType, model: str) -> None:
    torch.manual_seed(3)
    network = sys.modules["models"].network(model, "R", jitter=0.05)
    images = torch.rand(4000, 1, 28, 28)
    parameters = network.localise(images)
    moved = network._jittered(parameters) - parameters
    assert moved.mean(dim=0).abs().max() < 0.01
    spread = moved.std(dim=0)
    # A spline's corners feel both the matrix and the shift.
    assert ((spread > 0.04) & (spread < 0.1)).all() if model != "st-cnn-projective" else spread[6:].max() < 1e-6
    assert not torch.equal(network.transform(images[:4]), network.transform(images[:4]))
    network.eval()
    parameters = network.localise(images[:4])
    assert torch.equal(network.transform(images[:4]), network.sample(images[:4], parameters))


def test_the_committed_page_is_what_the_committed_results_render(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text((HOME / "README.md").read_text())
    assert script.main(["--render", "--readme", str(page)]) == 0
    assert page.read_text() == (HOME / "README.md").read_text()


def test_pages_without_markers_are_left_alone(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="needs the lines <!-- table1: begin -->"):
        script.render("nothing", [])


def test_it_runs_as_the_command_that_its_page_names() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(stnwarp.__file__).parents[1])}
    command = [sys.executable, "-W", "error", HOME / "table1.py", "--distortion", "R"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "name an mnist.npz, or give --render" in done.stderr


@pytest.mark.parametrize("size", [(28, 28), (11, 30)])
def test_products_of_patches_are_the_convolution(script: ModuleType, size: tuple[int, int]) -> None:
    fast = sys.modules["models"].PatchConvolution(1, 5, 9)
    plain = torch.nn.Conv2d(1, 5, 9)
    plain.load_state_dict(fast.state_dict())
    images = torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(4), requires_grad=True)
    found, wanted = fast(images), plain(images)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    gradients = [torch.autograd.grad(result.square().sum(), images)[0] for result in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("distortion", ["R", "RTS", "P", "E"])
def test_distorted_digits_stay_digits(module: ModuleType, distortion: str) -> None:
    digits = torch.zeros(64, 1, 28, 28)
    digits[:, :, 9:19, 9:19] = 1.0
    found, same = (module.distorted(digits, distortion, torch.Generator().manual_seed(1)) for _ in range(2))
    assert found.shape == (64, 1, *module.SIZES[distortion])
    assert torch.equal(found, same)
    assert found.min() >= 0.0
    assert found.max() <= 1.0 + 1e-5
    amounts = found.sum(dim=(1, 2, 3))  # of pixels lit, at first 100
    assert 20.0 < amounts.median() < 250.0
    assert amounts.std() > 1.0 or distortion == "R"
    assert not torch.equal(found[0], found[1])


def test_placed_digits_lie_within_the_frame_at_the_size_drawn(module: ModuleType) -> None:
    parameters = module.placements(500, torch.Generator().manual_seed(2)).double()
    scales = 1.5 / parameters[:, 0]
    assert 0.7 <= scales.min() < 0.72
    assert 1.18 < scales.max() <= 1.2
    assert parameters[:, 1].abs().max() <= math.pi / 4
    centres = [
        MatrixTransform.from_parameters("similarity", row.numpy()).inverse().map_points([0.0, 0.0])
        for row in parameters
    ]
    reach = np.abs(centres).max(axis=0)
    assert (reach <= 1.0 / 3.0 + 1e-5).all()  # seven pixels of twenty-one
    assert (reach > 0.32).all()


def test_perspective_takes_the_moved_corners_to_the_corners(module: ModuleType) -> None:
    generator = torch.Generator().manual_seed(3)
    corners = 0.8 * module._CORNERS + 0.2 * torch.randn(50, 4, 2, generator=generator)
    corners = corners[module._convex(corners)]
    assert len(corners) > 40
    for quad, vector in zip(corners, module._homographies(corners), strict=True):
        transform = MatrixTransform.from_parameters("projective", vector.double().numpy())
        np.testing.assert_allclose(transform.map_points(quad.numpy()), module._CORNERS, atol=1e-3)


def test_quads_that_no_view_can_have_are_not_convex(module: ModuleType) -> None:
    square = module._CORNERS
    crossed, dented = square[[0, 2, 1, 3]], square.clone()
    dented[2] = torch.tensor([-0.5, -0.5])
    convex = module._convex(torch.stack((square, crossed, dented, square.flip(0))))
    assert convex.tolist() == [True, False, False, False]
