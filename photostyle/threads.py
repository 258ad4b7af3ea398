"""How many threads compute, and how they wait for each other: settled in the environment before torch is loaded.

Free of torch, as whoever settles this must be: OpenMP reads the environment once, when its library is loaded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_PROC = Path("/proc/self")


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have OpenMP's threads sleep while they wait, and start no more of them than there are processors to run them.

    A thread that is done before its partners spins by default, for milliseconds, so that the next piece of work finds
    it awake. Where another program has taken a partner's processor, it spins in vain, and a photo takes several times
    as long; docs/performance.md has figures. GNU's OpenMP, which torch has on Linux, reads ``OMP_WAIT_POLICY``; LLVM's
    and Intel's, which it has elsewhere, sleep at once with ``KMP_BLOCKTIME``.

    What a user has set stays as it is: one word about waiting, and nothing about waiting is changed.

    Args:
        environment: where it is set. By default this process's, which those that it starts inherit; torch must not
            have been imported yet.
    """
    if not any(name in environment for name in _WAITING):
        environment["OMP_WAIT_POLICY"] = "passive"
        environment["KMP_BLOCKTIME"] = "0"
    count = available()
    # OpenMP itself knows the affinity, but not the quota of a container.
    if count < _allowed() and not any(name in environment for name in _COUNTS):
        environment["OMP_NUM_THREADS"] = str(count)


def available(proc: Path = _PROC) -> int:
    """Processors that this process may really use: by its affinity and by the quotas of its control groups.

    Args:
        proc: the folder ``/proc/self``.
    """
    quotas = [quota for quota in _quotas(proc) if quota > 0]
    # Of a quota of 1.5 processors two threads make more than one does.
    return max(1, min([_allowed(), *map(math.ceil, quotas)]))


def _allowed() -> int:
    """Processors that the system lets this process run on."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not Linux
        return os.cpu_count() or 1


def _quotas(proc: Path) -> Iterator[float]:
    """Processors that each control group around this process may use, where that is limited (cgroup v1 and v2)."""
    try:
        mounts = (proc / "mountinfo").read_text().splitlines()
        groups = (proc / "cgroup").read_text().splitlines()
    except (OSError, ValueError):  # not Linux, or hidden
        return
    for group in groups:
        _, controllers, place = group.split(":", 2)
        for mount in mounts:
            place_of_it, _, system = mount.partition(" - ")
            kind, _, options = system.split(" ", 2)
            if controllers:
                matches = kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options.split(",")
            else:
                matches = kind == "cgroup2"
            if matches:
                root, mounted = (_unescaped(part) for part in place_of_it.split(" ")[3:5])
                yield from _limits(Path(mounted), root, place, 1 if controllers else 2)


def _unescaped(path: str) -> str:
    """A path as mountinfo writes it, which has no spaces."""
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _limits(mounted: Path, root: str, place: str, version: int) -> Iterator[float]:
    """Quotas in the group at `place` and in those above it; `root` is which of them is mounted at `mounted`."""
    inner = place[len(root) :] if root != "/" and place.startswith(root) else place
    here = mounted if ".." in inner else mounted / inner.strip("/")  # .. is out of sight
    folders = [here, *here.parents]
    for folder in folders[: folders.index(mounted) + 1] if mounted in folders else [mounted]:
        try:
            if version == 2:
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
            yield int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue  # a group without such a limit: "max"
