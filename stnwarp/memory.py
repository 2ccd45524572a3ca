"""The memory that this process can have: of the machine, less what its container and its own limits keep from it.

Linux tells all of it in files, other systems little; what is not told limits nothing.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_UNKNOWN = 1 << 62

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


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Each limit there is to the memory of this process, and what is used of it."""
    yield from _group_limits(root)
    if resource is None:
        return
    used = _table(root / "proc/self/status")
    for kind, name in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit = resource.getrlimit(getattr(resource, kind))[0] if hasattr(resource, kind) else resource.RLIM_INFINITY
        if limit != resource.RLIM_INFINITY:
            yield limit, used.get(name, 0)


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
