"""stnwarp.torch: the same numbers as torch.nn.functional, gradients that gradcheck believes, memory that is shared."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stnwarp
from stnwarp.errors import DtypeError, ParameterError, ShapeError, ThetaError
from stnwarp.torch import affine_grid, grid_sample, spatial_transform

pytestmark = pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning")

ROOT = Path(__file__).parents[1]
MODES = ["nearest", "bilinear", "bicubic"]
PADDING = ["zeros", "border", "reflection"]


def _random(seed: int, *shape: int, dtype: torch.dtype = torch.float64, grad: bool = True) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_(grad)


def _points(seed: int, *shape: int) -> torch.Tensor:
    """A grid with points in and around the image, none so near a pixel centre that differences would reach across."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(*shape, generator=generator, dtype=torch.float64) * 2.6 - 1.3).requires_grad_()


def _thetas(count: int) -> torch.Tensor:
    return (torch.eye(2, 3, dtype=torch.float64) + 0.2 * _random(3, count, 2, 3).detach()).requires_grad_()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", [*PADDING, "wrap"])
@pytest.mark.parametrize("mode", MODES)
def test_gradcheck_believes_every_mode(mode: str, padding_mode: str, align_corners: bool) -> None:
    input, grid, theta = _random(1, 2, 2, 4, 3), _points(2, 2, 3, 2, 2), _thetas(2)
    options = mode, padding_mode, align_corners
    assert torch.autograd.gradcheck(lambda a, b: grid_sample(a, b, *options), (input, grid))
    assert torch.autograd.gradcheck(lambda a, b: spatial_transform(a, b, (3, 2), *options), (input, theta))


@pytest.mark.parametrize("padding_mode", [*PADDING, "wrap"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_gradcheck_believes_the_input_where_pictures_shrink(mode: str, padding_mode: str) -> None:
    """That to places holds footprints fixed, which differences do not: it is the NumPy function's."""
    input, theta = _random(1, 2, 2, 8, 9), _thetas(2).detach()
    options = mode, padding_mode, False, True
    assert torch.autograd.gradcheck(lambda a: spatial_transform(a, theta, (3, 2), *options), input)
    grid = affine_grid(theta, (2, 1, 3, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: grid_sample(a, grid.detach(), *options), input)
    incoming = _random(2, 2, 2, 3, 2, grad=False)
    for name, places in (("spatial_transform", theta.clone().requires_grad_()), ("grid_sample", grid)):
        size = ((3, 2),) if name == "spatial_transform" else ()
        output = getattr(stnwarp.torch, name)(input, places, *size, *options)
        found = torch.autograd.grad(output, (input, places), incoming)
        arrays = (each.detach().numpy() for each in (incoming, input, places))
        expected = getattr(stnwarp, f"{name}_backward")(*arrays, *options[:3], antialias=True)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_fill_and_antialiased_volumes_are_refused_in_words() -> None:
    input, grid, theta = _random(1, 1, 1, 4, 4), torch.zeros(1, 2, 2, 2), _thetas(1)
    for empty in (input, input[:, :0]):
        with pytest.raises(ParameterError, match="padding_mode fill is for warp only"):
            grid_sample(empty, grid, padding_mode="fill")
        with pytest.raises(ParameterError, match="padding_mode fill is for warp only"):
            spatial_transform(empty, theta, padding_mode="fill")
    for volumes in (_random(1, 1, 1, 4, 4, 4), _random(1, 1, 0, 4, 4, 4)):
        with pytest.raises(ParameterError, match="antialias is for images"):
            grid_sample(volumes, torch.zeros(1, 2, 2, 2, 3), antialias=True)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(2, 1, 3, 4), (2, 1, 2, 3, 4)])
def test_gradcheck_believes_the_generator(size: tuple[int, ...], align_corners: bool) -> None:
    rank = len(size) - 2
    theta = _random(4, 2, rank, rank + 1)
    assert torch.autograd.gradcheck(lambda each: affine_grid(each, size, align_corners), theta)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", PADDING)
@pytest.mark.parametrize("mode", MODES)
def test_a_whole_spatial_transformer_learns_what_torch_learns(
    mode: str, padding_mode: str, align_corners: bool
) -> None:
    input, theta, wanted = _random(5, 3, 2, 7, 9), _thetas(3), _random(6, 3, 2, 5, 6, grad=False)

    def gradients(generate: object, sample: object) -> tuple[torch.Tensor, ...]:
        output = sample(input, generate(theta, (3, 2, 5, 6), align_corners), mode, padding_mode, align_corners)
        return output, *torch.autograd.grad((output - wanted).square().mean(), (input, theta))

    theirs = gradients(torch.nn.functional.affine_grid, torch.nn.functional.grid_sample)
    fused = spatial_transform(input, theta, (5, 6), mode, padding_mode, align_corners)
    fused_gradients = torch.autograd.grad((fused - wanted).square().mean(), (input, theta))
    for ours in (gradients(affine_grid, grid_sample), (fused, *fused_gradients)):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def _localisation() -> torch.nn.Module:
    """A localisation network near the identity: convolution, pool, two dense layers."""
    torch.manual_seed(0)
    last = torch.nn.Linear(16, 6)
    torch.nn.init.normal_(last.weight, std=0.05)
    last.bias.data.copy_(torch.eye(2, 3).ravel())
    layers = (torch.nn.Conv2d(2, 4, 3), torch.nn.MaxPool2d(2), torch.nn.Tanh(), torch.nn.Flatten())
    return torch.nn.Sequential(*layers, torch.nn.Linear(48, 16), torch.nn.Tanh(), last).double()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_reach_the_weights_of_the_localisation_network(mode: str, align_corners: bool) -> None:
    input, wanted = _random(5, 3, 2, 9, 11), _random(6, 3, 2, 6, 7, grad=False)
    localisation = _localisation()

    def gradients(transform: Callable[[torch.Tensor], torch.Tensor]) -> tuple[torch.Tensor, ...]:
        output = transform(localisation(input).reshape(-1, 2, 3))
        return torch.autograd.grad((output - wanted).square().mean(), (input, *localisation.parameters()))

    def by_grid(functions: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        size, modes = (3, 2, 6, 7), (mode, "border", align_corners)
        return lambda theta: functions.grid_sample(input, functions.affine_grid(theta, size, align_corners), *modes)

    theirs = gradients(by_grid(torch.nn.functional))
    assert mode == "nearest" or all(gradient.abs().max() > 0 for gradient in theirs)
    fused = gradients(lambda theta: spatial_transform(input, theta, (6, 7), mode, "border", align_corners))
    for ours in (gradients(by_grid(stnwarp.torch)), fused):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_volumes_are_sampled_too() -> None:
    volumes, theta = _random(7, 2, 2, 3, 4, 5), _random(8, 2, 3, 4)
    ours = affine_grid(theta, volumes.shape)
    theirs = torch.nn.functional.affine_grid(theta, volumes.shape, align_corners=False)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    grid = theirs.detach().clamp(-1.1, 1.1).requires_grad_()
    results = []
    for sample in (grid_sample, torch.nn.functional.grid_sample):
        output = sample(volumes, grid, "bilinear", "zeros", False)
        results.append((output, *torch.autograd.grad(output.square().sum(), (volumes, grid))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def test_only_the_gradients_that_are_asked_for_are_there() -> None:
    input, theta = _random(9, 1, 1, 3, 4), _thetas(1)
    plain = input.detach()
    output = spatial_transform(plain, theta)
    output.sum().backward()
    assert theta.grad is not None
    assert plain.grad is None
    grid = affine_grid(theta, (1, 1, 3, 4)).detach()
    grid_sample(input, grid).sum().backward()
    assert input.grad is not None
    assert grid.grad is None
    assert not grid_sample(plain, grid).requires_grad


def test_float32_and_layouts_go_through_without_a_copy_of_their_own() -> None:
    input = _random(10, 2, 3, 8, 9, dtype=torch.float32, grad=False).to(memory_format=torch.channels_last)
    input.requires_grad_()
    grid = affine_grid(_thetas(2).float(), (2, 3, 8, 9))
    output = grid_sample(input, grid)
    assert output.dtype == torch.float32
    (to_input,) = torch.autograd.grad(output.square().sum(), input)
    assert to_input.is_contiguous(memory_format=torch.channels_last)
    theirs = torch.nn.functional.grid_sample(input, grid.detach(), align_corners=False)
    torch.testing.assert_close(output, theirs, rtol=0, atol=1e-5)
    torch.testing.assert_close(to_input, torch.autograd.grad(theirs.square().sum(), input)[0], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(output.detach(), stnwarp.grid_sample(input.detach().numpy(), grid.detach().numpy()))


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64])
def test_other_types_are_refused_in_words(dtype: torch.dtype) -> None:
    input, grid = torch.zeros(1, 1, 2, 2).to(dtype), torch.zeros(1, 2, 2, 2)
    words = rf"input must be float16, bfloat16, float32 or float64, got {dtype}; convert it with .float\(\)"
    with pytest.raises(DtypeError, match=words):
        grid_sample(input, grid)
    with pytest.raises(DtypeError, match="theta must be float16"):
        affine_grid(torch.zeros(1, 2, 3).to(dtype), (1, 1, 2, 2))


@pytest.mark.parametrize("places_dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype: torch.dtype, places_dtype: torch.dtype) -> None:
    input = _random(1, 2, 3, 5, 4).to(dtype).to(memory_format=torch.channels_last)
    grid, theta = _points(2, 2, 3, 4, 2).to(places_dtype), _thetas(2).to(places_dtype)
    incoming = _random(4, 2, 3, 3, 4, dtype=dtype, grad=False)
    wide = torch.float64 if places_dtype == torch.float64 else torch.float32
    for function, places in ((grid_sample, grid), (lambda a, b: spatial_transform(a, b, (3, 4)), theta)):
        results = []
        for types in ((dtype, places_dtype, dtype), (torch.float32, wide, torch.float32)):
            leaves = [one.detach().to(kind).requires_grad_() for one, kind in zip((input, places), types, strict=False)]
            output = function(*leaves)
            results.append((output, *torch.autograd.grad(output, leaves, incoming.to(types[2]))))
        for half, full, kind in zip(*results, (dtype, dtype, places_dtype), strict=True):
            assert half.dtype == kind
            assert torch.equal(half, full.to(kind))
    narrow, full = (affine_grid(theta.detach().to(kind), (2, 1, 3, 4)) for kind in (places_dtype, wide))
    assert torch.equal(narrow, full.to(places_dtype))


def test_autocast_leaves_the_types_as_they_are_given() -> None:
    input, theta = _random(1, 2, 1, 4, 4, dtype=torch.bfloat16), _thetas(2).float().detach().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = spatial_transform(input, theta)
        output.float().sum().backward()
    assert (output.dtype, input.grad.dtype, theta.grad.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        *(((0, 3, 4, 5), (2, 3)), ((2, 0, 4, 5), (2, 3)), ((2, 3, 4, 5), (0, 3)), ((2, 3, 4, 5), (2, 0))),
        *(((0, 3, 4, 5, 6), (2, 2, 3)), ((2, 0, 4, 5, 6), (2, 2, 3)), ((2, 3, 4, 5, 6), (2, 0, 3))),
    ],
)
def test_empty_batches_give_empties_backward_too(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    rank = len(size)
    input, theta = torch.ones(shape, requires_grad=True), torch.zeros(shape[0], rank, rank + 1, requires_grad=True)
    output = grid_sample(input, affine_grid(theta, (*shape[:2], *size)))
    outputs = [output, spatial_transform(input, theta, size)] if rank == 2 else [output]
    for output in outputs:
        assert output.shape == (*shape[:2], *size)
        for gradient, given in zip(torch.autograd.grad(output.sum(), (input, theta)), (input, theta), strict=True):
            assert gradient.shape == given.shape
            assert not gradient.any()
    with pytest.raises(ParameterError, match="interpolation must be one of"):
        grid_sample(input, affine_grid(theta, (*shape[:2], *size)), "bilinaer")


def test_inputs_without_pixels_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"input must have pixels, got shape \(2, 3, 0, 4\)"):
        grid_sample(torch.ones(2, 3, 0, 4), torch.ones(2, 1, 1, 2))
    with pytest.raises(ShapeError, match=r"grid must be .* with N = 0"):
        grid_sample(torch.ones(0, 3, 4, 4), torch.ones(2, 1, 1, 2))
    with pytest.raises(ShapeError, match=r"theta must be .* with N = 0"):
        spatial_transform(torch.ones(0, 3, 4, 4), torch.ones(2, 2, 3))
    with pytest.raises(ShapeError, match=r"theta must be .* got \(2, 2, 3\) with \(3, 1, 4, 4\)"):
        affine_grid(torch.ones(2, 2, 3), (3, 1, 4, 4))
    with pytest.raises(ShapeError, match="size must be"):
        spatial_transform(torch.ones(1, 3, 4, 4), torch.ones(1, 2, 3), (4, 4, 4))
    with pytest.raises(ThetaError, match="finite"):
        affine_grid(torch.full((1, 2, 3), torch.nan), (1, 1, 4, 4))


def test_views_with_the_sign_turned_are_read_as_what_they_are() -> None:
    view = torch.imag(torch.complex(_random(1, 1, 1, 3, 4, grad=False), _random(2, 1, 1, 3, 4, grad=False)).conj())
    assert view.is_neg()
    grid = _points(3, 1, 2, 2, 2)
    torch.testing.assert_close(grid_sample(view, grid), grid_sample(view.clone(), grid), rtol=0, atol=0)
    parameter = torch.nn.Parameter(view.clone())
    grid_sample(parameter, grid.detach()).sum().backward()
    assert parameter.grad is not None


def test_tensors_elsewhere_than_on_the_cpu_are_refused_in_words() -> None:
    elsewhere = torch.zeros(1, 1, 2, 2, device="meta")
    with pytest.raises(ParameterError, match=r"input must be on the CPU, got meta; use torch\.nn\.functional"):
        grid_sample(elsewhere, torch.zeros(1, 2, 2, 2))
    with pytest.raises(ParameterError, match="theta must be on the CPU"):
        spatial_transform(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 3, device="meta"))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_the_exact_identity_the_slopes_are_torchs(dtype: torch.dtype, align_corners: bool) -> None:
    """Each point lies on a kink of bilinear, up to a rounding, which decides for one of the slopes beside it."""
    for side in range(2, 65):
        input = 9 * _random(side, 1, 1, side, 67 - side, dtype=dtype, grad=False)
        for shift in (0.0, 0.3):
            theta = torch.eye(2, 3, dtype=dtype)[None].clone()
            theta[..., 2] = shift
            theirs = torch.nn.functional.affine_grid(theta, input.shape, align_corners=align_corners)
            assert torch.equal(affine_grid(theta, input.shape, align_corners), theirs)
        for padding_mode in PADDING:
            theta = torch.eye(2, 3, dtype=dtype)[None].requires_grad_()
            weights = _random(1, *input.shape, dtype=dtype, grad=False)
            found = []
            for functions in (stnwarp.torch, torch.nn.functional):
                grid = functions.affine_grid(theta, input.shape, align_corners=align_corners)
                output = functions.grid_sample(input, grid, "bilinear", padding_mode, align_corners)
                found.append(torch.autograd.grad(output, (grid, theta), weights))
            tolerance = 1e-3 if dtype == torch.float32 else 1e-11
            torch.testing.assert_close(*found, rtol=tolerance, atol=tolerance * side)


def test_at_the_exact_identity_the_fused_slopes_are_those_to_the_right_and_down() -> None:
    input, theta = _random(1, 1, 1, 6, 5, grad=False), torch.eye(2, 3, dtype=torch.float64)[None].requires_grad_()
    output = spatial_transform(input, theta)[..., :-1, :-1]
    weights = _random(2, *output.shape, grad=False)
    (found,) = torch.autograd.grad(output, theta, weights)
    right, down = input.diff(dim=-1)[..., :-1, :], input.diff(dim=-2)[..., :-1]
    wanted = torch.stack([(weights * right).sum() * 2.5, (weights * down).sum() * 3])  # a unit of x is 2.5 pixels
    torch.testing.assert_close(found[0, :, 2], wanted, rtol=0, atol=1e-11)


def test_torch_is_loaded_on_demand_and_its_absence_names_the_extra() -> None:
    code = """if True:
        import sys
        import stnwarp
        stnwarp.affine_grid_backward, stnwarp.spatial_transform
        assert "torch" not in sys.modules
        sys.modules["torch"] = None
        try:
            import stnwarp.torch
        except stnwarp.StnwarpError as error:
            print(type(error).__name__, error)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    words = "MissingExtraError stnwarp.torch needs PyTorch; install it with: pip install 'stnwarp[train]'"
    assert run.stdout.strip() == words


def test_without_the_names_that_torch_does_not_document_gradients_remain() -> None:
    code = """if True:
        import warnings
        import torch
        import torch._functorch.autograd_function as inner
        del inner.enable_single_level_autograd_function
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from stnwarp.torch import affine_grid, grid_sample, spatial_transform
        assert [str(each.message)[:8] for each in caught if each.category is RuntimeWarning] == ["PyTorch "], caught
        input = torch.rand(2, 3, 5, 6, dtype=torch.float64, requires_grad=True)
        theta = (torch.eye(2, 3, dtype=torch.float64) + 0.05).repeat(2, 1, 1).requires_grad_()
        assert torch.autograd.gradcheck(lambda a, b: spatial_transform(a, b, (4, 5)), (input, theta))
        assert torch.autograd.gradcheck(lambda a, b: grid_sample(a, affine_grid(b, (2, 3, 4, 5))), (input, theta))
        (first,) = torch.autograd.grad(spatial_transform(input, theta).square().sum(), theta, create_graph=True)
        try:
            first.sum().backward()
        except NotImplementedError as error:
            print(error)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert "spatial_transform has no second derivatives" in run.stdout
