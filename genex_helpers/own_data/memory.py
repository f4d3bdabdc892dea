"""Whether a file fits into memory, asked before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from genex_helpers.own_data.problems import TooBigError

GB = 1e9
_MEMINFO = Path("/proc/meminfo")
# what a container may use, and what it uses: control groups version 2, then 1
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available_memory() -> int | None:
    """Return the bytes that a program can still take, ``None`` where it is unknown.

    Linux says what is available; other systems with `os.sysconf` say what is free
    or, failing that, what is built in. Windows says neither.
    """
    found = [size for size in (_from_system(), _from_container()) if size is not None]
    return min(found) if found else None


def check_memory(needed: float, what: str, advice: str) -> None:
    """Refuse what would not fit.

    Raises
    ------
    TooBigError
        With the numbers, and what to do.
    """
    free = available_memory()
    if free is not None and needed > free:
        raise TooBigError(
            f"{what} needs about {needed / GB:.1f} GB of memory to read, and "
            f"{free / GB:.1f} GB are free on this machine. {advice}"
        )


def _from_system() -> int | None:
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        try:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            continue
    return None


def _from_container() -> int | None:
    for limit, used in _LIMITS:
        try:
            return int(Path(limit).read_text()) - int(Path(used).read_text())
        except (OSError, ValueError):  # no container, or no limit ("max")
            continue
    return None
