"""The derivatives of the operators: the functions that autograd calls them by.

The gradients are functions as well, because only a function can say in words that it has no derivative. A forward is
given `rest`, which computes the output.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch.autograd import Function
from torch.autograd.forward_ad import unpack_dual

from stnwarp.errors import DerivativeError
from stnwarp.torch import operators
from stnwarp.torch.library import REGISTERS_DERIVATIVES, derive, is_transforming, without_derivative

_INSTEAD = {
    "affine_grid": "torch.nn.functional.affine_grid",
    "grid_sample": "torch.nn.functional.grid_sample",
    "spatial_transform": "torch.nn.functional.affine_grid and grid_sample",
}
_OPERATORS: dict[str, Callable[..., Any]] = {
    "affine_grid": operators.affine_grid,
    "grid_sample": operators.grid_sample,
    "spatial_transform": operators.spatial_transform,
}
_GRADIENTS: dict[str, Callable[..., Any]] = {
    "affine_grid": operators.affine_grid_backward,
    "grid_sample": operators.grid_sample_backward,
    "spatial_transform": operators.spatial_transform_backward,
}

Rest = Callable[..., Any]


def apply(name: str, *arguments: Any) -> torch.Tensor:
    """The operator called *name*, by the shorter way where there is one: small tensors wait for it."""
    by_dispatch = REGISTERS_DERIVATIVES and (torch.compiler.is_compiling() or is_transforming())
    result: torch.Tensor = (_OPERATORS if by_dispatch else _APPLIED)[name](*arguments)
    return result


def _gradient(name: str, *arguments: Any) -> Any:
    operator = _GRADIENTS[name]
    tangent = unpack_dual(arguments[0]).tangent  # type: ignore[no-untyped-call]
    if torch.is_grad_enabled() or is_transforming() or tangent is not None:
        return (operator if REGISTERS_DERIVATIVES else _GRADIENTS_APPLIED[name])(*arguments)
    return without_derivative(operator, *arguments)


def _refuse(name: str, what: str) -> NoReturn:
    raise DerivativeError(f"stnwarp.torch.{name} has no {what}; use {_INSTEAD[name]} for them")


class _AffineGrid(Function):
    @staticmethod
    def forward(ctx: Any, rest: Rest, theta: torch.Tensor, size: Any, align_corners: bool) -> Any:
        ctx.options = size, align_corners
        return rest(theta, size, align_corners)

    @staticmethod
    def backward(ctx: Any, grad_grid: torch.Tensor) -> tuple[Any, ...]:
        return None, _gradient("affine_grid", grad_grid, *ctx.options), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        _refuse("affine_grid", "derivatives in forward mode")


class _GridSample(Function):
    @staticmethod
    def forward(ctx: Any, rest: Rest, input: torch.Tensor, grid: torch.Tensor, *options: Any) -> Any:
        ctx.save_for_backward(input, grid)
        ctx.options = options
        return rest(input, grid, *options)

    @staticmethod
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[Any, ...]:
        return None, *_gradients("grid_sample", ctx, grad_output), None, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        _refuse("grid_sample", "derivatives in forward mode")


class _SpatialTransform(Function):
    @staticmethod
    def forward(ctx: Any, rest: Rest, input: torch.Tensor, theta: torch.Tensor, size: Any, *options: Any) -> Any:
        ctx.save_for_backward(input, theta)
        ctx.options = options
        return rest(input, theta, size, *options)

    @staticmethod
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[Any, ...]:
        return None, *_gradients("spatial_transform", ctx, grad_output), None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        _refuse("spatial_transform", "derivatives in forward mode")


def _gradients(name: str, ctx: Any, grad_output: torch.Tensor) -> list[torch.Tensor | None]:
    """The gradients to the two saved tensors, None for one that is not asked for."""
    _, *needed = ctx.needs_input_grad[:3]
    found = _gradient(name, grad_output, *ctx.saved_tensors, *ctx.options, needed)
    return [gradient if asked else None for gradient, asked in zip(found, needed, strict=True)]


def _gradient_function(name: str) -> type[Function]:
    """The gradient of the operator called *name*, which says in words that it has none itself."""

    class Gradient(Function):
        @staticmethod
        def forward(ctx: Any, rest: Rest, *arguments: Any) -> Any:
            return rest(*arguments)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            _refuse(name, "second derivatives")

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            _refuse(name, "second derivatives")

    return Gradient


_APPLIED = {
    "affine_grid": derive(operators.affine_grid, _AffineGrid),
    "grid_sample": derive(operators.grid_sample, _GridSample),
    "spatial_transform": derive(operators.spatial_transform, _SpatialTransform),
}
_GRADIENTS_APPLIED = {name: derive(operator, _gradient_function(name)) for name, operator in _GRADIENTS.items()}
