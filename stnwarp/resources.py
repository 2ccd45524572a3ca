"""The memory that this process can have, less what its container and its own limits keep from it; and its cores.

Linux tells all of it in files, other systems little; what is not told limits nothing. Where the limits of the process
leave little, some libraries end it (OpenBLAS exits, LLVM aborts): they are not loaded then.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from stnwarp.errors import LoadingError, ParameterError

_UNKNOWN = 1 << 62

# What says that memory was not enough, in errors that are no MemoryError.
_SIGNS = (
    "failed to map segment",
    "cannot allocate memory",
    "can't start new thread",
    "out of memory",
    "bad_alloc",
    "without exception set",
    "without setting an exception",
)
_MB = 10**6
_BLAS = (50, 50)  # megabytes of address space, and of memory that is written to
_MOST_ARENAS = -8  # glibc's M_ARENA_MAX

_ROOT = Path("/")
# Where control groups of version 2 and 1 lie, their limit, what they use, and the part of that which is a mere cache.
_VERSION_2 = (("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.max", "memory.current", "inactive_file")
_VERSION_1 = (("sys/fs/cgroup/memory",), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@cache
def machine_memory(root: Path = _ROOT) -> int:
    """The most bytes that this process could have if nothing else ran; *root* is where the system's files lie.

    It is looked up once.
    """
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        physical = _UNKNOWN
    return min([physical, *(limit for limit, _ in _limits(root))])


def free_memory(root: Path = _ROOT) -> int:
    """The bytes that this process can still have, as things stand."""
    available = _table(root / "proc/meminfo").get("MemAvailable", machine_memory(root))
    return max(0, min([available, *(limit - used for limit, used in _limits(root))]))


def used_data() -> int:
    """The bytes of this process that a limit to its data counts; 0 where that is not told."""
    return _table(_ROOT / "proc/self/status").get("VmData", 0)


def is_shortage(error: BaseException | None) -> bool:
    """Whether *error*, or what it came from, is that there was not enough memory."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if isinstance(error, ImportError | OSError | RuntimeError | SystemError):
            text = str(error).lower()
            if any(sign in text for sign in _SIGNS):
                return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def is_limited() -> bool:
    """Whether this process has limits of its own to its memory."""
    return next(_own_limits(_ROOT), None) is not None


def spare_address_space() -> None:
    """Keep glibc from setting 64 MB of addresses aside for each thread, and OpenBLAS from doing much the same.

    What a thread cannot have it takes from the others, but one that OpenBLAS cannot start is taken for Ctrl-C.
    """
    import ctypes

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # heard if NumPy has not been loaded yet
    with suppress(OSError, AttributeError, TypeError):  # another system, or another C library
        ctypes.CDLL(None).mallopt(_MOST_ARENAS, 1)


def load_blas() -> None:
    """Let OpenBLAS have the memory for its sums while there is some: it ends the process if it comes too late.

    LoadingError where there is too little.
    """
    check_room("OpenBLAS", *_BLAS)
    import numpy as np

    np.linalg.inv(np.eye(3))


def check_room(what: str, space: int, data: int) -> None:
    """LoadingError if the limits of the process leave too little to load *what*.

    Args:
        what: in words.
        space, data: how much that takes of the address space and of what is written to, in megabytes.
    """
    for kind, limit, used in _own_limits(_ROOT):
        needed, left = space if kind == "RLIMIT_AS" else data, (limit - used) // _MB
        if left < needed:
            option = "ulimit -v" if kind == "RLIMIT_AS" else "ulimit -d"
            raise LoadingError(
                f"not enough memory to load {what}: it takes {needed} MB, and the limit of this process leaves "
                f"{max(0, left)}; raise it ({option})"
            )


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Each limit there is to the memory of this process, and what is used of it."""
    yield from _group_limits(root)
    yield from ((limit, used) for _, limit, used in _own_limits(root))


def _own_limits(root: Path) -> Iterator[tuple[str, int, int]]:
    """The limits of the process itself by their names, and what is used of them."""
    if resource is None:
        return
    for kind, name in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit = resource.getrlimit(getattr(resource, kind))[0] if hasattr(resource, kind) else resource.RLIM_INFINITY
        if limit != resource.RLIM_INFINITY:
            yield kind, limit, _table(root / "proc/self/status").get(name, 0)


def _group_limits(root: Path) -> Iterator[tuple[int, int]]:
    """The limit and the use of each control group that this process is in, from its own up to the outermost."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" and not controllers:
                yield from _levels(root, path, *_VERSION_2)
            elif "memory" in controllers.split(","):
                yield from _levels(root, path, *_VERSION_1)


def _levels(
    root: Path, path: str, mounts: tuple[str, ...], limit: str, used: str, cache: str
) -> Iterator[tuple[int, int]]:
    own = Path(path.lstrip("/"))
    for mount in mounts:
        # A container may see its own group as the outermost, by another path than this process is told.
        for group in (own, *own.parents):
            directory = root / mount / group
            with suppress(OSError, ValueError):  # no such group here, or "max"
                most = int((directory / limit).read_text())
                unused = _table(directory / "memory.stat").get(cache, 0)
                yield most, int((directory / used).read_text()) - unused


def _table(path: Path) -> dict[str, int]:
    """The numbers by their names in a file of the system's, in bytes."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in path.read_text().splitlines():
            name, *rest = line.replace(":", " ").split()
            if rest and rest[0].isdigit():
                found[name] = int(rest[0]) * (1024 if rest[-1] == "kB" else 1)
    return found


def share_cores(images: int, workers: int | None = None) -> tuple[int, int]:
    """(workers, threads of each) for so many *images*: together no more than the cores this process may use.

    One image gets all the cores for its bands of rows, many get one core each. *workers* that were asked for
    are taken as they are.
    """
    cores = usable_cores()
    count = workers if workers is not None else max(1, min(cores, images))
    if count < 1:
        raise ParameterError(f"the number of workers must be at least 1, got {count}")
    return count, max(1, cores // count)


def usable_cores() -> int:
    """The cores this process may run on, which on shared machines are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
