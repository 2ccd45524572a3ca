"""Click's command and option, with help in sections, the order typed, and options in bundles."""

import functools
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

import click

from stnwarp.cli.native_messages import messages_collected
from stnwarp.resources import check_room, is_limited, spare_address_space

CallbackT = TypeVar("CallbackT", bound=Callable[..., Any])
Decorator = Callable[[CallbackT], CallbackT]

GIVEN = "stnwarp.given"  # key in ctx.meta: names of the parameters as they were typed, repetitions kept
LAST_SECTION = "Run"

_LIBRARIES = (115, 50)  # megabytes of address space, and of memory that is written to


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


def _refuse_single_dashes(parameters: Sequence[click.Parameter], args: Sequence[str], ctx: click.Context) -> None:
    """UsageError for -rotate and the like, which the parser would take for -r -o tate."""
    long = {name[2:]: name for parameter in parameters for name in parameter.opts if name.startswith("--")}
    for arg in args:
        if arg == "--":
            return
        name = arg.partition("=")[0]
        if len(name) > 2 and name[0] == "-" and name[1:] in long:
            raise click.UsageError(f"{name}: did you mean {long[name[1:]]}?", ctx)


def _refuse_repetitions(order: Sequence[click.Parameter], ctx: click.Context) -> None:
    """UsageError for an option with one value that was given twice: the first would be forgotten in silence."""
    for parameter, count in Counter(order).items():
        if not isinstance(parameter, click.Option) or parameter.multiple or parameter.count or count == 1:
            continue
        if not parameter.is_flag:
            times = "twice" if count == 2 else f"{count} times"
            raise click.UsageError(f"{parameter.opts[0]} given {times}; give it once", ctx)
        if parameter.secondary_opts:
            raise click.UsageError(f"give one of {parameter.opts[0]} and {parameter.secondary_opts[0]}, once", ctx)


def _explained(error: click.NoSuchOption, ctx: click.Context) -> click.UsageError:
    """*error*, unless what looks like an option is a negative number that has lost its quotes."""
    error.ctx = error.ctx or ctx
    if error.option_name[1:2] not in set(".0123456789"):
        return error
    return click.UsageError(
        "a negative number looks like an option here; put quotes round numbers separated by spaces", ctx
    )


class Command(click.Command):
    """A command whose options are listed by section, and which knows the order they were typed in."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the order before click sorts the values by option: moves are applied as typed."""
        _refuse_single_dashes(self.get_params(ctx), args, ctx)
        try:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        except click.NoSuchOption as error:
            raise _explained(error, ctx) from error
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        _refuse_repetitions(order, ctx)
        ctx.meta[GIVEN] = tuple(parameter.name for parameter in order)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, if there is room for what it loads: OpenBLAS, which comes with NumPy, would just exit.

        What C libraries write to standard error meanwhile is told in its place.
        """
        if is_limited():
            spare_address_space()
            if "numpy" not in sys.modules:
                check_room("NumPy and Pillow", *_LIBRARIES)
        with messages_collected(ctx):
            return super().invoke(ctx)

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
network = partial(click.option, cls=Option, section="Checkpoint without metadata")
guard = partial(click.option, cls=Option, section="Guards")
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
