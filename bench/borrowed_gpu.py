"""A GPU that is lent for minutes: each call has a time limit, and one archive brings home what it made.

    python3 bench/borrowed_gpu.py cut IMAGES.zip --parts 2 --into DIR       # at home: parts that may travel
    python3 bench/borrowed_gpu.py check --place P --archive F --minutes 9   # there, first: right, and how fast?
    python3 bench/borrowed_gpu.py train --place P --archive F --minutes 9   # then, as often as it is lent
    python3 bench/borrowed_gpu.py take-in F                                 # at home: checked and put in place

`check` runs the tests that are marked `gpu`, then measures: the rate of each net with its seeds side by side,
throughput, the kernels of a step, latencies; fp32 last. `train` prepares the data and trains the plan's nets in
order. It begins a net only if, by its measured rate, the time that is left lets it finish, and goes on with one that
it left unfinished.

All that is made lies in P, outside the checkout: `runs`, `weights`, `checkpoints`, `rates`, `profiles`, `logs` and
`steps.json`, which says of each step how it ended. Each step is a process with a time limit; what one meets does not
keep the others from their turn. The archive is written anew after each step, and every minute of a long one, so that
even a killed call leaves what it has: results first, then weights, then checkpoints, as far as --mebibytes go. A call
on a fresh machine takes up the last one's archive with --resume.

Images may come in parts, each with the call that can carry it: `--images DIR`. Packages that are missing there come
as wheels: `--wheels DIR`, most often pydantic, pydantic-core, typing-inspection and annotated-types. Without `.git`,
RESNET_COMMIT names the commit. Nothing is installed, and nothing is written into the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from call import GRACE, ROOT, Call

if TYPE_CHECKING:
    from resnet.params import Params

MARGIN = 1.1
"""By which a forecast is lengthened."""
FINISHING = 10.0
"""Seconds for the start of the process and the last measurement of a net."""


def cut(file: Path, parts: int, folder: Path) -> None:
    """Compress a file and cut it into parts of equal size, `NAME.1of2` and so on.

    Even an archive of compressed images loses a fifteenth: the names and headers of 60,000 files.
    """
    content = zlib.compress(file.read_bytes())
    size = -(-len(content) // parts)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(parts):
        (folder / f"{file.name}.{k + 1}of{parts}").write_bytes(content[k * size : (k + 1) * size])


def bring(call: Call, images: Path | None, wheels: Path | None) -> None:
    """Put into the place what came with this call: parts of the images, and packages."""
    kept = call.place / "images"
    if images is not None:
        kept.mkdir(exist_ok=True)
        for file in sorted(path for path in images.iterdir() if path.is_file()):
            if not (kept / file.name).exists():
                shutil.copyfile(file, kept / f"{file.name}.partial")
                os.replace(kept / f"{file.name}.partial", kept / file.name)
    for wheel in sorted(wheels.glob("*.whl")) if wheels is not None else ():
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(call.place / "site")
    sys.path[:0] = [str(ROOT), str(call.place / "site")]


def joined_images(call: Call) -> Path | None:
    """The images' file, joined of its parts if all are here; None if they are not, or none came."""
    kept = call.place / "images"
    parts = {path: re.fullmatch(r"(.+)\.(\d+)of(\d+)", path.name) for path in sorted(kept.glob("*"))}
    whole = [path for path, match in parts.items() if not match and path.suffix != ".partial"]
    if whole:
        return whole[0]
    numbered = {int(match[2]): path for path, match in parts.items() if match}
    match = next((match for match in parts.values() if match), None)
    missing = [k for k in range(1, int(match[3]) + 1) if k not in numbered] if match else []
    if match is None or missing:
        call.note("data", f"images: part {', '.join(map(str, missing))} is missing" if missing else "no images")
        return None
    partial = kept / "joined.partial"
    partial.write_bytes(zlib.decompress(b"".join(numbered[k].read_bytes() for k in sorted(numbered))))
    os.replace(partial, kept / match[1])
    return kept / match[1]


def prepared(call: Call, arguments: argparse.Namespace) -> bool:
    """Whether the data are there, prepared now if need be."""
    if (call.place / "data" / "data.json").exists():
        return True
    source = []
    if not any(assignment.startswith("data.source=") for assignment in arguments.set):
        images = joined_images(call)
        if images is None:
            return False
        source = [f"--set=data.source={images}"]
    return call.run("data", ["-m", "resnet", "data", *options(arguments), *source])


def options(arguments: argparse.Namespace) -> list[object]:
    """The plan and what holds instead, for every step."""
    return ["--params", arguments.params.resolve(), *(f"--set={assignment}" for assignment in arguments.set)]


def check(call: Call, plan: Params, arguments: argparse.Namespace) -> None:
    """All that says whether this machine computes rightly and how fast; each written as it ends."""
    runs, only, given = call.place / "runs", arguments.only, options(arguments)
    net = {depth: ["--net", "resnet", "--depth", depth, *given] for depth in arguments.depths}
    device = plan.train.device
    step, suites = "bench/gpu_step.py", ("nets", "training", "measuring", "test_system.py")
    # Other folders' tests import what only a developer has.
    tests = [ROOT / "tests" / suite for suite in suites if (ROOT / "tests" / suite).exists()]
    steps: list[tuple[str, float, list[object], dict[str, str]]] = [
        ("tests", 150, ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *tests], {})
    ]
    ours = [name for name in plan.models if re.fullmatch(r"resnet-\d{2,3}", name)]
    for name in arguments.nets or ours:
        rate = [step, "rate", *entry(plan, name), "--seeds", len(plan.settings(name).train.seed_list), *given]
        steps.append((f"rate {name}", 60, [*rate, "--out", call.place / "rates" / f"{name}.json"], {}))
    for depth in arguments.depths:
        out = runs / "throughput" / f"resnet-{depth}.json"
        steps.append((f"throughput {depth}", 60, ["-m", "resnet", "throughput", *net[depth], "--out", out], {}))
    shallow = [depth for depth in arguments.depths if depth <= 110]
    for depth in sorted({min(shallow), max(shallow)}):
        for way, more, environment in (
            ("kernels", [], {}),
            ("plain", [], {"RESNET_FUSED": "0"}),
            ("compiled", ["--set=train.compile=true"], {}),
        ):
            out = call.place / "profiles" / f"resnet-{depth}-{way}.json"
            profile = [step, "profile", *net[depth], *more, "--out", out]
            steps.append((f"profile {depth} {way}", 90, profile, environment))
    convolutions = [step, "convolutions", "--seconds", 0.1, *given, "--out", call.place / "profiles/convolutions.json"]
    usual = ["bench/usual_loop.py", "--depth", min(shallow), "--device", device]
    latency = ["-m", "resnet", "latency", "--set=latency.seconds=0.1", *given, "--out", runs / "latency"]
    fp32 = [step, "rate", *net[min(shallow)], "--seeds", 5, "--set=train.precision=fp32"]
    steps += [
        ("convolutions", 90, convolutions, {}),
        ("usual loop", 90, [*usual, "--out", runs / "usual-loop"], {}),
        ("latency", 150, latency, {}),
        ("rate fp32", 60, [*fp32, "--out", call.place / "rates" / "fp32.json"], {}),
    ]
    for name, seconds, command, environment in steps:
        if only is None or name.split()[0] in only:
            call.run(name, command, seconds, **environment)


def entry(plan: Params, name: str) -> list[object]:
    settings = plan.settings(name)
    return ["--net", settings.net, "--depth", settings.depth, "--name", name]


def progress(call: Call, plan: Params, name: str) -> list[int]:
    """The iterations that each seed of a net has behind it."""
    done = []
    for seed in plan.settings(name).train.seed_list:
        seed_folder = f"{name}/seed-{seed}"
        metrics = call.place / "runs/train" / seed_folder / "metrics.json"
        goes_on = (call.place / "checkpoints" / seed_folder / "checkpoint.safetensors").exists()
        record = json.loads(metrics.read_text()) if metrics.exists() else None
        if record is None or (record["status"] == "interrupted" and not goes_on):
            done.append(0)
        else:
            done.append(int(record["iteration" if record["status"] == "interrupted" else "iterations"]))
    return done


def forecast(call: Call, plan: Params, name: str, given: Sequence[object]) -> float | None:
    """Seconds that the net still takes, by its rate, which is measured if it is not known."""
    settings = plan.settings(name)
    path = call.place / "rates" / f"{name}.json"
    seeds = settings.train.seed_list
    rate = json.loads(path.read_text()) if path.exists() else {}
    same = settings.train.precision in ("auto", rate.get("precision")) and settings.train.compile == rate.get(
        "compiled"
    )
    if not same:
        measure = ["bench/gpu_step.py", "rate", *entry(plan, name), "--seeds", len(seeds), *given, "--out", path]
        if not call.run(f"rate {name}", measure, 60):
            return None
        rate = json.loads(path.read_text())
    record = json.loads((call.place / "data/data.json").read_text())
    images = record["validation_images"] + record["test_images"]
    left = max(settings.train.iterations - iteration for iteration in progress(call, plan, name))
    evaluations = (left // settings.train.evaluate_every + 1) * images * rate["evaluation_seconds_per_image"]
    turns = -(-len(seeds) // rate["side_by_side"])
    # `resnet train` makes a forecast of its own before it begins.
    each = 2 * rate["seconds_until_ready"] + left * rate["iteration_seconds"] + rate["side_by_side"] * evaluations
    return float(MARGIN * turns * each + FINISHING)


def train(call: Call, plan: Params, arguments: argparse.Namespace) -> None:
    """Train the nets, in order, that the time left lets finish."""
    place, given = call.place, options(arguments)
    if not prepared(call, arguments):
        return
    for name in arguments.nets or plan.models:
        out, weights = place / "runs/train" / name, place / "weights" / name
        if min(progress(call, plan, name)) < plan.settings(name).train.iterations:
            seconds = forecast(call, plan, name, given)
            if seconds is None or seconds > call.left() - GRACE:
                if seconds is not None:
                    call.note(f"train {name}", f"not begun: {seconds:.0f} s")
                continue
            folders = ["--out", out, "--weights", weights, "--checkpoints", place / "checkpoints" / name]
            if not call.run(f"train {name}", ["-m", "resnet", "train", *entry(plan, name), *folders, *given]):
                continue
        responses = place / "runs/responses" / f"{name}.json"
        if not responses.exists() and weights.exists():
            folders = ["--weights", weights, "--out", responses]
            call.run(f"responses {name}", ["-m", "resnet", "responses", *entry(plan, name), *folders, *given])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "train"):
        command = commands.add_parser(name)
        command.add_argument(
            "--place", type=Path, required=True, help="folder outside the checkout for all that is made"
        )
        command.add_argument("--archive", type=Path, required=True, help="the one file to bring home")
        command.add_argument("--mebibytes", type=float, default=16.0, help="that the archive may have")
        command.add_argument("--every", type=float, default=60.0, help="seconds between archives during a step")
        command.add_argument("--minutes", type=float, default=9.0, help="that the call may take")
        command.add_argument("--resume", type=Path, help="archive of an earlier call")
        command.add_argument("--images", type=Path, help="folder with the images' file, or with parts of it")
        command.add_argument("--wheels", type=Path, help="folder with packages that are missing here")
        command.add_argument("--params", type=Path, default=ROOT / "params.yaml", help="the plan")
        command.add_argument("--nets", nargs="*", help="entries of the plan's models [all; check: resnet-20 to 110]")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for every step")
        if name == "check":
            command.add_argument("--depths", type=int, nargs="*", default=[20, 56, 110])
            command.add_argument("--only", nargs="*", help="such as tests, rate, throughput, profile, latency")
    command = commands.add_parser("cut")
    command.add_argument("file", type=Path)
    command.add_argument("--parts", type=int, default=2)
    command.add_argument("--into", type=Path, required=True)
    command = commands.add_parser("take-in")
    command.add_argument("archive", type=Path)
    command.add_argument(
        "--root", type=Path, default=ROOT, help="folder of params.yaml, runs and weights [the checkout]"
    )
    command.add_argument("--suffix", default="", help="put the nets into entries of another name: -bf16")
    arguments = parser.parse_args()
    if arguments.command == "cut":
        cut(arguments.file, arguments.parts, arguments.into)
        return
    if arguments.command == "take-in":
        sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
        from take_in import take_in

        sys.exit(take_in(arguments.archive, arguments.root, arguments.root / "params.yaml", arguments.suffix))
    call = Call(
        arguments.place, arguments.archive, int(arguments.mebibytes * 2**20), 60 * arguments.minutes, arguments.every
    )
    try:
        if arguments.resume is not None:
            call.resume(arguments.resume)
        bring(call, arguments.images, arguments.wheels)
        from resnet.params import load

        arguments.set += [f"data.dir={call.place / 'data'}"]
        plan = load(arguments.params, arguments.set)
        (check if arguments.command == "check" else train)(call, plan, arguments)
    except Exception as error:
        call.note(arguments.command, f"{type(error).__name__}: {error}")
    call.pack()
    sys.exit(not all(step["ended"].startswith(("done", "not begun")) for step in call.steps))


if __name__ == "__main__":
    main()
