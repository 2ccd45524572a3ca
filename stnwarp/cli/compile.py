"""`stnwarp compile`: the kernels, ahead of time."""

import os
import time
from contextlib import closing

import click

from stnwarp.cli.console import Console
from stnwarp.cli.numbers import Whole
from stnwarp.cli.options import verbosity_options
from stnwarp.cli.reporting import Interrupted
from stnwarp.cli.sections import Command, run
from stnwarp.errors import ExitCode, OutputError
from stnwarp.text import count_noun

_EPILOG = """\
Exit codes: 0 all kernels are there; 2 the command line is wrong; 4 cannot go on, such as when nothing can be
kept; 129 hung up; 130 interrupted; 143 terminated.
"""


@click.command("compile", cls=Command, epilog=_EPILOG)
@run("--all", "wants_all", is_flag=True, help="Compile every kernel that calls of the library can need.")
@run(
    "-j",
    "--jobs",
    type=Whole(1),
    metavar="N",
    help="Kernels to compile at a time.  [default: as many as cores and free memory allow]",
)
@verbosity_options("Say which kernels are compiled. Twice (-vv): also tracebacks of errors.")
@click.pass_obj
def compile_kernels(console: Console, wants_all: bool, jobs: int | None) -> ExitCode:
    """Compile the sampling loops ahead of time, so that no later run has to wait for that.

    Without this command a run compiles what it needs the first time that it needs it, and keeps it in
    ~/.cache/stnwarp, or the folder that STNWARP_CACHE_DIR names. This compiles and keeps the kernels of the
    recipes in README.md: bilinear interpolation of 8-bit images, of 16-bit gray images and of images with
    alpha, and of float32 feature maps with their gradients. --all adds the other interpolations, data types,
    volumes and gradients, which takes some minutes. Kernels that are there already are not compiled again.

    What was compiled is used by the same version of stnwarp, Numba and llvmlite on the same kind of processor.
    docs/compile.md says how to put it into a container image.

    \b
    Examples:
      stnwarp compile
      STNWARP_CACHE_DIR=/opt/stnwarp stnwarp compile --all
    """
    from stnwarp.kernels.compiler.compiled_kernel import takes_arrays_once_loaded

    started = time.perf_counter()
    work = _compile_by_calls if takes_arrays_once_loaded() else _compile
    try:
        total, compiled = work(console, wants_all, jobs)
    except KeyboardInterrupt as error:
        raise Interrupted.by(error, "what is compiled is kept; the same command goes on from there") from error
    took = f"; {compiled} compiled in {time.perf_counter() - started:.1f} s" if compiled else ""
    console.say(f"{count_noun(total, 'kernel')} ready{took}")
    return ExitCode.OK


def _check_cache() -> None:
    """Raise OutputError where nothing that is compiled could be kept."""
    from stnwarp.kernels.compiler.object_cache import make_cache_directory

    try:
        directory = make_cache_directory()
        if not os.access(directory, os.W_OK):
            raise PermissionError(f"{directory} is not writable")
    except OSError as error:
        raise OutputError(
            f"compiled kernels cannot be kept: {error}; unset STNWARP_NUMBA_CACHE, or set STNWARP_CACHE_DIR to a "
            "folder of your own"
        ) from error


def _compile(console: Console, wants_all: bool, jobs: int | None) -> tuple[int, int]:
    """Compile the kernels that are not there yet, side by side; how many there are, and how many were compiled."""
    from stnwarp.sampling.compilation import compile_side_by_side, processes_for, seconds_for
    from stnwarp.sampling.specialisations import specialisations

    wanted = specialisations(wants_all)
    missing = [file for file, specialisation in wanted.items() if not specialisation.is_shipped()]
    if missing:
        _check_cache()
        missing = [file for file in missing if not wanted[file].is_compiled()]
    if not missing:
        return len(wanted), 0
    processes = min(jobs or processes_for(len(missing)), len(missing))
    there = f", beside {len(wanted) - len(missing)} that are there" if len(missing) < len(wanted) else ""
    seconds = seconds_for(len(missing), processes)
    console.say(f"compiling {count_noun(len(missing), 'kernel')}{there}; this takes about {seconds:.0f} s")
    faults = []
    with (
        closing(compile_side_by_side(missing, processes)) as results,
        console.progress(len(missing), "kernel") as advance,
    ):
        for result in results:
            advance()
            console.say(f"{'failed' if result.fault else 'compiled'}: {result.file.removesuffix('.o')}", 1)
            if result.fault:
                faults.append(result.fault)
    if faults:
        raise OutputError(f"{len(faults)} of {count_noun(len(missing), 'kernel')} could not be kept: {faults[0]}")
    return len(wanted), len(missing)


def _compile_by_calls(console: Console, wants_all: bool, jobs: int | None) -> tuple[int, int]:
    """The same where Numba cannot be used the fast way: its own cache keeps what calls have it compile, one by one."""
    from stnwarp.kernels.compiler.compiled_kernel import on_compile
    from stnwarp.kernels.compiler.decorators import FALLBACK
    from stnwarp.kernels.compiler.fallback import cache_faults
    from stnwarp.sampling.specialisations import rows

    if not FALLBACK:
        raise OutputError("kernels are not kept while NUMBA_DISABLE_JIT or NUMBA_BOUNDSCHECK is set; unset it")
    _check_cache()
    wanted, compiled = rows(wants_all), list[str]()
    ignored = ", whatever --jobs says" if jobs is not None and jobs > 1 else ""
    console.say(f"compiling {count_noun(len(wanted), 'kernel')} one by one{ignored}, unless they are there")
    with on_compile(compiled.append), console.progress(len(wanted), "kernel") as advance:
        for row in wanted:
            row.call()
            advance()
    if cache_faults:
        raise OutputError(f"some of {count_noun(len(wanted), 'kernel')} could not be kept: {cache_faults[0]}")
    return len(wanted), len(compiled)
