"""stnwarp.torch in models that are exported: the file holds torch's or ONNX's own operators and gives our numbers."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from stnwarp.errors import ParameterError
from stnwarp.torch import affine_grid, grid_sample, spatial_transform

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning",
        "ignore:.*legacy TorchScript-based ONNX export:DeprecationWarning",
        "ignore:Converting a tensor to a Python boolean:torch.jit.TracerWarning",
        "ignore:The feature will be removed:DeprecationWarning",
    ),
]
TORCH = tuple(int(part) for part in torch.__version__.split(".")[:2])


class _Network(nn.Module):
    """A localisation network of one layer, and *warp*, which takes its input and its parameters."""

    def __init__(self, warp: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], parameters: torch.Tensor) -> None:
        super().__init__()
        self.localisation = nn.Linear(20, parameters.numel())
        with torch.random.fork_rng():
            torch.manual_seed(0)
            nn.init.normal_(self.localisation.weight, std=0.05)
        self.localisation.bias.data.copy_(parameters.ravel())
        self.shape, self.warp = parameters.shape, warp

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.warp(input, self.localisation(input.flatten(1)[:, :20]).unflatten(1, self.shape))


def _network(name: str, *options: Any) -> tuple[nn.Module, torch.Tensor]:
    """A network in use, and a batch of three for it."""

    def by_grid(input: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        size = (input.shape[0], 1, *((4, 3) if input.ndim == 4 else (2, 4, 3)))
        return grid_sample(input, affine_grid(theta, size), *options)

    def fused(input: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        return spatial_transform(input, theta, (4, 3), *options)

    def half(input: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        return spatial_transform(input.bfloat16(), theta.double(), None, *options).float()

    affine, projective = torch.eye(2, 3), torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.2, 0.3, 1]])
    warp, parameters, sides = {
        "grid": (by_grid, affine, (6, 5)),
        "fused": (fused, affine, (6, 5)),
        "homography": (fused, projective, (6, 5)),
        "volumes": (by_grid, torch.eye(3, 4), (3, 6, 5)),
        "half": (half, affine, (6, 5)),
    }[name]
    inputs = torch.randn(3, 2, *sides, generator=torch.Generator().manual_seed(1))
    return _Network(warp, parameters).eval(), inputs


NAMES = ["grid", "fused", "homography", "volumes", "half"]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_an_exported_graph_is_torchs_alone_and_takes_batches_of_any_size(name: str, strict: bool) -> None:
    if strict and TORCH < (2, 7):
        pytest.skip("before torch 2.7 nothing tells export from compilation under strict=True")
    network, inputs = _network(name)
    batch = torch.export.Dim("batch", min=1) if TORCH >= (2, 7) else torch.export.Dim("batch", min=2, max=99)
    program = torch.export.export(network, (inputs,), dynamic_shapes=({0: batch},), strict=strict)
    assert "stnwarp" not in str(program.graph)
    assert "grid_sampler" in str(program.graph)
    for some in (inputs, inputs[:2], inputs.repeat(2, *(1,) * (inputs.ndim - 1))):
        torch.testing.assert_close(program.module()(some), network(some), rtol=1e-2 if name == "half" else 0, atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "linear", "cubic"])
def test_every_mode_of_torchs_is_exported(mode: str, padding_mode: str, align_corners: bool) -> None:
    network, inputs = _network("fused", mode, padding_mode, align_corners)
    program = torch.export.export(network, (inputs,), strict=False)
    torch.testing.assert_close(program.module()(inputs), network(inputs), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("options", "words"), [(("bilinear", "wrap"), "padding_mode"), (("lanczos",), "mode")])
@pytest.mark.parametrize("name", ["grid", "fused", "homography"])
def test_what_torch_has_not_is_refused_in_words(name: str, options: tuple[str, ...], words: str) -> None:
    network, inputs = _network(name, *options)
    expected = rf"{words} must be one of [\w, ]+ while a model is exported, got '{options[-1]}'"
    assert network(inputs).shape == (3, 2, 4, 3)
    with pytest.raises(ParameterError, match=expected):
        torch.export.export(network, (inputs,), strict=False)
    with pytest.raises(ParameterError, match=expected):
        torch.onnx.export(network, (inputs,), io.BytesIO(), dynamo=False, opset_version=20)


@pytest.mark.parametrize("name", ["grid", "fused", "homography"])
def test_antialiasing_is_refused_in_words(name: str) -> None:
    network, inputs = _network(name, "bilinear", "zeros", False, True)
    assert network(inputs).shape == (3, 2, 4, 3)
    expected = "antialias must be False while a model is exported: neither torch nor ONNX can do it"
    with pytest.raises(ParameterError, match=expected):
        torch.export.export(network, (inputs,), strict=False)
    with pytest.raises(ParameterError, match=expected):
        torch.onnx.export(network, (inputs,), io.BytesIO(), dynamo=False, opset_version=20)


@pytest.mark.filterwarnings("ignore:Exporting a model while it is in training mode")
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_an_onnx_file_is_onnxs_alone_and_gives_our_numbers(name: str, dynamo: bool) -> None:
    if name == "volumes" and (not dynamo or TORCH < (2, 7)):
        pytest.skip("this exporter of torch's writes GridSample of opset 16, which has no volumes")
    network, inputs = _network(name)
    model = onnx.load_from_string(_exported(network, inputs, dynamo))
    operators = {(node.domain, node.op_type) for node in model.graph.node}
    assert ("", "GridSample") in operators
    assert {domain for domain, _ in operators} == {""}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    atol = 0.05 if name == "half" else 1e-4
    np.testing.assert_allclose(found, network(inputs).detach().numpy(), rtol=0, atol=atol)


def _exported(network: nn.Module, inputs: torch.Tensor, dynamo: bool) -> bytes:
    if not dynamo:
        file = io.BytesIO()
        torch.onnx.export(network, (inputs,), file, dynamo=False, opset_version=20)
        return file.getvalue()
    program = torch.onnx.export(network, (inputs,), dynamo=True, opset_version=20, verbose=False)
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    return data


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_points_on_the_horizon_are_read_alike_in_an_exported_graph(
    mode: str, padding_mode: str, align_corners: bool
) -> None:
    """The middle column of the output is divided by zero: numbers of either sign, and zero itself."""
    theta = torch.tensor([[[0.0, 0.7, 0], [0.6, 0, 0], [1, 0, 0]]])
    input = torch.arange(1.0, 21).reshape(1, 1, 4, 5)

    class Horizon(nn.Module):
        def forward(self, input: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
            return spatial_transform(input, theta, (3, 3), mode, padding_mode, align_corners)

    program = torch.export.export(Horizon(), (input, theta), strict=False)
    found = program.module()(input, theta)
    torch.testing.assert_close(found, Horizon()(input, theta), rtol=0, atol=1e-4)
