"""Checkpoints as they are written: whole, quiet, without traces of the machine, and equal to the network."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from stnwarp.conventions import Family
from stnwarp.errors import CheckpointError
from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.localisation.inputs import network_input
from stnwarp.localisation.metadata import METADATA_KEY, Layout, Metadata
from stnwarp.training.export import Exporter, described_anew, export_checkpoint
from stnwarp.training.networks.localisation import LocalisationNetwork
from tests.training_data import SIDE, letters

METADATA = Metadata(family=Family.SIMILARITY, input_size=(SIDE, SIDE), mean=(0.1,), std=(0.3,))


def _network(seed: int = 0, kind: str = "conv", normalised: bool = True) -> LocalisationNetwork:
    torch.manual_seed(seed)
    network = LocalisationNetwork(
        kind, 1, (SIDE, SIDE), Family.SIMILARITY, init="perturbed", filters=4, normalised=normalised
    )
    network(torch.rand(8, 1, SIDE, SIDE))  # normalisation layers have seen something
    return network


each_network = pytest.mark.parametrize(
    ("kind", "normalised"), [("conv", True), ("conv", False), ("fc", True), ("deep", True)]
)


@each_network
def test_the_file_gives_the_networks_numbers(tmp_path: Path, kind: str, normalised: bool) -> None:
    network = _network(kind=kind, normalised=normalised)
    export_checkpoint(network, METADATA, tmp_path / "a.onnx")
    assert network.training
    checkpoint = Checkpoint.load(tmp_path / "a.onnx")
    assert checkpoint.metadata == METADATA
    assert not checkpoint.is_foreign
    images = list(letters("FLT", 5))
    seen = torch.from_numpy(np.stack([network_input(image, METADATA) for image in images]))
    with torch.no_grad():
        wanted = network.eval()(seen).numpy()
    found = np.stack([each.parameters("similarity") for each in checkpoint.localise(images)])  # type: ignore[attr-defined]
    assert np.allclose(found, wanted, atol=1e-5)
    alone = [checkpoint.localise([image])[0].parameters("similarity") for image in images]  # type: ignore[attr-defined]
    assert np.array_equal(np.stack(alone), found)


def test_a_spline_comes_back_with_its_control_points(tmp_path: Path) -> None:
    metadata = Metadata(family=Family.THIN_PLATE_SPLINE, control_points=(3, 4), input_size=(SIDE, SIDE))
    network = LocalisationNetwork("fc", 1, (SIDE, SIDE), metadata.family, metadata.control_points)
    export_checkpoint(network, metadata, tmp_path / "a.onnx")
    (transform,) = Checkpoint.load(tmp_path / "a.onnx").localise([letters("F", 1)[0]])
    assert np.allclose(transform.map_points([0.3, -0.4]), (0.3, -0.4), atol=1e-6)


def test_nothing_is_said_and_nothing_of_this_machine_is_in_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_checkpoint(_network(), METADATA, tmp_path / "a.onnx")
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    content = (tmp_path / "a.onnx").read_bytes()
    assert b".py" not in content
    assert str(Path.home()).encode() not in content
    model = onnx.load_from_string(content)
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


@each_network
def test_weights_are_exchanged_as_if_it_were_traced_again(
    kind: str, normalised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (_network(seed, kind, normalised) for seed in (0, 1))
    wanted = Exporter().checkpoint(second, METADATA)
    exporter = Exporter()
    exporter.checkpoint(first, METADATA)
    monkeypatch.setattr("stnwarp.training.export._exported", None)  # no second trace
    assert exporter.checkpoint(second, METADATA) == wanted


def test_a_checkpoint_is_described_anew_and_otherwise_left_as_it_is(tmp_path: Path) -> None:
    export_checkpoint(_network(), replace(METADATA, description="letters", trained={"epoch": 3}), tmp_path / "a.onnx")
    wanted = Exporter().checkpoint(_network(), replace(METADATA, description="Schriften", trained={"epoch": 3}))
    assert described_anew(tmp_path / "a.onnx", "Schriften") == wanted
    (tmp_path / "a.onnx").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"a\.onnx"):
        described_anew(tmp_path / "a.onnx", "Schriften")


class _Numbers(nn.Module):
    """A network whose output *wrong* is added to outside of PyTorch's sight."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(SIDE * SIDE, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        numbers: torch.Tensor = self.last(images.flatten(1))
        if not torch.compiler.is_compiling() and not torch.onnx.is_in_onnx_export():
            return numbers + 1
        return numbers


def test_a_file_with_other_numbers_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="differs from the trained one by 1; nothing was written"):
        export_checkpoint(_Numbers(), METADATA, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


class _Sorted(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(images[:, 0]).real[:, :4]


def test_what_onnx_has_no_words_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be exported"):
        export_checkpoint(_Sorted(), METADATA, tmp_path / "a.onnx")


def test_another_layout_is_refused(tmp_path: Path) -> None:
    metadata = Metadata(family=Family.SIMILARITY, input_size=(SIDE, SIDE), layout=Layout.NHWC)
    with pytest.raises(CheckpointError, match="NCHW"):
        export_checkpoint(_network(), metadata, tmp_path / "a.onnx")
