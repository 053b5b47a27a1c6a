"""How threads wait and how many there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet import threads


def groups(root: Path, process: str, **files: str) -> Path:
    """A file system whose process is in the given control group; `files` are paths with __ for / and _ for a dot."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(process)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("process", "files", "quota"),
    [
        ("0::/\n", {"cpu_max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu_max": "max 100000\n"}, None),
        ("4:cpu:/a\n0::/\n", {}, None),
        ("0::/a/b\n", {"a__b__cpu_max": "max 100000\n", "a__cpu_max": "50000 100000\n"}, 0.5),
        ("0::/outside/name\n", {"cpu_max": "300000 100000\n"}, 3.0),
    ],
)
def test_the_least_quota_of_the_control_groups_counts(
    tmp_path: Path, process: str, files: dict[str, str], quota: float | None
) -> None:
    assert threads.cpu_quota(groups(tmp_path, process, **files)) == quota


def test_the_least_limit_of_memory_counts(tmp_path: Path) -> None:
    root = groups(tmp_path, "0::/job/step\n", job__step__memory_max="max\n")
    assert threads.memory_limit(root) is None
    (root / "sys/fs/cgroup/job/memory.max").write_text("2147483648\n")
    assert threads.memory_limit(root) == 2**31
    assert threads.memory_limit(root / "nowhere") is None


@pytest.mark.parametrize(("quota", "expected"), [("50000", "1"), ("100000000", None), ("max", None)])
def test_there_are_no_more_threads_than_the_quota(tmp_path: Path, quota: str, expected: str | None) -> None:
    environment: dict[str, str] = {}
    threads.settle(environment, groups(tmp_path, "0::/\n", cpu_max=f"{quota} 100000\n"))
    assert environment.get("OMP_NUM_THREADS") == expected
    assert environment["GOMP_SPINCOUNT"] == str(threads.SPINS)


@pytest.mark.parametrize(
    ("running", "spins"), [(1, threads.SPINS), (2, threads.SPINS_BUSY), (9, threads.SPINS_BUSY), (None, threads.SPINS)]
)
def test_threads_wait_a_shorter_time_where_others_want_the_cores(
    tmp_path: Path, running: int | None, spins: int
) -> None:
    root = groups(tmp_path, "0::/\n")
    if running is not None:
        (root / "proc/loadavg").write_text(f"0.50 0.70 0.90 {running}/345 6789\n")
    environment: dict[str, str] = {}
    threads.settle(environment, root)
    fixed = {"TORCHINDUCTOR_DETERMINISTIC": "1", "CUDA_DEVICE_MAX_CONNECTIONS": "32"}
    assert environment == {"GOMP_SPINCOUNT": str(spins)} | fixed


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    root = groups(tmp_path, "0::/\n", cpu_max="100000 100000\n")
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        given = {name: "ACTIVE", "OMP_NUM_THREADS": "7", "TORCHINDUCTOR_DETERMINISTIC": "0"}
        given["CUDA_DEVICE_MAX_CONNECTIONS"] = "1"
        environment = dict(given)
        threads.settle(environment, root)
        assert environment == given


def test_a_command_settles_it_before_pytorch_is_there() -> None:
    code = "import os, sys; from resnet.cli import run; run(['--version']); "
    code += "print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    clean = {name: value for name, value in os.environ.items() if name not in threads.WAITING}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    _, spins, torch = done.stdout.split()
    assert (int(spins) in (threads.SPINS, threads.SPINS_BUSY), torch) == (True, "False")
