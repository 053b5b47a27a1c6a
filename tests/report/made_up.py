"""Parts of made-up result files, and plans for them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

from resnet import results as records
from resnet.data.images import OFFICIAL_FINGERPRINTS
from resnet.params import Params, load


def unpadded(text: str) -> str:
    """Markdown with one space where a table has several."""
    return "\n".join(re.sub(" +", " ", line) if line.startswith("|") else line for line in text.splitlines()) + "\n"


PARAMETERS = dict.fromkeys(range(8, 1203, 6), 1_000_000)
PARAMETERS |= {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}
MULTIPLY_ADDS = dict.fromkeys(range(8, 1203, 6), 2_829_000_000)
MULTIPLY_ADDS |= {20: 40_550_000, 32: 68_860_000, 44: 97_170_000, 56: 125_490_000, 110: 252_890_000}


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


PARTS = ("stem", "stage1-identity", "stage2-down", "stage2-identity", "stage3-down", "stage3-identity", "head")


def a_system(**changes: Any) -> records.System:
    fields: dict[str, Any] = {
        "device": "cuda",
        "device_name": "Example GPU",
        "processor": "Example processor",
        "cores": 16,
        "threads": 8,
        "memory_bytes": 64 * 2**30,
        "device_memory_bytes": 80 * 2**30,
        "platform": "Linux-6.1-x86_64",
        "python": "3.11.7",
        "versions": {"torch": "2.11.0", "numpy": "2.2.0"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "modified": False,
    }
    return records.System(**(fields | changes))


def some_data(official: bool = True, **changes: Any) -> records.DataRecord:
    others = {"train": digest("train"), "test": digest("test")}
    fields: dict[str, Any] = {
        "name": "CIFAR-10" if official else "digits",
        "official": official,
        "classes": tuple("abcdefghij"),
        "fingerprint": OFFICIAL_FINGERPRINTS if official else others,
        "train_images": 45_000 if official else 1_000,
        "validation_images": 5_000,
        "test_images": 10_000 if official else 397,
        "split_seed": 0,
        "split_fingerprint": digest(["split", official]),
    }
    return records.DataRecord(**(fields | changes))


def a_history(iterations: int, final: float, seed: int = 0, rows: int = 64) -> list[records.HistoryRow]:
    """A learning curve that falls to `final` % in `rows` rows, the test error measured on every fourth and the last."""
    points = []
    for k in range(1, rows + 1):
        iteration, wobble = iterations * k // rows, 0.6 * math.sin(7 * k + seed)
        part = iteration / 64_000
        level = 60 * math.exp(-9 * part) + (9 if part <= 0.5 else 0) + final
        error = final if k == rows else min(90.0, level + wobble) if k % 4 == 0 else None
        epoch, rate = iteration * 128 / 45_000, 0.1 if part <= 0.5 else 0.01 if part <= 0.75 else 0.001
        training_error = min(90.0, 0.9 * level + 0.4 * wobble)
        points.append(records.HistoryRow(iteration, epoch, rate, level / 40, training_error, error, error))
    return points


def a_plan(*names: str, seeds: int | list[int] = 3, **sections: Any) -> Params:
    """A plan of nets named like `resnet-20` or `resnet-B-20`; ResNet-110 warms up as in the paper."""
    models: dict[str, Any] = {}
    for name in names:
        net, *option, depth = name.split("-")
        entry: dict[str, Any] = {"net": net, "depth": int(depth)}
        if option:
            entry["model"] = {"shortcut": option[0]}
        if (net, depth) == ("resnet", "110"):
            entry["train"] = {"warmup": True}
        models[name] = entry
    tree = {"models": models, **sections}
    tree["train"] = {"seeds": seeds, **sections.get("train", {})}
    return Params.model_validate(tree)


def a_sweep(depth: int, own: float | None, best: float, **changes: Any) -> records.SweepRecord:
    """Two trials: the own values', diverged where `own` is None, and the best."""

    def trial(number: int, error: float | None, rate: float) -> records.SweepTrial:
        values = records.SweepValues(learning_rate=rate, weight_decay=1e-4, warmup=False, milestones=(0.5, 0.75))
        errors = () if error is None else ((8000, error),)
        state = "diverged" if error is None else "complete"
        return records.SweepTrial(number=number, state=state, values=values, validation_errors=errors, seconds=60.0)

    fields: dict[str, Any] = {
        "status": "done",
        "name": f"resnet-{depth}",
        "net": "resnet",
        "depth": depth,
        "iterations": 8000,
        "precision": "bf16",
        "data": some_data(),
        "identity": records.Identity(configuration=str(depth), data="d", version=1),
        "settings": {"sweep": load(None).sweep.model_dump(mode="json")},
        "trials": (trial(0, own, 0.1), trial(1, best, 0.3)),
    }
    return records.SweepRecord(**(fields | changes))
