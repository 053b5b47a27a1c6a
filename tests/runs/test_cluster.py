"""A plan on two nodes of Ray, real processes of this machine, one of them killed in the midst."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from resnet.data import Data, save
from resnet.errors import UserError
from resnet.files import is_locked
from resnet.params import load
from resnet.results import TrainingRecord
from resnet.runs.cluster import check_listens, unfinished_tasks, without_rays_log
from resnet.runs.seeds import train_seeds
from resnet.training.placement import Placement
from tests.conftest import CPU, Command
from tests.pipeline.project import PARAMS, commit, environment, run, running
from tests.runs.test_live import check_curves

PLAN = PARAMS.replace("iterations: 4", "iterations: 60").replace("every: 2", "every: 5")
NETS = ("resnet-8", "plain-8")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of two nodes of one core each; the second may be killed."""
    monkeypatch.setenv("RAY_worker_niceness", "5")  # of 15, a busy machine's other programs leave nothing
    # A node gives its parts 15 seconds to start. On a busy machine they need them compiled.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
    subprocess.run([sys.executable, "-c", "import ray.dashboard.agent, ray.dashboard.dashboard"], check=True)
    utilities = pytest.importorskip("ray.cluster_utils")
    memory = {"object_store_memory": 100 * 2**20}
    cluster = utilities.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False} | memory
    )
    try:
        cluster.second = cluster.add_node(num_cpus=1, **memory)
        yield cluster
    finally:
        cluster.shutdown()


def record(project: Path, net: str) -> TrainingRecord | None:
    try:
        return TrainingRecord.read(project / f"runs/train/{net}/seed-0/metrics.json")
    except UserError:
        return None


def both_train(project: Path) -> bool:
    """Whether both nets train and have saved a checkpoint."""
    records = [record(project, net) for net in NETS if is_locked(project / f"runs/train/{net}/seed-0")]
    return [held and held.status for held in records] == ["interrupted"] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_node_that_is_killed_costs_time_and_no_bit(
    project: Path, digits: Data, tmp_path: Path, nodes: Any, one_thread: None
) -> None:
    (project / "params.yaml").write_text(PLAN)
    save(digits, project / "data/digits")
    commit(project, "a plan for two nodes")
    shown = tmp_path / "shown"
    with shown.open("w") as file:
        command = [sys.executable, "-m", "resnet", "plan", "--address", nodes.address, "--live=tensorboard"]
        here: dict[str, Any] = {"cwd": project, "env": environment(project) | ONE_THREAD}
        plan = subprocess.Popen(command, **here, stdout=file, stderr=subprocess.STDOUT)
        while not both_train(project):
            assert plan.poll() is None, shown.read_text()
            time.sleep(0.1)
        nodes.remove_node(nodes.second, allow_graceful=False)
        assert plan.wait() == 0, shown.read_text()
    assert [line for line in shown.read_text().splitlines() if line.startswith("train@")] == [
        "train@resnet-8: complete",
        "train@plain-8: complete",
    ]

    records = [record(project, net) for net in NETS]
    assert [held is not None and held.status for held in records] == ["done", "done"]
    # One went on from a checkpoint, and repeated at most what it had done since then.
    resumed = [held for held in records if held is not None and len(held.segments) > 1]
    assert len(resumed) == 1
    assert resumed[0].segments[1].first_iteration == resumed[0].segments[0].last_iteration
    assert resumed[0].segments[0].last_iteration % 5 == 0

    for net in NETS:
        check_curves(project / f"runs/train/{net}/seed-0")

    # Without Ray, with as many threads, each has the same bits.
    params = load(project / "params.yaml")
    for net in NETS:
        train_seeds(params.settings(net), [0], digits, tmp_path / net, CPU)
        ours = load_file(project / f"weights/{net}/seed-0/model.safetensors")
        theirs = load_file(tmp_path / f"{net}/seed-0/model.safetensors")
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    planned = running(run(project, "dvc", "repro", "--dry").stdout)
    assert not any(stage.startswith(("data", "forecast", "train")) for stage in planned), planned


def test_tasks_are_what_is_unfinished_the_costliest_first(digits: Data, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    plan = load(tmp_path / "params.yaml", ("train.seeds=5", "models.resnet-14={net: resnet, depth: 14}"))
    settings = plan.settings("plain-8")
    out, weights = tmp_path / "runs/train/plain-8", tmp_path / "weights/plain-8"
    train_seeds(settings, [1], digits, out, CPU, weights=weights)
    placed = {name: Placement(CPU, seeds, recompute=False) for name, seeds in zip(plan.models, (5, 3, 1), strict=True)}
    tasks = unfinished_tasks(plan, tmp_path, placed, "cuda")
    assert [str(task) for task in tasks] == [
        *(f"resnet-14 seed {seed}" for seed in range(5)),
        "resnet-8 seeds 0, 1, 2, 3, 4",
        "plain-8 seeds 0, 2, 3",
        "plain-8 seed 4",
    ]
    assert {task.settings.train.device for task in tasks} == {"cuda"}
    assert {task.settings.data.dir for task in tasks} == {tmp_path / "data/digits"}


@pytest.fixture
def planned(digits: Data, tmp_path: Path) -> Path:
    """The folder in which `command` runs, with a plan and its data."""
    save(digits, tmp_path / "data/digits")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


@contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """The address of something that is not Ray: it says `answer` to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:9", "ray://:9", "[::1]:9", "no.such.host.invalid:6379", "a b:99999999"]
)
def test_where_nothing_listens_there_is_no_cluster(address: str) -> None:
    with pytest.raises(UserError, match="no Ray cluster answers there"):
        check_listens(address)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"])
def test_what_listens_and_is_not_ray_is_named(answer: bytes) -> None:
    with listening(answer) as address, pytest.raises(UserError, match=r"not Ray|no Ray cluster"):
        check_listens(address)
    with listening(bytes([0, 0, 18, 4, 0, 0, 0, 0, 0])) as address:  # HTTP/2, which may be Ray
        check_listens(address)


def test_rays_own_log_is_not_displayed(capfd: pytest.CaptureFixture[str]) -> None:
    with without_rays_log():
        os.write(2, b"[2026-11-30 09:12:05 W 1 1] rpc_client.h:153: raw\n")
        print("ours", file=sys.stderr)
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "ours\nafter\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--cores", "64000"), "--cores 64000: no node of Ray has so many; the largest has "),
        (("--address", "127.0.0.1:9"), "--address 127.0.0.1:9: no Ray cluster answers there"),
        (("--address", "nonsense"), "--address nonsense: "),
    ],
)
@pytest.mark.usefixtures("planned")
def test_what_cannot_run_is_one_clear_line(arguments: tuple[str, ...], line: str, command: Command) -> None:
    done = command("plan", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"resnet: {line}")


def test_without_ray_nothing_trains(command: Command, planned: Path) -> None:
    (planned / "ray.py").write_text("raise ModuleNotFoundError('No module named ray')")
    done = command("plan")
    assert (done.returncode, done.stderr) == (
        1,
        "resnet: resnet plan needs Ray: pip install ray, or this project with its extra `ray`\n",
    )
    assert not (planned / "runs").exists()


def test_without_a_plan_nothing_is_made(command: Command, tmp_path: Path) -> None:
    done = command("plan")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert os.listdir(tmp_path) == []
