"""How an operator is made known to torch: to its dispatcher, its compiler, torch.func and autograd.

torch.library.register_autograd is not enough: what it makes fails under torch.func, and an autograd function round an
operator without a derivative of its own loses the gradient where torch.compile meets torch.func. So the derivative is
registered as torch registers those of its own operators, for each level of torch.func by itself. That takes a few
names that torch does not document. Where a release lacks one of them, gradients are those of plain autograd functions,
which is all that training needs: torch.func and torch.compile then go without, and one warning says so.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch.autograd import Function, forward_ad

_NAMESPACE = "stnwarp"

try:
    from torch._functorch.autograd_function import enable_single_level_autograd_function  # type: ignore[attr-defined]

    _with_forward_mode = forward_ad._set_fwd_grad_enabled
    _after_autograd, _below_autograd = torch._C._after_autograd_keyset, torch._C._AutoDispatchBelowAutograd
    _are_transforms_active = torch._C._are_functorch_transforms_active
    REGISTERS_DERIVATIVES = True  # with torch's dispatcher; else derivatives are known to plain autograd alone
except (ImportError, AttributeError) as error:
    REGISTERS_DERIVATIVES = False
    warnings.warn(
        f"PyTorch {torch.__version__} lacks what stnwarp.torch needs for torch.compile and torch.func ({error}); "
        "gradients work without",
        RuntimeWarning,
        stacklevel=2,
    )


class Rule(Protocol):
    """How torch.func.vmap maps an operator: see `stnwarp.torch.batches`."""

    def __call__(self, function: Callable[..., Any], info: Any, in_dims: tuple[Any, ...], *given: Any) -> Any:
        """The output and the dimension that is mapped over."""


# How autograd calls each operator: with what calls the rest of it, and the operator's arguments.
_derivatives: dict[str, Callable[..., Any]] = {}


def define(
    name: str, arguments: str, returns: str, kernel: Callable[..., Any], shape: Callable[..., Any], rule: Rule
) -> Any:
    """The operator *name*, which lives as long as the process: a module that is loaded again finds it there.

    Args:
        name: in the namespace of this package.
        arguments: of its signature, in torch's words.
        returns: of its signature.
        kernel: what it does on the CPU.
        shape: what it returns, but without numbers.
        rule: how it is mapped.
    """
    namespace = getattr(torch.ops, _NAMESPACE)
    if not hasattr(namespace, name):
        qualified = f"{_NAMESPACE}::{name}"
        torch.library.define(qualified, f"({arguments}) -> {returns}")
        torch.library.impl(qualified, "cpu", kernel)
        torch.library.register_fake(qualified, shape)
        operator = getattr(namespace, name).default
        torch.library.register_vmap(qualified, partial(rule, operator))
        if REGISTERS_DERIVATIVES:
            _register_derivative(name, operator)
    return getattr(namespace, name).default


def _register_derivative(name: str, operator: Any) -> None:
    library = torch.library.Library(_NAMESPACE, "IMPL")  # type: ignore[no-untyped-call]
    known = _derivatives

    def differentiable(keys: Any, *arguments: Any, library: Any = library) -> Any:  # without the library it would end
        def rest(*given: Any) -> Any:
            with torch.enable_grad(), _with_forward_mode(True):  # of the levels of torch.func below
                return operator.redispatch(keys & _after_autograd, *given)

        with enable_single_level_autograd_function():
            return known[name](rest, *arguments)

    library.impl(name, differentiable, "Autograd", with_keyset=True)  # type: ignore[no-untyped-call]


def derive(operator: Any, function: type[Function]) -> Callable[..., Any]:
    """Let autograd call *operator* by *function*, whose first argument is what calls the rest of the operator.

    Returns:
        The function applied to the operator's arguments, without the way through the dispatcher; not for torch.func.
    """
    applied = super(Function, function).apply  # type: ignore[misc]
    _derivatives[operator._opname] = applied
    return partial(applied, partial(without_derivative, operator))


def without_derivative(operator: Callable[..., Any], *arguments: Any) -> Any:
    """What *operator* returns, and autograd does not see; not for torch.func."""
    with _below_autograd() if REGISTERS_DERIVATIVES else torch.no_grad():
        return operator(*arguments)


def is_transforming() -> bool:
    """Whether torch.func is at work."""
    return REGISTERS_DERIVATIVES and bool(_are_transforms_active())
