"""A whole plan on Ray: every unfinished seed a task, on whatever cores and GPUs a cluster has.

Tasks train into the plan's folders, which lie on storage that all nodes share. A node or a worker that dies costs what
its runs had done since their last checkpoints: Ray starts their tasks elsewhere, and they go on from there. Results are
those of `dvc repro`, and in the end they are recorded in the plan's `dvc.lock`, so that it finds them done.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

import resnet
from resnet.data import load, read, save
from resnet.errors import Interrupted, UserError, one_line
from resnet.files import is_locked
from resnet.nets.layers import work
from resnet.params import Params, Settings
from resnet.results.plan_runs import ENDED
from resnet.runs.live import Viewer
from resnet.runs.seeds import train_seeds
from resnet.runs.status import SECONDS_BETWEEN_LOOKS, PlanStatus, plan_status, screen
from resnet.training.devices import choose_machine
from resnet.training.placement import Placement, place, run_bytes

RETRIES = 20  # of a task whose worker or node has died
SECONDS_FOR_LOCK = 600.0
"""How long a restarted task waits for a process that still trains its seeds: of a node that was only out of reach."""


def placements(params: Params, device: str) -> dict[str, Placement]:
    """How each net of a plan trains on this machine's device; runs on a node."""
    nets = [params.settings(name).with_train(device=device) for name in params.models]
    return {settings.name: place(settings, choose_machine(settings.train)) for settings in nets}


def unfinished_tasks(params: Params, folder: Path, placed: Mapping[str, Placement], device: str) -> list[Settings]:
    """The seeds without finished results, by what one process trains, side by side if there are several.

    The costliest task is first: what takes longest must not begin last. All nodes train a net in the precision in which
    one of them has placed it. The folder, in full, is the plan's.
    """
    tasks = []
    data = params.data.model_copy(update={"dir": folder / params.data.dir})
    for net in plan_status(params, folder / "runs").nets:
        placement = placed[net.name]
        # The identity of a run holds neither the device nor the folder of its data.
        settings = params.settings(net.name).with_train(device=device, precision=placement.machine.precision)
        left = [seed.seed for seed in net.seeds if seed.state not in ENDED]
        for start in range(0, len(left), placement.seeds):
            chunk = settings.with_train(seeds=left[start : start + placement.seeds])
            tasks.append(chunk.model_copy(update={"data": data}))
    return sorted(tasks, key=lambda task: -work(task).multiply_adds * task.train.iterations)


def train(task: Settings, folder: Path, live: Viewer | None = None) -> None:
    """Train a task's seeds to their end, from their last checkpoints, in the plan's folder; runs on a node."""
    seeds, patience = task.train.seed_list, time.monotonic() + SECONDS_FOR_LOCK
    out, weights = folder / "runs/train" / task.name, folder / "weights" / task.name
    while any(is_locked(out / f"seed-{seed}") for seed in seeds) and time.monotonic() < patience:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    data, machine = load(task.data.dir, task.data), choose_machine(task.train)
    train_seeds(task, seeds, data, out, machine, weights=weights, overwrite=True, live=live)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster, or started on this machine until the block ends.

    Raises:
        UserError: Ray is not installed, or there is no cluster at that address.
    """
    try:
        import ray
    except ImportError as error:
        raise UserError("resnet plan needs Ray: pip install ray, or this project with its extra `ray`") from error
    # Nodes run the code that is here, on shared storage, whatever is installed there.
    environment = {"env_vars": {"PYTHONPATH": str(Path(resnet.__file__).resolve().parent.parent)}}
    options: dict[str, Any] = {"runtime_env": environment, "log_to_driver": False, "logging_level": "CRITICAL"}
    if address is None:
        options["include_dashboard"] = False
    else:
        check_listens(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
    with without_rays_log():
        try:
            ray.init(address=address or "local", **options)
        except Exception as error:  # Ray has no class for what goes wrong at its start
            raise UserError(f"--address {address or 'local'}: {one_line(error, 300)}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def without_rays_log() -> Iterator[None]:
    """Let only this program write to the standard error stream: Ray's own log is in its folder of the session."""
    with open(os.devnull, "wb") as nothing, open(os.dup(2), "w", buffering=1, encoding="utf-8") as own:
        os.dup2(nothing.fileno(), 2)
        try:
            with redirect_stderr(own):
                yield
        finally:
            os.dup2(own.fileno(), 2)


def check_listens(address: str) -> None:
    """Check that something at `host:port` speaks HTTP/2, as Ray does: Ray itself tries for minutes.

    Raises:
        UserError: nothing does; Ray says itself what is wrong with an address of another form.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    preface, settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 4  # RFC 9113, sections 3.4 and 6.5
    why = "what answers there is not Ray"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), 5.0) as connection:
            connection.sendall(preface + bytes([0, 0, 0, settings, 0, 0, 0, 0, 0]))
            if connection.recv(4)[3:] == bytes([settings]):
                return
    except (OSError, OverflowError) as error:
        why = f"no Ray cluster answers there ({getattr(error, 'strerror', None) or error})"
    raise UserError(f"--address {one_line(address, 100)}: {why}")


def _resources(ray: Any, task: Settings, placement: Placement, cores: int) -> dict[str, Any]:
    """What Ray must keep free for a task: a share of a GPU, or cores and memory."""
    seeds = len(task.train.seed_list)
    if task.train.device == "cuda":
        return {"num_cpus": 1, "num_gpus": max(0.01, round(seeds / placement.seeds, 2))}
    most = max(node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"])
    # What does not fit is computed again in the backward pass: then all of the largest node's memory will do.
    return {"num_cpus": cores, "memory": int(min(seeds * run_bytes(task, placement.machine.precision), most))}


def train_plan(
    params: Params, folder: Path, address: str | None, cores: int, console: Console, live: Viewer | None = None
) -> None:
    """Train all of a plan that is not finished, and show how far it is.

    The plan's folder is on storage that all nodes share under the same path. Without the address of a running cluster,
    Ray has this machine's cores and GPUs. A task on a CPU has as many threads as cores: a run's bits depend on them.

    Raises:
        UserError: Ray or the cluster is not there, or seeds could not be trained; the others were.
        Interrupted: the user stopped it; checkpoints are saved.
    """
    folder = folder.resolve()
    prepared = folder / params.data.dir
    if not prepared.exists():
        save(read(params.data.source, params.data), prepared)
    load(prepared, params.data)  # says what is wrong with them, before any task does
    with _cluster(address) as ray:
        gpu = ray.cluster_resources().get("GPU", 0) and params.train.device != "cpu"
        most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if not gpu and most < cores:
            raise UserError(f"--cores {cores}: no node of Ray has so many; the largest has {most}")
        device = "cuda" if gpu else "cpu"
        placed = ray.get(ray.remote(num_cpus=0, num_gpus=0.01 if gpu else 0)(placements).remote(params, device))
        # A process for each task: memory is measured, threads are settled, and it may die alone.
        threads = {"env_vars": {"OMP_NUM_THREADS": str(cores), "GOMP_SPINCOUNT": "1000"}}
        remote = ray.remote(max_calls=1, max_retries=RETRIES, runtime_env=threads)(train)
        pending = {
            remote.options(**_resources(ray, task, placed[task.name], cores)).remote(task, folder, live): task
            for task in unfinished_tasks(params, folder, placed, device)
        }
        console.print(f"{len(pending)} tasks on {len(ray.nodes())} nodes of Ray", highlight=False)
        try:
            failures = _follow(ray, dict(pending), lambda: plan_status(params, folder / "runs"), console)
        except KeyboardInterrupt as error:
            for reference in pending:
                ray.cancel(reference)  # as Ctrl-C would: it saves a checkpoint
            ray.wait(list(pending), num_returns=len(pending), timeout=60)
            raise Interrupted from error
    if failures:
        raise UserError(f"{len(failures)} of {len(pending)} tasks failed, the first: {failures[0]}")


def _follow(ray: Any, pending: dict[Any, Settings], look: Callable[[], PlanStatus], console: Console) -> list[str]:
    """Show the plan until all tasks have ended; what ended badly, one line each."""
    failures: list[str] = []
    with Live(console=console, auto_refresh=False) as live:
        while pending:
            ended, _ = ray.wait(list(pending), timeout=SECONDS_BETWEEN_LOOKS)
            for reference in ended:
                task = pending.pop(reference)
                try:
                    ray.get(reference)
                except (ray.exceptions.RayError, UserError) as error:
                    name = f"{task.name} seeds {task.train.seed_list}"
                    failures.append(f"{name}: {one_line(getattr(error, 'cause', None) or error, 300)}")
                    console.print(failures[-1], highlight=False, soft_wrap=True)
            alive, nodes = sum(node["Alive"] for node in ray.nodes()), len(ray.nodes())
            left = f"tasks left: {len(pending)}, on {alive} of {nodes} nodes of Ray"
            live.update(screen(look(), left), refresh=True)
    return failures
