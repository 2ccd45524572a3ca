"""Click's command and option, with help in sections, the order typed, and options in bundles."""

import functools
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

import click

CallbackT = TypeVar("CallbackT", bound=Callable[..., Any])
Decorator = Callable[[CallbackT], CallbackT]

GIVEN = "stnwarp.given"  # key in ctx.meta: names of the parameters as they were typed, repetitions kept
LAST_SECTION = "Run"


class Option(click.Option):
    """An option that stands in a section of its command's help."""

    def __init__(self, *args: Any, section: str = LAST_SECTION, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out ranges such as x>=1: the help texts say in words what fits, errors say it in full."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Command(click.Command):
    """A command whose options are listed by section, and which knows the order they were typed in."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the order before click sorts the values by option: moves are applied as typed."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[GIVEN] = tuple(parameter.name for parameter in order)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list per section, in the order of their first option."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = getattr(parameter, "section", LAST_SECTION)
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


transformation = partial(click.option, cls=Option, section="Transformation (one kind)")
sampling = partial(click.option, cls=Option, section="Sampling")
output = partial(click.option, cls=Option, section="Output")
run = partial(click.option, cls=Option, section="Run")


def bundle(name: str, kind: type[Any], *options: Decorator[Any]) -> Decorator[Any]:
    """Options whose values reach the command together, as a *kind* called *name*."""
    keys = [field.name for field in fields(kind)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_bundle(*arguments: Any, **values: Any) -> Any:
            values[name] = kind(**{key: values.pop(key) for key in keys})
            return command(*arguments, **values)

        decorated: Callable[..., Any] = with_bundle
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
