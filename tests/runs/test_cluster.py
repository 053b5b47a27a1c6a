"""A plan on two nodes of Ray, real processes of this machine, one of them killed in the midst."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

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
from tests.runs.test_run import same_weights

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


def records(project: Path) -> list[TrainingRecord]:
    """Those of both nets, as far as they have saved a checkpoint."""
    files = [project / f"runs/train/{net}/seed-0/metrics.json" for net in NETS]
    return [TrainingRecord.read(file) for file in files if file.exists()]


def both_train(project: Path) -> bool:
    """Whether both nets train and have saved a checkpoint."""
    locked = all(is_locked(project / f"runs/train/{net}/seed-0") for net in NETS)
    return locked and [record.status for record in records(project)] == ["interrupted"] * 2


@pytest.mark.slow
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

    ended = records(project)
    assert [record.status for record in ended] == ["done", "done"]
    # One went on from a checkpoint, and repeated at most what it had done since then.
    (resumed,) = (record.segments for record in ended if len(record.segments) > 1)
    assert resumed[1].first_iteration == resumed[0].last_iteration
    assert resumed[0].last_iteration % 5 == 0

    # Without Ray, with as many threads, each has the same bits.
    params = load(project / "params.yaml")
    for net in NETS:
        check_curves(project / f"runs/train/{net}/seed-0")
        train_seeds(params.settings(net), [0], digits, tmp_path / net, CPU)
        assert same_weights(project / f"weights/{net}/seed-0", tmp_path / f"{net}/seed-0")

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
    assert [(task.name, [*task.train.seed_list]) for task in tasks] == [
        *(("resnet-14", [seed]) for seed in range(5)),
        ("resnet-8", [0, 1, 2, 3, 4]),
        ("plain-8", [0, 2, 3]),
        ("plain-8", [4]),
    ]
    assert {(task.train.device, task.data.dir) for task in tasks} == {("cuda", tmp_path / "data/digits")}


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:9", "ray://:9", "[::1]:9", "no.such.host.invalid:6379", "a b:99999999"]
)
def test_where_nothing_listens_there_is_no_cluster(address: str) -> None:
    with pytest.raises(UserError, match="no Ray cluster answers there"):
        check_listens(address)


@pytest.mark.parametrize(
    ("answer", "ray"),
    [(b"", False), (b"HTTP/1.1 400 Bad Request\r\n\r\n", False), (bytes([0, 0, 18, 4, 0, 0, 0, 0, 0]), True)],
)
def test_what_listens_and_speaks_no_http_2_is_not_ray(answer: bytes, ray: bool) -> None:
    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.sendall(answer)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        with nullcontext() if ray else pytest.raises(UserError, match=r"not Ray|no Ray cluster"):
            check_listens(f"127.0.0.1:{server.getsockname()[1]}")


def test_rays_own_log_is_not_displayed(capfd: pytest.CaptureFixture[str]) -> None:
    with without_rays_log():
        os.write(2, b"[2026-11-30 09:12:05 W 1 1] rpc_client.h:153: raw\n")
        print("ours", file=sys.stderr)
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "ours\nafter\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "resnet plan needs Ray: pip install ray, or this project with its extra `ray`"),
        pytest.param(("--cores", "64000"), "--cores 64000: no node of Ray has so many; the", marks=pytest.mark.slow),
        pytest.param(("--address", "nonsense"), "--address nonsense: ", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_run_is_one_clear_line(
    arguments: tuple[str, ...], line: str, command: Command, digits: Data, tmp_path: Path
) -> None:
    save(digits, tmp_path / "data/digits")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(PARAMS)
    if not arguments:
        (tmp_path / "ray.py").write_text("raise ModuleNotFoundError('No module named ray')")
    done = command("plan", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"resnet: {line}")
    assert not (tmp_path / "runs").exists()


def test_without_a_plan_nothing_is_made(command: Command, tmp_path: Path) -> None:
    done = command("plan")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert os.listdir(tmp_path) == []
