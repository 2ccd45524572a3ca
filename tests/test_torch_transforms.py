"""stnwarp.torch under torch.func and torch.compile: the same numbers as without, and no derivative too many."""

import importlib
import re
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.nn import functional

import stnwarp.torch
from stnwarp.errors import DerivativeError, ParameterError
from stnwarp.torch import affine_grid, grid_sample, spatial_transform

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning",
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning",
    "ignore:Skipping serialization of skipfiles_inline_module_allowlist:UserWarning",  # torch 2.6
)

OPERATORS = torch.ops.stnwarp


def _random(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _thetas(seed: int, *shape: int, rows: int = 2) -> torch.Tensor:
    return torch.eye(rows, 3, dtype=torch.float64) + 0.2 * _random(seed, *shape, rows, 3)


def _inputs(name: str) -> tuple[Callable[..., torch.Tensor], tuple[torch.Tensor, ...]]:
    """A function of the public ones, and a batch of two of everything that it takes."""
    input = _random(1, 2, 3, 5, 4)
    return {
        "generator": (lambda theta: affine_grid(theta, (len(theta), 3, 4, 6)), (_thetas(2, 2),)),
        "sampler": (grid_sample, (input, _random(3, 2, 3, 2, 2).tanh())),
        "fused": (lambda input, theta: spatial_transform(input, theta, (3, 2)), (input, _thetas(4, 2))),
        "homography": (lambda input, theta: spatial_transform(input, theta, (3, 2)), (input, _thetas(5, 2, rows=3))),
        "antialiased": (
            lambda input, theta: spatial_transform(input, theta, (3, 2), antialias=True),
            (_random(8, 2, 3, 9, 8), _thetas(4, 2)),
        ),
        "volumes": (grid_sample, (_random(6, 2, 2, 3, 4, 5), _random(7, 2, 2, 3, 2, 3).tanh())),
    }[name]


NAMES = ["generator", "sampler", "fused", "homography", "antialiased", "volumes"]


def _loss(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda *given: function(*given).square().sum()


def _copies(tensor: torch.Tensor, dim: int) -> torch.Tensor:
    """Three variations of *tensor*, along *dim*."""
    return torch.stack([tensor, 0.9 * tensor, tensor.flip(0)], dim)


@pytest.mark.parametrize("out_dim", [0, 2, -1])
@pytest.mark.parametrize("name", NAMES)
def test_vmap_maps_over_any_dimension_of_any_argument(name: str, out_dim: int) -> None:
    function, given = _inputs(name)
    choices = [(-1,), (1,)] if len(given) == 1 else [(2, None), (None, 1), (0, -1)]
    for in_dims in choices:
        pairs = list(zip(given, in_dims, strict=True))
        mapped = [one if dim is None else _copies(one, dim) for one, dim in pairs]
        found = vmap(function, in_dims, out_dim)(*mapped)
        each = [
            function(*(one if dim is None else one.select(dim, i) for one, dim in zip(mapped, in_dims, strict=True)))
            for i in range(3)
        ]
        torch.testing.assert_close(found, torch.stack(each, out_dim), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_mapped_too_and_maps_have_gradients(name: str) -> None:
    function, given = _inputs(name)
    mapped = [_copies(one, 0) for one in given]
    places = tuple(range(len(given)))
    leaves = [one.clone().requires_grad_() for one in mapped]
    sum(_loss(function)(*(leaf[i] for leaf in leaves)) for i in range(3)).backward()
    wanted = tuple(leaf.grad for leaf in leaves)
    per_sample = vmap(grad(_loss(function), places))(*mapped)
    of_all = grad(lambda *given: vmap(_loss(function))(*given).sum(), places)(*mapped)
    nested = vmap(vmap(grad(_loss(function), places)))(*(one[None] for one in mapped))
    for found in (per_sample, of_all, tuple(one[0] for one in nested)):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_the_gradient_to_what_is_not_mapped_is_the_sum_over_the_map() -> None:
    input, grids = _random(1, 2, 3, 5, 4), _random(2, 4, 2, 3, 2, 2).tanh()
    found = grad(lambda input: vmap(grid_sample, (None, 0))(input, grids).square().sum())(input)
    leaf = input.clone().requires_grad_()
    sum(grid_sample(leaf, each).square().sum() for each in grids).backward()
    torch.testing.assert_close(found, leaf.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_jacrev_and_vjp_are_torchs(name: str) -> None:
    function, given = _inputs(name)
    places = tuple(range(len(given)))
    found = jacrev(function, places)(*given)
    wanted = torch.autograd.functional.jacobian(function, given)
    torch.testing.assert_close(found, wanted if len(given) > 1 else (wanted[0],), rtol=0, atol=1e-12)
    batched = torch.autograd.functional.jacobian(function, given, vectorize=True)
    torch.testing.assert_close(batched, wanted, rtol=0, atol=1e-12)
    output, pull = vjp(function, *given)
    leaves = [one.clone().requires_grad_() for one in given]
    torch.testing.assert_close(pull(output), torch.autograd.grad(function(*leaves), leaves, output), rtol=0, atol=1e-12)


class _Network(nn.Module):
    """A spatial transformer: a dense localisation network, and one of the ways to warp."""

    def __init__(self, rows: int = 2, by_grid: bool = False) -> None:
        super().__init__()
        self.localisation = nn.Linear(40, 3 * rows)
        self.rows, self.by_grid = rows, by_grid
        with torch.random.fork_rng():
            torch.manual_seed(0)
            nn.init.normal_(self.localisation.weight, std=0.03)
        self.localisation.bias.data.copy_(torch.eye(rows, 3).ravel())

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        theta = self.localisation(input.flatten(1)).unflatten(1, (self.rows, 3))
        if self.by_grid:
            return grid_sample(input, affine_grid(theta, (len(input), 1, 4, 3)), "bilinear", "border")
        return spatial_transform(input, theta, (4, 3), "bilinear", "border")


NETWORKS = [(2, False), (3, False), (2, True)]  # by theta, by a homography, by a grid


def test_gradients_for_each_image_of_a_network() -> None:
    network, inputs = _Network().double(), _random(8, 3, 2, 5, 4)
    parameters = dict(network.named_parameters())

    def loss(parameters: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        return functional_call(network, parameters, (image[None],)).square().sum()

    found = vmap(grad(loss), (None, 0))(parameters, inputs)
    for i, image in enumerate(inputs):
        loss(parameters, image).backward()
        for name, parameter in parameters.items():
            torch.testing.assert_close(found[name][i], parameter.grad, rtol=0, atol=1e-12)
            parameter.grad = None


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_and_forward_mode_are_refused_in_words(name: str) -> None:
    function, given = _inputs(name)
    loss = _loss(function)
    first = [one.clone().requires_grad_() for one in given]
    gradients = torch.autograd.grad(loss(*first), first, create_graph=True)
    second = r"stnwarp\.torch\.\w+ has no second derivatives; use torch\.nn\.functional\.\w+"
    with pytest.raises(DerivativeError, match=second):
        sum(one.sum() for one in gradients).backward()
    for twice in (jacrev(jacrev(loss)), grad(lambda *given: grad(loss)(*given).sum())):
        with pytest.raises(DerivativeError, match=second):
            twice(*given)
    forward = r"stnwarp\.torch\.\w+ has no derivatives in forward mode; use torch\.nn\.functional\.\w+"
    with pytest.raises(DerivativeError, match=forward):
        jvp(function, given, given)
    with pytest.raises(NotImplementedError, match=forward):  # torch's own name for it
        jacfwd(function)(*given)
    with pytest.raises(RuntimeError, match="has no"), torch.autograd.forward_ad.dual_level():
        function(*(torch.autograd.forward_ad.make_dual(one, one) for one in given))
    with pytest.raises(ParameterError, match="has no"):
        hessian(loss)(*given)
    assert issubclass(DerivativeError, ParameterError)


def test_a_tangent_of_the_gradient_is_not_lost() -> None:
    input, grid = _random(1, 1, 1, 3, 3).requires_grad_(), _random(2, 1, 2, 2, 2).tanh()
    output = grid_sample(input, grid)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.ones_like(output), torch.ones_like(output))
        with pytest.raises(DerivativeError, match="second derivatives"):
            torch.autograd.grad(output, input, dual)


def _layouts() -> dict[str, torch.Tensor]:
    plain = _random(1, 2, 3, 5, 4, dtype=torch.float32)
    return {
        "contiguous": plain,
        "channels last": plain.to(memory_format=torch.channels_last),
        "permuted": plain.permute(1, 0, 3, 2).contiguous().permute(1, 0, 3, 2),
        "with gaps": functional.pad(plain, (1, 1))[..., 1:-1],
        "expanded": plain[:1].expand_as(plain),
        "one channel": plain[:, :1].clone().as_strided((2, 1, 5, 4), (20, 999, 4, 1)),
        "bfloat16": plain.bfloat16().to(memory_format=torch.channels_last),
        "of no pixels out": plain[:, :0],
    }


@pytest.mark.parametrize("layout", list(_layouts()))
def test_torch_finds_the_operators_as_they_are_described(layout: str) -> None:
    input, modes = _layouts()[layout], ("bilinear", "border", False, layout == "channels last")
    grid, theta = _random(2, 2, 3, 2, 2, dtype=torch.float32), _thetas(3, 2).float()
    output = _random(4, 2, input.shape[1], 3, 2, dtype=torch.float32).to(input.dtype)
    for leaf in (input, input.detach().requires_grad_()):
        torch.library.opcheck(OPERATORS.grid_sample.default, (leaf, grid, *modes))
        torch.library.opcheck(OPERATORS.spatial_transform.default, (leaf, theta, [6, 7], *modes))
    for mask in ([True, True], [True, False], [False, True], [False, False]):
        for name, places in (("grid_sample", grid), ("spatial_transform", theta)):
            operator = getattr(OPERATORS, f"{name}_backward").default
            torch.library.opcheck(operator, (output, input, places, *modes, mask))
            found = operator(output, input, places, *modes, mask)
            for gradient, given, asked in zip(found, (input, places), mask, strict=True):
                assert gradient.shape == (given.shape if asked else (0,))


def test_torch_finds_the_generator_and_volumes_as_they_are_described() -> None:
    theta, volumes = _thetas(1, 2), _random(2, 2, 2, 3, 4, 5).to(memory_format=torch.channels_last_3d)
    grid, output = _random(3, 2, 2, 3, 2, 3).tanh(), _random(4, 2, 2, 2, 3, 2)
    options = ("bilinear", "zeros", True, False)
    torch.library.opcheck(OPERATORS.affine_grid.default, (theta, (2, 3, 4, 5), False))
    torch.library.opcheck(OPERATORS.affine_grid_backward.default, (_random(5, 2, 4, 5, 2), (2, 3, 4, 5), False))
    torch.library.opcheck(OPERATORS.grid_sample.default, (volumes, grid, *options))
    torch.library.opcheck(OPERATORS.grid_sample_backward.default, (output, volumes, grid, *options, [True, True]))


NATIVE = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("c++") is None, reason="torch's own code generator needs a C++ compiler"),
]


@pytest.mark.parametrize(
    ("rows", "by_grid", "dynamic", "backend"),
    [
        *((*network, dynamic, "aot_eager") for network in NETWORKS for dynamic in (None, True)),
        pytest.param(2, False, None, "inductor", marks=NATIVE),
        pytest.param(2, True, True, "inductor", marks=NATIVE),
    ],
)
def test_a_compiled_network_is_one_graph_and_learns_the_same(
    rows: int, by_grid: bool, dynamic: bool | None, backend: str
) -> None:
    torch.compiler.reset()
    network = _Network(rows, by_grid)
    compiled = torch.compile(network, fullgraph=True, dynamic=dynamic, backend=backend)
    for count in (3, 5, 1):
        input = _random(9, count, 2, 5, 4, dtype=torch.float32).to(memory_format=torch.channels_last).requires_grad_()
        leaves = (input, *network.parameters())
        outputs = network(input), compiled(input)
        torch.testing.assert_close(*outputs)
        ours, theirs = (torch.autograd.grad(output.square().sum(), leaves) for output in outputs)
        torch.testing.assert_close(ours, theirs)
        with torch.no_grad():
            torch.testing.assert_close(compiled(input), outputs[0])


@pytest.mark.parametrize("name", NAMES)
def test_torch_func_is_compiled_too(name: str) -> None:
    function, given = _inputs(name)
    mapped, places = [_copies(one, 0) for one in given], tuple(range(len(given)))
    gradients = grad(_loss(function), places)
    cases: list[tuple[Callable[..., Any], Any]] = [(vmap(function), mapped), (gradients, given)]
    cases += [(vmap(gradients), mapped), (jacrev(function), given)]
    for transformed, arguments in cases:
        torch.compiler.reset()
        compiled = torch.compile(transformed, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*arguments), transformed(*arguments), rtol=0, atol=1e-12)


def test_fakes_and_traces_see_the_operators() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    input, grid = _random(1, 2, 3, 5, 4), _random(2, 2, 3, 2, 2)
    traced = make_fx(lambda input, grid: grid_sample(input, grid))(input, grid)
    assert "torch.ops.stnwarp.grid_sample" in traced.code
    torch.testing.assert_close(traced(2 * input, grid), grid_sample(2 * input, grid))
    with FakeTensorMode():
        assert grid_sample(torch.empty(2, 3, 5, 4), torch.empty(2, 6, 7, 2)).shape == (2, 3, 6, 7)


def test_wrong_shapes_are_refused_while_a_graph_is_compiled() -> None:
    torch.compiler.reset()
    compiled = torch.compile(grid_sample, fullgraph=True, backend="eager")
    with pytest.raises(Exception, match=re.escape("grid must be (N, H', W', 2) with N = 2, got (1, 3, 2, 2)")):
        compiled(_random(1, 2, 3, 5, 4), _random(2, 1, 3, 2, 2))


def test_modules_can_be_loaded_again() -> None:
    try:
        for name in sorted(name for name in sys.modules if name.startswith("stnwarp.torch")):
            importlib.reload(sys.modules[name])
        input, grid = _random(1, 2, 3, 5, 4).requires_grad_(), _random(2, 2, 3, 2, 2)
        output = stnwarp.torch.grid_sample(input, grid)
        (found,) = torch.autograd.grad(output.sum(), input)
        wanted = grad(lambda input: grid_sample(input, grid).sum())(input.detach())
        torch.testing.assert_close(found, wanted)
    finally:
        importlib.reload(stnwarp.torch)
