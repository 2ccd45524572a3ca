"""Whether the internal classes of the installed Numba can be used, which is known of the versions that were tested.

Of any other version a small kernel is compiled and run first, once as the real ones are and once in plain Python, each
in a process of its own: a class that changed its meaning may well end the process. The verdict is kept with the
compiled kernels, whose directory is another one for every version.
"""

import os
import re
import subprocess
import sys

from stnwarp.kernels.compiler.object_cache import from_cache, to_cache

# The lowest and the newest release that tests/numba_versions.py was run with.
TESTED_NUMBA = ((0, 62), (0, 68))

in_trial = False  # set in the processes of a trial, which must not start another one

_PASSED = "passed"
_SECONDS = 120
# -P keeps the folder that a user happens to be in off the path; what the path is instead comes as arguments.
_PROGRAM = """if True:
    import sys
    sys.path[:] = sys.argv[1:]
    from stnwarp.kernels.compiler import versions
    versions.in_trial = True
    from stnwarp.kernels import trial_kernel
    print(trial_kernel.result())
"""
_ENDED_BY_OTHERS = (2, 9, 15)  # signals that say nothing about Numba: interrupted, killed (for memory), terminated


def incompatibility() -> str | None:
    """Return why the internal classes of this Numba, which could be imported, cannot be used; None if they can."""
    import numba

    if in_trial or _is_tested(numba.__version__):
        return None
    file = f"numba-trial-{sys.version_info.major}.{sys.version_info.minor}"
    entry = from_cache(file)
    if entry is None:
        verdict, is_final = _run_trial()
        entry = verdict, b""
        if is_final:
            to_cache(file, entry)
    return None if entry[0] == _PASSED else entry[0]


def advice(version: str) -> str:
    """Return what to install where `version` cannot be used; one that was tested was changed after it was published."""
    lowest, (major, minor) = TESTED_NUMBA
    option = "--force-reinstall " if _is_tested(version) else ""
    return f'pip install {option}"numba>={lowest[0]}.{lowest[1]},<{major}.{minor + 1}"'


def _is_tested(version: str) -> bool:
    return TESTED_NUMBA[0] <= _release(version) <= TESTED_NUMBA[1]


def _release(version: str) -> tuple[int, ...]:
    """Return major and minor number; nothing, which is outside of every range, if `version` begins with none."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def _run_trial() -> tuple[str, bool]:
    """Run the trial; return the verdict, and whether it would be the same another time."""
    if getattr(sys, "frozen", False) or not sys.executable:
        return "it was not tested, and there is no Python here to try it with", False
    try:
        compiled, plain = _run({}), _run({"NUMBA_DISABLE_JIT": "1"})
    except (OSError, subprocess.SubprocessError) as error:
        return f"it was not tested, and could not be tried: {error}", False
    for run in (compiled, plain):
        if run.returncode != 0:
            return f"a trial of it failed: {_reason(run)}", -run.returncode not in _ENDED_BY_OTHERS
    same = compiled.stdout == plain.stdout
    return _PASSED if same else "a trial kernel compiled with it gave wrong numbers", True


def _run(settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # Without a cache: what is loaded from there would not be compiled.
    environment = {**os.environ, "STNWARP_NUMBA_CACHE": "0", **settings}
    return subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _reason(run: subprocess.CompletedProcess[str]) -> str:
    """Return, on one line, what the process said last, or what ended it if it said nothing."""
    if run.returncode < 0:
        return f"signal {-run.returncode} ended it"
    lines = run.stderr.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), f"it ended with code {run.returncode}")
