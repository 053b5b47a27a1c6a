"""What PyTorch reads as it is imported: how its threads wait for one another and how many there are, how it compiles,
how many queues a GPU has.

At the end of every parallel operation a thread that is done early spins until the others arrive, by default
for some 300,000 rounds, and if other programs want the cores, in the way of the very thread that it waits for.
`bench/busy.py` measures what a shorter wait costs on a quiet machine and gains on a busy one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

SPINS = 10_000
"""Rounds that a thread waits before it sleeps, where the cores are free: at most 3 % slower than the default."""
SPINS_BUSY = 1_000
"""The same where others want the cores: 5 % slower on a quiet machine, ten times as fast on a very busy one."""
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def settle(environment: MutableMapping[str, str] = os.environ, root: Path = Path("/")) -> None:
    """Set what the user has not set: how long threads wait, no more threads than a container's quota, sure compilation.

    Args:
        environment: of this process; PyTorch and OpenMP read it when PyTorch is loaded.
        root: of the file system with the control groups.
    """
    if not any(name in environment for name in WAITING):
        environment["GOMP_SPINCOUNT"] = str(SPINS_BUSY if busy(root) else SPINS)
    # torch.compile must not choose among kernels by timing them: a resumed run would have other bits.
    environment.setdefault("TORCHINDUCTOR_DETERMINISTIC", "1")
    # Queues of a GPU: with the default of 8, seeds on streams of their own wait for one another.
    environment.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    quota = cpu_quota(root)
    if quota is not None and quota < cores():
        environment.setdefault("OMP_NUM_THREADS", str(max(1, int(quota))))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Cores' worth of time that the control groups leave this process; None without a limit."""
    return min((int(quota) / int(period) for quota, period in _limits(root, "cpu.max")), default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that the control groups leave this process; None without a limit."""
    return min((int(limit) for (limit,) in _limits(root, "memory.max")), default=None)


def _limits(root: Path, name: str) -> Iterator[list[str]]:
    """The words of a limit in the process's control group (version 2) and in those around it."""
    with suppress(OSError):
        group = (root / "proc/self/cgroup").read_text().splitlines()[-1].removeprefix("0::/")
        # Inside a container its own group is mounted as the top one, whatever name it has outside.
        for part in (PurePosixPath(group), *PurePosixPath(group).parents):
            with suppress(OSError):
                words = (root / "sys/fs/cgroup" / part / name).read_text().split()
                if words[0] != "max":
                    yield words


def busy(root: Path = Path("/")) -> bool:
    """Whether other programs run now: the load average would remember this user's last command for minutes."""
    others = []
    for _ in range(3):
        try:
            others.append(int((root / "proc/loadavg").read_text().split()[3].split("/")[0]) - 1)  # without this process
        except (OSError, IndexError, ValueError):
            return False
        time.sleep(0.005)
    return min(others) >= 1


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
