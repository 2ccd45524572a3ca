"""How much memory the command line takes, and the command line with no more than some."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from tests.cli_tools import Ran, environment, warm

# Of the process itself: what is told to its parent when it ends counts what the parent had when it was forked.
_TOLD = r"""
import atexit, re, sys
from pathlib import Path

def tell():
    [kilobytes] = re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    sys.stderr.write(f"peak {kilobytes}\n")

atexit.register(tell)
from stnwarp.cli import main
main()
"""


def peak_memory(*args: object, env: Mapping[str, str] | None = None) -> tuple[Ran, int]:
    """`stnwarp ARGS` as a process of its own, and the most bytes of memory it had at a time."""
    done = subprocess.run(
        [sys.executable, "-c", _TOLD, *map(str, args)],
        capture_output=True,
        env=environment(**(env or {})),
        timeout=300,
        check=False,
    )
    told, kilobytes = re.fullmatch(r"(.*)peak (\d+)\n", os.fsdecode(done.stderr), re.DOTALL).groups()  # type: ignore[union-attr]
    return Ran(done.returncode, os.fsdecode(done.stdout), warm(told)), 1024 * int(kilobytes)
