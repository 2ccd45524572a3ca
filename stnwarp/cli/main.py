"""The program: its commands, --version, and the one place where every run ends."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from stnwarp.cli.apply import apply
from stnwarp.cli.compile import compile_kernels
from stnwarp.cli.console import PROGRAM, Console
from stnwarp.cli.grid import grid
from stnwarp.cli.info import info, version_of
from stnwarp.cli.reporting import Interrupted, run_reported
from stnwarp.cli.train import train

_COMPLETION = f"_{PROGRAM.upper()}_COMPLETE"


class Program(click.Group):
    """A group that reports errors our way: one line each, and the exit codes of the contract."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line *args*, by default the process's own, and exit."""
        if _COMPLETION in os.environ:
            return super().main(args, PROGRAM, _COMPLETION, **extra)
        console = Console()
        code = run_reported(console, lambda: self._run(args, console, extra), is_last=args is None)
        if args is None and (_is_at_work() or console.is_held_up):
            os._exit(code)  # the interpreter's own end would crash what is at work, or wait for a reader
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would answer Ctrl-C with words of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted.by(error, str(error)) from error

    def _run(self, args: Sequence[str] | None, console: Console, extra: dict[str, Any]) -> object:
        return super().main(args, PROGRAM, standalone_mode=False, obj=console, **extra)


def _is_at_work() -> bool:
    """Whether native code is still at work in a thread that was given up after a signal."""
    crew = sys.modules.get("stnwarp.folder.crew")
    return crew is not None and crew.is_at_work()


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"{PROGRAM} {version_of(PROGRAM)}")
        ctx.exit()


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Warp images with spatial transformers.

    A transformation, theta, says for each point of the output where in the input it is read. stnwarp applies
    one to images and folders of images, and writes and draws the sampling grids it stands for.

    \b
    Examples:
      stnwarp apply photo.jpg -o turned.jpg --rotate 15 --size fit
      stnwarp apply photos/ -r -o warped/ --theta "0.9 0.1 0 -0.1 0.9 0"
      stnwarp grid -o grid.png --image photo.jpg --rotate 15
      stnwarp info grid.npz

    'stnwarp COMMAND --help' explains a command and its options.
    """


for _command in (apply, grid, train, info, compile_kernels):
    main.add_command(_command)
