"""The one line about compiling: otherwise a first run looks as if it hung."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stnwarp.cli.console import Console

COMPILING = "compiling the sampling loops for this machine; this takes some seconds, once"


@contextmanager
def compiling_told(console: Console) -> Iterator[None]:
    """Meanwhile, say so the first time that a kernel has to be compiled, in whichever thread that happens."""
    from stnwarp.kernels.compiler.compiled_kernel import on_compile

    first = threading.Lock()

    def tell(_kernel: str) -> None:
        if first.acquire(blocking=False):
            console.say(COMPILING)

    with on_compile(tell):
        yield
