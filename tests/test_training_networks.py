"""Localisation networks, classifiers, and both around a transformer: shapes, first predictions, bounds, gradients."""

import math

import pytest
import torch

from stnwarp.conventions import Family
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.training.choices import LocalisationKind
from stnwarp.training.geometry import identity_parameters, parameter_count, sampling_grid
from stnwarp.training.networks import (
    BoundedParameters,
    Bounds,
    Classifier,
    LocalisationNetwork,
    SpatialTransformerClassifier,
)

FAMILIES = [(str(family), (4, 4) if family == "tps" else None) for family in Family]
each_family = pytest.mark.parametrize(("family", "control_points"), FAMILIES, ids=str)
each_kind = pytest.mark.parametrize("kind", list(LocalisationKind))


def _images(count: int = 3, channels: int = 1, size: tuple[int, int] = (28, 28), seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(seed))


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@each_family
@each_kind
def test_an_untrained_network_predicts_the_identity(
    kind: str, family: str, control_points: tuple[int, int] | None
) -> None:
    network = LocalisationNetwork(kind, 1, (28, 28), family, control_points)
    wanted = identity_parameters(family, control_points).expand(3, -1)
    torch.testing.assert_close(network(_images()), wanted, rtol=0, atol=0)


@each_family
def test_a_perturbed_network_predicts_nearly_the_identity(family: str, control_points: tuple[int, int] | None) -> None:
    torch.manual_seed(3)
    found = LocalisationNetwork("conv", 1, (28, 28), family, control_points, init="perturbed")(_images())
    change = (found - identity_parameters(family, control_points)).abs()
    assert 0.0 < change.max() < 0.1
    assert change.std(dim=0).max() > 0.0  # it depends on the image


@each_kind
@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (42, 42)), (3, (48, 32)), (2, (100, 96))])
def test_sizes_and_channels_are_free(kind: str, channels: int, size: tuple[int, int]) -> None:
    network = LocalisationNetwork(kind, channels, size, "similarity")
    assert network(_images(2, channels, size)).shape == (2, 4)


def test_the_papers_networks_have_the_papers_numbers() -> None:
    conv = LocalisationNetwork("conv", 1, (28, 28), "affine")
    assert _count(conv) == (25 * 20 + 20) + (25 * 20 * 20 + 20) + (20 * 20 + 20) + (20 * 6 + 6)
    full = LocalisationNetwork("fc", 1, (28, 28), "affine")
    assert _count(full) == (784 * 32 + 32) + 2 * (32 * 32 + 32) + (32 * 6 + 6)
    classifier = Classifier(10, 1, (28, 28), (60, 128))
    assert _count(classifier) == (81 * 60 + 60) + (49 * 60 * 128 + 128) + (4 * 128 * 10 + 10)


@pytest.mark.parametrize("kind", ["conv", "fc"])
def test_normalisation_adds_two_numbers_for_each_feature_and_keeps_the_identity(kind: str) -> None:
    plain = LocalisationNetwork(kind, 1, (28, 28), "affine", filters=5, hidden=7)
    normalised = LocalisationNetwork(kind, 1, (28, 28), "affine", filters=5, hidden=7, normalised=True)
    features = 5 + 5 + 7 if kind == "conv" else 3 * 7
    assert _count(normalised) == _count(plain) + 2 * features
    wanted = identity_parameters("affine").expand(3, -1)
    torch.testing.assert_close(normalised(_images()), wanted, rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "normalised"), [("conv", True), ("fc", True), ("deep", False), ("conv", False)])
def test_folded_it_predicts_the_same_without_normalisation(kind: str, normalised: bool) -> None:
    torch.manual_seed(7)
    network = LocalisationNetwork(
        kind, 1, (28, 28), "similarity", init="perturbed", filters=4, hidden=6, normalised=normalised
    )
    network(3 * _images(16) - 1)  # the statistics of these are remembered
    folded = network.eval().folded()
    assert not any(isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d) for layer in folded.modules())
    torch.testing.assert_close(folded(_images()), network(_images()), rtol=0, atol=1e-6)
    assert any(parameter.requires_grad for parameter in network.parameters())


def test_the_deep_network_fits_into_a_megabyte() -> None:
    assert _count(LocalisationNetwork("deep", 1, (32, 32), "affine")) < 250_000


@each_family
def test_parameters_keep_within_their_bounds(family: str, control_points: tuple[int, int] | None) -> None:
    bounded = BoundedParameters(family, control_points)
    raw = 1e3 * torch.randn(50, parameter_count(family, control_points), generator=torch.Generator().manual_seed(4))
    parameters = bounded(raw)
    away = (parameters - identity_parameters(family, control_points)).abs()
    limits = Bounds().of(family, control_points)
    first = int(family in ("attention", "similarity"))
    assert (away[:, first:] <= limits[first:] + 1e-6).all()
    if first:
        assert (parameters[:, 0] > 0.0).all()
        assert (parameters[:, 0] <= math.exp(1.5) + 1e-4).all()
    if family == "projective":
        assert sampling_grid(parameters, family, (9, 9)).isfinite().all()


@each_family
def test_near_the_identity_bounds_leave_raw_numbers_as_they_are(
    family: str, control_points: tuple[int, int] | None
) -> None:
    raw = torch.full((1, parameter_count(family, control_points)), 1e-3)
    change = BoundedParameters(family, control_points)(raw) - identity_parameters(family, control_points)
    torch.testing.assert_close(change, raw, rtol=2e-3, atol=1e-6)


@each_family
@each_kind
def test_gradients_reach_every_layer_of_the_localisation_network(
    kind: str, family: str, control_points: tuple[int, int] | None
) -> None:
    torch.manual_seed(5)
    localisation = LocalisationNetwork(kind, 1, (28, 28), family, control_points, init="perturbed")
    network = SpatialTransformerClassifier(localisation, Classifier(10, 1, (28, 28), (8, 16)), (28, 28))
    logits = network(_images())
    assert logits.shape == (3, 10)
    torch.nn.functional.cross_entropy(logits, torch.arange(3)).backward()
    for name, parameter in localisation.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert localisation.last.weight.grad is not None
    assert localisation.last.weight.grad.abs().max() > 0.0


def test_the_transformer_pools_what_it_samples() -> None:
    localisation = LocalisationNetwork("conv", 1, (42, 42), "affine")
    network = SpatialTransformerClassifier(localisation, Classifier(10, 1, (28, 28), (8, 16)), (56, 56), pool=2)
    images = _images(2, 1, (42, 42))
    transformed = network.transform(images)
    assert transformed.shape == (2, 1, 28, 28)
    fine = torch.nn.functional.interpolate(images, size=(56, 56), mode="bilinear")
    wanted = torch.nn.functional.avg_pool2d(fine, 2)
    torch.testing.assert_close(transformed[:, :, 1:-1, 1:-1], wanted[:, :, 1:-1, 1:-1], rtol=0, atol=1e-5)


def test_parameters_keep_their_precision_beside_a_classifier_in_bfloat16() -> None:
    torch.manual_seed(6)
    localisation = LocalisationNetwork("conv", 1, (28, 28), "affine", init="perturbed")
    network = SpatialTransformerClassifier(localisation, Classifier(10, 1, (28, 28), (8, 16)), (28, 28))
    with torch.autocast("cpu", torch.bfloat16):
        found = network.localise(_images())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network.localise(_images()), rtol=0, atol=0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least 28x28 pixels, got 28x20"):
        LocalisationNetwork("conv", 1, (20, 28), "affine")
    with pytest.raises(ParameterError, match="did you mean 'conv'"):
        LocalisationNetwork("con", 1, (28, 28), "affine")
    with pytest.raises(ParameterError, match="init must be one of identity, perturbed"):
        LocalisationNetwork("conv", 1, (28, 28), "affine", init="zeros")
    with pytest.raises(ParameterError, match="tps needs control_points"):
        LocalisationNetwork("fc", 1, (28, 28), "tps")
    with pytest.raises(ParameterError, match="the bound of shift"):
        Bounds(shift=0.0)
    with pytest.raises(ShapeError, match="at least 24x24 pixels, got 23x28"):
        Classifier(10, 1, (28, 23))
    localisation = LocalisationNetwork("fc", 1, (28, 28), "affine")
    with pytest.raises(ShapeError, match="a pooling of 2 must divide"):
        SpatialTransformerClassifier(localisation, Classifier(10, 1, (28, 28)), (57, 56), pool=2)
